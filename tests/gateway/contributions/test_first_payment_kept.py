"""Periods that run from the first payment, on PostgreSQL: charged by their place, derived the same by whoever asks."""

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from psycopg.errors import CheckViolation, UniqueViolation

from gateway.contributions.account import HouseholdAccount, read_accounts
from gateway.contributions.coverage import rebuild
from gateway.contributions.forecast import as_told, forecast
from gateway.contributions.scheme import HouseholdSize
from gateway.contributions.timetable import NEVER
from gateway.contributions.timetables import read_timetables
from gateway.members.account import load_account
from gateway.members.correct import CorrectionAct, correct_people
from gateway.members.register import Registration
from gateway.money.close_day import CHARGES, verify_all
from gateway.money.credit_evidence import CreditingContext, credit_evidence
from gateway.reports.household_card import household_card
from payments.evidence.facts import Evidence
from payments.observation import Observation, ObservedStatus, Provenance
from tests.conftest import Urls
from tests.payments.books import hand
from tests.schemes import illustrative, join, put_in_force, put_second_versions_in_force
from tests.stories import ask_to_pay, paid
from tests.world import AMINATA, MOUSSA, World

pytestmark = pytest.mark.database

AWA = Registration("+22375000003", "Awa KEITA", "commerce", "0301", 3)
CHARGED = """
    SELECT number, period_start, period_end, due_on, amount_xof FROM charge
     WHERE payer_party_id = :household ORDER BY number, period_start
"""
KEPT = "SELECT begins_on, next_period_on FROM household WHERE id = :household"
COVERED = "SELECT valid_from, valid_to, reason FROM coverage WHERE party_id = :household ORDER BY valid_from"
#: A charge of the household's first period, by its place and days.
CHARGE = """
    INSERT INTO charge (enrolment_id, payer_party_id, period_start, period_end, due_on, number, sequence, kind,
                        amount_xof, charged_at, is_receivable)
    SELECT id, party_id, %(start)s, %(start)s, %(due)s, %(number)s, %(sequence)s, 'adjustment', %(amount_xof)s,
           '2027-03-01Z', false
      FROM enrolment WHERE party_id = %(household)s
"""


def go_to(world: World, day: date) -> None:
    world.clock.moment = datetime(day.year, day.month, day.day, 8, 0, tzinfo=UTC)


async def joined(world: World, day: date) -> int:
    await put_second_versions_in_force(world)
    go_to(world, day)
    return await join(world, AWA, "ARTISAN", 2)


async def credited_of(world: World, amount_xof: int, transaction_id: str, paid_on: date) -> None:
    """Credit money that was paid on a day of before, as a statement tells of it."""
    said = Observation(
        "sandbox",
        Provenance.QUERY,
        ObservedStatus.SUCCEEDED,
        amount_xof=amount_xof,
        payer_msisdn=AWA.msisdn,
        operator_transaction_id=transaction_id,
        occurred_at=datetime(paid_on.year, paid_on.month, paid_on.day, 7, 0, tzinfo=UTC),
    )
    context = CreditingContext(world.jobs.catalog, world.clock.now())
    await world.database.transact(lambda connection: credit_evidence(connection, [Evidence(said)], context))


async def told(world: World) -> HouseholdAccount:
    async with world.database.single() as connection:
        caller = await load_account(connection, world.jobs.catalog, AWA.msisdn, world.clock.now())
    assert caller is not None
    return caller.household


async def test_a_household_that_has_not_paid_owes_one_period_without_days_for_ever(world: World) -> None:
    household = await joined(world, date(2027, 1, 5))
    for day in (date(2027, 1, 5), date(2027, 3, 1), date(2028, 3, 1)):
        go_to(world, day)
        await world.work()
        assert await world.rows(CHARGED, household=household) == [(1, None, None, None, 3_000)]
        assert await world.rows(KEPT, household=household) == [(None, NEVER)]
        assert "3 000 F les ouvrent" in await world.dial(AWA.msisdn, f"S{day}")
    situation = await ask_to_pay(world, AWA.msisdn, "T", ("2",))
    assert "3 000 F" in situation
    assert "Prochain" not in situation
    assert await world.rows(COVERED, household=household) == []


