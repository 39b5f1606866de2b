"""How a claimed request is put to an operator."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from gateway.deps import Deps
from payments.collect import ClaimedRequest
from payments.operators.contract import PushOrder

Item = TypeVar("Item")
Result = TypeVar("Result")


def order_for(deps: Deps, claimed: ClaimedRequest) -> PushOrder:
    """Give the order of a request; its ids were made and kept before, and are the same at every repetition."""
    return PushOrder(
        reference=claimed.reference,
        correlation_id=claimed.correlation_id,
        amount_xof=claimed.amount_xof,
        payer_msisdn=claimed.payer_msisdn,
        callback_url=f"{deps.public_url}/webhooks/{claimed.operator}/{claimed.callback_token}",
    )


async def each(
    items: Sequence[Item], call: Callable[[Item], Awaitable[Result]], at_once: int
) -> list[tuple[Item, Result]]:
    """Make one call for each item, a few at a time, outside any transaction."""
    slots = asyncio.Semaphore(at_once)

    async def one(item: Item) -> tuple[Item, Result]:
        async with slots:
            return item, await call(item)

    return list(await asyncio.gather(*(one(item) for item in items)))
