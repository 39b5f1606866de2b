import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from gateway.infra.http_pool import Connections
from tests.gateway.infra.served import GUARD_S

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Peer:
    """A server that counts the connections made to it and answers when it is let."""

    def __init__(self) -> None:
        self.connections = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asked = asyncio.Condition()
        self.waiting = 0
        self.hang_up = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                async with self.asked:
                    self.waiting += 1
                    self.asked.notify_all()
                if self.hang_up:
                    break
                await self.may_answer.wait()
                writer.write(ANSWER)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def standing() -> AsyncIterator[tuple[Peer, httpx.AsyncClient]]:
    peer = Peer()
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with httpx.AsyncClient(transport=Connections(), base_url=f"http://127.0.0.1:{port}") as client:
        yield peer, client
    server.close()
    await server.wait_closed()


async def test_one_request_after_another_needs_one_connection() -> None:
    async with standing() as (peer, client):
        for _ in range(5):
            assert (await client.get("/")).text == "ok"
        assert peer.connections == 1


async def test_requests_at_once_have_a_connection_each_and_leave_them_to_the_next() -> None:
    async with standing() as (peer, client):
        peer.may_answer.clear()
        together = [asyncio.create_task(client.get("/")) for _ in range(6)]
        async with peer.asked:
            await asyncio.wait_for(peer.asked.wait_for(lambda: peer.waiting == 6), GUARD_S)
        peer.may_answer.set()
        assert {answer.text for answer in await asyncio.gather(*together)} == {"ok"}
        assert peer.connections == 6
        await asyncio.gather(*(client.get("/") for _ in range(6)))
        assert peer.connections == 6


async def test_a_connection_that_broke_is_replaced() -> None:
    async with standing() as (peer, client):
        peer.hang_up = True
        with pytest.raises(httpx.TransportError):
            await client.get("/")
        peer.hang_up = False
        assert (await client.get("/")).text == "ok"
        assert peer.connections == 2


async def test_a_caller_who_gave_up_takes_no_connection_with_it() -> None:
    async with standing() as (peer, client):
        peer.may_answer.clear()
        impatient = asyncio.create_task(client.get("/"))
        async with peer.asked:
            await asyncio.wait_for(peer.asked.wait_for(lambda: peer.waiting == 1), GUARD_S)
        impatient.cancel()
        await asyncio.gather(impatient, return_exceptions=True)
        peer.may_answer.set()
        assert (await client.get("/")).text == "ok"
