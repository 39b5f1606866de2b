"""Whether the process lives, whether it can do its work, and its counters."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus

from fastapi import APIRouter
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import QueuePool
from starlette.responses import JSONResponse, Response

from gateway.infra.clock import NO_SHIFT, ClockShift
from gateway.infra.clock_shift import read_shift
from gateway.infra.deps import Deps
from gateway.infra.metrics import (
    CALLBACKS_PARKED,
    CALLBACKS_UNREADABLE_SENDERS,
    INBOX_LAG_S,
    POOL_IN_USE,
    SMS_WAITING,
    render,
)
from gateway.infra.migrate import head
from gateway.reports.unreadable import waiting_senders
from gateway.reports.waiting import troubles
from gateway.sms.review import waiting as waiting_sms

CLOCK_SKEW_MAX_S = 60
#: Who asks whether we are ready waits for two or three seconds.
READY_DEADLINE_S = 1.5

#: Says whether sessions can be kept now.
SessionsAnswer = Callable[[], Awaitable[bool]]
NO_DATABASE = "the database does not answer, or was not migrated"
NO_SESSIONS = "sessions are out: their store does not answer"

#: What money rests on: a database that was made careless must not be used.
STATE = text("""
    SELECT (SELECT version_num FROM alembic_version) AS migration,
           clock_timestamp() AS moment,
           current_setting('fsync') AS fsync,
           current_setting('full_page_writes') AS full_page_writes,
           current_setting('synchronous_commit') AS synchronous_commit
""")


#: Each half has a partial index of its own.
WAITING = text("""
    SELECT coalesce(extract(epoch FROM CAST(:now AS timestamptz)
                            - (SELECT min(received_at) FROM callback WHERE handled_at IS NULL AND parked_at IS NULL)),
                    0) AS lag_s,
           (SELECT count(*) FROM callback WHERE parked_at IS NOT NULL AND handled_at IS NULL) AS parked
""")


def router(deps: Deps, sessions_answer: SessionsAnswer) -> APIRouter:
    """Return the addresses that machines watch."""
    routes = APIRouter()
    operators: list[str] = []
    database = Check(NO_DATABASE, lambda: _database_faults(deps, operators))
    sessions = Check(NO_SESSIONS, lambda: _session_faults(sessions_answer))

    @routes.get("/livez", include_in_schema=False)
    async def livez() -> Response:
        return Response("ok", media_type="text/plain")

    @routes.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:
        faults = [fault for told in await asyncio.gather(database.faults(), sessions.faults()) for fault in told]
        status = HTTPStatus.SERVICE_UNAVAILABLE if faults else HTTPStatus.OK
        return JSONResponse({"ready": not faults, "faults": faults, "operators": operators}, status)

    @routes.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        await _measure(deps)
        return Response(render(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes


class Check:
    """One question about our fitness, which always has an answer in time.

    What does not answer is left alone, since taking a question back may hang as well, and is not asked again before
    it has answered: a watch that comes every second must not pile up questions.
    """

    def __init__(self, when_silent: str, ask: Callable[[], Awaitable[list[str]]]) -> None:
        self._when_silent = when_silent
        self._ask = ask
        self._asking: asyncio.Future[list[str]] | None = None

    async def faults(self) -> list[str]:
        """Return what is wrong, in sentences; silence is one of them."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self._ask())
        asking = self._asking
        done, _ = await asyncio.wait({asking}, timeout=READY_DEADLINE_S)
        return asking.result() if done else [self._when_silent]


async def _session_faults(sessions_answer: SessionsAnswer) -> list[str]:
    return [] if await sessions_answer() else [NO_SESSIONS]


async def _measure(deps: Deps) -> None:
    """Set the gauges that only the database and the pools know; without a database they keep what they last said."""
    pools = [database.engine.pool for database in (deps.ingress_db, deps.console_db, deps.worker_db)]
    POOL_IN_USE.set(sum(pool.checkedout() for pool in pools if isinstance(pool, QueuePool)))

    async def ask(connection: AsyncConnection) -> tuple[Decimal, int, dict[str, int], dict[str, int]]:
        lag_s, parked = (await connection.execute(WAITING, {"now": deps.clock.now()})).one()
        return lag_s, parked, await waiting_senders(connection), await waiting_sms(connection)

    with suppress(SQLAlchemyError, OSError):
        lag_s, parked, senders, messages = await deps.console_db.alone(ask, READY_DEADLINE_S)
        INBOX_LAG_S.set(int(lag_s))
        CALLBACKS_PARKED.set(parked)
        for operator in deps.operators.keys() | senders.keys():
            CALLBACKS_UNREADABLE_SENDERS.labels(operator).set(senders.get(operator, 0))
        SMS_WAITING.clear()
        for trouble, count in messages.items():
            SMS_WAITING.labels(trouble).set(count)


def _clock_faults(deps: Deps, moment: datetime, shift: ClockShift) -> list[str]:
    # Only local mode follows the row; what was done in it while it said another time is dated by that time.
    if shift.ahead and not deps.local_mode:
        return ["the time of this database was moved ahead in local mode; it holds no true books"]
    skew_s = abs((deps.clock.now() - moment - shift.at(moment)).total_seconds())
    if skew_s <= CLOCK_SKEW_MAX_S:
        return []
    return [f"our clock and the database's differ by {int(skew_s)} s"]


async def _database_faults(deps: Deps, operators: list[str]) -> list[str]:
    """Ask the database what is wrong with it; it is also who knows which operators are in trouble.

    Those are lines for people to read, and no fault of this process: no other process of ours would do better.
    """
    try:
        async with deps.ingress_db.single() as connection:
            state = (await connection.execute(STATE)).one()
            is_ours = state.migration == head()
            shift = await read_shift(connection) if is_ours else NO_SHIFT
            found = await troubles(connection) if is_ours else ()
    except (SQLAlchemyError, OSError):
        return [NO_DATABASE]
    operators[:] = [
        f"{one.operator}: {one.kind} ({one.job}) since {one.since:%Y-%m-%dT%H:%MZ}: {one.detail}" for one in found
    ]
    faults = []
    if state.migration != head():
        faults.append(f"the database is at migration {state.migration}, this release needs {head()}")
    faults += _clock_faults(deps, state.moment, shift)
    careless = {"fsync": state.fsync, "full_page_writes": state.full_page_writes} | (
        {"synchronous_commit": "off"} if state.synchronous_commit in {"off", "local"} else {}
    )
    faults += [f"the database runs with {name}=off" for name, value in careless.items() if value == "off"]
    return faults