async def test_reports_read_the_days_that_the_account_derives_and_none_before_it_has_begun(world: World) -> None:
    household = await joined(world, date(2027, 1, 1))
    days = """
        SELECT number, period_start, period_end, due_on FROM charge_with_days
         WHERE payer_party_id = :household ORDER BY number
    """
    assert await world.rows(days, household=household) == [(1, None, None, date(2027, 1, 1))]
    async with world.database.single() as connection:
        card = await household_card(connection, None, AWA.msisdn)
    assert card is not None
    assert [(one.period_start, one.amount_xof) for one in card.periods] == [(None, 3_000)]
    # From the thirty-first of January on, months end where the calendar ends them.
    await credited_of(world, 13 * 3_000, "T1", date(2027, 1, 1))
    items = (await told(world)).items
    assert len(items) == 13
    assert items[1].period_start == date(2027, 2, 28)
    assert await world.rows(days, household=household) == [
        (item.number, item.period_start, item.period_end, item.due_on) for item in items
    ]
    for msisdn in (AMINATA, MOUSSA):
        async with world.database.single() as connection:
            dated = await household_card(connection, None, msisdn)
        assert dated is not None
        assert all(one.period_start and one.period_end for one in dated.periods)


async def test_a_part_is_of_the_first_month_and_what_completes_it_names_the_days(world: World) -> None:
    await joined(world, date(2027, 1, 5))
    go_to(world, date(2027, 6, 20))
    assert "pour premier mois\nreste 2 000 F" in await ask_to_pay(world, AWA.msisdn, "S1", ("1", "1000"))
    # The first dialogue broke off: whoever dials again is asked whether to go on, and here begins anew.
    assert "Droits 20/07-19/08/27" in await ask_to_pay(world, AWA.msisdn, "S2", ("2", "1", "3000"))


async def test_periods_begin_when_the_wait_after_the_payment_ends_and_are_opened_from_then_on(world: World) -> None:
    household = await joined(world, date(2027, 1, 5))
    go_to(world, date(2027, 6, 20))
    await paid(world, AWA.msisdn, "S1")
    assert await world.rows(KEPT, household=household) == [(date(2027, 7, 20), date(2027, 8, 20))]
    covered = [
        (date(2027, 7, 20), date(2027, 8, 19), "contribution"),
        (date(2027, 8, 20), date(2027, 9, 3), "grace"),
    ]
    assert await world.rows(COVERED, household=household) == covered
    [receipt] = [text for text in await world.texts_to(AWA.msisdn) if "Quittance" in text]
    assert "Droits du 20/07/2027 au 19/08/2027" in receipt
    assert "Dates changées" not in receipt
    for day, count in (
        (date(2027, 8, 19), 1),
        (date(2027, 8, 20), 2),
        (date(2027, 10, 19), 3),
        (date(2027, 10, 20), 4),
    ):
        go_to(world, day)
        await world.work()
        assert len(await world.rows(CHARGED, household=household)) == count
    assert {row[1:4] for row in await world.rows(CHARGED, household=household)} == {(None, None, None)}
    assert await world.rows(KEPT, household=household) == [(date(2027, 7, 20), date(2027, 11, 20))]


