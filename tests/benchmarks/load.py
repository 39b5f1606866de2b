"""Load over raw HTTP/1.1 connections that stay open: as fast as answers come, or at fixed moments whatever comes."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import NamedTuple

from tests.benchmarks.servers import HOST, Broken

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length: "


class Ask(NamedTuple):
    """One request, and what its answer must be."""

    request: bytes
    status: bytes
    begins: bytes


#: What one client asks, one after the other, for ever.
Client = Iterator[Ask]


@dataclass
class Measured:
    """What was answered, and how long each answer took."""

    elapsed_s: float = 0
    taken_s: list[float] = field(default_factory=list)

    @property
    def per_s(self) -> float:
        return len(self.taken_s) / self.elapsed_s

    def ms(self, percent: float) -> float:
        """The time within which this share of the answers came."""
        ordered = sorted(self.taken_s)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] * 1000


class Wire(asyncio.Protocol):
    """One connection with at most one request under way."""

    def __init__(self) -> None:
        self._buffer = b""
        self._waiting: asyncio.Future[tuple[bytes, bytes]] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(HEAD_END)
        if head_end < 0 or self._waiting is None:
            return
        length_at = self._buffer.find(LENGTH, 0, head_end)
        length = 0
        if length_at >= 0:
            value = self._buffer[length_at + len(LENGTH) : head_end + 2]
            length = int(value[: value.index(b"\r")])
        body_at = head_end + len(HEAD_END)
        if len(self._buffer) < body_at + length:
            return
        answer = (self._buffer[9:12], self._buffer[body_at : body_at + length])
        self._buffer = self._buffer[body_at + length :]
        waiting, self._waiting = self._waiting, None
        if not waiting.done():
            waiting.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(Broken(f"the connection was lost under a request ({exc})"))

    async def ask(self, ask: Ask) -> None:
        """Send a request and check its answer."""
        if self._transport is None or self._transport.is_closing():
            raise Broken("the connection was closed between two requests")
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(ask.request)
        status, body = await self._waiting
        if status != ask.status or not body.startswith(ask.begins):
            raise Broken(f"asked {ask.request[-200:]!r}, wanted {ask.status!r} {ask.begins!r}: {status!r} {body!r}")

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def saturate(port: int, clients: Sequence[Client], seconds: float) -> Measured:
    """Let every client ask as soon as it has its answer."""
    measured = Measured()

    async def keep_asking(wire: Wire, client: Client, began: float) -> None:
        sent = perf_counter()
        while sent < began + seconds:
            await wire.ask(next(client))
            answered = perf_counter()
            measured.taken_s.append(answered - sent)
            sent = answered

    async with _wires(port, len(clients)) as wires:
        began = perf_counter()
        async with asyncio.TaskGroup() as together:
            for wire, client in zip(wires, clients, strict=True):
                together.create_task(keep_asking(wire, client, began))
        measured.elapsed_s = perf_counter() - began
    return measured


async def paced(port: int, clients: Sequence[Client], per_s: float, seconds: float) -> Measured:
    """Ask at moments fixed before, whether or not answers have come.

    Each answer counts from the moment at which its request was due, so that a stall is felt by everybody who would
    have come during it. The timer wakes within a millisecond, which is part of what is measured.
    """
    measured = Measured()
    free: asyncio.LifoQueue[tuple[Wire, Client]] = asyncio.LifoQueue()

    opened: set[Wire] = set()

    async def ask(due: float) -> None:
        wire, client = await free.get()
        # A server may close what nobody used for a while; a caller connects again, and pays for it.
        live = wire if wire.is_open else await _connected(port)
        opened.add(live)
        await live.ask(next(client))
        measured.taken_s.append(perf_counter() - due)
        free.put_nowait((live, client))

    async with _wires(port, len(clients)) as wires:
        for pair in zip(wires, clients, strict=True):
            free.put_nowait(pair)
        began = perf_counter()
        async with asyncio.TaskGroup() as together:
            for number in range(int(per_s * seconds)):
                due = began + number / per_s
                wait_s = due - perf_counter()
                if wait_s > 0:
                    await asyncio.sleep(wait_s)
                together.create_task(ask(due))
        measured.elapsed_s = perf_counter() - began
        for wire in opened:
            wire.close()
    return measured


async def _connected(port: int) -> Wire:
    return (await asyncio.get_running_loop().create_connection(Wire, HOST, port))[1]


@asynccontextmanager
async def _wires(port: int, count: int) -> AsyncIterator[list[Wire]]:
    wires = [await _connected(port) for _ in range(count)]
    try:
        yield wires
    finally:
        for wire in wires:
            wire.close()
