"""What a person at the command line sees of what was set aside, and what trying it again does."""

import asyncio

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.infra.clock import SystemClock
from payments.requests.trouble import Trouble, TroubleKind, say
from tests.conftest import Urls
from tests.fixed import CountedIds
from tests.gateway.jobs.towns import asked_to_pay
from tests.world import World

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


async def test_when_nothing_waits_the_list_says_so(
    world: World, urls: Urls, ids: CountedIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    del ids
    monkeypatch.setenv("RAMU_MODE", "local")
    monkeypatch.setenv("DATABASE_URL", urls.app)
    assert await world.count("callback") == 0
    assert "Rien n'est mis de côté." in (await callbacks("list")).output
