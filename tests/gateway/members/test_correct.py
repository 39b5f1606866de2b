"""A household is corrected once, what it declared before is kept, and every payer is charged the change."""

import asyncio
from datetime import date

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import RestrictViolation

from gateway.contributions.account import HouseholdAccount, read_accounts
from gateway.contributions.coverage import rebuild
from gateway.contributions.recount import recount_forecast
from gateway.contributions.scheme import HouseholdSize
from gateway.members.correct import CorrectionAct, correct_name, correct_people, correct_place
from gateway.members.register import RegisteredHousehold, Registration, register
from gateway.money.close_day import verify_all
from tests.conftest import Urls
from tests.payments.books import hand
from tests.schemes import RAMED_RULES, illustrative, put_in_force
from tests.stories import credited
from tests.world import World

SIRA = "+22370000101"
CHARGES = """
    SELECT party.kind, coalesce(cercle_code, ''), period_start, sequence, charge.kind, amount_xof FROM charge
      JOIN enrolment ON enrolment.id = enrolment_id JOIN party ON party.id = payer_party_id
      LEFT JOIN share_payer ON share_payer.party_id = payer_party_id
     WHERE enrolment.party_id = :id ORDER BY period_start, party.kind, 2, sequence
"""
RECEIVABLE = """
    SELECT coalesce(cercle_code, ''), CAST(sum(amount_xof) AS bigint) FROM ledger_entry
      JOIN share_payer ON share_payer.party_id = ledger_entry.party_id
     WHERE account = 'receivables' AND share_payer.kind = 'COLLECTIVITE' GROUP BY 1 ORDER BY 1
"""
PAST = """
    SELECT name, cercle_code, place_words, people_count, children_count, replaced_by FROM past_declaration ORDER BY id
"""


async def household(
    world: World, code: str, activity: str, people_count: int, *, cercle: str = "0301", words: str = ""
) -> RegisteredHousehold:
    scheme = world.jobs.catalog.get(code, 1)
    caller = Registration(SIRA, "Sira Coulibaly", activity, cercle, people_count, place_words=words)
    now = world.clock.now()
    return await world.database.transact(lambda connection: register(connection, caller, scheme, now))


def act(world: World, known: RegisteredHousehold, key: str = "turn 1") -> CorrectionAct:
    return CorrectionAct(known.id, "member/ussd", key, world.clock.now())


async def people(world: World, done: CorrectionAct, count: int, children: int = 0) -> bool:
    size = HouseholdSize(count, children)
    catalog = world.jobs.catalog
    return await world.database.transact(lambda connection: correct_people(connection, catalog, done, size))


async def account(world: World, known: RegisteredHousehold) -> HouseholdAccount:
    async with world.database.single() as connection:
        return (await read_accounts(connection, world.jobs.catalog, [known.id])).readable[known.id]


async def nothing_wrong(world: World) -> bool:
    rebuilt = await world.database.transact(lambda connection: rebuild(connection, world.jobs.catalog, 0, 100))
    return (await world.database.transact(verify_all)).findings == () and not (rebuilt and rebuilt.changed)


async def test_people_counted_anew_change_what_nothing_was_paid_for(world: World) -> None:
    known = await household(world, "ARTISAN", "commerce", 4)
    assert await people(world, act(world, known), 6, 2)
    start = date(2026, 12, 23)
    assert await world.rows(CHARGES, id=known.id) == [
        ("household", "", start, 1, "contribution", 4_000),
        ("household", "", start, 2, "adjustment", 1_000),
    ]
    assert await world.rows(PAST) == [("Sira Coulibaly", "0301", None, 4, 0, "member/ussd")]
    assert await world.rows("SELECT people_count, children_count FROM household WHERE id = :id", id=known.id) == [
        (6, 2)
    ]
    assert await nothing_wrong(world)


