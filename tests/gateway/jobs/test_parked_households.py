"""A household or a scheme that cannot be worked out stops nothing else, loses no money and is looked at again."""

import json
from importlib.resources import files

import pytest

from gateway.contributions.account import read_accounts
from gateway.contributions.schemes import SchemeCatalog, SchemeMissing
from gateway.infra.metrics import REGISTRY
from gateway.jobs.open_periods import open_periods
from sandbox_operator.model import UnaskedPayment
from tests.conftest import Urls
from tests.gateway.jobs.test_open_periods import FOURTEENTH, SECOND, THIRTEEN_MONTHS_XOF, held, items
from tests.payments.books import hand
from tests.schemes import illustrative, put_in_force
from tests.world import AMINATA, MOUSSA, World, actions

COTON = files("gateway.contributions.illustrative").joinpath("COTON.json").read_text(encoding="utf-8")
TAKE_THE_HEAD = "UPDATE member SET is_head = false WHERE household_id = 2"
GIVE_THE_HEAD = "UPDATE member SET is_head = true WHERE household_id = 2"
WASTE_THE_SCHEME = "UPDATE scheme SET rules = '{\"code\": 7}' WHERE code = 'COTON'"


def by_hand(urls: Urls, statement: str) -> None:
    with hand(urls.owner) as connection:
        connection.execute(statement.encode())


async def parked(world: World) -> list[tuple[object, ...]]:
    return await world.rows("SELECT household_id, attempts, why FROM parked_household ORDER BY 1")


async def pay(world: World, msisdn: str, amount_xof: int) -> None:
    actions.pay_unasked(world.operator, UnaskedPayment(payer_msisdn=msisdn, amount_xof=amount_xof), world.clock.now())
    await world.deliver()
    await world.work()


async def test_a_household_without_a_head_holds_nobody_s_period(world: World, urls: Urls) -> None:
    by_hand(urls, TAKE_THE_HEAD)
    by_hand(urls, "UPDATE household SET next_period_on = '2027-01-23' WHERE id = 2")
    world.clock.moment = SECOND
    await world.work()
    assert [start for start, _ in await items(world)] == ["2026-12-23", "2027-01-23"]
    assert await parked(world) == [(2, 1, "the household has no head")]
    assert REGISTRY.get_sample_value("ramu_households_parked") == 1
    assert await open_periods(world.jobs, world.clock.now()) == 0
    world.clock.forward(minutes=2)
    await world.work()
    assert [attempts for _, attempts, _ in await parked(world)] == [2]
    by_hand(urls, GIVE_THE_HEAD)
    world.clock.forward(hours=7)
    await world.work()
    assert await parked(world) == []
    assert await world.rows("SELECT next_period_on > '2027-01-23' FROM household WHERE id = 2") == [(True,)]


async def test_parked_households_are_tried_later_and_later_and_never_given_up(world: World, urls: Urls) -> None:
    by_hand(urls, TAKE_THE_HEAD)
    by_hand(urls, "UPDATE household SET next_period_on = '2026-11-23' WHERE id = 2")
    waits = []
    for _ in range(14):
        await world.work()
        [(wait_s,)] = await world.rows(
            "SELECT extract(epoch FROM next_attempt_at - CAST(:now AS timestamptz))::int FROM parked_household",
            now=world.clock.now(),
        )
        waits.append(int(str(wait_s)))
        world.clock.forward(seconds=waits[-1])
    assert waits[:4] == [60, 120, 240, 480]
    assert waits == sorted(waits)
    assert max(waits) == waits[-1] <= 9 * 3600


async def test_a_household_that_the_database_refuses_is_parked_alone(world: World, urls: Urls) -> None:
    by_hand(
        urls,
        "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.payer_party_id = 2 THEN"
        " RAISE EXCEPTION 'poison'; END IF; RETURN NEW; END $$",
    )
    by_hand(urls, "CREATE TRIGGER poison BEFORE INSERT ON charge FOR EACH ROW EXECUTE FUNCTION poison()")
    by_hand(urls, "UPDATE household SET next_period_on = '2026-11-23' WHERE id = 2")
    world.clock.moment = SECOND.replace(year=2028)
    await world.work()
    assert len(await items(world)) == 14
    [(household_id, _, why)] = await parked(world)
    assert household_id == 2
    assert str(why).startswith("the database refused it")


