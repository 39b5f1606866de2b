"""One household and one payment in the terminal: all that regards them, and nobody's name or number."""

import asyncio

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.infra.clock import SystemClock
from tests.conftest import Urls
from tests.stories import paid
from tests.world import AMINATA, World

pytestmark = pytest.mark.database

NAME = "Aminata TRAORE"
PAIRS = "70 00 00 01"


@pytest.fixture
def environ(world: World, urls: Urls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, "now", lambda _clock: world.clock.now())
    monkeypatch.setenv("RAMU_MODE", "local")
    monkeypatch.setenv("DATABASE_URL", urls.app)


async def ramu(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, list(arguments))


def told(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.output.replace("\u00a0", " ").replace("\u202f", " ")


async def audited(world: World) -> list[tuple[object, ...]]:
    return await world.rows(
        "SELECT subject, detail->>'reason' FROM audit_event WHERE action = 'people.shown' ORDER BY id"
    )


@pytest.mark.usefixtures("environ")
async def test_a_household_is_shown_with_what_it_owes_pays_and_was_told(world: World) -> None:
    await paid(world, AMINATA, "S1")
    ((ramu_number, paid_xof, receipt),) = await world.rows(
        "SELECT ramu_number, amount_xof, receipt_number FROM payment JOIN household ON household.id = party_id"
    )
    shown = told(await ramu("household", "show", str(ramu_number)))
    # By the number that pays, however it is written, it is the same household.
    for spelling in (AMINATA, PAIRS, PAIRS.replace(" ", "")):
        assert told(await ramu("household", "show", spelling)) == shown
    for words in (
        f"Ménage {ramu_number} : A. T.",
        "barème ARTISAN v",
        "téléphone : +223 ** ** *0 01",
        f"{paid_xof:,} F".replace(",", " "),
        str(receipt),
        "quittance, ",
        "Jours couverts",
    ):
        assert words in shown, words
    assert NAME not in shown
    assert AMINATA not in shown
    assert await audited(world) == []


@pytest.mark.usefixtures("environ")
async def test_names_and_numbers_are_whole_for_a_reason_that_is_kept(world: World) -> None:
    await paid(world, AMINATA, "S1")
    ((ramu_number, receipt),) = await world.rows(
        "SELECT ramu_number, receipt_number FROM payment JOIN household ON household.id = party_id"
    )
    household = told(await ramu("household", "show", PAIRS, "--whole", "rappel demandé"))
    assert NAME in household
    assert AMINATA in household
    assert AMINATA in told(await ramu("payment", "show", str(receipt), "--whole", "réclamation 12"))
    assert await audited(world) == [
        (f"household/{ramu_number}", "rappel demandé"),
        (f"payment/{receipt}", "réclamation 12"),
    ]
    for command in (("household", "show", PAIRS), ("payment", "show", str(receipt))):
        refused = await ramu(*command, "--whole", "  ")
        assert (refused.exit_code, "Dites pourquoi" in refused.output) == (1, True)
    assert len(await audited(world)) == 2


@pytest.mark.usefixtures("environ")
async def test_a_payment_is_shown_with_its_proof_its_entries_and_what_it_pays(world: World) -> None:
    await paid(world, AMINATA, "S1")
    ((receipt, operator_id, reference, txn_id),) = await world.rows(
        "SELECT receipt_number, operator_transaction_id, reference, ledger_txn_id"
        "  FROM payment JOIN payment_request ON payment_request.id = request_id"
    )
    shown = told(await ramu("payment", "show", str(receipt)))
    # By whatever name: ours in any writing, or the operator's.
    written = f"{str(reference)[:4]}-{str(reference)[4:]}"
    for name in (str(receipt).lower(), str(operator_id), str(reference), written.lower()):
        assert told(await ramu("payment", "show", name)) == shown
    for words in (
        f"Quittance {receipt}",
        f"opération {operator_id}",
        "payeur : +223 ** ** *0 01",
        "par la demande ou la référence",
        f"demande : {written}, payée",
        "l'interrogation de l'opérateur : réussie",
        f"Écriture {txn_id}",
        "clearing/sandbox",
        "débiteur",
        "Ce qu'il paie :\n  ",
    ):
        assert words in shown, words
    assert "aucune période" not in shown
    assert AMINATA not in shown


@pytest.mark.usefixtures("environ", "world")
@pytest.mark.parametrize("command", ["household", "payment"])
async def test_what_nobody_has_is_a_sentence(command: str) -> None:
    for name in ("1234567890", "99 99 99 99", "Q99999999", "x"):
        refused = await ramu(command, "show", name)
        assert (refused.exit_code, "donnez" in refused.output) == (1, True), refused.output
