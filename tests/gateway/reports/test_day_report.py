from collections import Counter
from datetime import UTC, date, datetime, timedelta

from hypothesis import HealthCheck, given, settings

from gateway.infra.database import Database
from gateway.reports.breaks import breaks_of_day, open_breaks
from gateway.reports.day import DaySummary, OperatorDay, day_report
from gateway.reports.suspense import open_suspense, suspense_balance_xof
from gateway.reports.trial_balance import trial_balance
from payments.observation import LineKind
from tests.fixed import TestClock
from tests.gateway.reports.built_days import DEALS, Deal, Fate, MadeDay

DAY = date(2026, 11, 20)
AT = datetime(2026, 11, 20, 10, tzinfo=UTC)


async def report_of(database: Database, day: date = DAY) -> DaySummary:
    async with database.single() as connection:
        return await day_report(connection, day, {"sandbox"})


async def row_of(database: Database, day: date = DAY) -> OperatorDay:
    (row,) = (await report_of(database, day)).rows
    return row


async def test_every_made_day_adds_up_to_the_franc(database: Database, clock: TestClock) -> None:
    seen: Counter[Fate] = Counter()
    day = date(2023, 1, 1)

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(deals=DEALS)
    def choose(deals: list[Deal]) -> None:
        drawn.append(deals)

    drawn: list[list[Deal]] = []
    choose()
    for deals in drawn:
        day += timedelta(days=3)
        async with database.unit_of_work() as connection:
            expected = await MadeDay(connection, day, "sandbox", clock.now()).write(deals)
        row = await row_of(database, day)
        assert (
            row.operator_amount_xof, row.posted_xof, row.suspense_xof, row.breaks_xof,
            row.breaks_open_count, row.fees_xof,
        ) == (
            expected.operator_amount_xof, expected.posted_xof, expected.suspense_xof, expected.breaks_xof,
            expected.breaks_open_count, expected.fees_xof,
        )  # fmt: skip
        assert row.operator_amount_xof == row.posted_xof + row.suspense_xof + row.breaks_xof
        assert row.unexplained_xof == 0
        assert row.statement_received
        seen.update(expected.fates)
    assert min(seen[fate] for fate in Fate) >= 3, seen


async def test_without_a_statement_the_operator_says_nothing_rather_than_zero(
    database: Database, clock: TestClock
) -> None:
    async with database.unit_of_work() as connection:
        await MadeDay(connection, DAY, "sandbox", clock.now()).pay("T1", 5000, AT)
    report = await report_of(database)
    (row,) = report.rows
    assert (row.operator_amount_xof, row.unexplained_xof, row.statement_received) == (None, None, False)
    assert row.posted_xof == 5000
    assert report.total.operator_amount_xof is None
    assert report.total.posted_xof == 5000


async def test_each_fee_counts_as_often_as_the_newest_file_says_it(database: Database, clock: TestClock) -> None:
    async with database.unit_of_work() as connection:
        made = MadeDay(connection, DAY, "sandbox", clock.now())
        for fees_xof in ((50, 25, 25), (25, 50, 25, 10)):
            file = made.file()
            for fee_xof in fees_xof:
                made.line(file, "T1", fee_xof, AT, "not_money", kind=LineKind.FEE)
        made.line(file, "T1", 5000, AT, "matched", fee_xof=3)
        await made.pay("T1", 5000, AT)
        await made.keep()
    row = await row_of(database)
    assert (row.fees_xof, row.operator_amount_xof, row.unexplained_xof) == (50 + 25 + 25 + 10 + 3, 5000, 0)
    assert row.movement_xof == 5000 - 113


async def test_money_that_nothing_explains_is_shown_as_unexplained(database: Database, clock: TestClock) -> None:
    async with database.unit_of_work() as connection:
        made = MadeDay(connection, DAY, "sandbox", clock.now())
        made.line(made.file(), "T1", 5000, AT, "matched")
        await made.keep()
    row = await row_of(database)
    assert (row.operator_amount_xof, row.unexplained_xof) == (5000, 5000)


async def test_the_day_ends_before_midnight_and_begins_at_it(database: Database, clock: TestClock) -> None:
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    async with database.unit_of_work() as connection:
        made = MadeDay(connection, DAY, "sandbox", clock.now())
        await made.pay("before", 1, midnight - timedelta(microseconds=1))
        await made.pay("first", 10, midnight)
        await made.pay("last", 100, midnight + timedelta(days=1, microseconds=-1))
        await made.pay("after", 1000, midnight + timedelta(days=1))
    assert (await row_of(database)).posted_xof == 110


async def test_an_operator_that_is_no_longer_configured_keeps_its_francs(database: Database, clock: TestClock) -> None:
    async with database.unit_of_work() as connection:
        await MadeDay(connection, DAY, "former", clock.now()).pay("T1", 700, AT)
    report = await report_of(database)
    assert [(row.operator, row.posted_xof) for row in report.rows] == [("former", 700), ("sandbox", 0)]
    assert report.total.posted_xof == 700