async def test_money_found_later_with_an_earlier_day_moves_the_days_and_the_member_is_told(world: World) -> None:
    household = await joined(world, date(2027, 1, 5))
    go_to(world, date(2027, 2, 20))
    await credited_of(world, 3_000, "T1", date(2027, 2, 20))
    assert await world.rows(KEPT, household=household) == [(date(2027, 3, 22), date(2027, 4, 22))]
    moved = "SELECT body FROM outbox_sms WHERE kind = 'moved'"
    assert await world.rows(moved) == []
    go_to(world, date(2027, 3, 2))
    await credited_of(world, 3_000, "T2", date(2027, 2, 1))
    [(body,)] = await world.rows(moved)
    assert body == (
        "RAMU: Awa KEITA, vos périodes commencent le 03/03/2027, et non le 22/03/2027."
        " Droits du 03/03/2027 au 02/05/2027. Gardez votre code secret."
    )
    contributed = [row for row in await world.rows(COVERED, household=household) if row[2] == "contribution"]
    assert contributed == [(date(2027, 3, 3), date(2027, 5, 2), "contribution")]
    # The third begins on 3 May instead of the 22nd, and no day sooner.
    assert await world.rows(KEPT, household=household) == [(date(2027, 3, 3), date(2027, 5, 3))]
    for day, count in ((date(2027, 5, 2), 2), (date(2027, 5, 3), 3)):
        go_to(world, day)
        await world.work()
        assert len(await world.rows(CHARGED, household=household)) == count
    # Money of a later day moves nothing more.
    await credited_of(world, 3_000, "T3", date(2027, 4, 20))
    assert await world.rows("SELECT count(*) FROM outbox_sms WHERE kind = 'moved'") == [(1,)]
    assert await world.rows(KEPT, household=household) == [(date(2027, 3, 3), date(2027, 6, 3))]


@pytest.mark.parametrize("seed", range(3))
async def test_whoever_asks_derives_the_same_days_and_what_is_kept_is_what_would_be_made_again(
    world: World, seed: int
) -> None:
    household = await joined(world, date(2027, 1, 5))
    dice, reached = random.Random(seed), Counter[str]()  # noqa: S311 - the dice of a test, not a secret
    world.clock.forward(days=30)
    for number in range(14):
        # Money of some days before comes when the first is booked, and then now and again.
        world.clock.forward(days=dice.choice((0, 3, 9, 20, 33)) if number > 1 else number)
        today = world.clock.now().date()
        if dice.random() < 0.4:
            await world.work()
        amount_xof = dice.choice((200, 1_000, 3_000, 7_000)) if number > 1 else 3_000
        before = await told(world)
        foretold = forecast(before, amount_xof, today)
        days_ago = dice.choice((0, 0, dice.randrange(31))) if number > 1 else number * dice.randint(5, 25)
        await credited_of(world, amount_xof, f"T{number}", today - timedelta(days=days_ago))
        account = await told(world)
        if days_ago == 0:
            assert as_told(account, today).rights_on(today) == foretold.after.rights_on(today)
            assert as_told(account, today).begins_on == foretold.after.begins_on
        async with world.database.unit_of_work() as connection:
            crediting = (await read_accounts(connection, world.jobs.catalog, [household])).readable[household]
            table = (await read_timetables(connection, world.jobs.catalog, [household])).readable[household]
        assert table.fallen_due(today) == account.timetable.fallen_due(today)
        assert table.next_due_on(()) == account.timetable.next_due_on(())
        if not account.advances:
            assert crediting == account
        [(begins_on, _)] = await world.rows(KEPT, household=household)
        assert begins_on == account.begins_on
        kept = await world.rows(COVERED, household=household)
        await world.database.transact(lambda connection: rebuild(connection, world.jobs.catalog, 0, 100))
        assert await world.rows(COVERED, household=household) == kept
        reached["moved"] += before.begins_on not in (None, account.begins_on)
        reached["begun"] += account.has_begun
    assert reached["moved"] >= 1, reached
    assert reached["begun"] >= 13, reached


async def test_money_held_while_a_household_could_not_be_worked_out_begins_its_periods_on_its_own_day(
    world: World, urls: Urls
) -> None:
    household = await joined(world, date(2027, 1, 5))
    headless = "UPDATE member SET is_head = %s WHERE household_id = %s"
    with hand(urls.owner) as connection:
        connection.execute(headless, (False, household))
    go_to(world, date(2027, 2, 1))
    await credited_of(world, 3_000, "T1", date(2027, 2, 1))
    assert await world.rows(KEPT, household=household) == [(None, NEVER)]
    with hand(urls.owner) as connection:
        connection.execute(headless, (True, household))
    go_to(world, date(2027, 2, 3))
    await world.work()
    assert await world.rows(KEPT, household=household) == [(date(2027, 3, 3), date(2027, 4, 3))]
    contributed = [row for row in await world.rows(COVERED, household=household) if row[2] == "contribution"]
    assert contributed == [(date(2027, 3, 3), date(2027, 4, 2), "contribution")]
    go_to(world, date(2027, 4, 3))
    await world.work()
    assert len(await world.rows(CHARGED, household=household)) == 2


