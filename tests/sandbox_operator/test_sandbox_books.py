"""The journal: nothing acknowledged is lost, nothing torn is believed."""

import asyncio
import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from payments.operators.contract import PushResult, QueryResult
from payments.operators.sandbox.client import SandboxClient
from sandbox_operator.books import Books
from sandbox_operator.journal import FILE_NAME, Journal, JournalRefused
from sandbox_operator.model import WalletAccount
from tests.sandbox_operator.sandbox_world import PAYER, Hand, push_order, world

PROGRAM = """
import socket, sys
from pathlib import Path
import uvicorn
from gateway.infra.clock import SystemClock
from sandbox_operator.app import create_operator
listener = socket.socket(fileno=int(sys.argv[2]))
app = create_operator(Path(sys.argv[1]), SystemClock().now)
uvicorn.Server(uvicorn.Config(app, log_level="critical", ws="none")).run(sockets=[listener])
"""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.set_inheritable(True)
        yield made


def start(data_dir: Path, listener: socket.socket) -> subprocess.Popen[bytes]:
    handle = listener.fileno()
    return subprocess.Popen([sys.executable, "-c", PROGRAM, str(data_dir), str(handle)], pass_fds=[handle])


@pytest.mark.chaos
async def test_kill_9_loses_nothing_that_was_acknowledged(
    tmp_path: Path, listener: socket.socket, http: httpx.AsyncClient
) -> None:
    client = SandboxClient(http, f"http://127.0.0.1:{listener.getsockname()[1]}", "local", "RAMU", Hand())
    running = start(tmp_path, listener)
    acknowledged = []

    async def order_for_ever(first: int) -> None:
        for number in range(first, first + 1000):
            order = push_order(number)
            submitted = await client.request_to_pay(order)
            if submitted.result is not PushResult.PENDING:
                return
            acknowledged.append((order, submitted))
            if len(acknowledged) == 40:
                os.kill(running.pid, signal.SIGKILL)

    await asyncio.gather(*(order_for_ever(lane * 1000 + 1) for lane in range(4)))
    assert running.wait(20) == -signal.SIGKILL
    assert len(acknowledged) >= 40
    with start(tmp_path, listener) as again:
        for order, submitted in acknowledged:
            assert await client.request_to_pay(order) == submitted
        again.kill()


async def test_a_restart_remembers_prompts_payments_and_callbacks_on_their_way(
    tmp_path: Path, http: httpx.AsyncClient
) -> None:
    with world(tmp_path) as before:
        before.answers.extend([503] * 50)
        paid, waiting = before.order(), before.order()
        for order in (paid, waiting):
            await before.client(http).request_to_pay(order)
        before.decide(paid)
        before.control("wallets", {"msisdn": PAYER, "balance_xof": 10})
        before.control("switches", {"outage": "status"})
        rows = before.books()
    with world(tmp_path) as after:
        kept = after.books()
        assert [kept[name] for name in ("prompts", "transactions", "switches")] == [
            rows[name] for name in ("prompts", "transactions", "switches")
        ]
        assert len(kept["deliveries"]) == 1
        after.control("switches", {})
        assert (await after.client(http).query(paid)).result is QueryResult.FOUND
        refused = after.control_http.post("/control/payments", json={"payer_msisdn": PAYER, "amount_xof": 11})
        assert refused.status_code == 409


def wallet(balance_xof: int) -> WalletAccount:
    return WalletAccount(msisdn=PAYER, balance_xof=balance_xof)


def test_a_torn_last_line_is_cut_off_wherever_it_was_torn(tmp_path: Path) -> None:
    books = Books(Journal(tmp_path))
    books.write(wallet(1))
    books.write(wallet(2))
    books.close()
    path = tmp_path / FILE_NAME
    content = path.read_bytes()
    first = content.index(b"\n") + 1
    for length in range(first, len(content)):
        path.write_bytes(content[:length])
        torn = Books(Journal(tmp_path))
        assert torn.wallet(PAYER).balance_xof == 1
        torn.write(wallet(3))
        torn.close()
        healed = Books(Journal(tmp_path))
        assert healed.wallet(PAYER).balance_xof == 3
        healed.close()


def test_a_line_damaged_in_the_middle_is_said_with_its_number(tmp_path: Path) -> None:
    books = Books(Journal(tmp_path))
    for balance_xof in (1, 2, 3):
        books.write(wallet(balance_xof))
    books.close()
    path = tmp_path / FILE_NAME
    path.write_bytes(path.read_bytes().replace(b'"balance_xof":2', b'"balance_xof":-2'))
    with Journal(tmp_path) as journal, pytest.raises(JournalRefused, match="ligne 2"):
        Books(journal)


def test_two_operators_cannot_hold_the_same_books(tmp_path: Path) -> None:
    with Journal(tmp_path), pytest.raises(JournalRefused, match="déjà tenu"):
        Journal(tmp_path)


def test_half_a_line_never_stays_before_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    books = Books(Journal(tmp_path))
    books.write(wallet(1))
    real_write = os.write
    room = [20]

    def nearly_full(handle: int, content: bytes) -> int:
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real_write(handle, content[: room.pop()])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", nearly_full)
        with pytest.raises(OSError, match="No space"):
            books.write(wallet(2))
    assert room == []
    assert books.wallet(PAYER).balance_xof == 1
    books.write(wallet(3))
    books.close()
    again = Books(Journal(tmp_path))
    assert again.wallet(PAYER).balance_xof == 3
    again.close()
