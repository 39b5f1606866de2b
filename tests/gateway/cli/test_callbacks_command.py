"""What a person at the command line sees of what was set aside, and what trying it again does."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.infra.clock import SystemClock
from payments.evidence.callbacks import mark_failed, store
from payments.http_messages import RawRequest
from payments.observation import Verdict, VerdictKind
from payments.requests.trouble import Trouble, TroubleKind, say
from tests.conftest import Urls
from tests.fixed import CountedIds
from tests.gateway.jobs.towns import asked_to_pay
from tests.stories import answer, pushed
from tests.world import AMINATA, World

pytestmark = pytest.mark.database

CALLBACK = """
    INSERT INTO callback (operator, method, path, query, headers, body, verdict, reason, received_at, attempts,
                          parked_at, last_error)
    VALUES ('sandbox', 'PUT', '/webhooks/sandbox', '', '{}', '{', 'accept', 'signed', :now, 12, :now,
            'not strict JSON') RETURNING id
"""
QUESTION = """
    INSERT INTO inquiry (operator, operator_transaction_id, attempts, opened_at, parked_at, last_detail)
    VALUES ('sandbox', 'T1', 8, :now, :now, 'the operator did not confirm it: not_found') RETURNING id
"""
REQUEST = """
    UPDATE payment_request
       SET failures = 12, parked_at = :now, next_attempt_at = NULL, last_detail = 'the client failed' RETURNING id
