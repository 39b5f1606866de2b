"""Every point at which a process touches the world outside it, numbered, so that a test can act exactly there.

Theory of operation
-------------------
A process lives one :class:`Life`. Whatever leaves the process passes through :meth:`Life.cross`: each SQL statement and
each fetch of a stream, each COMMIT, each call to an operator, each answer to a peer, each message handed to the sender.
Crossings are numbered in the order in which they happen, and a hook is asked before and after each of them. It may let
the crossing happen, end the life there, or hold it until somebody else has moved.

A life ends as under kill -9: its sockets are cut without a word to PostgreSQL, and from then on every crossing raises
:class:`Crash`, a BaseException, so that no ``except`` or ``finally`` of the dying code can put anything right outside.
Rollbacks are not numbered, since a crash beside one is the crash that follows it; a dead life cannot roll back either.
"""

import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from os import dup
from typing import Any, TypeVar

import httpx
from psycopg import AsyncCursor, AsyncServerCursor
from sqlalchemy import event

from gateway.infra.database import Database
from gateway.infra.database_link import Link
from gateway.sms.senders.contract import ClaimedSms, SendResult, SmsSender
from payments.operators.contract import Answer, OperatorClient, PushOrder, Submitted

Result = TypeVar("Result")
#: Enough of a statement to recognise it in a report.
LABEL_CHARS = 60


class Crash(BaseException):
    """The process is gone; nothing in it may hear of it and act."""


class Kind(StrEnum):
    """What crosses a boundary."""

    SQL = "sql"
    COMMIT = "commit"
    CALL = "call"
    ANSWER = "answer"
    SMS = "sms"


class When(StrEnum):
    """On which side of a crossing something happens."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Boundary:
    """One crossing of one run."""

    number: int
    kind: Kind
    label: str


@dataclass(frozen=True, slots=True)
class Moment:
    """One side of one crossing; AFTER a COMMIT is the commit whose answer was lost."""

    number: int
    when: When


Hook = Callable[[Boundary, When], Awaitable[None]]


async def let_pass(boundary: Boundary, when: When) -> None:
    """Let every crossing happen."""
    del boundary, when


@dataclass(eq=False, slots=True)
class Life:
    """One process, from its start to its end."""

    hook: Hook = let_pass
    crossed: list[Boundary] = field(default_factory=list)
    dead: bool = False
    watched: bool = False
    _connections: "list[WatchedConnection]" = field(default_factory=list)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Number the crossings of a block; what happens before and after it is only kept from the dead."""
        self.watched = True
        try:
            yield
        finally:
            self.watched = False

    async def cross(self, kind: Kind, label: str, act: Callable[[], Awaitable[Result]]) -> Result:
        """Do what touches the outside, unless this life is over or ends just here."""
        self.require()
        if not self.watched:
            result = await act()
            self.require()
            return result
        boundary = Boundary(len(self.crossed) + 1, kind, " ".join(label.split())[:LABEL_CHARS])
        self.crossed.append(boundary)
        await self.hook(boundary, When.BEFORE)
        self.require()
        result = await act()
        # Somebody else in this process may have ended it meanwhile.
        self.require()
        await self.hook(boundary, When.AFTER)
        self.require()
        return result

    def require(self) -> None:
        """Raise Crash in a process that is gone."""
        if self.dead:
            raise Crash

    def adopt(self, connection: "WatchedConnection") -> None:
        """Remember a connection, to cut it when this life ends."""
        self._connections.append(connection)

    def backend_pids(self) -> list[int]:
        """Return the server processes that serve this life."""
        return [one.backend_pid for one in self._connections]

    def die(self) -> None:
        """End here: cut every socket without a goodbye, and raise Crash."""
        self.dead = True
        for connection in self._connections:
            connection.cut()
        raise Crash


def crash_at(life: Life, moment: Moment) -> Hook:
    """Return the hook that ends a life at a moment."""

    async def hook(boundary: Boundary, when: When) -> None:
        if (boundary.number, when) == (moment.number, moment.when):
            life.die()

    return hook


class WatchedConnection(Link):
    """A connection whose statements, fetches and commits are crossings."""

    life = Life()
    backend_pid: int

    async def commit(self) -> None:
        """Commit, as a crossing."""
        await self.life.cross(Kind.COMMIT, "COMMIT", super().commit)

    async def rollback(self) -> None:
        """Roll back, unless the process is gone."""
        self.life.require()
        await super().rollback()

    def _check_connection_ok(self) -> None:
        # Code that outlives its process hears of nothing but the crash, not of a broken connection either.
        self.life.require()
        super()._check_connection_ok()

    def cut(self) -> None:
        """Take the wire away: the server sees the end of the stream, and no goodbye."""
        if self.closed:
            return
        with socket.socket(fileno=dup(self.fileno())) as wire:
            wire.shutdown(socket.SHUT_RDWR)
        self.pgconn.finish()


def _life(cursor: AsyncCursor[Any] | AsyncServerCursor[Any]) -> Life:
    connection = cursor.connection
    assert isinstance(connection, WatchedConnection)
    return connection.life


