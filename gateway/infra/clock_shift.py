"""Where the time of local mode is kept: one row, read by every process once a second, and only ever moved ahead."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.infra.clock import ClockShift, ShiftedClock
from gateway.infra.database import Database

log = structlog.stdlib.get_logger()

LOOK_EVERY_S: Final = 1
#: From writing a move to its beginning: every process has looked by then, also one that was busy for a while.
LEAD: Final = timedelta(seconds=2)
#: The column has the same bound.
AHEAD_MAX: Final = timedelta(days=3653)

READ = text("SELECT ahead_s, before_s, begins_at FROM clock_shift")
LOCK = text("SELECT ahead_s, before_s, begins_at FROM clock_shift FOR UPDATE")
MOVE = text("UPDATE clock_shift SET ahead_s = :ahead_s, before_s = :before_s, begins_at = :begins_at")


class ClockMoving(Exception):
    """Another move has not begun yet."""


class TooFarAhead(Exception):
    """The time would be further ahead than anything here was made for."""


async def read_shift(connection: AsyncConnection) -> ClockShift:
    """Return how far ahead the time is, and since when."""
    ahead_s, before_s, begins_at = (await connection.execute(READ)).one()
    return ClockShift(timedelta(seconds=ahead_s), timedelta(seconds=before_s), begins_at)


async def move_ahead(connection: AsyncConnection, by: timedelta, machine_now: datetime) -> ClockShift:
    """Move the time of every process ahead, soon; return the move, and when it begins."""
    ahead_s, _, begins_at = (await connection.execute(LOCK)).one()
    if begins_at > machine_now:
        raise ClockMoving
    before = timedelta(seconds=ahead_s)
    move = ClockShift(before + by, before, machine_now + LEAD)
    if move.ahead > AHEAD_MAX:
        raise TooFarAhead
    seconds = {"ahead_s": move.ahead // timedelta(seconds=1), "before_s": ahead_s, "begins_at": move.begins_at}
    await connection.execute(MOVE, seconds)
    return move


async def look(database: Database, clock: ShiftedClock) -> None:
    """Set a clock by the row."""
    async with database.single() as connection:
        clock.take(await read_shift(connection))


@asynccontextmanager
async def following(database: Database, clock: ShiftedClock) -> AsyncIterator[None]:
    """Keep a clock by the row meanwhile; while the database does not answer, the clock goes on as it was."""
    # Without a database nothing is done at any time; once it answers, its time is taken within a second.
    with suppress(SQLAlchemyError, OSError):
        await look(database, clock)
    looking = asyncio.create_task(_look_again(database, clock))
    try:
        yield
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking


async def _look_again(database: Database, clock: ShiftedClock) -> None:
    is_silent = False
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        try:
            await look(database, clock)
        except (SQLAlchemyError, OSError) as failure:
            if not is_silent:
                log.warning("clock.not_read", kind=type(failure).__name__)
            is_silent = True
        else:
            is_silent = False
