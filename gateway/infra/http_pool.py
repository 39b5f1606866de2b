"""Connections to operators that stay open, one request on each at a time.

The library's own pool goes over all of its idle connections, for each of them, at every request: with twenty of them
that costs more than the request. Pools of one connection each, handed out last in, first out, have nothing to go over.
"""

import ssl
from collections.abc import AsyncIterator

import httpx

ONE = httpx.Limits(max_connections=1, max_keepalive_connections=1)
#: A pool of one connection, for one operator.
Origin = tuple[str, str, int | None]


class Connections(httpx.AsyncBaseTransport):
    """As many connections as requests were ever under way at once."""

    def __init__(self) -> None:
        self._tls: ssl.SSLContext = httpx.create_ssl_context()
        self._idle: dict[Origin, list[httpx.AsyncHTTPTransport]] = {}
        self._all: list[httpx.AsyncHTTPTransport] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request on a connection that is free, or on a new one."""
        idle = self._idle.setdefault((request.url.scheme, request.url.host, request.url.port), [])
        connection = idle.pop() if idle else self._opened()
        try:
            response = await connection.handle_async_request(request)
        except BaseException:
            idle.append(connection)
            raise
        if not isinstance(response.stream, httpx.AsyncByteStream):
            raise TypeError("an asynchronous transport answers with an asynchronous stream")
        response.stream = _Returning(response.stream, connection, idle)
        return response

    async def aclose(self) -> None:
        """Close every connection."""
        for connection in self._all:
            await connection.aclose()

    def _opened(self) -> httpx.AsyncHTTPTransport:
        connection = httpx.AsyncHTTPTransport(verify=self._tls, limits=ONE)
        self._all.append(connection)
        return connection


class _Returning(httpx.AsyncByteStream):
    """The body of an answer, whose connection is free again when it is closed."""

    def __init__(
        self, body: httpx.AsyncByteStream, connection: httpx.AsyncHTTPTransport, idle: list[httpx.AsyncHTTPTransport]
    ) -> None:
        self._body = body
        self._connection = connection
        self._idle = idle

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._body:
            yield chunk

    async def aclose(self) -> None:
        """Give the connection back, once."""
        try:
            await self._body.aclose()
        finally:
            idle, self._idle = self._idle, []
            idle.append(self._connection)
