"""The second versions of the illustrative schemes, beside the first, which go on for those who stand under them."""

from datetime import UTC, date, datetime

import pytest

from gateway.contributions.document import scheme_from
from gateway.contributions.fault_labels import sentence
from gateway.local.illustrative import DOCUMENTS, SCHEMES
from gateway.members.account import load_account
from gateway.members.register import Registration
from gateway.ussd.facts import facts_from
from gateway.ussd.sessions import SessionKey
from gateway.ussd.turn_key import TurnKey
from tests.schemes import illustrative, join, put_in_force, put_second_versions_in_force
from tests.stories import ask_to_pay, credited
from tests.world import AMINATA, MOUSSA, World
from ussd_flows.facts import Registered

ISSA = Registration("+22375000003", "Issa KEITA", "coton", "0301", 7)
#: Pay, the amount that opens rights.
PAY_WHAT_OPENS = ("1", "1")


def go_to(world: World, day: date) -> None:
    world.clock.moment = datetime(day.year, day.month, day.day, 8, 0, tzinfo=UTC)


async def told(world: World, msisdn: str) -> Registered:
    async with world.database.single() as connection:
        account = await load_account(connection, world.ussd.catalog, msisdn, world.clock.now())
    facts = facts_from(
        account,
        world.ussd.catalog,
        world.ussd.deps.operators,
        world.ussd.places,
        now=world.clock.now(),
        turn_key=TurnKey(SessionKey("africastalking", "s"), msisdn, "started", 0),
    )
    assert facts.caller is not None
    return facts.caller


@pytest.mark.parametrize("code", SCHEMES)
def test_the_second_version_follows_the_first_and_both_can_be_read(code: str) -> None:
    first, second = (scheme_from(illustrative(name)) for name in (code, f"{code}-2"))
    assert {code, f"{code}-2"} <= set(DOCUMENTS)
    assert [(one.code, one.version) for one in (first, second)] == [(code, 1), (code, 2)]
    assert first.valid_from < second.valid_from
    assert (first.amount_rule, first.shares, first.sectors) == (second.amount_rule, second.shares, second.sectors)
    # What the first does not speak of it does not ask for.
    assert first.rights.warn_below_days == 0 < second.rights.warn_below_days


@pytest.mark.database
async def test_who_is_registered_is_warned_by_the_version_of_her_running_period(world: World) -> None:
    await put_second_versions_in_force(world)
    go_to(world, date(2026, 12, 31))
    assert (await told(world, MOUSSA)).warn_below_days == 0
    # A season begins for Moussa on this day; Aminata's month runs until the twenty-second.
    go_to(world, date(2027, 1, 1))
    assert [(await told(world, msisdn)).warn_below_days for msisdn in (AMINATA, MOUSSA)] == [0, 30]
    go_to(world, date(2027, 1, 23))
    assert (await told(world, AMINATA)).warn_below_days == 10


@pytest.mark.database
async def test_money_that_brings_few_days_is_warned_of_under_the_second_version_alone(world: World) -> None:
    go_to(world, date(2027, 6, 1))
    await join(world, ISSA, "COTON", 1)
    await put_second_versions_in_force(world)
    late = Registration("+22375000004", "Sira KONATE", "coton", "0301", 7)
    await join(world, late, "COTON", 2)
    go_to(world, date(2027, 11, 20))
    # Paid on this day the wait ends on 20 December: twelve days of the season are left.
    assert "Droits 20/12-31/12/27" in await ask_to_pay(world, ISSA.msisdn, "S1", PAY_WHAT_OPENS)
    warned = await ask_to_pay(world, late.msisdn, "S2", PAY_WHAT_OPENS)
    assert "Attention: cette période n'ouvre plus que 12 jours de droits." in warned


CHARGED = """
    SELECT party.kind, period_start, due_on, amount_xof FROM charge
      JOIN enrolment ON enrolment.id = enrolment_id JOIN party ON party.id = payer_party_id
     WHERE enrolment.party_id = :household ORDER BY period_start, party.kind
"""


@pytest.mark.database
async def test_a_late_household_is_charged_its_months_once_and_the_state_its_share_of_them(world: World) -> None:
    await put_second_versions_in_force(world)
    go_to(world, date(2027, 3, 5))
    household = await join(world, ISSA, "COTON", 2)
    season = [
        ("household", date(2027, 1, 1), date(2027, 3, 5), 17_500),
        ("state", date(2027, 1, 1), date(2027, 3, 5), 7_500),
    ]
    assert await world.rows(CHARGED, household=household) == season
    assert await world.rows(
        "SELECT sum(entry.amount_xof)::bigint FROM charge JOIN ledger_entry AS entry ON entry.txn_id = ledger_txn_id"
        " AND entry.party_id = payer_party_id AND account = 'receivables'"
        " JOIN enrolment ON enrolment.id = enrolment_id WHERE enrolment.party_id = :household",
        household=household,
    ) == [(7_500,)]
    for day in (date(2027, 7, 1), date(2027, 12, 31), date(2028, 1, 1)):
        go_to(world, day)
        await world.work()
    assert await world.rows(CHARGED, household=household) == [
        *season,
        ("household", date(2028, 1, 1), date(2028, 1, 1), 21_000),
        ("state", date(2028, 1, 1), date(2028, 1, 1), 9_000),
    ]


@pytest.mark.database
async def test_instalments_of_a_short_first_season_are_parts_of_it(world: World) -> None:
    await put_second_versions_in_force(world)
    go_to(world, date(2027, 3, 5))
    await join(world, ISSA, "COTON", 2)
    caller = await told(world, ISSA.msisdn)
    assert (caller.remaining_xof, caller.suggested_xof) == (17_500, (4_375, 17_500))
    # Three quarters of what this season asks, rounded up to the franc.
    assert caller.opens_with_xof == 13_125


