"""The floors: bare handlers under the same web server, with the same statements on the same pools and no logic at all.

``ussd`` does the round trips of a turn through the same SQLAlchemy engines, ``ussd-driver`` the same ones through the
driver alone, ``callback`` one INSERT of a callback's row.
"""

import argparse
import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import uvicorn
from psycopg.rows import TupleRow
from sqlalchemy import TextClause, bindparam, make_url, text
from sqlalchemy.dialects.postgresql import JSONB
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.config.settings import Settings, load_settings
from gateway.infra.database import Database, Pool, Timeouts, open_database
from gateway.infra.ids import RandomIds
from gateway.members.account import LOAD as LOAD_ACCOUNT
from gateway.money.promises import KEEP as KEEP_PROMISE
from gateway.ussd.effects import LAST_WALLET, LOCK_HOUSEHOLD
from gateway.ussd.sessions import RESUMABLE_FOR
from gateway.ussd.sessions_postgres import ADVANCE, BEGIN, LATEST, LOOKED_AT_MAX
from gateway.ussd.sessions_postgres import LOAD as LOAD_SESSION
from payments.requests.store import BY_KEY, INSERT, ONE_PHONE_AT_A_TIME, OPEN_PROMPT
from tests.benchmarks.callers import CONFIRMED
from tests.benchmarks.servers import HOST, plain

Values = Mapping[str, Any]
AnsweringTurn = Callable[[bytes], Awaitable[bool]]

CONFIRMED_PATH = CONFIRMED.replace("*", "%2A").encode()
LIFETIME = timedelta(seconds=180)
IDS = RandomIds()

INSERT_CALLBACK = text("""
    INSERT INTO callback (operator, method, path, query, headers, body, verdict, reason, received_at, attempts,
                          next_attempt_at)
    VALUES ('sandbox', :method, '/webhooks/sandbox', '', :headers, :body, 'accept_unverified', :reason, :now, 0, :now)
""").bindparams(bindparam("headers", type_=JSONB))
#: What the statements want to be told. A name that we do not know is a moment; if it is not, PostgreSQL says so.
ACCOUNT_NAMES = frozenset(LOAD_ACCOUNT.compile().params)
REQUEST_STATEMENTS = (ONE_PHONE_AT_A_TIME, BY_KEY, OPEN_PROMPT, INSERT)
REQUEST_NAMES = frozenset(name for statement in REQUEST_STATEMENTS for name in statement.compile().params)

REASON = "the standard signs nothing: to be confirmed by query"


def ussd(settings: Settings) -> Starlette:
    """Load a session, load an account, keep the session; a confirmed turn writes its request between."""
    doors, sessions = _database(settings), _database(settings, durable=False)
    content = "x" * int(os.environ["FLOOR_SESSION_CHARS"])

    async def turn(body: bytes) -> bool:
        fields, now = _fields(body), datetime.now(UTC)
        async with sessions.single() as connection:
            kept = (await connection.execute(LOAD_SESSION, _session(fields, now))).one_or_none()
            if kept is None:
                (await connection.execute(LATEST, _left(fields, now))).all()
        async with doors.single() as connection:
            account = (await connection.execute(LOAD_ACCOUNT, _account(fields, now))).one()
        ends = fields[b"text"] == CONFIRMED_PATH
        if ends:
            async with doors.unit_of_work() as connection:
                await connection.execute(LOCK_HOUSEHOLD, {"household_id": account.id})
                values = _request(fields, account.id, now)
                for statement in REQUEST_STATEMENTS:
                    (await connection.execute(statement, values)).one_or_none()
                await connection.execute(KEEP_PROMISE, values)
                await connection.execute(LAST_WALLET, {"msisdn": values["payer_msisdn"], "wallet": "sandbox"})
        version = 1 if kept is None else kept.version + 1
        session = _kept(fields, now, content, version) | {"expected_version": version - 1}
        async with sessions.single() as connection:
            (await connection.execute(BEGIN if kept is None else ADVANCE, session)).one()
        return ends

    return _app(_turns(turn), doors, sessions)


def ussd_driver(settings: Settings) -> Starlette:
    """Do the same without SQLAlchemy, for information: what the engine itself costs."""
    doors, sessions = _DriverPool(settings, ""), _DriverPool(settings, " -c synchronous_commit=off")
    content = "x" * int(os.environ["FLOOR_SESSION_CHARS"])

    async def turn(body: bytes) -> bool:
        fields, now = _fields(body), datetime.now(UTC)
        async with sessions.one() as connection:
            kept = await _row(connection, LOAD_SESSION, _session(fields, now))
            if kept is None:
                await _row(connection, LATEST, _left(fields, now))
        async with doors.one() as connection:
            account = await _row(connection, LOAD_ACCOUNT, _account(fields, now))
        ends = fields[b"text"] == CONFIRMED_PATH
        if ends and account is not None:
            values = _request(fields, account[0], now)
            async with doors.one() as connection, connection.transaction():
                await _row(connection, LOCK_HOUSEHOLD, {"household_id": account[0]})
                for statement in REQUEST_STATEMENTS:
                    await _row(connection, statement, values)
                await connection.execute(_sql(KEEP_PROMISE), values)
                wallet = {"msisdn": values["payer_msisdn"], "wallet": "sandbox"}
                await connection.execute(_sql(LAST_WALLET), wallet)
        version = 1 if kept is None else kept[0] + 1
        values = _kept(fields, now, content, version) | {"expected_version": version - 1}
        async with sessions.one() as connection:
            await _row(connection, BEGIN if kept is None else ADVANCE, values)
        return ends

    return _app(_turns(turn), doors, sessions)