class WatchedCursor(AsyncCursor[Any]):
    """A cursor whose statements are crossings."""

    async def execute(self, query: Any, params: Any = None, **options: Any) -> Any:  # noqa: ANN401 - as in psycopg
        """Execute a statement, as a crossing."""
        return await _life(self).cross(Kind.SQL, str(query), partial(super().execute, query, params, **options))

    async def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:  # noqa: ANN401 - as in psycopg
        """Execute a statement for many rows, as one crossing."""
        await _life(self).cross(Kind.SQL, str(query), partial(super().executemany, query, params_seq, **options))


class WatchedServerCursor(AsyncServerCursor[Any]):
    """A cursor of the server whose declaration and fetches are crossings."""

    async def execute(self, query: Any, params: Any = None, **options: Any) -> Any:  # noqa: ANN401 - as in psycopg
        """Declare the cursor, as a crossing."""
        return await _life(self).cross(Kind.SQL, str(query), partial(super().execute, query, params, **options))

    def __del__(self, *_how: Any) -> None:  # noqa: ANN401 - as in psycopg
        if _life(self).dead:
            # Nobody is left to close it, which is the point.
            self._close()
        super().__del__()

    async def fetchmany(self, size: int = 0) -> list[Any]:
        """Fetch some rows, as a crossing."""
        return await _life(self).cross(Kind.SQL, "FETCH", partial(super().fetchmany, size))


class WatchedPool:
    """A pool whose connections belong to one life, and to the next one when that life has ended well."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._life = Life()
        self._opened: list[WatchedConnection] = []
        event.listen(database.engine.sync_engine, "do_connect", self._hand_over)
        event.listen(database.engine.sync_engine, "checkout", self._check_out)

    def give_to(self, life: Life) -> None:
        """Let what is open, and what will be opened from now on, belong to another life."""
        self._life = life
        self._opened = [connection for connection in self._opened if not connection.closed]
        for connection in self._opened:
            connection.life = life
            life.adopt(connection)

    async def _connect(self, *args: Any, **settings: Any) -> WatchedConnection:  # noqa: ANN401 - as in psycopg
        self._life.require()
        connection = await WatchedConnection.connect(*args, **{**settings, "cursor_factory": WatchedCursor})
        connection.life = self._life
        connection.backend_pid = connection.info.backend_pid
        connection.server_cursor_factory = WatchedServerCursor
        self._opened.append(connection)
        self._life.adopt(connection)
        return connection

    def _hand_over(self, _dialect: object, _record: object, _args: object, settings: dict[str, Any]) -> None:
        settings["async_creator_fn"] = self._connect

    def _check_out(self, *_lent: object) -> None:
        self._life.require()


class Outward(httpx.AsyncBaseTransport):
    """The wire to an operator: before a crossing it has heard nothing, after it we have its answer and may lose it."""

    def __init__(self, life: Life, wire: httpx.AsyncBaseTransport) -> None:
        self._life = life
        self._wire = wire

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Make a call, as a crossing."""
        label = f"{request.method} {request.url.path}"
        return await self._life.cross(Kind.CALL, label, partial(self._wire.handle_async_request, request))


class Inward(httpx.AsyncBaseTransport):
    """The wire from a peer: a process that dies before its answer has left is a broken connection to the peer."""

    def __init__(self, life: Life, wire: httpx.AsyncBaseTransport) -> None:
        self._life = life
        self._wire = wire

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Serve a peer; the leaving of the answer is a crossing, and one that has left cannot be taken back."""
        left: list[httpx.Response] = []
        try:
            self._life.require()
            answer = await self._wire.handle_async_request(request)
            await self._life.cross(Kind.ANSWER, str(answer.status_code), partial(_leave, left, answer))
        except Crash:
            if not left:
                raise httpx.RemoteProtocolError("the connection ended without an answer", request=request) from None
        return left[0]


async def _leave(left: list[httpx.Response], answer: httpx.Response) -> None:
    left.append(answer)


class WatchedSender:
    """A sender to which the handing over of messages is a crossing."""

    def __init__(self, life: Life, sender: SmsSender) -> None:
        self._life = life
        self._sender = sender
        self.name = sender.name

    def around(self, sender: SmsSender) -> "WatchedSender":
        """Return the same watch around another sender."""
        return WatchedSender(self._life, sender)

    async def send(self, messages: list[ClaimedSms]) -> list[SendResult]:
        """Hand messages over, as one crossing."""
        return await self._life.cross(Kind.SMS, f"{len(messages)} messages", partial(self._sender.send, messages))


class WatchedClient:
    """The calls to an operator that lives in tests, as calls that leave the process."""

    def __init__(self, life: Life, client: OperatorClient) -> None:
        self._life = life
        self._client = client

    async def request_to_pay(self, order: PushOrder) -> Submitted:
        return await self._called("push", partial(self._client.request_to_pay, order))

    async def query(self, order: PushOrder) -> Answer:
        return await self._called("question", partial(self._client.query, order))

    async def query_transaction(self, operator_transaction_id: str) -> Answer:
        return await self._called("question", partial(self._client.query_transaction, operator_transaction_id))

    async def _called(self, label: str, call: Callable[[], Awaitable[Result]]) -> Result:
        async def ended() -> Result | Exception:
            try:
                return await call()
            except Exception as failure:  # noqa: BLE001 - a call that raises has a moment after it like any other
                return failure

        said = await self._life.cross(Kind.CALL, label, ended)
        if isinstance(said, Exception):
            raise said
        return said