"""


@pytest.fixture
async def aside(world: World, urls: Urls, monkeypatch: pytest.MonkeyPatch) -> World:
    """One callback, one question and one request that wait for a person."""
    await asked_to_pay(world, "sandbox")
    for statement in (CALLBACK, QUESTION, REQUEST):
        await world.rows(statement, now=world.clock.now())
    monkeypatch.setattr(SystemClock, "now", lambda _clock: world.clock.now())
    monkeypatch.setenv("RAMU_MODE", "local")
    monkeypatch.setenv("DATABASE_URL", urls.app)
    monkeypatch.setenv("COLUMNS", "200")
    return world


async def retried(world: World) -> list[object]:
    """Return what somebody had tried again, from the trace that it left."""
    return [row[0] for row in await world.rows("SELECT subject FROM audit_event WHERE action = 'parked.retried'")]


async def callbacks(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, ["callbacks", *arguments])


async def test_the_list_shows_what_waits_with_its_reason_and_the_name_to_type(aside: World) -> None:
    trouble = Trouble(TroubleKind.REFUSES_US, "HTTP 401")
    await aside.database.transact(lambda connection: say(connection, "sandbox", "submit", trouble, aside.clock.now()))
    shown = await callbacks("list")
    assert shown.exit_code == 0, shown.output
    for words in ("A1", "Q1", "D1", "avis", "question", "demande", "not strict JSON", "the client failed"):
        assert words in shown.output
    assert "sandbox nous refuse depuis le 23/11/2026 08:00 UTC (submit) : HTTP 401" in shown.output


@pytest.mark.parametrize(
    ("name", "left"), [("A1", ["question", "demande"]), (" q1 ", ["avis", "demande"]), ("d1", ["avis", "question"])]
)
async def test_what_is_tried_again_is_due_at_once_and_leaves_a_trace(aside: World, name: str, left: list[str]) -> None:
    again = await callbacks("retry", name)
    assert again.exit_code == 0, again.output
    table = {"A": "callback", "Q": "inquiry", "D": "payment_request"}[name.strip()[0].upper()]
    assert await aside.rows(f"SELECT parked_at, next_attempt_at FROM {table}") == [(None, aside.clock.now())]  # noqa: S608
    assert await retried(aside) == [f"parked/{name.strip().upper()}"]
    listed = (await callbacks("list")).output
    assert all(word in listed for word in left)
    assert (await callbacks("retry", name)).exit_code == 1
    assert len(await retried(aside)) == 1


@pytest.mark.parametrize("name", ["", "1", "A", "A0", "B7", "A-1", "A1; DROP TABLE callback", "A" + "9" * 40])
async def test_a_name_that_is_not_in_the_list_is_refused_in_a_sentence(aside: World, name: str) -> None:
    refused = await callbacks("retry", name)
    assert refused.exit_code == 1
    assert "Le nom est celui de la liste" in refused.output
    assert await retried(aside) == []


async def test_a_callback_is_shown_masked_with_what_was_made_of_it(aside: World) -> None:
    answer(aside, await pushed(aside, AMINATA, "S1"))
    await aside.deliver()
    await aside.work()
    [(number,)] = await aside.rows("SELECT max(id) FROM callback")
    [(token, reference, transaction)] = await aside.rows(
        "SELECT callback_token, reference, operator_transaction_id FROM payment_request"
        "  JOIN payment ON payment.request_id = payment_request.id"
    )
    shown = (await callbacks("show", f"A{number}")).output
    for words in (
        f"Avis A{number}, sandbox : lu, le 23/11/2026",
        "non signé, à vérifier auprès de l'opérateur",
        "PUT /webhooks/sandbox/***",
        '"transactionStatus": "completed"',
        f"Demande {reference} : payée",
        f"Constat : opération {transaction}, réussie, 3\u202f000 F, payeur +223 ** ** *0 01 (avis non vérifié)",
        "Question à l'opérateur",
        "Paiement ",
        "3\u202f000 F (interrogation de l'opérateur)",
    ):
        assert words in shown, shown
    for secret in (str(token), AMINATA.removeprefix("+223")):
        assert secret not in shown


@pytest.mark.usefixtures("aside")
async def test_a_callback_that_came_to_nothing_says_so_and_why() -> None:
    shown = (await callbacks("show", "a1")).output
    for words in ("mis de côté pour une personne", "Essais : 12", "Remarque : not strict JSON", "Relu maintenant"):
        assert words in shown, shown
    assert "Rien n'en a été fait" in shown
    for name, sentence in (("Q1", "Seul un avis se montre"), ("A999", "Aucun avis A999"), ("x", "ramu callbacks show")):
        refused = await callbacks("show", name)
        assert (refused.exit_code, sentence in refused.output) == (1, True), refused.output


async def test_a_callback_that_failed_is_listed_and_read_again_at_once(aside: World) -> None:
    await aside.rows(
        "UPDATE callback SET parked_at = NULL, attempts = 3, next_attempt_at = :at, last_error = 'not written: X'"
        " RETURNING id",
        at=aside.clock.now() + timedelta(minutes=4),
    )
    listed = (await callbacks("list")).output
    for words in ("Sera relu", "A1", "23/11/2026 08:04:00", "not written: X"):
        assert words in listed, listed
    assert (await callbacks("retry", "A1")).exit_code == 0
    assert await aside.rows("SELECT attempts, next_attempt_at FROM callback") == [(0, aside.clock.now())]


async def test_the_list_counts_unreadable_callbacks_by_sender(aside: World) -> None:
    raw = RawRequest("PUT", "/webhooks/sandbox", "", {}, b"{", aside.clock.now())

    async def came(connection: AsyncConnection) -> None:
        for number in range(2, 14):
            await store(connection, "sandbox", None, raw, Verdict(VerdictKind.ACCEPT, "signed"), sender="10.1.2.3")
            await mark_failed(connection, number, "not strict JSON", aside.clock.now(), park=True)

    await aside.database.transact(came)
    listed = (await callbacks("list")).output
    assert (
        "sandbox, 10.1.2.3 : 12 avis illisibles, dont 12 à décider (du 23/11/2026 au 23/11/2026, le dernier A13)"
        in listed
    )


async def test_when_nothing_waits_the_list_says_so(
    world: World, urls: Urls, ids: CountedIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    del ids
    monkeypatch.setenv("RAMU_MODE", "local")
    monkeypatch.setenv("DATABASE_URL", urls.app)
    assert await world.count("callback") == 0
    assert "Rien n'est mis de côté." in (await callbacks("list")).output
