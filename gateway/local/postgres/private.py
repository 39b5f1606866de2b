"""The private PostgreSQL of local mode: real guarantees on a machine that has no database server."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from gateway.local.postgres import binaries, cluster, places, refusals
from gateway.local.postgres import postmaster as server
from gateway.local.postgres.refusals import PrivatePostgresRefused

__all__ = ["PrivatePostgres", "PrivatePostgresRefused", "start"]

_LOCK_TIMEOUT_S = 60


@dataclass(slots=True)
class PrivatePostgres:
    """A running private server; it outlives whoever started it until somebody stops it."""

    data_dir: Path
    socket_dir: Path
    pid: int
    throwaway: bool
    adopted: bool
    _refuge: Path | None = field(repr=False)
    _process: subprocess.Popen[bytes] | None = field(repr=False)

    def database_url(self, name: str = cluster.DATABASE, role: str = cluster.APP) -> str:
        """Return the SQLAlchemy address of a database for a role."""
        where = quote(str(self.socket_dir), safe="/")
        return f"postgresql+psycopg://{role}:{cluster.PASSWORD}@/{quote(name)}?host={where}&port={server.PORT}"

    @property
    def app_url(self) -> str:
        """Return the address for the application, which may only connect until the migrations grant it more."""
        return self.database_url()

    @property
    def owner_url(self) -> str:
        """Return the address for the migrations."""
        return self.database_url(role=cluster.OWNER)

    @property
    def superuser_url(self) -> str:
        """Return the address for what only a superuser can do, such as making databases for tests."""
        return self.database_url("postgres", cluster.SUPERUSER)

    @property
    def alive(self) -> bool:
        """Return whether the server still runs."""
        return self._process.poll() is None if self._process else server.serves(self.pid, self.data_dir)

    def stop(self) -> None:
        """Stop the server, whatever state it is in, and throw its data away where that was agreed."""
        server.stop(self.pid, self.data_dir, self._process)
        if self.socket_dir.parent != self.data_dir:
            shutil.rmtree(self.socket_dir, ignore_errors=True)
        if self.throwaway:
            shutil.rmtree(self._refuge or self.data_dir, ignore_errors=True)
            _lock_path(self.data_dir).unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(data_dir: Path, *, unsafe_fast: bool = False, production: bool = False) -> PrivatePostgres:
    """Start the private server of a directory, or adopt the one that already runs there; make it at the first start.

    ``unsafe_fast`` turns fsync off and throws the data away at the stop: it is for tests, in a new temporary directory.
    """
    if production:
        raise refusals.production()
    data_dir = data_dir.expanduser().resolve()
    try:
        if unsafe_fast:
            _must_be_temporary(data_dir)
        settled, account = places.choose_data_dir(data_dir, throwaway=unsafe_fast)
        with _only_starter(settled):
            found = binaries.find(account)
            if not places.is_marked(settled):
                cluster.make(found, account, settled, throwaway=unsafe_fast)
            marker = cluster.read_marker(found, settled, throwaway=unsafe_fast)
            pid, socket_dir, process = _adopt_or_launch(found, account, settled, marker)
        refuge = None if settled == data_dir else settled.parent
        return PrivatePostgres(settled, socket_dir, pid, marker.throwaway, process is None, refuge, process)
    except OSError as error:
        refusal = refusals.from_os_error(error, data_dir)
        if refusal is None:
            raise
        raise refusal from error


def _adopt_or_launch(
    found: binaries.Binaries, account: places.OsAccount, data_dir: Path, marker: cluster.Marker
) -> tuple[int, Path, subprocess.Popen[bytes] | None]:
    socket_dir = server.socket_dir_for(data_dir, marker.name)
    deadline = time.monotonic() + server.START_TIMEOUT_S
    while (running := server.read_postmaster(data_dir)) is not None:
        if running.status and running.socket_dir != socket_dir:
            raise refusals.in_use(data_dir, running.pid)
        if running.status == "ready" and server.takes_connections(socket_dir):
            return running.pid, socket_dir, None
        if running.status == "ready" or time.monotonic() > deadline:
            # Ours, but its socket was swept away or it hangs: begin again on the same data.
            server.stop(running.pid, data_dir, None)
        time.sleep(server.POLL_S)
    process = server.launch(found, account, data_dir, socket_dir, throwaway=marker.throwaway)
    return process.pid, socket_dir, process


def _must_be_temporary(data_dir: Path) -> None:
    temporary = (Path(tempfile.gettempdir()).resolve(), Path("/dev/shm"))  # noqa: S108 - only compared with
    if not any(data_dir.is_relative_to(place) and data_dir != place for place in temporary):
        raise refusals.not_throwaway(data_dir)
    if data_dir.is_dir() and any(data_dir.iterdir()) and not places.is_marked(data_dir):
        raise refusals.not_throwaway(data_dir)


@contextlib.contextmanager
def _only_starter(data_dir: Path) -> Iterator[None]:
    """Let one process at a time make or start the server of a directory."""
    deadline = time.monotonic() + _LOCK_TIMEOUT_S
    descriptor = os.open(_lock_path(data_dir), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        while not _locked(descriptor):
            if time.monotonic() > deadline:
                raise refusals.busy(data_dir)
            time.sleep(server.POLL_S)
        yield
    finally:
        os.close(descriptor)


def _lock_path(data_dir: Path) -> Path:
    return data_dir.with_name(f".{data_dir.name}.lock")


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
