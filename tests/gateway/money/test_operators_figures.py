"""Statements written by hand, each with one thing that operators do, and the figures that a day must then show."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.console.labels import DayStatus, status_of, status_of_day
from gateway.jobs.resume_statements import explain_payments
from gateway.money.credit_evidence import CreditingContext, credit_evidence
from gateway.money.match_statement import ReconcilingDeps, explain_day, finish
from gateway.reports.day import DaySummary, OperatorDay, day_report
from payments.evidence.facts import Evidence
from payments.observation import LineKind, Observation, ObservedStatus, Provenance
from payments.operators.contract import StatementLine, StatementTotals
from payments.reconciliation import uploads
from payments.reconciliation.lines import StoredFile, read_file
from tests.statements import Statement, keep_whole
from tests.world import AMINATA, MOUSSA, World

pytestmark = pytest.mark.database

DAY = datetime(2026, 11, 20, tzinfo=UTC)
THE_DAY = DAY.date()
NOON = DAY + timedelta(hours=12)
#: What every file of these opens with, where it says nothing else.
OPENING_XOF = 50_000
NUMBERS = itertools.count(1)


def moved(name: str, moved_xof: int, kind: LineKind = LineKind.COLLECTION, **said: object) -> StatementLine:
    known: dict[str, object] = {"payer_msisdn": AMINATA, "occurred_at": NOON, "raw_transaction_id": name, **said}
    known.setdefault("status", ObservedStatus.SUCCEEDED)
    observation = Observation(
        "op", Provenance.STATEMENT, amount_xof=abs(moved_xof), operator_transaction_id=name, **known
    )  # type: ignore[arg-type, misc]
    return StatementLine(next(NUMBERS), kind, observation, "", moved_xof, f"{name}/{kind}/{moved_xof}")


def stated(*lines: StatementLine, day: int = 0, days: int = 1, **figures: object) -> Statement:
    """Write a file that opens with 50 000 F and closes as its lines say."""
    start = DAY + timedelta(days=day)
    statement = Statement(
        "op", "RAMU", start, start + timedelta(days=days), OPENING_XOF, 0, lines, StatementTotals(None, None, None)
    )
    opening = figures.get("opening_xof", OPENING_XOF)
    closing = None if opening is None else int(str(opening)) + sum(line.moved_xof for line in lines)
    return replace(statement, **{"closing_xof": closing, **figures})  # type: ignore[arg-type]


async def bring(world: World, *statements: Statement) -> None:
    recon = ReconcilingDeps(world.deps, world.jobs.catalog)
    for statement in statements:
        file = await world.database.transact(partial(keep, statement=statement, now=world.clock.now()))
        await finish(recon, file, None, already=False)
        await world.database.transact(partial(uploads.mark_matched, file_id=file.id, breaks_opened=0))


async def keep(connection: AsyncConnection, statement: Statement, now: datetime) -> StoredFile:
    name = f"{next(NUMBERS)}.csv"
    kept = await keep_whole(connection, statement, name, now)
    return await read_file(connection, kept.file_id)


async def credited(world: World, name: str, amount_xof: int, payer: str = AMINATA) -> None:
    observed = Observation(
        "op", Provenance.QUERY, ObservedStatus.SUCCEEDED, amount_xof, payer_msisdn=payer,
        operator_transaction_id=name, occurred_at=NOON,
    )  # fmt: skip
    context = CreditingContext(world.jobs.catalog, world.clock.now())
    await world.database.transact(lambda connection: credit_evidence(connection, [Evidence(observed)], context))


async def rows_of(world: World, day: date = THE_DAY) -> Sequence[OperatorDay]:
    async with world.database.unit_of_work() as connection:
        return [row for row in (await day_report(connection, day, [])).rows if row.operator == "op"]


async def row_of(world: World, day: int = 0) -> OperatorDay:
    (row,) = await rows_of(world, (DAY + timedelta(days=day)).date())
    assert row.unexplained_xof == 0
    return row


async def standing(world: World) -> list[tuple[object, ...]]:
    """Return the breaks that statements revealed; what single evidence revealed besides changes no sum."""
    return await world.rows("""
        SELECT kind, difference_xof FROM reconciliation_break
         WHERE superseded_at IS NULL AND account <> '' ORDER BY 1, 2
    """)


async def test_a_credit_of_an_unknown_service_is_twelve_thousand_francs_to_explain(world: World) -> None:
    await bring(world, stated(moved("T1", 1_000), moved("X1", 12_000, LineKind.OTHER)))
    row = await row_of(world)
    assert (row.movement_xof, row.others_xof, row.posted_xof, row.breaks_xof) == (13_000, 12_000, 1_000, 12_000)
    assert status_of(row) is DayStatus.EXPLAINED
    assert await standing(world) == [("UNKNOWN_SERVICE", 12_000)]


async def test_two_statements_that_one_transaction_keeps_are_both_there_with_their_own_lines(world: World) -> None:
    first, second = stated(moved("T1", 1_000)), stated(moved("T2", 2_000), moved("T3", 500), day=1)
    now = world.clock.now()

    async def both(connection: AsyncConnection) -> None:
        for statement in (first, second):
            await keep(connection, statement, now)

    await world.database.transact(both)
    assert await world.rows("SELECT file_id, subject FROM statement_line ORDER BY 1, 2") == [
        (1, "T1"),
        (2, "T2"),
        (2, "T3"),
    ]


async def test_what_a_break_no_longer_carries_is_unexplained(world: World) -> None:
    await bring(world, stated(moved("X1", 12_000, LineKind.OTHER)))
    async with world.database.unit_of_work() as connection:
        await connection.exec_driver_sql("UPDATE reconciliation_break SET superseded_at = now(), closed_at = now()")
    (row,) = await rows_of(world)
    assert (row.breaks_xof, row.unexplained_xof) == (0, 12_000)
    assert status_of(row) is DayStatus.UNEXPLAINED


async def test_every_part_that_was_taken_back_counts(world: World) -> None:
    parts = [moved("T1", -400, LineKind.REVERSAL), moved("T1", -250, LineKind.REVERSAL)]
    await bring(world, stated(moved("T1", 1_000), *parts))
    row = await row_of(world)
    assert (row.movement_xof, row.reversals_xof, row.posted_xof, row.breaks_xof) == (350, -650, 1_000, -650)
    assert await standing(world) == [("REVERSAL", -400), ("REVERSAL", -250)]


async def test_a_second_collection_under_one_reference_counts(world: World) -> None:
    await bring(world, stated(moved("T1", 1_000), moved("T1", 1_000, payer_msisdn=MOUSSA), moved("T1", 2_500)))
    row = await row_of(world)
    assert (row.operator_amount_xof, row.posted_xof, row.breaks_xof) == (4_500, 1_000, 3_500)
    assert await standing(world) == [("COLLISION", 1_000), ("COLLISION", 2_500)]


async def test_a_line_told_twice_by_one_file_moved_the_balance_twice(world: World) -> None:
    await bring(world, stated(moved("T1", 1_000), moved("T1", 1_000)))
    assert (await row_of(world)).operator_amount_xof == 2_000
    assert await standing(world) == [("DUPLICATE", 1_000)]


async def test_two_forms_of_one_reference_with_other_payers_are_credited_by_nobody(world: World) -> None:
    other = moved("T1", 1_500, payer_msisdn=MOUSSA, raw_transaction_id="'T1")
    await bring(world, stated(moved("T1", 1_500), other))
    assert await world.count("payment") == 0
    assert await standing(world) == [("COLLISION", 1_500), ("COLLISION", 1_500)]
    assert (await row_of(world)).breaks_xof == 3_000


async def test_what_another_door_credited_stays_and_the_other_form_is_the_break(world: World) -> None:
    await credited(world, "T1", 1_500)
    other = moved("T1", 1_500, payer_msisdn=MOUSSA, raw_transaction_id="'T1")
    await bring(world, stated(moved("T1", 1_500), other))
    assert await world.rows("SELECT amount_xof, payer_msisdn FROM payment") == [(1_500, AMINATA)]
    assert await standing(world) == [("COLLISION", 1_500)]


async def test_a_line_dropped_by_a_later_file_is_a_difference_until_it_is_given_again(world: World) -> None:
    both = (moved("T1", 1_000), moved("T2", 700))
    await bring(world, stated(*both), stated(both[0]))
    assert await standing(world) == [("DROPPED", -700)]
    assert (await row_of(world)).breaks_xof == -700
    await bring(world, stated(*both, moved("F1", -5, LineKind.FEE)))
    assert await standing(world) == [("ADDED", 0)]
    row = await row_of(world)
    assert (row.posted_xof, row.breaks_xof, row.fees_xof) == (1_700, 0, 5)


async def test_a_line_added_or_corrected_by_a_later_file_is_told(world: World) -> None:
    first = moved("T1", 1_000)
    await bring(world, stated(first), stated(moved("T1", 1_200), moved("T2", 700)))
    assert await standing(world) == [("ADDED", 0), ("CORRECTED", 200)]
    row = await row_of(world)
    assert (row.operator_amount_xof, row.posted_xof, row.breaks_xof) == (1_900, 1_700, 200)


async def test_an_opening_that_contradicts_the_last_closing_is_a_difference_of_its_day(world: World) -> None:
    await bring(world, stated(moved("T1", 1_000)), stated(day=1, opening_xof=46_000))
    assert await standing(world) == [("CONTINUITY", -5_000)]
    row = await row_of(world, 1)
    assert (row.opening_xof, row.closing_xof, row.contradictions_xof) == (51_000, 46_000, -5_000)
    assert (row.movement_xof, row.breaks_xof) == (-5_000, -5_000)
    await bring(world, stated(day=1, opening_xof=51_000))
    assert await standing(world) == []
    assert status_of(await row_of(world, 1)) is DayStatus.BALANCED


async def test_a_day_without_a_statement_is_a_hole_that_nothing_is_compared_across(world: World) -> None:
    await bring(world, stated(moved("T1", 1_000)), stated(day=2, opening_xof=80_000))
    assert await standing(world) == []
    (missing,) = await rows_of(world, (DAY + timedelta(days=1)).date())
    assert status_of(missing) is DayStatus.AWAITED
    assert (await row_of(world, 2)).opening_xof == 80_000


async def test_a_file_whose_balance_moves_more_than_its_lines_is_a_difference(world: World) -> None:
    await bring(world, stated(moved("T1", 1_000), closing_xof=OPENING_XOF + 13_000))
    assert await standing(world) == [("TOTALS", 12_000)]
    row = await row_of(world)
    assert (row.movement_xof, row.posted_xof, row.breaks_xof) == (13_000, 1_000, 12_000)


async def test_without_balances_the_printed_totals_take_their_place(world: World) -> None:
    totals = StatementTotals(None, 13_000, 50)
    lines = (moved("T1", 1_000), moved("F1", -30, LineKind.FEE))
    await bring(world, stated(*lines, opening_xof=None, totals=totals))
    assert await standing(world) == [("TOTALS", -20), ("TOTALS", 12_000)]
    row = await row_of(world)
    assert (row.opening_xof, row.movement_xof, row.is_verifiable) == (None, 13_000 - 50, True)


async def test_a_file_without_balances_and_totals_is_never_called_balanced(world: World) -> None:
    await bring(world, stated(moved("T1", 1_000), opening_xof=None))
    row = await row_of(world)
    assert (row.operator_amount_xof, row.posted_xof, row.is_verifiable) == (1_000, 1_000, False)
    assert status_of(row) is DayStatus.UNVERIFIABLE


async def test_totals_that_contradict_sound_balances_are_told_and_change_no_sum(world: World) -> None:
    await bring(world, stated(moved("T1", 1_000), totals=StatementTotals(None, 1_250, None)))
    assert await standing(world) == [("TOTALS", 0)]


ODD = [datetime(9999, 12, 31, 23, 59, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), datetime(2090, 1, 1, tzinfo=UTC)]


@pytest.mark.parametrize("said_at", [*ODD, DAY - timedelta(hours=1), DAY + timedelta(days=1), None])
async def test_a_line_with_a_date_outside_its_period_counts_inside_it(world: World, said_at: datetime | None) -> None:
    await bring(world, stated(moved("T1", 1_000, occurred_at=said_at)))
    row = await row_of(world)
    assert (row.operator_amount_xof, row.posted_xof, row.breaks_xof) == (1_000, 1_000, 0)
    assert await standing(world) == ([] if said_at is None else [("DATE", 0)])
    assert await world.rows("SELECT occurred_at::date FROM payment") == [(THE_DAY,)]


async def test_each_account_of_one_operator_has_a_row_and_its_own_money(world: World) -> None:
    await bring(world, stated(moved("T1", 1_000)), replace(stated(moved("T2", 300)), account="RAMU2"))
    await credited(world, "T3", 70)
    await explain_day(ReconcilingDeps(world.deps, world.jobs.catalog), THE_DAY)
    rows = await rows_of(world)
    assert [(row.account, row.operator_amount_xof, row.posted_xof, row.breaks_xof) for row in rows] == [
        ("RAMU", 1_000, 1_070, -70),
        ("RAMU2", 300, 300, 0),
    ]


async def test_an_account_whose_statement_is_missing_is_awaited_beside_the_others(world: World) -> None:
    await bring(world, stated(), replace(stated(), account="RAMU2"), stated(day=1))
    awaited = await rows_of(world, (DAY + timedelta(days=1)).date())
    assert [(row.account, status_of(row)) for row in awaited] == [
        ("RAMU", DayStatus.BALANCED),
        ("RAMU2", DayStatus.AWAITED),
    ]
    report = DaySummary(THE_DAY, tuple(awaited), (), None)
    assert status_of_day(report) is DayStatus.AWAITED


async def test_money_that_comes_after_the_statement_is_unexplained_until_the_day_is_judged_again(world: World) -> None:
    await bring(world, stated(moved("T1", 1_000)))
    await credited(world, "T9", 300)
    (row,) = await rows_of(world)
    assert row.unexplained_xof == -300
    await explain_day(ReconcilingDeps(world.deps, world.jobs.catalog), THE_DAY)
    assert await standing(world) == [("LEDGER_ONLY", -300)]
    assert (await row_of(world)).breaks_xof == -300


async def test_the_job_explains_money_that_comes_after_the_statement(world: World) -> None:
    await bring(world, stated(moved("T1", 1_000), moved("T2", 700, status=ObservedStatus.PENDING)))
    assert await standing(world) == [("STATEMENT_ONLY", 700)]
    await credited(world, "T9", 300)
    await credited(world, "T2", 700)
    assert await explain_payments(world.jobs, world.clock.now()) == 2
    assert await explain_payments(world.jobs, world.clock.now()) == 0
    assert await standing(world) == [("LEDGER_ONLY", -300), ("STATEMENT_ONLY", 700), ("STATUS", -700)]
    assert (await row_of(world)).breaks_xof == -300


async def test_the_job_leaves_days_alone_that_no_statement_touches(world: World) -> None:
    await bring(world, stated(day=1))
    await credited(world, "T9", 300)
    assert await explain_payments(world.jobs, world.clock.now()) == 0
    assert await standing(world) == []


async def test_a_collection_in_an_unknown_state_counts_once_beside_the_printed_total(world: World) -> None:
    lines = (moved("T1", 1_000), moved("T2", 700, status=ObservedStatus.UNKNOWN))
    await bring(world, stated(*lines, opening_xof=None, totals=StatementTotals(None, 1_700, None)))
    assert await standing(world) == [("STATEMENT_ONLY", 700)]
    assert (await row_of(world)).operator_amount_xof == 1_700


async def test_a_collection_of_zero_francs_opens_nothing(world: World) -> None:
    await bring(world, stated(moved("T0", 0), moved("T1", 1_000)))
    assert await standing(world) == []
    row = await row_of(world)
    assert (status_of(row), row.operator_payment_count) == (DayStatus.BALANCED, 1)


async def test_two_mistakes_that_cancel_are_both_told(world: World) -> None:
    await bring(world, stated(moved("X1", 500, LineKind.OTHER), moved("X1", -500, LineKind.OTHER)))
    assert await standing(world) == [("UNKNOWN_SERVICE", -500), ("UNKNOWN_SERVICE", 500)]
    row = await row_of(world)
    assert (row.movement_xof, row.breaks_xof, row.breaks_open_count) == (0, 0, 2)
    assert status_of(row) is DayStatus.EXPLAINED


async def test_lines_without_an_id_that_are_told_alike_all_count(world: World) -> None:
    """A payment that was refused at the till, given back and tried again: three lines, two of them equal."""
    bare = replace(moved("X1", -13, LineKind.OTHER), reference=None)
    bare = replace(bare, observation=replace(bare.observation, operator_transaction_id=None))
    back = replace(bare, moved_xof=13, line_number=next(NUMBERS))
    await bring(world, stated(bare, back, replace(bare, line_number=next(NUMBERS))))
    assert await standing(world) == [("UNKNOWN_SERVICE", -13), ("UNKNOWN_SERVICE", -13), ("UNKNOWN_SERVICE", 13)]
    assert (await row_of(world)).breaks_xof == -13


async def test_a_file_saved_with_other_ids_doubles_nothing_in_silence(world: World) -> None:
    await bring(world, stated(moved("T1", 1_000)), stated(moved("X1", 1_000)))
    row = await row_of(world)
    assert row.operator_amount_xof == 1_000
    assert row.posted_xof + row.suspense_xof == 1_000 - row.breaks_xof
    assert status_of(row) is DayStatus.EXPLAINED


async def test_parts_taken_back_by_files_of_later_days_each_count_on_their_day(world: World) -> None:
    parts = [
        moved("T1", -xof, LineKind.REVERSAL, occurred_at=NOON + timedelta(days=day))
        for day, xof in ((1, 400), (2, 250))
    ]
    await bring(
        world,
        stated(moved("T1", 1_000)),
        stated(parts[0], day=1, opening_xof=51_000),
        stated(parts[1], day=2, opening_xof=50_600),
    )
    assert [(await row_of(world, day)).breaks_xof for day in range(3)] == [0, -400, -250]


async def test_a_file_of_days_whose_lines_are_told_of_another_day_moves_both(world: World) -> None:
    at = {"T1": NOON, "T2": NOON + timedelta(days=1)}
    first = [moved(name, 1_000, occurred_at=moment) for name, moment in at.items()]
    again = [moved(name, 1_000, occurred_at=NOON + timedelta(days=1)) for name in at]
    await bring(world, stated(*first, days=2), stated(*again, days=2))
    assert [(await row_of(world, day)).operator_amount_xof for day in range(2)] == [0, 2_000]
    assert [(await row_of(world, day)).breaks_xof for day in range(2)] == [-1_000, 1_000]


async def test_a_file_inside_another_is_held_against_it_on_both_sides(world: World) -> None:
    middle = moved("T2", 700, occurred_at=NOON + timedelta(days=1))
    await bring(
        world,
        stated(moved("T1", 1_000), middle, days=3, closing_xof=63_700),
        stated(middle, day=1, opening_xof=51_500),
    )
    days = [await row_of(world, day) for day in range(3)]
    assert [row.movement_xof for row in days] == [1_000, 1_200, 11_500]
    assert [row.breaks_xof for row in days] == [0, 500, 11_500]


async def test_a_file_exported_at_noon_and_one_of_the_whole_day_count_once(world: World) -> None:
    today = datetime(2026, 11, 23, tzinfo=UTC)
    early = moved("T1", 1_000, occurred_at=today + timedelta(hours=7))
    await bring(world, stated(early, day=3))
    (row,) = await rows_of(world, today.date())
    assert (row.statement_received, row.operator_amount_xof, row.unexplained_xof) == (False, 1_000, None)
    world.clock.forward(days=1)
    await bring(world, stated(early, moved("T2", 500, occurred_at=today + timedelta(hours=20)), day=3))
    assert await standing(world) == []
    assert (await row_of(world, 3)).operator_amount_xof == 1_500


async def test_what_comes_closed_by_a_person_keeps_explaining_its_day(world: World) -> None:
    await bring(world, stated(moved("X1", 12_000, LineKind.OTHER)))
    async with world.database.unit_of_work() as connection:
        await connection.exec_driver_sql(
            "UPDATE reconciliation_break SET closed_at = now(), close_reason = 'explained'"
        )
    await explain_day(ReconcilingDeps(world.deps, world.jobs.catalog), THE_DAY)
    row = await row_of(world)
    assert (row.breaks_xof, row.breaks_open_count) == (12_000, 0)
    assert await world.count("reconciliation_break") == 1
