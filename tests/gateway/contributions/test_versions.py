"""A new version of a scheme reaches a household where a period begins, for everybody who asks alike."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

from gateway.contributions.account import HouseholdAccount, read_accounts
from gateway.contributions.scheme import Scheme
from gateway.contributions.versions import version_on
from gateway.members.account import load_account
from tests.schemes import put_in_force
from tests.stories import credited, paid
from tests.world import AMINATA, World

AMINATAS = 1
#: The day before Aminata's first period ends; the next begins on 23 January.
NEXT_PERIOD = date(2027, 1, 23)

Data = Callable[[str], dict[str, Any]]


def test_the_newest_version_in_force_when_a_period_begins_is_taken_and_nobody_goes_back(artisan: Scheme) -> None:
    second = replace(artisan, version=2, valid_from=date(2027, 1, 1))
    third = replace(artisan, version=3, valid_from=date(2027, 3, 1), valid_to=date(2027, 3, 31))
    versions = (artisan, second, third)
    for start, version in (
        (date(2026, 12, 31), 1),
        (date(2027, 1, 1), 2),
        (date(2027, 2, 28), 2),
        (date(2027, 3, 1), 3),
        (date(2027, 3, 31), 3),
        (date(2027, 4, 1), 2),
    ):
        assert version_on(versions, start).version == version
    assert version_on((second, third), date(2026, 12, 31)).version == 2
    gone = replace(artisan, valid_to=date(2026, 12, 31))
    assert version_on((gone,), date(2027, 1, 1)) is gone


def dearer(data: Data, **changed: object) -> dict[str, object]:
    """Return the second version of ARTISAN: twice as dear, and open to rights from half of it on."""
    rules = data("ARTISAN")
    amounts = {"kind": "PER_PERSON", "adult_xof": 2_000, "child_xof": 1_000, "charged_max": 6}
    rights = {**rules["rights"], "open_threshold_bp": 5_000}
    return {
        **rules, "version": 2, "valid_from": "2027-01-01", "amount_rule": amounts, "rights": rights, **changed,
    }  # fmt: skip


async def account(world: World) -> HouseholdAccount:
    async with world.database.unit_of_work() as connection:
        return (await read_accounts(connection, world.jobs.catalog, [AMINATAS])).readable[AMINATAS]


async def test_the_next_period_is_charged_by_the_new_version_and_the_last_one_keeps_its_own(
    world: World, scheme_data: Data
) -> None:
    await paid(world, AMINATA, "S1")
    before = (await account(world)).covered_items()
    world.clock.forward(days=45)
    await put_in_force(world, dearer(scheme_data))
    await world.work()
    assert len((await account(world)).items) == 1
    world.clock.moment = world.clock.now().replace(year=2027, month=1, day=23)
    async with world.database.single() as connection:
        caller = await load_account(connection, world.jobs.catalog, AMINATA, world.clock.now())
    assert caller is not None
    told = caller.household.as_of(NEXT_PERIOD)
    await world.work()
    booked = await account(world)
    assert await world.rows(
        "SELECT scheme_version, valid_from, valid_to, household.id FROM enrolment"
        " LEFT JOIN household ON household.enrolment_id = enrolment.id WHERE party_id = 1 ORDER BY 1"
    ) == [(1, date(2026, 11, 23), date(2027, 1, 22), None), (2, NEXT_PERIOD, None, 1)]
    assert [(item.period_start, item.amount_xof, item.scheme.version) for item in booked.items] == [
        (date(2026, 12, 23), 3_000, 1),
        (NEXT_PERIOD, 6_000, 2),
    ]
    assert [(item.amount_xof, item.scheme) for item in told.items] == [
        (item.amount_xof, item.scheme) for item in booked.items
    ]
    assert (told.scheme, told.rights_on(NEXT_PERIOD)) == (booked.scheme, booked.rights_on(NEXT_PERIOD))
    # What an old period opened is judged by the rules of its own time.
    assert booked.covered_items()[:1] == before


async def test_a_period_that_was_paid_ahead_stays_under_the_version_it_was_paid_by(
    world: World, scheme_data: Data
) -> None:
    await credited(world, AMINATA, 6_000, "T1")
    await put_in_force(world, dearer(scheme_data))
    world.clock.moment = world.clock.now().replace(year=2027, month=3, day=23)
    await world.work()
    items = (await account(world)).items
    assert [(item.period_start.month, item.paid_xof, item.scheme.version) for item in items] == [
        (12, 3_000, 1),
        (1, 3_000, 1),
        (2, 0, 2),
        (3, 0, 2),
    ]
    assert await world.rows("SELECT count(*) FROM enrolment WHERE party_id = 1") == [(2,)]


async def test_a_version_with_other_periods_is_refused_and_nobody_comes_under_it(
    world: World, scheme_data: Data
) -> None:
    await put_in_force(world, dearer(scheme_data, period={"months": 3, "anchor": "ROLLING"}))
    world.clock.moment = world.clock.now().replace(year=2027, month=2, day=1)
    await world.work()
    assert {item.scheme.version for item in (await account(world)).items} == {1}
    assert "the same in all its versions" in str(world.jobs.catalog.unreadable["ARTISAN", 2])


async def told_on(world: World, day: date) -> HouseholdAccount:
    async with world.database.single() as connection:
        caller = await load_account(connection, world.jobs.catalog, AMINATA, world.clock.now())
    assert caller is not None
    return caller.household.as_of(day)


def go_to(world: World, day: date) -> None:
    world.clock.moment = world.clock.now().replace(year=day.year, month=day.month, day=day.day)


async def test_what_opens_rights_is_told_by_the_version_of_the_period_that_is_owed(
    world: World, scheme_data: Data
) -> None:
    await credited(world, AMINATA, 3_000, "T1")
    await put_in_force(world, dearer(scheme_data))
    go_to(world, date(2027, 3, 25))
    # Nobody opened a period yet: this payment does, and 3,000 of the 6,000 F of the third open rights.
    await credited(world, AMINATA, 12_500, "T2")
    [*_, (receipt,)] = await world.rows("SELECT body FROM outbox_sms WHERE kind = 'receipt' ORDER BY id")
    assert "Droits fermés: 2 500 F les ouvrent" in str(receipt), receipt


#: The month, the francs and the version of each period that begins until April.
THROUGH_THREE_VERSIONS = [(12, 3_000, 1), (1, 6_000, 2), (2, 6_000, 2), (3, 3_000, 3), (4, 3_000, 3)]


def asked(household: HouseholdAccount) -> list[tuple[int, int, int]]:
    return [(item.period_start.month, item.amount_xof, item.scheme.version) for item in household.items]


def three_versions(data: Data) -> tuple[dict[str, object], dict[str, object]]:
    """Return a dearer version and one of March only."""
    campaign = {**data("ARTISAN"), "version": 3, "valid_from": "2027-03-01", "valid_to": "2027-03-31"}
    return dearer(data), campaign


async def test_the_versions_of_periods_do_not_depend_on_how_often_somebody_opens_them(
    world: World, scheme_data: Data
) -> None:
    for rules in three_versions(scheme_data):
        await put_in_force(world, rules)
    for month in (1, 2, 3, 4):
        go_to(world, date(2027, month, 23))
        foretold = await told_on(world, date(2027, 4, 23))
        await world.work()
    booked = await account(world)
    for one in (booked, foretold):
        assert asked(one) == THROUGH_THREE_VERSIONS


async def test_periods_opened_together_are_those_opened_one_by_one(world: World, scheme_data: Data) -> None:
    for rules in three_versions(scheme_data):
        await put_in_force(world, rules)
    go_to(world, date(2027, 4, 23))
    foretold = await told_on(world, date(2027, 4, 23))
    await world.work()
    booked = await account(world)
    for one in (booked, foretold):
        assert asked(one) == THROUGH_THREE_VERSIONS
    assert await world.rows(
        "SELECT scheme_version, valid_from, valid_to, household.id FROM enrolment"
        " LEFT JOIN household ON household.enrolment_id = enrolment.id WHERE party_id = 1 ORDER BY 1"
    ) == [
        (1, date(2026, 11, 23), date(2027, 1, 22), None),
        (2, date(2027, 1, 23), date(2027, 3, 22), None),
        (3, date(2027, 3, 23), None, 1),
    ]


async def test_a_version_with_another_wait_moves_no_period_of_those_who_are_registered(
    world: World, scheme_data: Data
) -> None:
    rights = {**scheme_data("ARTISAN")["rights"], "waiting_days_new": 45}
    await put_in_force(world, dearer(scheme_data, rights=rights))
    for month in (1, 2, 3):
        go_to(world, date(2027, month, 23))
        await world.work()
    booked = await account(world)
    foretold = await told_on(world, date(2027, 4, 23))
    assert [item.period_start for item in booked.items] == [
        date(2026, 12, 23), date(2027, 1, 23), date(2027, 2, 23), date(2027, 3, 23),
    ]  # fmt: skip
    assert foretold.items[-1].period_start == date(2027, 4, 23)
    assert await world.rows("SELECT next_period_on FROM household WHERE id = 1") == [(date(2027, 4, 23),)]


async def test_what_may_be_paid_ahead_is_told_and_booked_by_the_version_that_runs(
    world: World, scheme_data: Data
) -> None:
    await credited(world, AMINATA, 3_000, "T1")
    await put_in_force(world, dearer(scheme_data, advance={"allowed": False, "max_periods": 0}))
    go_to(world, date(2027, 1, 23))
    told = tuple((await told_on(world, date(2027, 1, 23))).openable(date(2027, 1, 23)))
    await credited(world, AMINATA, 8_000, "T2")
    assert told == ()
    assert [(item.period_start.month, item.paid_xof) for item in (await account(world)).items] == [
        (12, 3_000),
        (1, 6_000),
    ]
    assert await world.rows("SELECT sum(amount_xof)::bigint FROM advance_movement WHERE party_id = 1") == [(2_000,)]
