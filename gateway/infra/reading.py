"""Goes through a file within limits, and computes beside the event loop within a time."""

import asyncio
import gc
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Future
from itertools import islice
from typing import BinaryIO, Final, TypeVar

Result = TypeVar("Result")
Item = TypeVar("Item")

BLOCK_BYTES: Final = 1024 * 1024

#: The busiest day of the whole country would fit into one file.
LINES_MAX: Final = 1_000_000


#: A thread that is at work on items nobody wants any more is waited for so long, not longer.
LET_GO_S: Final = 5


class TooLarge(Exception):
    """A file of more than so many bytes."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        super().__init__(f"more than {bytes_max} bytes")


#: How long one thread may keep the interpreter while another waits for it. Python's own five milliseconds are what each
#: answer of PostgreSQL would wait for whoever reads: a file's lines took twice as long to be kept as to be read.
SHARED_FOR_S: Final = 0.000_05
#: Lines have no cycles: looking for some in every few hundred of them costs a tenth of their reading.
OBJECTS_BETWEEN_SEARCHES: Final = 50_000


class TooManyLines(Exception):
    """A file of more than so many lines."""

    def __init__(self, lines_max: int) -> None:
        self.lines_max = lines_max
        super().__init__(f"more than {lines_max} lines")


class ReadingTooLong(Exception):
    """A computation that was not over in its time; its thread is left to end by itself."""


def measure(file: BinaryIO, bytes_max: int, lines_max: int = LINES_MAX) -> bool:
    """Return whether a file holds anything, or raise ``TooLarge`` or ``TooManyLines`` as soon as that is known."""
    byte_count = line_count = 0
    holds_anything = False
    file.seek(0)
    while block := file.read(BLOCK_BYTES):
        byte_count += len(block)
        line_count += block.count(b"\n")
        if byte_count > bytes_max:
            raise TooLarge(bytes_max)
        if line_count > lines_max:
            raise TooManyLines(lines_max)
        holds_anything = holds_anything or not block.isspace()
    return holds_anything


async def in_slices(items: Iterator[Item], size: int, deadline_s: float) -> AsyncGenerator[list[Item], None]:
    """Return items in lists of ``size``, the next list being made in a thread while the last one is worked on.

    Raises ``ReadingTooLong`` when all of them together take longer than the deadline.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + deadline_s
    sys.setswitchinterval(SHARED_FOR_S)
    gc.set_threshold(OBJECTS_BETWEEN_SEARCHES)

    def following() -> asyncio.Future[list[Item]]:
        return asyncio.ensure_future(in_thread(lambda: list(islice(items, size)), until - loop.time()))

    coming = following()
    try:
        while some := await coming:
            coming = following()
            yield some
    finally:
        # Whoever leaves early may begin again with the same file, so the thread should have let go of it.
        await asyncio.wait([coming], timeout=LET_GO_S)
        if coming.done() and not coming.cancelled():
            coming.exception()
        coming.cancel()


async def in_thread(compute: Callable[[], Result], deadline_s: float) -> Result:
    """Return the result of a computation, or raise ``ReadingTooLong``.

    The thread is of its own and a daemon: one that never ends takes no place in a pool and holds no process back.
    """
    outcome: Future[Result] = Future()
    # From here on the thread alone says how it ends: a caller who has left cancels nothing under it.
    outcome.set_running_or_notify_cancel()

    def run() -> None:
        try:
            outcome.set_result(compute())
        except Exception as failure:  # noqa: BLE001 - the caller hears of it
            outcome.set_exception(failure)

    threading.Thread(target=run, name="reading", daemon=True).start()
    try:
        return await asyncio.wait_for(asyncio.wrap_future(outcome), deadline_s)
    except TimeoutError:
        if outcome.done():
            # The computation itself said so.
            raise
        raise ReadingTooLong from None
