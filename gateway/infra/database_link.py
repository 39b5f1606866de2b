"""One connection to PostgreSQL that notices when nobody is at the other end any more.

Two ways of being gone: the server closed the connection while it lay idle (a restart, a failover), which its socket
shows before anything is sent; or the server fell silent (a frozen host, a network that drops packets), which nothing
but waiting shows.
"""

import select
from typing import Any, TypeVar

from psycopg import AsyncConnection, OperationalError
from psycopg.abc import PQGen
from psycopg.errors import Diagnostic, _WaitTimeout
from psycopg.rows import TupleRow

Result = TypeVar("Result")

#: So often does the wait look round; the library's own figure.
LOOK_ROUND_S = 0.1


class Link(AsyncConnection[TupleRow]):
    """A connection on which no wait is longer than ``silence_s``.

    The server limits its own work (`statement_timeout`); this limits how long we believe that it is still there. It
    must be longer, or a slow statement would be taken for a dead server.
    """

    silence_s: float = 60
    said_farewell: bool = False

    @classmethod
    async def open(cls, silence_s: float, *arguments: Any, **named: Any) -> "Link":  # noqa: ANN401 - psycopg's own
        """Connect as psycopg does."""
        link = await cls.connect(*arguments, **named)
        link.silence_s = silence_s
        link.add_notice_handler(link.hear)
        return link

    def hear(self, notice: Diagnostic) -> None:
        """Notice when the server takes its leave, which to the library is only a message."""
        self.said_farewell |= notice.severity_nonlocalized in {"FATAL", "PANIC"}

    async def wait(
        self,
        gen: PQGen[Result],
        interval: float = LOOK_ROUND_S,
        timeout: float | None = None,  # noqa: ASYNC109 - psycopg's own
    ) -> Result:
        """Wait for the server, and cut the connection when it says nothing: what it may still do, it does alone."""
        try:
            return await super().wait(gen, interval, self.silence_s if timeout is None else timeout)
        except _WaitTimeout:
            self.pgconn.finish()
            raise OperationalError(f"the server said nothing for {self.silence_s:g} s") from None


def was_closed(link: Link) -> bool:
    """Return whether the server ended an idle connection; costs one look at the socket and no round trip.

    An idle server has nothing to say, so whatever stands in the socket is its farewell, its end, or a message of no
    weight (a changed parameter, a ticket of TLS), which the library reads and which leaves the socket empty.
    """
    if link.closed:
        return True
    if not _readable(link):
        return False
    try:
        link.pgconn.consume_input()
        link.pgconn.is_busy()
    except OperationalError:
        return True
    return link.said_farewell or _readable(link)


def _readable(link: Link) -> bool:
    watch = select.poll()
    watch.register(link.pgconn.socket, select.POLLIN)
    return bool(watch.poll(0))
