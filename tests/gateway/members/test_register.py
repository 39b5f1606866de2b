import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import text

from gateway.contributions.schemes import SchemeCatalog
from gateway.infra.database import Database, Pool, Timeouts, open_database
from gateway.local.illustrative import SCHEMES, load_schemes
from gateway.members.number import valid
from gateway.members.register import RegisteredHousehold, Registration, register
from tests.conftest import Urls
from tests.fixed import START

AWA = Registration("+22370000001", "Awa Traore", "commerce", "0201", 4)


@pytest.fixture
async def catalog(database: Database) -> SchemeCatalog:
    read = SchemeCatalog()
    async with database.unit_of_work() as connection:
        await load_schemes(connection, START, SCHEMES)
        await read.refresh(connection)
    return read


@pytest.fixture
async def elsewhere(urls: Urls) -> AsyncIterator[Database]:
    opened = open_database(urls.app, Pool(size=4, timeout_s=20), Timeouts())
    yield opened
    await opened.close()


async def registered(
    database: Database, catalog: SchemeCatalog, registration: Registration, code: str = "ARTISAN"
) -> RegisteredHousehold:
    return await database.transact(lambda connection: register(connection, registration, catalog.get(code, 1), START))


async def rows(database: Database, query: str) -> list[tuple[object, ...]]:
    async with database.single() as connection:
        return [tuple(row) for row in (await connection.execute(text(query))).all()]


async def test_a_registration_keeps_the_household_its_head_its_phone_and_what_it_owes(
    database: Database, catalog: SchemeCatalog
) -> None:
    household = await registered(database, catalog, AWA)
    assert household.created
    assert valid(household.ramu_number)
    assert household.ramu_number.startswith(f"{100_000_000 + household.id}")
    assert await rows(database, "SELECT name, is_head FROM member") == [("Awa Traore", True)]
    assert await rows(database, "SELECT msisdn, party_id FROM phone_link") == [(AWA.msisdn, household.id)]
    kept = (
        "SELECT activity, cercle_code, people_count, scheme_code, registered_on, next_period_on FROM household"
        " JOIN enrolment ON enrolment.id = enrolment_id"
    )
    assert await rows(database, kept) == [
        ("commerce", "0201", 4, "ARTISAN", date(2026, 11, 23), date(2027, 1, 23)),
    ]
    owed = "SELECT payer_party_id, period_start, period_end, due_on, amount_xof FROM charge"
    assert await rows(database, owed) == [
        (household.id, date(2026, 12, 23), date(2027, 1, 22), date(2026, 11, 23), 4000),
    ]


async def test_a_yearly_household_owes_the_running_year_and_its_own_share(
    database: Database, catalog: SchemeCatalog
) -> None:
    await registered(database, catalog, replace(AWA, activity="coton", people_count=7), "COTON")
    owed = (
        "SELECT party.kind, period_start, period_end, amount_xof FROM charge"
        " JOIN party ON party.id = payer_party_id ORDER BY 1"
    )
    year = (date(2026, 1, 1), date(2026, 12, 31))
    assert await rows(database, owed) == [("household", *year, 21_000), ("state", *year, 9_000)]
    assert await rows(database, "SELECT next_period_on FROM household") == [(date(2027, 1, 1),)]


async def test_a_known_number_keeps_its_household(database: Database, catalog: SchemeCatalog) -> None:
    first = await registered(database, catalog, AWA)
    again = await registered(database, catalog, replace(AWA, name="Someone else", people_count=9))
    assert again == replace(first, created=False)
    assert await rows(database, "SELECT name FROM member") == [("Awa Traore",)]


async def test_two_registrations_of_one_number_at_once_make_one_household(
    database: Database, elsewhere: Database, catalog: SchemeCatalog
) -> None:
    for number in range(5):
        same = replace(AWA, msisdn=f"+2237000001{number}")
        made = await asyncio.gather(*(registered(where, catalog, same) for where in (database, elsewhere) * 3))
        assert [household.created for household in made].count(True) == 1
        assert len({household.ramu_number for household in made}) == 1
    assert await rows(database, "SELECT count(*) FROM household") == [(5,)]


async def test_other_numbers_do_not_wait_for_each_other(database: Database, catalog: SchemeCatalog) -> None:
    others = [replace(AWA, msisdn=f"+2237000002{number}") for number in range(8)]
    made = await asyncio.gather(*(registered(database, catalog, one) for one in others))
    assert len({household.ramu_number for household in made}) == 8


async def test_a_failed_registration_leaves_nothing(database: Database, catalog: SchemeCatalog) -> None:
    with pytest.raises(ValueError, match="no such household"):
        await registered(database, catalog, replace(AWA, people_count=100))
    assert await rows(database, "SELECT count(*) FROM household") == [(0,)]
    assert (await registered(database, catalog, AWA)).created