async def test_fewer_people_take_back_and_every_payer_is_charged_its_own_change(world: World) -> None:
    known = await household(world, "COTON", "coton", 11)
    assert await people(world, act(world, known), 5)
    year = date(2026, 1, 1)
    assert await world.rows(CHARGES, id=known.id) == [
        ("household", "", year, 1, "contribution", 29_400),
        ("household", "", year, 2, "adjustment", -16_800),
        ("state", "", year, 1, "contribution", 12_600),
        ("state", "", year, 2, "adjustment", -7_200),
    ]
    assert await nothing_wrong(world)


async def test_a_late_joiner_counted_anew_is_still_asked_for_the_months_that_are_left(world: World) -> None:
    season = {"months": 12, "anchor": "FIXED", "starts_on": "01-01", "late_joiner": "PRO_RATA_MONTHS"}
    rules = {**illustrative("COTON"), "code": "RIZ", "sectors": ["autre"], "period": season}
    await put_in_force(world, rules)
    await world.database.transact(world.jobs.catalog.refresh)
    known = await household(world, "RIZ", "autre", 5)
    # Registered on 23 November: two months of the twelve, 2,100 of 12,600 F; 3,500 of 21,000 F for a larger household.
    assert [item.amount_xof for item in (await account(world, known)).items] == [2_100]
    assert await people(world, act(world, known), 8)
    assert [item.amount_xof for item in (await account(world, known)).items] == [3_500]
    assert await nothing_wrong(world)


async def test_a_period_for_which_anything_was_paid_keeps_its_price_and_the_next_one_does_not(world: World) -> None:
    known = await household(world, "ARTISAN", "commerce", 4)
    await credited(world, SIRA, 500, "T1")
    assert await people(world, act(world, known), 2)
    assert [row[-1] for row in await world.rows(CHARGES, id=known.id)] == [4_000]
    world.clock.forward(days=62)
    await world.work()
    assert [row[-1] for row in await world.rows(CHARGES, id=known.id)] == [4_000, 2_000]
    assert await nothing_wrong(world)


async def test_a_period_that_is_over_stays_as_it_was_asked(world: World) -> None:
    known = await household(world, "ARTISAN", "commerce", 4)
    world.clock.forward(days=70)
    # No job has opened the second period yet: it is charged by what was declared until now, and then counted anew.
    assert await people(world, act(world, known), 1)
    starts = [(row[2], row[-1]) for row in await world.rows(CHARGES, id=known.id)]
    assert starts == [(date(2026, 12, 23), 4_000), (date(2027, 1, 23), 4_000), (date(2027, 1, 23), -3_000)]
    assert await nothing_wrong(world)


@pytest.mark.parametrize("paid_xof", [0, 500, 9_000])
@pytest.mark.parametrize("size", [HouseholdSize(1), HouseholdSize(4), HouseholdSize(9, 3)])
@pytest.mark.parametrize("days", [0, 70, 400])
async def test_what_is_said_before_a_correction_is_what_it_does(
    world: World, paid_xof: int, size: HouseholdSize, days: int
) -> None:
    known = await household(world, "ARTISAN", "commerce", 4)
    if paid_xof:
        await credited(world, SIRA, paid_xof, "T1")
    world.clock.forward(days=days)
    before, today = await account(world, known), world.clock.now().date()
    told = recount_forecast(before, size, today)
    assert await people(world, act(world, known), size.people_count, size.children_count) == (size != before.size)
    after = recount_forecast(await account(world, known), size, today)
    assert (after.before_xof, after.after_xof, after.period_xof) == (told.after_xof, told.after_xof, told.period_xof)
    assert await nothing_wrong(world)


async def test_one_turn_corrects_once_and_what_stands_there_already_is_no_correction(world: World) -> None:
    known = await household(world, "ARTISAN", "commerce", 4)
    assert not await people(world, act(world, known), 4)
    made = await asyncio.gather(*(people(world, act(world, known), 7) for _ in range(4)))
    assert sorted(made) == [False, False, False, True]
    assert await people(world, act(world, known, "turn 2"), 4)
    assert not await people(world, act(world, known), 7)
    assert [row[-1] for row in await world.rows(CHARGES, id=known.id)] == [4_000, 2_000, -2_000]
    assert len(await world.rows(PAST)) == 2


