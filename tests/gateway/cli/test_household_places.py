"""What an agent sees of households without a cercle, and what giving them one does."""

import asyncio

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.infra.clock import SystemClock
from gateway.members.register import RegisteredHousehold, Registration, register
from tests.conftest import Urls
from tests.world import World

pytestmark = pytest.mark.database

WORDS = "Moribila, Kemparana"


@pytest.fixture
async def unplaced(world: World, urls: Urls, monkeypatch: pytest.MonkeyPatch) -> RegisteredHousehold:
    """A household that lives where no list has a name."""
    caller = Registration("+22370000101", "Sira Coulibaly", "commerce", "", 4, place_words=WORDS)
    scheme, now = world.jobs.catalog.get("ARTISAN", 1), world.clock.now()
    monkeypatch.setattr(SystemClock, "now", lambda _clock: world.clock.now())
    monkeypatch.setenv("RAMU_MODE", "local")
    monkeypatch.setenv("DATABASE_URL", urls.app)
    monkeypatch.setenv("COLUMNS", "200")
    return await world.database.transact(lambda connection: register(connection, caller, scheme, now))


async def household(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, ["household", *arguments])


async def test_an_agent_finds_the_cercle_of_a_household_that_waits(world: World, unplaced: RegisteredHousehold) -> None:
    shown = await household("unplaced")
    assert shown.exit_code == 0, shown.output
    assert unplaced.ramu_number in shown.output
    assert WORDS in shown.output
    done = await household("place", unplaced.ramu_number, "kimparana")
    assert done.output == f"Le ménage {unplaced.ramu_number} est dans le cercle : Kimparana.\n"
    assert await world.rows("SELECT cercle_code, place_words FROM household WHERE id = :id", id=unplaced.id) == [
        ("1703", WORDS)
    ]
    assert await world.rows("SELECT subject FROM audit_event WHERE action = 'household.placed'") == [
        (f"household/{unplaced.ramu_number}",)
    ]
    assert (await household("unplaced")).output == "Tous les ménages ont un cercle.\n"


async def test_placing_twice_leaves_one_trace(world: World, unplaced: RegisteredHousehold) -> None:
    for _ in range(2):
        assert (await household("place", unplaced.ramu_number, "1703")).exit_code == 0
    assert await world.count("past_declaration") == 1
    assert len(await world.rows("SELECT FROM audit_event WHERE action = 'household.placed'")) == 1


@pytest.mark.parametrize(
    ("number", "cercle", "told"),
    [
        ("123", "kita", "Ce n'est pas un numéro RAMU"),
        ("0009999990", "kita", "Aucun ménage"),
        (None, "xyzxyz", "Aucun cercle ne s'appelle"),
        (None, "k", "Plusieurs cercles répondent à ce nom : Kadiana (1508)"),
    ],
)
async def test_what_is_not_clear_changes_nothing_and_says_why(
    world: World, unplaced: RegisteredHousehold, number: str | None, cercle: str, told: str
) -> None:
    refused = await household("place", number or unplaced.ramu_number, cercle)
    assert refused.exit_code == 1
    assert told in refused.output
    assert await world.count("past_declaration") == 0
