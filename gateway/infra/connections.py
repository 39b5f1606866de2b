"""Connections of the web process: none is held by somebody who says nothing, reads nothing, or never comes to an end.

uvicorn closes a connection that idles after an answer, and no other: one that never spoke stays for ever, and counts as
work against its `limit_concurrency`. Here a connection is work only while a request is under way (`infra.ingress`
counts those), a head has a time and a size, an answer must be taken, and when there are too many connections the one
that has been silent longest makes room.

Source: uvicorn 0.54, protocols/http/httptools_impl.py, whose methods these are.
"""

import asyncio
import logging
import resource
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from gateway.infra.metrics import CONNECTIONS_ENDED
from gateway.infra.problems import problem

#: Longer than a proxy in front keeps an idle connection (docker/nginx.conf: 10 s), so that the proxy is always the one
#: who ends it; otherwise it sends a request into a connection that we are closing.
KEEP_ALIVE_S = 20
#: Files that the process needs besides its connections: pools, logs, uploads.
OTHER_FILES = 256

#: What strangers make the library say, once for each of their tries.
_JUNK = frozenset({"Invalid HTTP request received.", "Unsupported upgrade request."})


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How long and how much one connection may keep us waiting."""

    connections_max: int = 5000
    head_s: float = 10
    head_bytes_max: int = 32 * 1024
    #: Of an answer, so much must be taken in so much time.
    taking_s: float = 20
    taking_bytes: int = 10 * 1024
    look_round_s: float = 2
    #: Asked in one breath, before the first was answered: each of them holds memory.
    queued_max: int = 32


def connections_max(wanted: int) -> int:
    """Return how many connections this process can hold, after asking the system for as many files as it may have."""
    soft, hard = (
        wanted + OTHER_FILES if files == resource.RLIM_INFINITY else files
        for files in resource.getrlimit(resource.RLIMIT_NOFILE)
    )
    files = min(wanted + OTHER_FILES, max(soft, hard))
    if files > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return max(1, files - OTHER_FILES)


def patient_protocol(limits: ConnectionLimits) -> type[HttpToolsProtocol]:
    """Return the class that uvicorn makes one of for each connection of one server."""

    class Bound(PatientProtocol):
        pass

    Bound.limits = limits
    Bound.waiting = {}
    return Bound


class JunkIsNoNews(logging.Filter):
    """Leaves out what strangers make uvicorn say; it is counted (`ramu_connections_ended`)."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything else pass."""
        return record.msg not in _JUNK


class _TooManyQueued(Exception):
    """Ends the reading of a connection; the parser turns it into an error of its own."""


class PatientProtocol(HttpToolsProtocol):
    """One connection, watched."""

    limits: ClassVar[ConnectionLimits]
    #: Connections of this server on which nothing is under way, the one that has waited longest first.
    waiting: ClassVar[dict[HttpToolsProtocol, None]]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._answering = self.app
        self._was_asked = False
        self._head_since: float | None = None
        self._in_head = False
        self._head_bytes = 0
        self._unsent_bytes = 0
        self._unsent_since: float | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._running: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Begin to watch the connection."""
        super().connection_made(transport)
        self._head_since = self.loop.time()
        self.waiting[self] = None
        self._watch = self.loop.call_later(self.limits.look_round_s, self._look_round)
        if len(self.connections) > self.limits.connections_max:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching it, and let go of all that was asked: the library only lets go of what was asked last."""
        super().connection_lost(exc)
        self.pipeline.clear()
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        self.waiting.pop(self, None)
        if self._watch is not None:
            self._watch.cancel()

    def data_received(self, data: bytes) -> None:
        """Read what came, as long as it may still be a head of a bearable size."""
        if self._head_since is None and self._idle:
            # Blank lines between two requests begin no message, and are no sign of life either.
            self._head_since = self.loop.time()
        was_in_head = self._in_head
        super().data_received(data)
        if was_in_head and self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > self.limits.head_bytes_max:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head-too-large", "The header is too large")

    def on_message_begin(self) -> None:
        """Note that a head has begun."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        if self._head_since is None:
            self._head_since = self.loop.time()

    def on_headers_complete(self) -> None:
        """Note that a request is under way."""
        self._in_head, self._head_since = False, None
        if len(self.pipeline) >= self.limits.queued_max:
            self._count("queued")
            raise _TooManyQueued(len(self.pipeline))
        self.waiting.pop(self, None)
        head_bytes = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        self.app = self._answering if head_bytes <= self.limits.head_bytes_max else _head_too_large
        super().on_headers_complete()
        self._was_asked = True

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGIApp) -> None:  # type: ignore[override]  # one interface, two names
        self._running = cycle
        super()._start_asgi_task(cycle, app)  # type: ignore[arg-type]  # one interface, two names

    def on_response_complete(self) -> None:
        """Note that nothing is under way any more."""
        super().on_response_complete()
        if self._idle:
            self.waiting[self] = None

    def resume_writing(self) -> None:
        """Note that the other side is taking what we sent."""
        super().resume_writing()
        self._unsent_since = None

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words are replaced by ours
        """Answer what is not HTTP."""
        self._refuse(HTTPStatus.BAD_REQUEST, "not-http", "This is not a request that we can read")

    def _unsupported_upgrade_warning(self) -> None:
        """Log nothing: the request is answered without the upgrade."""

    @property
    def _idle(self) -> bool:
        return not self._was_asked or self.cycle.response_complete

    def _look_round(self) -> None:
        now, limits = self.loop.time(), self.limits
        if self._head_since is not None and self._idle and now - self._head_since > limits.head_s:
            if self._in_head:
                self._refuse(HTTPStatus.REQUEST_TIMEOUT, "head-too-slow", "The header did not arrive in time")
            elif not self.transport.is_closing():
                self._count("silent")
                self.transport.close()
        unsent_bytes = self.transport.get_write_buffer_size()
        if unsent_bytes == 0 and not self.transport.is_closing():
            self._unsent_since = None
        elif self._unsent_since is None:
            self._unsent_since, self._unsent_bytes = now, unsent_bytes
        elif now - self._unsent_since > limits.taking_s:
            if self._unsent_bytes - unsent_bytes < limits.taking_bytes:
                self._count("not-taken")
                self.transport.abort()
                return
            self._unsent_since, self._unsent_bytes = now, unsent_bytes
        self._watch = self.loop.call_later(limits.look_round_s, self._look_round)

    def _make_room(self) -> None:
        silent = next(iter(self.waiting))
        self.waiting.pop(silent)
        self._count("too-many")
        silent.transport.abort()

    def _refuse(self, status: HTTPStatus, slug: str, title: str) -> None:
        self._count(slug)
        if not self._idle:
            # The answer before this one is still on its way; what follows it is not read.
            self.cycle.keep_alive = False
            self.flow.pause_reading()
            return
        if self.transport.is_closing():
            return
        answer = problem(status, slug, title)
        head = b"HTTP/1.1 %d %s\r\n" % (status, status.phrase.encode())
        fields = b"".join(b"%s: %s\r\n" % field for field in (*answer.raw_headers, (b"connection", b"close")))
        self.transport.write(head + fields + b"\r\n" + bytes(answer.body))
        self.transport.close()

    @staticmethod
    def _count(reason: str) -> None:
        CONNECTIONS_ENDED.labels(reason).inc()


async def _head_too_large(scope: Scope, receive: Receive, send: Send) -> None:
    CONNECTIONS_ENDED.labels("head-too-large").inc()
    answer = problem(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head-too-large", "The header is too large")
    answer.headers["Connection"] = "close"
    await answer(scope, receive, send)