def callback(settings: Settings) -> Starlette:
    """Store one row and commit."""
    doors = _database(settings)
    headers = json.loads(os.environ["FLOOR_HEADERS"])

    async def store(request: Request) -> Response:
        now, body = datetime.now(UTC), await request.body()
        row = {"method": request.method, "headers": headers, "body": body, "reason": REASON, "now": now}
        async with doors.single() as connection:
            await connection.execute(INSERT_CALLBACK, row)
        return Response(status_code=204)

    return _app(store, doors)


def _turns(turn: AnsweringTurn) -> Callable[[Request], Awaitable[Response]]:
    screen = "x" * int(os.environ["FLOOR_SCREEN_CHARS"])

    async def answer(request: Request) -> Response:
        ends = await turn(await request.body())
        return Response(f"{'END' if ends else 'CON'} {screen}", media_type="text/plain")

    return answer


def _fields(body: bytes) -> dict[bytes, bytes]:
    pairs = (pair.partition(b"=") for pair in body.split(b"&"))
    return {name: value for name, _, value in pairs}


def _msisdn(fields: dict[bytes, bytes]) -> str:
    return f"+{fields[b'phoneNumber'][3:].decode()}"


def _session(fields: dict[bytes, bytes], now: datetime) -> dict[str, Any]:
    return {"aggregator": "africastalking", "session_id": fields[b"sessionId"].decode(), "now": now}


def _left(fields: dict[bytes, bytes], now: datetime) -> dict[str, Any]:
    return {"msisdn": _msisdn(fields), "since": now - RESUMABLE_FOR, "most": LOOKED_AT_MAX}


def _kept(fields: dict[bytes, bytes], now: datetime, content: str, version: int) -> dict[str, Any]:
    changed = {"msisdn": _msisdn(fields), "version": version, "content": content, "expires_at": now + LIFETIME}
    return _session(fields, now) | changed


def _account(fields: dict[bytes, bytes], now: datetime) -> dict[str, Any]:
    told = {"msisdn": _msisdn(fields), "turn": "none", "registration_key": "registered/none"}
    return dict.fromkeys(ACCOUNT_NAMES, now) | told


def _request(fields: dict[bytes, bytes], household_id: int, now: datetime) -> dict[str, Any]:
    return dict.fromkeys(REQUEST_NAMES, now) | {
        "operator": "sandbox",
        "reference": IDS.reference(),
        "correlation_id": uuid4(),
        "callback_token": IDS.token(),
        "idempotency_key": f"ussd:africastalking:{fields[b'sessionId'].decode()}:5:0",
        "party_id": household_id,
        "payer_msisdn": _msisdn(fields),
        "amount_xof": 1000,
        "created_at": now,
        "next_attempt_at": now,
        "opened_after": now - timedelta(seconds=600),
        "first_day": now.date(),
        "last_day": now.date(),
    }


def _timeouts(settings: Settings) -> Timeouts:
    return Timeouts(
        settings.statement_timeout_s * 1000, settings.lock_timeout_s * 1000, settings.idle_transaction_timeout_s * 1000
    )


def _database(settings: Settings, *, durable: bool = True) -> Database:
    pool = Pool(settings.pool_size, settings.pool_wait_s)
    return open_database(settings.database_url.get_secret_value(), pool, _timeouts(settings), durable=durable)


class _DriverPool:
    """As many connections as the engine's pool, handed out last in, first out, as it does."""

    def __init__(self, settings: Settings, options: str) -> None:
        self._url = plain(settings.database_url.get_secret_value())
        self._options = f"-c timezone=UTC -c statement_timeout={settings.statement_timeout_s * 1000}{options}"
        self._left = settings.pool_size
        self._idle: asyncio.LifoQueue[psycopg.AsyncConnection[TupleRow]] = asyncio.LifoQueue()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[psycopg.AsyncConnection[TupleRow]]:
        if self._idle.empty() and self._left:
            self._left -= 1
            connection = await psycopg.AsyncConnection.connect(
                self._url, autocommit=True, prepare_threshold=2, options=self._options
            )
        else:
            connection = await self._idle.get()
        try:
            yield connection
        finally:
            self._idle.put_nowait(connection)

    async def close(self) -> None:
        while not self._idle.empty():
            await self._idle.get_nowait().close()


#: The dialect of the engine, which names parameters as the driver itself does.
AS_PSYCOPG = make_url("postgresql+psycopg://").get_dialect()()
_WRITTEN: dict[int, bytes] = {}


def _sql(statement: TextClause) -> bytes:
    if id(statement) not in _WRITTEN:
        _WRITTEN[id(statement)] = str(statement.compile(dialect=AS_PSYCOPG)).encode()
    return _WRITTEN[id(statement)]


async def _row(connection: psycopg.AsyncConnection[TupleRow], statement: TextClause, values: Values) -> TupleRow | None:
    return await (await connection.execute(_sql(statement), values)).fetchone()


def _app(handler: Callable[[Request], Awaitable[Response]], *pools: Database | _DriverPool) -> Starlette:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        for pool in pools:
            await pool.close()

    return Starlette(routes=[Route("/{rest:path}", handler, methods=["POST", "PUT"])], lifespan=lifespan)


KINDS = {"ussd": ussd, "ussd-driver": ussd_driver, "callback": callback}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("kind", choices=KINDS)
    arguments.add_argument("--port", type=int, required=True)
    told = arguments.parse_args()
    settings = load_settings(os.environ)
    # The same as `ramu serve`.
    uvicorn.run(
        KINDS[told.kind](settings),
        host=HOST,
        port=told.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=settings.concurrency_max,
    )


if __name__ == "__main__":
    main()
