"""What a person at the command line sees of messages that reached nobody, and what sending them again does."""

import asyncio

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.cli.sms import STATE_OF
from gateway.infra.clock import SystemClock
from gateway.sms.kinds import SmsState
from tests.conftest import Urls
from tests.world import AMINATA, World

pytestmark = pytest.mark.database

ROWS = """
    INSERT INTO outbox_sms (id, key, kind, msisdn, body, state, attempts, queued_at, next_attempt_at, trouble,
                            last_error, delivery, useful_until)
    SELECT id, 'k/' || id, kind, :msisdn, 'Aminata doit', state, 1, :now,
           CASE WHEN state = 'queued' THEN CAST(:now AS timestamptz) + interval '50 minutes' END,
           trouble, words, report, CAST(:now AS timestamptz) + CAST(useful AS interval)
      FROM (VALUES (1, 'receipt', 'failed', 'number', '406 UserInBlacklist: Sent to 0/1', NULL, NULL),
                   (2, 'receipt', 'undelivered', NULL, NULL, 'Failed: UserIsInactive', NULL),
                   (3, 'receipt', 'queued', 'balance', '405 InsufficientBalance', NULL, NULL),
                   (4, 'suspense', 'queued', NULL, NULL, NULL, NULL),
                   (5, 'receipt', 'sent', NULL, NULL, NULL, NULL),
                   (6, 'receipt', 'delivered', NULL, NULL, 'Success', NULL),
                   (7, 'situation', 'dropped', 'network', 'ReadTimeout', NULL, '-1 hour'),
                   (8, 'situation', 'failed', 'number', '403', NULL, '-1 hour'),
                   (9, 'registered', 'failed', 'number', '403', NULL, '5 days'))
        AS given(id, kind, state, trouble, words, report, useful) RETURNING id
"""


@pytest.fixture
async def outbox(world: World, urls: Urls, monkeypatch: pytest.MonkeyPatch) -> World:
    await world.rows(ROWS, now=world.clock.now(), msisdn=AMINATA)
    monkeypatch.setattr(SystemClock, "now", lambda _clock: world.clock.now())
    monkeypatch.setenv("RAMU_MODE", "local")
    monkeypatch.setenv("DATABASE_URL", urls.app)
    monkeypatch.setenv("COLUMNS", "200")
    return world


def sms(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["sms", *arguments])


async def states(world: World) -> dict[object, object]:
    return dict(await world.rows("SELECT id, state FROM outbox_sms ORDER BY id"))  # type: ignore[arg-type]


def shown(output: str) -> list[str]:
    """Return the numbers of the messages in a table."""
    return [
        cells[1].strip()
        for line in output.splitlines()
        if len(cells := line.split("│")) > 3 and cells[1].strip().isdigit()
    ]


async def in_a_thread(*arguments: str) -> Result:
    """Run a command beside the loop of the test; it has one of its own."""
    return await asyncio.to_thread(sms, *arguments)


@pytest.mark.usefixtures("outbox")
async def test_the_list_shows_what_reached_nobody_and_counts_it() -> None:
    told = await in_a_thread("list")
    assert told.exit_code == 0, told.output
    assert shown(told.output) == ["9", "8", "4", "3", "2", "1"]
    assert "+223 ** ** *0 01" in told.output
    assert AMINATA not in told.output
    assert "Aminata" not in told.output
    for words in ("compte SMS vide : le recharger : 405 InsufficientBalance", "Failed: UserIsInactive"):
        assert words in told.output
    for count in ("quittance, non reçu : 1", "quittance, refusé : 1", "situation, abandonné, trop tard : 1"):
        assert count in told.output


@pytest.mark.parametrize(
    ("state", "numbers"), [("remis", ["5"]), ("recu", ["6"]), ("abandonne", ["7"]), ("en-attente", ["4", "3"])]
)
async def test_one_state_is_shown_alone(outbox: World, state: str, numbers: list[str]) -> None:
    del outbox
    assert shown((await in_a_thread("list", "--state", state)).output) == numbers


def test_every_state_has_a_word_that_can_be_typed() -> None:
    assert set(STATE_OF.values()) == set(SmsState)


async def test_the_list_of_nothing_says_so(outbox: World) -> None:
    await outbox.rows("UPDATE outbox_sms SET state = 'sent', next_attempt_at = NULL RETURNING id")
    assert (await in_a_thread("list")).output == "Aucun SMS à montrer.\n"


@pytest.mark.parametrize("number", [1, 2, 3, 9])
async def test_one_message_is_put_back_and_somebody_signed_for_it(outbox: World, number: int) -> None:
    told = await in_a_thread("retry", str(number))
    assert (told.exit_code, told.output) == (0, "1 SMS remis en file.\n")
    assert await outbox.rows(
        "SELECT state, next_attempt_at = :now, trouble, delivery FROM outbox_sms WHERE id = :id",
        id=number,
        now=outbox.clock.now(),
    ) == [("queued", True, None, None)]
    [(actor, action, subject)] = await outbox.rows(
        "SELECT actor, action, subject FROM audit_event WHERE action LIKE 'sms.%'"
    )
    assert (str(actor).startswith("command/uid-"), action, subject) == (True, "sms.retried", f"sms/{number}")
    assert (await in_a_thread("retry", str(number))).output == f"Le SMS {number} part déjà.\n"
    await outbox.work()
    assert (await states(outbox))[number] == "sent"


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (4, "Le SMS 4 part déjà."),
        (5, "Le SMS 5 a été remis au réseau : rien à renvoyer."),
        (6, "Le SMS 6 a été remis au réseau : rien à renvoyer."),
        (7, "Le SMS 7 n'est plus utile ou n'est plus vrai : il n'est pas renvoyé."),
        (8, "Le SMS 8 n'est plus utile ou n'est plus vrai : il n'est pas renvoyé."),
        (99, "Aucun SMS n'a le numéro 99."),
    ],
)
async def test_what_arrived_leaves_or_is_of_no_use_is_not_sent_again(outbox: World, number: int, sentence: str) -> None:
    before = await states(outbox)
    told = await in_a_thread("retry", str(number))
    assert (told.exit_code, told.output.strip()) == (1, sentence)
    assert await states(outbox) == before
    assert await outbox.rows("SELECT subject FROM audit_event WHERE action = 'sms.retried'") == []


async def test_all_that_may_still_be_wanted_is_put_back_at_once(outbox: World) -> None:
    told = await in_a_thread("retry", "--all-failed")
    assert told.output == "4 SMS remis en file.\n"
    await outbox.work()
    assert {key for key, state in (await states(outbox)).items() if state == "sent"} == {1, 2, 3, 5, 9}
    assert await outbox.rows("SELECT subject, detail FROM audit_event WHERE action = 'sms.retried' ORDER BY id") == [
        ("sms/all", {"messages": 4})
    ]
    assert (await in_a_thread("retry", "--all-failed")).output == "0 SMS remis en file.\n"


@pytest.mark.parametrize("arguments", [["retry"], ["retry", "1", "--all-failed"]])
async def test_retry_wants_one_number_or_all(outbox: World, arguments: list[str]) -> None:
    before = await states(outbox)
    told = await in_a_thread(*arguments)
    assert (told.exit_code, told.output.strip()) == (1, "Donnez le numéro d'un SMS, ou --all-failed pour tous.")
    assert await states(outbox) == before
