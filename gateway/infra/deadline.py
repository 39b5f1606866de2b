"""Giving up on work that hangs, without waiting for it to notice."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

#: Given up, but not yet gone: the event loop itself would not keep them alive.
_ABANDONED: set[asyncio.Task[Any]] = set()


async def within(limit_s: float, work: Coroutine[Any, Any, Result]) -> Result:
    """Return what the work gives, or raise ``TimeoutError`` when the time is up.

    ``asyncio.timeout`` waits until the cancelled work has ended, and a driver whose server is silent takes as long over
    its cancellation as over its question. Here the work is told to stop, and left to it.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=limit_s)
    finally:
        if not task.done():
            _abandon(task)
    if not task.done():
        raise TimeoutError
    return task.result()


def _abandon(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    _ABANDONED.add(task)
    task.add_done_callback(_gone)


def _gone(task: "asyncio.Task[Any]") -> None:
    _ABANDONED.discard(task)
    if not task.cancelled():
        # Nobody waits for it any more; asking keeps the event loop from complaining.
        task.exception()
