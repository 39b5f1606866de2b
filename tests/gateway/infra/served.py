"""A small application behind the product's own server, reached by sockets."""

import asyncio
import re
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from gateway.infra.connections import KEEP_ALIVE_S, ConnectionLimits, patient_protocol
from gateway.infra.ingress import Ingress
from gateway.infra.problems import install_error_handlers

#: Nothing here waits so long unless it hangs.
GUARD_S = 60
LARGE_BYTES = 8 * 1024 * 1024


@dataclass
class Served:
    """A running server and what it does."""

    server: uvicorn.Server
    doors: Ingress
    address: tuple[str, int]
    started: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    go_on: threading.Event = field(default_factory=threading.Event)

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=GUARD_S)

    def say(self, *parts: bytes) -> bytes:
        """Send and give all that comes back until the server ends the connection."""
        with self.connect() as line:
            for part in parts:
                line.sendall(part)
            return everything(line)

    def get(self, path: str, method: str = "GET") -> bytes:
        return self.say(f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())


def everything(line: socket.socket) -> bytes:
    """Read until the other side ends the connection."""
    got = b""
    try:
        while chunk := line.recv(1 << 20):
            got += chunk
    except ConnectionResetError:
        pass
    return got


def one_answer(line: socket.socket) -> bytes:
    """Read one answer from a connection that stays open."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += _more(line)
    head, body = got.split(b"\r\n\r\n", 1)
    found = re.search(rb"content-length: (\d+)", head)
    length = int(found[1]) if found else 0
    while len(body) < length:
        body += _more(line)
    return got


def _more(line: socket.socket) -> bytes:
    """Return what comes next, and say so when the other side ended: reading on would never come to an end."""
    if chunk := line.recv(1 << 16):
        return chunk
    raise ConnectionError("the server ended the connection in the middle of an answer")


def status(answer: bytes) -> int:
    """Return the status of an answer, or 0 for a connection that ended without one."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


@contextmanager
def serve(
    limits: ConnectionLimits, *, concurrency_max: int = 4, silence_s: float = 0.3, keep_alive_s: int = KEEP_ALIVE_S
) -> Iterator[Served]:
    """Run the server until the test is over."""
    app = FastAPI(openapi_url=None)
    install_error_handlers(app, lambda: "CODE", {"": 1024 * 1024})
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    doors = Ingress(app, concurrency_max, silence_s)
    server = uvicorn.Server(
        uvicorn.Config(
            doors,
            http=patient_protocol(limits),
            loop="uvloop",
            ws="none",
            log_config=None,
            access_log=False,
            timeout_keep_alive=keep_alive_s,
            timeout_graceful_shutdown=1,
        )
    )
    served = Served(server, doors, listener.getsockname())
    _routes(app, served)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.go_on.set()
        server.should_exit = True
        thread.join(GUARD_S)
        listener.close()
        assert not thread.is_alive()


def _routes(app: FastAPI, served: Served) -> None:
    @app.get("/livez")
    async def livez() -> Response:
        return PlainTextResponse("ok")

    @app.post("/echo")
    async def echo(request: Request) -> Response:
        return Response(await request.body())

    @app.post("/unread")
    async def unread() -> Response:
        return PlainTextResponse("not read")

    @app.get("/work")
    async def work() -> Response:
        served.started.release()
        await asyncio.to_thread(served.go_on.wait)
        return PlainTextResponse("done")

    @app.get("/large")
    async def large() -> Response:
        return Response(bytes(LARGE_BYTES))

    @app.get("/streamed")
    async def streamed() -> Response:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(LARGE_BYTES // 65_536):
                yield bytes(65_536)

        return StreamingResponse(parts())
