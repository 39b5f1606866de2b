"""The service as it really runs: web, worker and operator as processes of their own on a durable private PostgreSQL."""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import httpx

from gateway.infra.migrate import migrate
from gateway.local.postgres.private import PrivatePostgres, start

PROJECT: Final = Path(__file__).parents[2]
WORD: Final = "local"
LOOK_S: Final = 0.2
#: Ends of waiting for what will never come: ten times what a busy machine takes.
START_S: Final = 300
SHOWN_CHARS: Final = 20_000
PORTS: Final = random.SystemRandom().sample(range(20_000, 30_000), 100)
STOP_S: Final = 120


def free_port() -> int:
    """Return a port that nobody listens on.

    Below those that the system gives to clients: a client that calls a killed server on one of those again and again
    is sooner or later given that very port, calls itself, and the server cannot come back.
    """
    while PORTS:
        port = PORTS.pop()
        with socket.socket() as door, suppress(OSError):
            door.bind(("127.0.0.1", port))
            return port
    raise AssertionError("every port is taken")


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started.

    Source: Linux, proc(5), the file "children" of a task.
    """
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def until(condition: Callable[[], Awaitable[bool]], patience_s: int, what: str) -> None:
    """Look again and again until something is so; who waits too long is told for what."""
    try:
        async with asyncio.timeout(patience_s):
            while not await condition():  # noqa: ASYNC110 - what is waited for happens in other processes
                await asyncio.sleep(LOOK_S)
    except TimeoutError:
        raise AssertionError(f"{what}: not within {patience_s} s") from None


class Town:
    """Everything that can be killed, and how it comes back."""

    def __init__(self, folder: Path) -> None:
        # The unprivileged user of the database must be able to walk in.
        folder.chmod(0o755)
        self._folder = folder
        self.postgres: PrivatePostgres = start(folder / "postgres")
        ports = {"serve": free_port(), "sandbox": free_port()}
        self.url = f"http://127.0.0.1:{ports['serve']}"
        self.operator_url = f"http://127.0.0.1:{ports['sandbox']}"
        self._arguments = {
            "work": ["work"],
            **{name: [name, "--port", str(port)] for name, port in ports.items()},
        }
        self.kills: Counter[str] = Counter()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "RAMU_MODE": "local",
            "DATABASE_URL": self.postgres.app_url,
            "RAMU_OWNER_DATABASE_URL": self.postgres.owner_url,
            "RAMU_PUBLIC_URL": self.url,
            "RAMU_SANDBOX_OPERATOR_URL": self.operator_url,
            "RAMU_LOCAL_DIR": str(folder),
            "RAMU_PUSH_DELAY_S": "0",
        }

    async def open(self) -> None:
        """Migrate, load the examples, and start every process."""
        migrate(self.postgres.owner_url)
        loaded = await asyncio.to_thread(self._spawn("scheme", "load-illustrative").wait, START_S)
        assert loaded == 0, self.said()
        for name in self._arguments:
            self.start(name)
        for url in (f"{self.url}/readyz", f"{self.operator_url}/"):
            await self.until_answering(url)
        await self.until_working(1)

    def close(self) -> None:
        """Stop everything, and show what was said to whoever reads of a failure."""
        print(self.said()[-SHOWN_CHARS:])  # noqa: T201 - pytest shows it when the test failed
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)
            process.kill()
            process.wait()
        self.postgres.stop()

    def start(self, name: str) -> None:
        """Start one process."""
        self._processes[name] = self._spawn(*self._arguments[name])

    def kill(self, name: str) -> None:
        """Kill a process with the signal that nobody can catch, and start it again."""
        process = self._processes[name]
        assert process.poll() is None, f"{name} was dead already: {self.said()}"
        process.kill()
        assert process.wait() == -signal.SIGKILL
        self.kills[name] += 1
        self.start(name)

    async def kill_postgres(self, how: signal.Signals) -> None:
        """Kill the server and start it again: SIGKILL takes all its processes, SIGQUIT is its own immediate end."""
        pid = self.postgres.pid
        for one in (pid, *(children_of(pid) if how is signal.SIGKILL else ())):
            with suppress(ProcessLookupError):
                os.kill(one, how)

        async def gone() -> bool:
            return not self.postgres.alive

        await until(gone, STOP_S, "PostgreSQL is gone")
        self.postgres = await asyncio.to_thread(start, self._folder / "postgres")
        assert not self.postgres.adopted
        self.kills["postgres"] += 1

    async def until_answering(self, url: str) -> None:
        """Wait until somebody answers."""
        async with httpx.AsyncClient(trust_env=False) as client:

            async def answers() -> bool:
                try:
                    return (await client.get(url)).is_success
                except httpx.TransportError:
                    return False

            await until(answers, START_S, f"{url} answers")

    async def until_working(self, starts: int) -> None:
        """Wait until so many workers, one after the other, have started."""

        async def started() -> bool:
            return self.said().count("worker.started") >= starts

        await until(started, START_S, f"worker {starts} has started")

    def said(self) -> str:
        """Return what the processes wrote."""
        log = self._folder / "processes.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def _spawn(self, *arguments: str) -> subprocess.Popen[bytes]:
        # Tied to this process, so that nothing is left over when the tests themselves are killed.
        tied = [sys.executable, "-m", "gateway.local.child", str(os.getpid()), sys.executable, "-m", "gateway.cli.main"]
        with (self._folder / "processes.log").open("ab") as log:
            return subprocess.Popen(
                [*tied, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                cwd=PROJECT,
            )