async def test_a_statement_imported_before_its_day_is_over_does_not_cover_it(
    database: Database, clock: TestClock
) -> None:
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    async with database.unit_of_work() as connection:
        made = MadeDay(connection, DAY, "sandbox", noon)
        made.file()
        await made.pay("T1", 500, noon + timedelta(hours=3))
        await made.keep()
    row = await row_of(database)
    assert (row.statement_received, row.operator_amount_xof, row.unexplained_xof) == (False, 0, None)
    async with database.unit_of_work() as connection:
        made = MadeDay(connection, DAY, "sandbox", clock.now())
        made.file()
        await made.keep()
    assert (await row_of(database)).statement_received


async def test_lines_that_wait_for_the_matcher_are_counted_once_and_announced(
    database: Database, clock: TestClock
) -> None:
    async with database.unit_of_work() as connection:
        made = MadeDay(connection, DAY, "sandbox", clock.now())
        for file in (made.file(), made.file()):
            made.line(file, "T1", 5000, AT, None)
        await made.keep()
    row = await row_of(database)
    assert (row.operator_amount_xof, row.lines_waiting_count) == (5000, 2)


async def test_pushes_are_counted_by_state_and_the_oldest_unknown_is_named(
    database: Database, clock: TestClock
) -> None:
    async with database.unit_of_work() as connection:
        made = MadeDay(connection, DAY, "sandbox", clock.now())
        await made.ask("unknown", 300, AT)
        await made.ask("unknown", 200, AT + timedelta(hours=1))
        await made.ask("succeeded", 50, AT)
        await made.ask("unknown", 1, AT - timedelta(days=2))
    report = await report_of(database)
    assert [(push.state, push.push_count, push.asked_xof) for push in report.pushes] == [
        ("succeeded", 1, 50),
        ("unknown", 2, 500),
    ]
    assert report.oldest_unknown_at == AT - timedelta(days=2)


async def test_breaks_are_listed_with_their_age(database: Database, clock: TestClock) -> None:
    today = clock.now().date()
    async with database.unit_of_work() as connection:
        made = MadeDay(connection, DAY, "sandbox", clock.now())
        await made.difference("AMOUNT", "T1", 250)
        await made.difference("LEDGER_ONLY", "T2", -100, closed=True)
    async with database.single() as connection:
        assert [(row.kind, row.age_days) for row in await open_breaks(connection, today)] == [("AMOUNT", 3)]
        assert [row.kind for row in await breaks_of_day(connection, DAY, today)] == ["AMOUNT", "LEDGER_ONLY"]
        assert await breaks_of_day(connection, DAY - timedelta(days=1), today) == ()


async def test_suspense_lists_what_the_ledger_holds_and_hides_the_payer(database: Database, clock: TestClock) -> None:
    async with database.unit_of_work() as connection:
        made = MadeDay(connection, DAY, "sandbox", clock.now())
        await made.pay("T1", 1200, AT, party_id=None)
        await made.pay("T2", 800, AT)
    async with database.single() as connection:
        (row,) = await open_suspense(connection, clock.now().date())
        assert (row.amount_xof, row.payer_masked, row.age_days) == (1200, "+223 ** ** *4 56", 3)
        assert await suspense_balance_xof(connection) == 1200


async def test_the_trial_balance_is_zero_and_in_the_order_of_the_chart(database: Database, clock: TestClock) -> None:
    async with database.unit_of_work() as connection:
        made = MadeDay(connection, DAY, "sandbox", clock.now())
        await made.pay("T1", 1200, AT, party_id=None)
        await made.pay("T2", 800, AT)
    async with database.single() as connection:
        balance = await trial_balance(connection)
    assert balance.is_balanced
    assert [(row.account, row.balance_xof) for row in balance.rows] == [
        ("clearing/sandbox", 2000),
        ("suspense/sandbox", -1200),
        ("contributions", -800),
    ]
    assert (balance.debit_xof, balance.credit_xof) == (2000, 2000)


async def test_the_ledger_and_the_list_agree_on_what_waits_whichever_operator_holds_it(
    database: Database, clock: TestClock
) -> None:
    async with database.single() as connection:
        assert await suspense_balance_xof(connection) == 0
    async with database.unit_of_work() as connection:
        for operator, amount_xof in (("autre", 300), ("sandbox", 20)):
            made = MadeDay(connection, DAY, operator, clock.now())
            await made.pay(f"T-{operator}", amount_xof, AT, party_id=None)
            await made.pay(f"H-{operator}", 5_000, AT)
    async with database.single() as connection:
        assert await suspense_balance_xof(connection) == 320
        assert sum(row.amount_xof for row in await open_suspense(connection, DAY)) == 320
