"""What the operator shows of each callback: what it sent, what came back, how often it was tried."""

import html
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox_operator import actions, deliver
from sandbox_operator.actions import WalletOperator
from sandbox_operator.app import create_operator
from sandbox_operator.journal import FILE_NAME
from sandbox_operator.model import UnaskedPayment
from tests.sandbox_operator.sandbox_world import PAYER, Hand

NOTIFY_URL = "http://gateway.test/webhooks/sandbox/our-key"
PROBLEM = json.dumps({"title": "Unauthorized", "check": "key", "detail": "<b>call us</b>"})


@dataclass
class Wire:
    """The operator, the merchant that answers it as told, and a browser before its page."""

    operator: WalletOperator
    hand: Hand
    answers: deque[Response | Exception]
    to_merchant: httpx.AsyncClient
    browser: httpx.AsyncClient

    async def pay(self, *answers: Response | Exception) -> None:
        """Let somebody pay, and the callback be sent until it is taken or given up."""
        self.answers.extend(answers)
        payment = UnaskedPayment(payer_msisdn=PAYER, amount_xof=3000)
        actions.pay_unasked(self.operator, payment, self.hand())
        while await deliver.run_once(self.operator, self.hand, self.to_merchant):
            self.hand.forward(100)

    async def page(self, path: str = "/") -> str:
        answer = await self.browser.get(path)
        assert answer.status_code == 200
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        return html.unescape(answer.text)


@asynccontextmanager
async def wired() -> AsyncIterator[Wire]:
    answers: deque[Response | Exception] = deque()

    async def taken(request: Request) -> Response:
        del request
        answer = answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer

    hand, merchant = Hand(), Starlette(routes=[Route("/{path:path}", taken, methods=["PUT"])])
    app = create_operator(None, hand, notify_url=NOTIFY_URL)
    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(app=merchant)) as to_merchant,
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://operator.test") as browser,
    ):
        yield Wire(app.state.operator, hand, answers, to_merchant, browser)


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with wired() as opened:
        yield opened


async def test_a_callback_shows_what_it_sent_and_what_came_back_at_each_try(wire: Wire) -> None:
    await wire.pay(Response(PROBLEM, 401), httpx.ConnectError("nobody"), Response(status_code=204))
    [delivery] = wire.operator.books.deliveries.values()
    assert [(one.status, one.fault) for one in delivery.tries] == [(401, None), (None, "ConnectError"), (204, None)]
    shown = await wire.page()
    assert f"Avis de {delivery.transaction}" in shown
    for words in ("pris\u00a0: 204", "3 essais", NOTIFY_URL, delivery.body):
        assert words in shown
    whole = await wire.page(f"/avis/{delivery.id}")
    for words in (
        f"PUT {NOTIFY_URL}",
        f"X-CorrelationID: {delivery.correlation_id}",
        f"X-Date: {delivery.tries[1].at.isoformat()}",
        '"transactionStatus": "completed"',
        "Reçu\u00a0: 401",
        '"check": "key"',
        "Aucune réponse (ConnectError).",
        "Corps vide.",
    ):
        assert words in whole
    assert "<b>call us" not in (await wire.browser.get(f"/avis/{delivery.id}")).text


async def test_a_callback_that_was_given_up_says_so_and_the_list_holds_every_one(wire: Wire) -> None:
    await wire.pay(*(Response("busy", 503) for _ in range(6)))
    for _ in range(25):
        await wire.pay(Response(status_code=204))
    shown = await wire.page("/avis")
    assert "refusé\u00a0: 503" in shown
    assert "6 essais, abandonné" in shown
    assert shown.count('data-delivery="') == 26
    assert (await wire.page()).count('data-delivery="') == 20
    gone = "/avis/00000000-0000-0000-0000-000000000009"
    assert (await wire.browser.get(gone)).status_code == 404


async def test_of_an_answer_without_end_the_beginning_is_kept(wire: Wire) -> None:
    await wire.pay(Response(b"\xff" + b"x" * 1_000_000, 200))
    [delivery] = wire.operator.books.deliveries.values()
    [one] = delivery.tries
    assert one.answer == "\ufffd" + "x" * (deliver.ANSWER_BYTES_KEPT - 1)


async def test_a_journal_from_before_is_read_and_shown(tmp_path: Path) -> None:
    old = {"row": "delivery", "id": str(UUID(int=7)), "url": NOTIFY_URL, "correlation_id": str(UUID(int=8))}
    sent = {"body": "{}", "attempts": 1, "last_status": 204, "next_at": None}
    (tmp_path / FILE_NAME).write_text(json.dumps([{**old, **sent}]) + "\n")
    app = create_operator(tmp_path, Hand())
    try:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://operator.test"
        ) as browser:
            assert "pris&nbsp;: 204" in (await browser.get("/")).text
            assert (await browser.get(f"/avis/{UUID(int=7)}")).status_code == 200
    finally:
        app.state.operator.books.close()
