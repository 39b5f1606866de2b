"""Sending callbacks: again and again until somebody answers 2xx, then no more."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

import httpx

from sandbox_operator.actions import WalletOperator, run_due
from sandbox_operator.model import Delivery

_log = logging.getLogger(__name__)

#: How long we wait after each failed attempt, then give up: the merchant has to ask or read the statement.
RETRY_AFTER_S = (1, 2, 5, 15, 60)
TIMEOUT_S = 5
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
    statuses = await asyncio.gather(*(_send(http, delivery, clock) for delivery in due))
    for delivery, status in zip(due, statuses, strict=True):
        operator.books.write(_tried(delivery, status, now))
    return len(due)


async def _send(http: httpx.AsyncClient, delivery: Delivery, clock: Callable[[], datetime]) -> int | None:
    headers = {
        "Content-Type": "application/json",
        "X-Date": clock().isoformat(),
        "X-CorrelationID": str(delivery.correlation_id),
    }
    with contextlib.suppress(httpx.HTTPError, httpx.InvalidURL, TimeoutError):
        async with asyncio.timeout(TIMEOUT_S):
            answer = await http.put(delivery.url, content=delivery.body.encode(), headers=headers)
            return answer.status_code
    return None


def _tried(delivery: Delivery, status: int | None, now: datetime) -> Delivery:
    done = status is not None and httpx.codes.is_success(status)
    attempts = delivery.attempts + 1
    next_at = None
    if not done and attempts <= len(RETRY_AFTER_S):
        next_at = now + timedelta(seconds=RETRY_AFTER_S[attempts - 1])
    return delivery.model_copy(update={"attempts": attempts, "last_status": status, "next_at": next_at})
