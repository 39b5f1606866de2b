"""Sending callbacks: again and again until somebody answers 2xx, then no more."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

import httpx

from sandbox_operator.actions import WalletOperator, run_due
from sandbox_operator.model import Delivery, DeliveryTry

_log = logging.getLogger(__name__)

#: How long we wait after each failed attempt, then give up: the merchant has to ask or read the statement.
RETRY_AFTER_S = (1, 2, 5, 15, 60)
TIMEOUT_S = 5
METHOD = "PUT"
ANSWER_BYTES_KEPT = 2_000
LOOK_EVERY_S = 0.2
AT_ONCE = 20


async def run(
    operator: WalletOperator, clock: Callable[[], datetime], http: httpx.AsyncClient, stopping: asyncio.Event
) -> None:
    """Perform what is due until told to stop; a callback that is under way is finished first."""
    while not stopping.is_set():
        try:
            await run_once(operator, clock, http)
        except OSError:
            # A full disk must not silence the operator for good: what was not written is tried again.
            _log.exception("sandbox_operator.journal_unwritable")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), LOOK_EVERY_S)


async def run_once(operator: WalletOperator, clock: Callable[[], datetime], http: httpx.AsyncClient) -> int:
    """Perform what is due now and return the number of callbacks tried."""
    now = clock()
    run_due(operator, now)
    due = operator.books.due_deliveries(now)[:AT_ONCE]
    tries = await asyncio.gather(*(_send(http, delivery, clock()) for delivery in due))
    for delivery, one in zip(due, tries, strict=True):
        operator.books.write(_tried(delivery, one, now))
    return len(due)


def headers_of(delivery: Delivery, at: datetime) -> dict[str, str]:
    """Return the headers of a callback that is sent at a moment."""
    return {
        "Content-Type": "application/json",
        "X-Date": at.isoformat(),
        "X-CorrelationID": str(delivery.correlation_id),
    }


async def _send(http: httpx.AsyncClient, delivery: Delivery, at: datetime) -> DeliveryTry:
    content, headers = delivery.body.encode(), headers_of(delivery, at)
    try:
        async with (
            asyncio.timeout(TIMEOUT_S),
            http.stream(METHOD, delivery.url, content=content, headers=headers) as answer,
        ):
            return DeliveryTry(at=at, status=answer.status_code, answer=await _beginning(answer))
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as failure:
        return DeliveryTry(at=at, status=None, fault=type(failure).__name__)


async def _beginning(answer: httpx.Response) -> str:
    """Return the beginning of an answer, which is enough to read why; nobody's answer fills the journal."""
    content = b""
    async for chunk in answer.aiter_bytes():
        content += chunk
        if len(content) >= ANSWER_BYTES_KEPT:
            break
    return content[:ANSWER_BYTES_KEPT].decode(errors="replace")


def _tried(delivery: Delivery, one: DeliveryTry, now: datetime) -> Delivery:
    attempts = delivery.attempts + 1
    tried = delivery.model_copy(
        update={"attempts": attempts, "last_status": one.status, "next_at": None, "tries": (*delivery.tries, one)}
    )
    if tried.is_taken or attempts > len(RETRY_AFTER_S):
        return tried
    return tried.model_copy(update={"next_at": now + timedelta(seconds=RETRY_AFTER_S[attempts - 1])})
