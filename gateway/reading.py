"""Reads a file into memory once and within limits, and computes beside the event loop within a time."""

import asyncio
import io
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import BinaryIO, Final, TypeVar

Result = TypeVar("Result")

BLOCK_BYTES: Final = 1024 * 1024

#: The busiest day of the whole country would fit into one file.
LINES_MAX: Final = 1_000_000


class TooLarge(Exception):
    """A file of more than so many bytes."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        super().__init__(f"more than {bytes_max} bytes")


class TooManyLines(Exception):
    """A file of more than so many lines."""

    def __init__(self, lines_max: int) -> None:
        self.lines_max = lines_max
        super().__init__(f"more than {lines_max} lines")


class ReadingTooLong(Exception):
    """A computation that was not over in its time; its thread is left to end by itself."""


def read_bounded(file: BinaryIO, bytes_max: int, lines_max: int = LINES_MAX) -> bytes:
    """Give what a file holds, or raise ``TooLarge`` or ``TooManyLines`` as soon as that is known."""
    held, line_count = io.BytesIO(), 0
    while block := file.read(BLOCK_BYTES):
        held.write(block)
        line_count += block.count(b"\n")
        if held.tell() > bytes_max:
            raise TooLarge(bytes_max)
        if line_count > lines_max:
            raise TooManyLines(lines_max)
    # This hands the buffer over; it copies nothing.
    return held.getvalue()


async def in_thread(compute: Callable[[], Result], deadline_s: float) -> Result:
    """Give the result of a computation, or raise ``ReadingTooLong``.

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