async def test_a_name_is_corrected_and_the_former_one_is_kept(world: World) -> None:
    known = await household(world, "ARTISAN", "commerce", 4)
    done = act(world, known)
    assert await world.database.transact(lambda connection: correct_name(connection, done, "Sira COULIBALY"))
    assert await world.rows("SELECT name FROM member WHERE household_id = :id", id=known.id) == [("Sira COULIBALY",)]
    assert [row[0] for row in await world.rows(PAST)] == ["Sira Coulibaly"]


async def test_the_commune_of_a_household_without_a_cercle_is_charged_when_it_is_placed(world: World) -> None:
    await put_in_force(world, RAMED_RULES)
    await world.database.transact(world.jobs.catalog.refresh)
    known = await household(world, "RAMED", "autre", 4, cercle="", words="Moribila, Kemparana")
    assert await world.rows(RECEIVABLE) == [("unplaced", 400)]
    done = act(world, known)
    assert await world.database.transact(
        lambda connection: correct_place(connection, done, "1703", "Moribila, Kemparana")
    )
    assert await world.rows(RECEIVABLE) == [("1703", 400), ("unplaced", 0)]
    year = date(2026, 1, 1)
    assert [row for row in await world.rows(CHARGES, id=known.id) if row[0] == "commune"] == [
        ("commune", "1703", year, 1, "contribution", 400),
        ("commune", "unplaced", year, 1, "contribution", 400),
        ("commune", "unplaced", year, 2, "adjustment", -400),
    ]
    assert [row[1:3] for row in await world.rows(PAST)] == [("", "Moribila, Kemparana")]
    assert await people(world, act(world, known, "turn 2"), 6)
    assert await world.rows(RECEIVABLE) == [("1703", 600), ("unplaced", 0)]
    assert await nothing_wrong(world)


async def test_whoever_moves_leaves_the_former_commune_what_it_was_charged(world: World) -> None:
    await put_in_force(world, RAMED_RULES)
    await world.database.transact(world.jobs.catalog.refresh)
    known = await household(world, "RAMED", "autre", 4)
    done = act(world, known)
    assert await world.database.transact(lambda connection: correct_place(connection, done, "0201", ""))
    assert await world.rows(RECEIVABLE) == [("0301", 400)]
    world.clock.forward(days=60)
    await world.work()
    assert await world.rows(RECEIVABLE) == [("0201", 400), ("0301", 400)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE household SET people_count = people_count + 1",
        "UPDATE household SET children_count = 1",
        "UPDATE household SET cercle_code = '0101'",
        "UPDATE household SET place_words = 'x'",
        "UPDATE member SET name = 'x'",
    ],
)
async def test_the_database_lets_nobody_correct_without_keeping_what_stood_there(
    world: World, urls: Urls, change: str
) -> None:
    known = await household(world, "ARTISAN", "commerce", 4)
    await people(world, act(world, known), 5)
    kept = """
        INSERT INTO past_declaration (household_id, name, cercle_code, place_words, people_count, children_count,
                                      replaced_at, replaced_by, key)
        SELECT household.id, name, cercle_code, place_words, people_count, children_count, now(), 'a test', household.id
          FROM household JOIN member ON household_id = household.id
    """

    def tried(first: str) -> None:
        with hand(urls.app) as connection, connection.transaction():
            connection.execute(sql.SQL(first))  # type: ignore[arg-type]
            connection.execute(sql.SQL(change))  # type: ignore[arg-type]

    other = kept.replace(
        "household.id, name, cercle_code, place_words, people_count", "household.id, 'y', '9', 'z', 98"
    )
    for first in ("SELECT 1", other):
        with pytest.raises(RestrictViolation, match="is not kept"):
            tried(first)
    tried(kept)
    for attack in ("UPDATE past_declaration SET name = name", "DELETE FROM past_declaration"):
        with hand(urls.owner) as connection, pytest.raises((RestrictViolation, psycopg.errors.InsufficientPrivilege)):
            connection.execute(attack)