async def test_people_counted_anew_change_the_period_that_has_no_days_yet_and_the_books_agree(world: World) -> None:
    household = await joined(world, date(2027, 1, 5))
    go_to(world, date(2028, 2, 1))
    catalog = world.jobs.catalog
    for key, people_count in (("turn 1", 5), ("turn 2", 4)):
        done = CorrectionAct(household, "member/ussd", key, world.clock.now())
        size = HouseholdSize(people_count)
        assert await world.database.transact(
            lambda connection, done=done, size=size: correct_people(connection, catalog, done, size)  # type: ignore[misc]
        )
    charged = (
        "SELECT number, sequence, period_start, amount_xof FROM charge WHERE payer_party_id = :household ORDER BY 2"
    )
    assert await world.rows(charged, household=household) == [
        (1, 1, None, 3_000),
        (1, 2, None, 2_000),
        (1, 3, None, -1_000),
    ]
    assert [item.amount_xof for item in (await told(world)).items] == [4_000]
    await credited_of(world, 4_000, "T1", date(2028, 2, 1))
    assert await world.rows(KEPT, household=household) == [(date(2028, 3, 2), date(2028, 4, 2))]
    assert (await world.database.transact(verify_all)).findings == ()


async def test_a_later_version_reaches_the_next_period_and_its_own_anchor_reaches_nobody_who_has_begun(
    world: World,
) -> None:
    household = await joined(world, date(2027, 1, 5))
    await credited_of(world, 3_000, "T1", date(2027, 1, 5))
    second = illustrative("ARTISAN-2")
    dearer = {"kind": "PER_PERSON", "adult_xof": 2_000, "child_xof": 1_000, "charged_max": 6}
    rolling = {"months": 1, "anchor": "ROLLING"}
    await put_in_force(
        world, {**second, "version": 3, "valid_from": "2027-04-01", "amount_rule": dearer, "period": rolling}
    )
    foretold = (await told(world)).as_of(date(2027, 5, 4))
    for day in (date(2027, 3, 4), date(2027, 4, 3), date(2027, 4, 4), date(2027, 5, 4)):
        go_to(world, day)
        await world.work()
    account = await told(world)
    for one in (account, (await told(world)).as_of(date(2027, 5, 4))):
        assert [(item.number, item.period_start, item.amount_xof, item.scheme.version) for item in one.items] == [
            (1, date(2027, 2, 4), 3_000, 2),
            (2, date(2027, 3, 4), 3_000, 2),
            (3, date(2027, 4, 4), 6_000, 3),
            (4, date(2027, 5, 4), 6_000, 3),
        ]
    assert len(foretold.items) == 4
    assert await world.rows(KEPT, household=household) == [(date(2027, 2, 4), date(2027, 6, 4))]
    async with world.database.unit_of_work() as connection:
        table = (await read_timetables(connection, world.jobs.catalog, [household])).readable[household]
    assert table.calendar.version == 2


