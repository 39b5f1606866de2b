"""What a person at the command line does with a number that may have changed hands."""

import asyncio

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.infra.clock import SystemClock
from tests.conftest import Urls
from tests.world import AMINATA, World

pytestmark = pytest.mark.database

WHY = ("--reason", "pièce vue au guichet de Kati")
EVENTS = "SELECT action, subject, detail ->> 'reason' FROM audit_event WHERE action LIKE 'number.%' ORDER BY id"
MASKED = "+223 ** ** *0 01"


@pytest.fixture
async def desk(world: World, urls: Urls, monkeypatch: pytest.MonkeyPatch) -> World:
    world.clock.forward(hours=1)
    monkeypatch.setattr(SystemClock, "now", lambda _clock: world.clock.now())
    monkeypatch.setenv("RAMU_MODE", "local")
    monkeypatch.setenv("DATABASE_URL", urls.app)
    monkeypatch.setenv("COLUMNS", "200")
    return world


async def number(*arguments: str) -> Result:
    """Run a command beside the loop of the test; it has one of its own."""
    return await asyncio.to_thread(CliRunner().invoke, app, ["number", *arguments])


async def test_a_number_is_held_and_given_back_and_each_time_somebody_signed(desk: World) -> None:
    [(ramu_number,)] = await desk.rows("SELECT ramu_number FROM household WHERE id = 1")
    told = await number("hold", "70 00 00 01", *WHY)
    assert (told.exit_code, told.output) == (0, f"{MASKED} : lien suspendu.\n")
    assert "Numéro à vérifier" in await desk.dial(AMINATA, "S1")
    shown = (await number("show", "+22370000001")).output
    assert f"est lié au ménage {ramu_number} depuis le 23/11/2026." in shown
    assert "Ce lien est suspendu depuis le 23/11/2026 09:00" in shown
    assert AMINATA not in shown
    assert "Aminata" not in shown
    again = await number("hold", "70000001", *WHY)
    assert (again.exit_code, again.output) == (1, "Le lien de ce numéro est déjà suspendu.\n")
    assert (await number("release", "70000001", *WHY)).exit_code == 0
    assert "Aminata" in await desk.dial(AMINATA, "S2")
    assert "suspendu" not in (await number("show", "70000001")).output
    assert await desk.rows(EVENTS) == [
        ("number.held", f"number/{MASKED}", WHY[1]),
        ("number.released", f"number/{MASKED}", WHY[1]),
    ]


async def test_a_number_is_taken_away(desk: World) -> None:
    await number("hold", "70000001", *WHY)
    desk.clock.forward(hours=1)
    assert (await number("end", "70000001", *WHY)).exit_code == 0
    assert (await number("show", "70000001")).output == f"{MASKED} n'est lié à aucun ménage.\n"
    assert await desk.rows("SELECT decision, reason FROM number_hold") == [("ended", WHY[1])]


@pytest.mark.parametrize("action", ["release", "end"])
async def test_a_number_that_is_not_held_is_left_alone(action: str, desk: World) -> None:
    told = await number(action, "70000001", *WHY)
    assert told.exit_code == 1
    assert told.output == "Le lien de ce numéro n'est pas suspendu, ou le numéro a été inscrit depuis.\n"
    assert await desk.rows(EVENTS) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("hold", "7000", *WHY), "Ce n'est pas un numéro de téléphone"),
        (("hold", "77777777", *WHY), "Ce numéro n'est lié à aucun ménage."),
        (("hold", "70000001", "--reason", "  "), "Donnez une raison"),
        (("end", "70000001", "--reason", "x" * 501), "Donnez une raison"),
    ],
)
async def test_what_cannot_be_done_is_told_in_a_sentence(
    arguments: tuple[str, ...], sentence: str, desk: World
) -> None:
    told = await number(*arguments)
    assert told.exit_code == 1
    assert told.output.startswith(sentence)
    assert await desk.count("number_hold") == 0