@pytest.mark.database
async def test_whose_first_season_is_the_next_owes_nothing_until_then_and_pays_it_ahead(world: World) -> None:
    await put_second_versions_in_force(world)
    go_to(world, date(2027, 12, 5))
    household = await join(world, ISSA, "COTON", 2)
    assert await world.rows(CHARGED, household=household) == []
    next_on = "SELECT next_period_on FROM household WHERE id = :household"
    assert await world.rows(next_on, household=household) == [(date(2028, 1, 1),)]
    caller = await told(world, ISSA.msisdn)
    assert (caller.due_xof, caller.remaining_xof, caller.next_due_on) == (0, 0, date(2028, 1, 1))
    assert (caller.opens_with_xof, caller.suggested_xof, caller.maximum_xof) == (15_750, (5_250,), 21_000)
    confirmed = await ask_to_pay(world, ISSA.msisdn, "S1", PAY_WHAT_OPENS)
    assert "Droits 04/01-31/12/28" in confirmed
    await credited(world, ISSA.msisdn, 15_750, "T1")
    go_to(world, date(2028, 1, 1))
    await world.work()
    assert await world.rows(CHARGED, household=household) == [
        ("household", date(2028, 1, 1), date(2028, 1, 1), 21_000),
        ("state", date(2028, 1, 1), date(2028, 1, 1), 9_000),
    ]
    assert await world.rows(
        "SELECT valid_from, valid_to FROM coverage WHERE party_id = :household AND reason = 'contribution'",
        household=household,
    ) == [(date(2028, 1, 4), date(2028, 12, 31))]


@pytest.mark.database
async def test_households_of_the_first_version_keep_their_days_and_their_whole_seasons(world: World) -> None:
    await put_second_versions_in_force(world)
    for day in (date(2026, 12, 31), date(2027, 1, 1), date(2027, 1, 23), date(2027, 6, 1), date(2028, 1, 1)):
        go_to(world, day)
        await world.work()
    assert [row[1:] for row in await world.rows(CHARGED, household=2) if row[0] == "household"] == [
        (date(2026, 1, 1), date(2026, 11, 23), 21_000),
        (date(2027, 1, 1), date(2027, 1, 1), 21_000),
        (date(2028, 1, 1), date(2028, 1, 1), 21_000),
    ]
    months = [row[1] for row in await world.rows(CHARGED, household=1)]
    assert months == [date(2026, 12, 23), *(date(2027, month, 23) for month in range(1, 13))]


@pytest.mark.database
async def test_a_later_version_that_comes_before_the_first_season_spares_and_adds_none(world: World) -> None:
    await put_second_versions_in_force(world)
    go_to(world, date(2027, 12, 5))
    household = await join(world, ISSA, "COTON", 2)
    second = illustrative("COTON-2")
    full = {**second["period"], "late_joiner": "FULL"}  # type: ignore[dict-item]
    await put_in_force(world, {**second, "version": 3, "valid_from": "2028-01-01", "period": full})
    go_to(world, date(2029, 2, 1))
    await world.work()
    found = await world.rows(
        "SELECT scheme_version, period_start, amount_xof FROM charge JOIN enrolment ON enrolment.id = enrolment_id"
        " WHERE payer_party_id = :household ORDER BY period_start",
        household=household,
    )
    assert found == [(3, date(2028, 1, 1), 21_000), (3, date(2029, 1, 1), 21_000)]


@pytest.mark.database
async def test_a_version_that_moves_the_season_is_refused_and_one_that_changes_late_joiners_is_not(
    world: World,
) -> None:
    await put_second_versions_in_force(world)
    second = illustrative("COTON-2")
    for version, changed in ((3, {"starts_on": "02-01"}), (4, {"months": 6}), (5, {"late_joiner": "NEXT_SEASON"})):
        period = {**second["period"], **changed}  # type: ignore[dict-item]
        await put_in_force(world, {**second, "version": version, "period": period})
    catalog = world.jobs.catalog
    async with world.database.single() as connection:
        await catalog.refresh(connection)
    assert sorted(catalog.unreadable) == [("COTON", 3), ("COTON", 4)]
    [fault] = catalog.unreadable["COTON", 3].faults
    assert sentence(fault) == (
        "Période (period) : durée et premier jour sont les mêmes dans toutes les versions ;"
        " sinon c'est un autre barème."
    )
    assert [one.version for one in catalog.versions("COTON")] == [1, 2, 5]


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (date(2027, 1, 10), "A payer: 21 000 F par an. Droits"),
        (date(2027, 3, 5), "A payer: 17 500 F, puis 21 000 F par an. Droits"),
        (date(2027, 12, 5), "A payer dès le 01/01/2028: 21 000 F par an. Droits"),
    ],
)
@pytest.mark.database
async def test_a_new_household_is_told_what_its_first_season_asks(world: World, day: date, said: str) -> None:
    await put_second_versions_in_force(world)
    go_to(world, day)
    typed = ["1", "Issa KEITA"]
    shown = await ask_to_pay(world, ISSA.msisdn, "S1", tuple(typed))
    [cotton] = [line.partition(".")[0] for line in shown.splitlines() if "oton" in line]
    await ask_to_pay(world, ISSA.msisdn, "S2", (*typed, cotton, "Kati", "7", "1"))
    [(body,)] = await world.rows("SELECT body FROM outbox_sms WHERE kind = 'registered'")
    assert said in str(body)
