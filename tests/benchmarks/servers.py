"""Real processes for a measurement: a durable private PostgreSQL, its databases, and programs on chosen cores."""

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from gateway.local.postgres.private import PrivatePostgres, start
from tests.benchmarks.machine import ROOT, cores_at_start
from tests.databases import copying, making

HOST = "127.0.0.1"
READY_S = 30
STOP_S = 10
POLL_S = 0.02


class Broken(Exception):
    """A measurement that did not do what it counts; its numbers are worth nothing."""


@dataclass(frozen=True)
class Server:
    """The private server of one run of the benchmarks."""

    postgres: PrivatePostgres
    folder: Path

    @property
    def superuser_url(self) -> str:
        return plain(self.postgres.superuser_url)

    def url(self, database: str, role: str = "ramu_app") -> str:
        return self.postgres.database_url(database, role)

    def create(self, name: str, template: str | None = None) -> str:
        """Make a database, gone over once by the planner's statistics, and give its address for the application."""
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            for statement in making(name) if template is None else copying(template, name, strategy="WAL_LOG"):
                connection.execute(statement)
        return self.url(name)

    def settle_down(self, name: str) -> None:
        """Let no cleaning of what came before fall into the measurement."""
        with psycopg.connect(plain(self.url(name, "postgres")), autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")
            connection.execute("CHECKPOINT")

    def checkpoint(self) -> None:
        """Write out what was left to be written."""
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")

    def drop(self, name: str) -> None:
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def one(self, name: str, query: str) -> int:
        """The one number that a query gives."""
        with psycopg.connect(plain(self.url(name, "postgres"))) as connection:
            row = connection.execute(query.encode()).fetchone()
        if row is None:
            raise Broken(f"no row from {query}")
        return int(row[0])

    def count(self, name: str, rows: str) -> int:
        """Count the rows of a table, perhaps with a condition behind its name."""
        return self.one(name, f"SELECT count(*) FROM {rows}")  # noqa: S608 - the names are ours


def plain(url: str) -> str:
    """The address as psycopg itself understands it."""
    return url.replace("postgresql+psycopg://", "postgresql://")


@contextlib.contextmanager
def private_server(kept: Path | None = None) -> Iterator[Server]:
    """A new durable server; everything of it is gone afterwards, unless a folder to keep it in is named."""
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        kept.chmod(0o711)
        postgres = start(kept / "postgres")
        try:
            yield Server(postgres, kept)
        finally:
            if not postgres.adopted:
                postgres.stop()
        return
    folder = Path(tempfile.mkdtemp(prefix="ramu-bench-"))
    folder.chmod(0o711)
    try:
        with start(folder / "postgres") as postgres:
            yield Server(postgres, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as door:
        door.bind((HOST, 0))
        return int(door.getsockname()[1])


def settings(database_url: str, **more: str) -> dict[str, str]:
    """The environment of a gateway process, without anything that the machine says of another one."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("RAMU_") and name not in {"DATABASE_URL", "REDIS_URL"}
    }
    ours = {
        "RAMU_MODE": "local",
        "RAMU_LOG_FORMAT": "json",
        "DATABASE_URL": database_url,
        "RAMU_SANDBOX_OPERATOR_URL": f"http://{HOST}:9",
    }
    return kept | ours | more


@contextlib.contextmanager
def program(
    *arguments: str, environ: Mapping[str, str], log: Path, core: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A Python program of ours, on one core where that is asked for; stopped at the end."""
    with log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
    try:
        # Whoever starts programs may be pinned; they are not, unless they are told.
        os.sched_setaffinity(process.pid, cores_at_start if core is None else {core})
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def wait_for(process: subprocess.Popen[str], port: int, log: Path, path: str = "/") -> None:
    """Return once somebody answers HTTP on the port."""
    deadline = time.monotonic() + READY_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            door = http.client.HTTPConnection(HOST, port, timeout=1)
            door.request("GET", path)
            door.getresponse().read()
            door.close()
            return
        time.sleep(POLL_S)
    raise Broken(f"{process.args!r} did not answer; it said:\n{log.read_text()[-2000:]}")


@dataclass(frozen=True)
class Door:
    """A web process that is ready to be asked."""

    name: str
    port: int
    pid: int
    database: str


@contextlib.contextmanager
def web(server: Server, name: str, arguments: tuple[str, ...], environ: Mapping[str, str], core: int) -> Iterator[Door]:
    """A web process on a free port; ``name`` is also the name of its database."""
    port, log = free_port(), server.folder / f"{name}.log"
    with program(*arguments, "--port", str(port), environ=environ, log=log, core=core) as process:
        wait_for(process, port, log)
        yield Door(name, port, process.pid, name)
        if process.poll() is not None:
            raise Broken(f"{name} died; it said:\n{log.read_text()[-2000:]}")


@contextlib.contextmanager
def gateway_door(server: Server, name: str, core: int) -> Iterator[Door]:
    """The gateway itself, as `ramu serve` starts it."""
    with web(server, name, ("gateway.cli.main", "serve"), settings(server.url(name)), core) as door:
        yield door


@contextlib.contextmanager
def floor_door(server: Server, name: str, kind: str, core: int, **more: str) -> Iterator[Door]:
    """A floor under the same web server."""
    arguments = ("tests.benchmarks.floors", kind)
    with web(server, name, arguments, settings(server.url(name), **more), core) as door:
        yield door
