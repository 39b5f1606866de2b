"""The one place where transactions begin, commit and roll back."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from psycopg.errors import DeadlockDetected, SerializationFailure
from sqlalchemy import event
from sqlalchemy.engine import AdaptedConnection
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from gateway.infra.database_link import Link, was_closed
from gateway.infra.deadline import within

Result = TypeVar("Result")

ATTEMPTS = 5
#: A transaction whose connection was lost is tried once more, on a new connection, and not longer: the caller waits.
LOSSES = 1
#: A first wait before trying a refused transaction again; it doubles, with as much chance on top.
BACKOFF_MS = 10
#: A server that takes a connection and says nothing is given up after this time; the library's own figure is 130 s.
CONNECT_TIMEOUT_S = 3
#: Over a network: a peer that is gone shows within 10 + 3 x 5 s while idle, and within 10 s once we have spoken.
NETWORK = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


class DatabaseSilent(PoolTimeout):
    """No answer came in the time that the caller has; what was asked may yet happen."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long PostgreSQL may work or wait for us, and how long we believe that it is there when it says nothing."""

    statement_ms: int = 30_000
    lock_ms: int = 5_000
    idle_in_transaction_ms: int = 60_000
    silence_ms: int = 150_000


@dataclass(frozen=True, slots=True)
class Pool:
    """How many connections one part of the service may hold; a report cannot starve a callback."""

    size: int = 5
    timeout_s: int = 5


class Database:
    """One bulkhead of connections to PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        event.listen(engine.sync_engine, "checkout", _refuse_closed)
        # Idle connections stand in autocommit: only a transaction pays for a switch.
        self._transacting = engine.execution_options(isolation_level="READ COMMITTED")

    @property
    def engine(self) -> AsyncEngine:
        """Return the engine, for what watches its pool or its statements."""
        return self._engine

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[AsyncConnection]:
        """Commit everything that happens inside, or nothing of it."""
        async with self._transacting.connect() as connection:
            try:
                yield connection
                await connection.commit()
            except BaseException:
                await connection.rollback()
                raise

    @asynccontextmanager
    async def single(self) -> AsyncIterator[AsyncConnection]:
        """Run statements that each stand alone, without paying for a transaction around them."""
        async with self._engine.connect() as connection:
            yield connection

    async def alone(self, work: Callable[[AsyncConnection], Awaitable[Result]], deadline_s: float) -> Result:
        """Run statements that each stand alone, once more if the connection was lost, and for ``deadline_s`` at most.

        Only for statements that may happen twice: of one that was sent and never answered nobody knows whether it
        did.
        """
        try:
            return await within(deadline_s, self._once_more(work))
        except TimeoutError:
            raise DatabaseSilent(f"no answer within {deadline_s:g} s") from None

    async def _once_more(self, work: Callable[[AsyncConnection], Awaitable[Result]]) -> Result:
        try:
            async with self.single() as connection:
                return await work(connection)
        except DBAPIError as lost:
            if not lost.connection_invalidated:
                raise
        async with self.single() as connection:
            return await work(connection)

    async def transact(self, work: Callable[[AsyncConnection], Awaitable[Result]]) -> Result:
        """Run ``work`` in a unit of work that survives the caller's departure and PostgreSQL's refusals.

        A client that hangs up cancels its request; money half-written because of that would be a fault, so the work
        runs in a task of its own. PostgreSQL may refuse a transaction for the sake of another, or have gone away since
        the connection was last used; the work is then run again whole, which is why it must do nothing but talk to
        the database. A connection lost while committing is not tried again: nobody knows what became of it.
        """
        return await asyncio.shield(asyncio.ensure_future(self._attempts(work)))

    async def _attempts(self, work: Callable[[AsyncConnection], Awaitable[Result]]) -> Result:
        losses = 0
        for attempt in range(1, ATTEMPTS + 1):
            committing = False
            try:
                async with self.unit_of_work() as connection:
                    result = await work(connection)
                    committing = True
            except DBAPIError as refused:
                losses += refused.connection_invalidated
                lost = refused.connection_invalidated and not committing and losses <= LOSSES
                given_way = isinstance(refused.orig, SerializationFailure | DeadlockDetected)
                if attempt == ATTEMPTS or not (lost or given_way):
                    raise
                wait_ms = BACKOFF_MS * 2**attempt
                await asyncio.sleep((wait_ms + random.randrange(wait_ms)) / 1000)  # noqa: S311 - not a secret
            else:
                return result
        raise AssertionError("the last attempt returns or raises")

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


def open_database(url: str, pool: Pool, timeouts: Timeouts, *, durable: bool = True) -> Database:
    """Open a pool; ``durable=False`` lets commits return before the disk has them, for dialogues only."""
    options = {
        "statement_timeout": timeouts.statement_ms,
        "lock_timeout": timeouts.lock_ms,
        "idle_in_transaction_session_timeout": timeouts.idle_in_transaction_ms,
        "timezone": "UTC",
        "application_name": "ramu",
    }
    if not durable:
        options["synchronous_commit"] = "off"
    return Database(
        create_async_engine(
            url,
            pool_size=pool.size,
            max_overflow=0,
            pool_timeout=pool.timeout_s,
            pool_pre_ping=False,
            pool_use_lifo=True,
            isolation_level="AUTOCOMMIT",
            hide_parameters=True,
            connect_args={
                "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
                "prepare_threshold": 2,
                "connect_timeout": CONNECT_TIMEOUT_S,
                "async_creator_fn": partial(Link.open, timeouts.silence_ms / 1000),
                **NETWORK,
            },
        )
    )


def _refuse_closed(adapted: AdaptedConnection, _record: object, _fairy: object) -> None:
    """Hand out no connection that the server closed while it lay idle, nor any other that is older than this news.

    After a restart every pooled connection is dead. Nothing was sent on this one, so nothing is in doubt: the pool
    opens a new one, and nobody sees it.
    """
    if was_closed(adapted.driver_connection):
        raise InvalidatePoolError