@pytest.mark.parametrize("waste", [TAKE_THE_HEAD, WASTE_THE_SCHEME], ids=["no head", "no scheme"])
async def test_money_for_a_household_that_cannot_be_worked_out_is_its_own_and_pays_once_it_can(
    world: World, urls: Urls, waste: str
) -> None:
    by_hand(urls, waste)
    world.jobs.catalog.schemes.pop(("COTON", 1))
    await pay(world, MOUSSA, 21_000)
    await pay(world, AMINATA, 3_000)
    assert await world.rows("SELECT party_id, amount_xof FROM payment ORDER BY 1") == [(1, 3000), (2, 21_000)]
    assert await world.rows("SELECT account, amount_xof FROM ledger_entry WHERE party_id = 2") == [
        ("advances", -21_000)
    ]
    [told] = await world.texts_to(MOUSSA)
    assert told.startswith("RAMU: 21 000 F payés le 23/11/2026. Quittance Q")
    assert len(await world.texts_to(AMINATA)) == 1
    assert [household_id for household_id, _, _ in await parked(world)] == [2]
    paid_on = world.clock.now().date()
    by_hand(urls, GIVE_THE_HEAD)
    if waste == WASTE_THE_SCHEME:
        with hand(urls.owner) as connection:
            connection.execute("UPDATE scheme SET rules = %s::jsonb WHERE code = 'COTON'", (COTON,))
    world.clock.forward(days=3)
    await world.work()
    assert await parked(world) == []
    assert await world.rows("SELECT DISTINCT allocated_on FROM allocation WHERE party_id = 2") == [(paid_on,)]
    assert await world.rows("SELECT sum(amount_xof)::bigint FROM allocation WHERE party_id = 2") == [(21_000,)]


@pytest.mark.parametrize(
    "rules",
    ["{}", "[]", "null", '"x"', '{"code": 7}', "12"],
    ids=["empty", "a list", "null", "text", "wrong", "number"],
)
async def test_an_unreadable_scheme_row_is_left_out_and_told(world: World, urls: Urls, rules: str) -> None:
    with hand(urls.owner) as connection:
        connection.execute("UPDATE scheme SET rules = %s::jsonb WHERE code = 'COTON'", (rules,))
    catalog = SchemeCatalog()
    async with world.database.unit_of_work() as connection_:
        await catalog.refresh(connection_)
        await catalog.refresh(connection_)
        accounts = await read_accounts(connection_, catalog, [1, 2])
    assert set(catalog.schemes) == {("ARTISAN", 1)}
    assert set(catalog.unreadable) == {("COTON", 1)}
    assert REGISTRY.get_sample_value("ramu_schemes_unreadable") == 1
    assert (set(accounts.readable), set(accounts.faults)) == ({1}, {2})
    with pytest.raises(SchemeMissing):
        catalog.get("COTON", 1)


async def test_a_row_that_holds_another_scheme_than_it_says_is_no_scheme(world: World, urls: Urls) -> None:
    by_hand(urls, "UPDATE scheme SET rules = (SELECT rules FROM scheme WHERE code = 'ARTISAN') WHERE code = 'COTON'")
    catalog = SchemeCatalog()
    async with world.database.unit_of_work() as connection:
        await catalog.refresh(connection)
    assert [str(refused) for refused in catalog.unreadable.values()] == [
        "scheme refused: its rules are those of ARTISAN version 1"
    ]


async def test_money_in_advance_waits_for_a_middle_version_that_cannot_be_read_and_is_spent_then(
    world: World, urls: Urls
) -> None:
    middle = {**illustrative("ARTISAN"), "version": 2, "valid_from": "2027-01-01"}
    await put_in_force(world, middle)
    await put_in_force(world, {**middle, "version": 3, "valid_from": "2027-12-01"})
    await pay(world, AMINATA, THIRTEEN_MONTHS_XOF + 1_000)
    by_hand(urls, "UPDATE scheme SET rules = '{\"code\": 7}' WHERE code = 'ARTISAN' AND version = 2")
    world.jobs.catalog.schemes.clear()
    world.clock.moment = FOURTEENTH
    await world.work()
    assert len(await items(world)) == 14
    [(household_id, attempts, why)] = await parked(world)
    assert (household_id, attempts, why) == (1, 1, "SchemeMissing: scheme ARTISAN version 2 is not loaded")
    world.clock.forward(minutes=2)
    await world.work()
    assert [attempts for _, attempts, _ in await parked(world)] == [2]
    with hand(urls.owner) as connection:
        connection.execute(
            "UPDATE scheme SET rules = %s::jsonb WHERE code = 'ARTISAN' AND version = 2", (json.dumps(middle),)
        )
    world.clock.forward(minutes=3)
    await world.work()
    assert await parked(world) == []
    assert await held(world) == {"contributions": -THIRTEEN_MONTHS_XOF - 1_000, "advances": 0}