async def test_versions_follow_each_other_where_days_moved_before_the_enrolment_that_they_began(world: World) -> None:
    household = await joined(world, date(2027, 1, 5))
    second = illustrative("ARTISAN-2")
    dearer = {"kind": "PER_PERSON", "adult_xof": 2_000, "child_xof": 1_000, "charged_max": 6}
    for version, valid_from in ((3, "2027-04-01"), (4, "2027-04-05")):
        await put_in_force(world, {**second, "version": version, "valid_from": valid_from, "amount_rule": dearer})
    go_to(world, date(2027, 2, 6))
    await credited_of(world, 4_000, "T1", date(2027, 2, 6))
    enrolled = "SELECT scheme_version, valid_from, valid_to FROM enrolment WHERE party_id = :household ORDER BY 1"
    # The second was paid in part, and would have begun on 8 April.
    assert (await world.rows(enrolled, household=household))[-1] == (4, date(2027, 4, 8), None)
    await credited_of(world, 3_000, "T2", date(2027, 1, 7))
    fifth = {**second, "version": 5, "valid_from": "2027-04-06"}
    await put_in_force(world, fifth)
    go_to(world, date(2027, 4, 6))
    await world.work()
    # Now the third begins two days before that, and its version takes over on the day after.
    assert (await told(world)).items[2].period_start == date(2027, 4, 6)
    assert await world.rows(enrolled, household=household) == [
        (2, date(2027, 1, 5), date(2027, 4, 7)),
        (4, date(2027, 4, 8), date(2027, 4, 8)),
        (5, date(2027, 4, 9), None),
    ]
    assert await world.count("parked_household") == 0


async def test_who_stands_under_a_version_with_days_keeps_them_when_the_next_counts_from_a_payment(
    world: World,
) -> None:
    await put_second_versions_in_force(world)
    for day in (date(2027, 1, 23), date(2027, 2, 23)):
        go_to(world, day)
        await world.work()
    assert [row[:3] for row in await world.rows(CHARGED, household=1)] == [
        (None, date(2026, 12, 23), date(2027, 1, 22)),
        (None, date(2027, 1, 23), date(2027, 2, 22)),
        (None, date(2027, 2, 23), date(2027, 3, 22)),
    ]
    assert await world.rows(KEPT, household=1) == [(None, date(2027, 3, 23))]


def charge(connection: psycopg.Connection, household: int, **values: object) -> None:
    whole = {"start": None, "due": None, "number": None, "sequence": 1, "amount_xof": 3_000, "household": household}
    connection.execute(CHARGE, {**whole, **values})


async def test_a_charge_has_days_or_a_number_and_each_number_once(world: World, urls: Urls) -> None:
    household = await joined(world, date(2027, 1, 5))
    first = date(2027, 2, 4)
    with hand(urls.app) as connection:
        for wrong in (
            {},
            {"number": 0},
            {"number": 2, "start": first, "due": first},
            {"number": 2, "due": first},
            {"start": first},
        ):
            with pytest.raises(CheckViolation):
                charge(connection, household, **wrong)
        with pytest.raises(UniqueViolation):
            charge(connection, household, number=1)
        with pytest.raises(CheckViolation, match="charge 2 of period 2"):
            charge(connection, household, number=2, sequence=2, amount_xof=-1)
        charge(connection, household, number=2)
        charge(connection, household, start=first, due=first)


async def test_a_correction_of_a_numbered_period_counts_for_it_alone_and_the_books_agree(
    world: World, urls: Urls
) -> None:
    household = await joined(world, date(2027, 1, 5))
    await credited_of(world, 4_000, "T1", date(2027, 1, 5))
    with hand(urls.app) as connection:
        with pytest.raises(CheckViolation, match="of which 1000"):
            charge(connection, household, number=2, sequence=2, amount_xof=-2_001)
        charge(connection, household, number=2, sequence=2, amount_xof=-500)
    assert [(item.number, item.amount_xof, item.paid_xof) for item in (await told(world)).items] == [
        (1, 3_000, 3_000),
        (2, 2_500, 1_000),
    ]
    async with world.database.single() as connection:
        assert (await connection.execute(CHARGES, {"most": 10})).all() == []
    # What is allocated to a period may reach what all its charges ask, and not a franc more.
    with hand(urls.app) as connection, pytest.raises(CheckViolation, match="owes 2500 F and would hold 2501 F"):
        connection.execute(
            "INSERT INTO allocation (party_id, charge_id, ledger_txn_id, amount_xof, allocated_on)"
            " SELECT payer_party_id, charge.id, (SELECT min(id) FROM ledger_txn), 1501, '2027-01-05' FROM charge"
            " WHERE payer_party_id = %s AND number = 2 AND sequence = 1",
            (household,),
        )
