"""One running postmaster: knowing it, starting it, waiting for it and stopping it."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from gateway.local.postgres import refusals
from gateway.local.postgres.binaries import Binaries
from gateway.local.postgres.places import OsAccount, private_directory

PORT = 5432
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
IMMEDIATE_STOP_TIMEOUT_S = 5
POLL_S = 0.02
#: An address of a Unix socket holds 108 bytes on Linux and 104 on macOS, the closing zero included.
#: Source: sys/un.h of both systems.
_SOCKET_PATH_MAX_BYTES = 100
_LOG = "server.log"
_LOG_MAX_BYTES = 5 * 1024 * 1024
_OLD_BACKENDS = "pre-existing shared memory block"
#: What every server of the project is told, wherever it is started.
_SHARED = Path(__file__).with_name("server.conf")
#: What this one is told besides. Terse logs without statements: a log never holds a name or a number.
_SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "cluster_name": "ramu-local",
    "fsync": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
#: Throwaway data may lie in memory, of which the log of writes must not take much.
_UNSAFE_SETTINGS = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "32MB", "max_wal_size": "256MB"}


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What a live server wrote into its own ``postmaster.pid``.

    Source: PostgreSQL, src/include/miscadmin.h, the lines of the lock file.
    """

    pid: int
    socket_dir: Path
    status: str


def read_postmaster(data_dir: Path) -> Postmaster | None:
    """Return the server that is alive in a data directory, and not merely a number that it left behind."""
    try:
        lines = (data_dir / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    lines += [""] * (8 - len(lines))
    pid = int(lines[0]) if lines[0].strip().isdigit() else 0
    return Postmaster(pid, Path(lines[4]), lines[7].strip()) if serves(pid, data_dir) else None


def serves(pid: int, data_dir: Path) -> bool:
    """Return whether a process is the PostgreSQL server of this very directory: numbers of the dead are given again."""
    process = Path("/proc") / str(pid)
    if not Path("/proc/self").exists():
        told = subprocess.run(  # noqa: S603 - a number is the only argument
            ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        return "postgres" in told.stdout and str(data_dir) in told.stdout
    try:
        is_postgres = (process / "exe").readlink().name.startswith("postgres")
        return is_postgres and (process / "cwd").samefile(data_dir)
    except PermissionError:
        # Root in a container may not look at another user's process; its command line is open to all.
        return _calls_itself_server(process, data_dir)
    except OSError:
        return False


def socket_dir_for(data_dir: Path, name: str) -> Path:
    """Choose the socket's directory: with the data, or in a short place where its path would be too long."""
    inside = data_dir / "socket"
    if len(os.fsencode(inside / f".s.PGSQL.{PORT}")) <= _SOCKET_PATH_MAX_BYTES:
        return inside
    # Not TMPDIR: the next start must look in the same place, whatever its environment says.
    return Path("/tmp") / f"ramu-{name}"  # noqa: S108 - private_directory refuses one that is not ours


def shared_settings() -> dict[str, str]:
    """Read the settings that compose mounts as a file; the server's user may not see it, so they go by command line."""
    lines = (line.partition("#")[0].partition("=") for line in _SHARED.read_text("utf-8").splitlines())
    return {name.strip(): value.strip() for name, equals, value in lines if equals}


def launch(
    binaries: Binaries, account: OsAccount, data_dir: Path, socket_dir: Path, *, throwaway: bool
) -> subprocess.Popen[bytes]:
    """Start the server and return once it takes connections."""
    settings = shared_settings() | _SETTINGS | {"unix_socket_directories": str(socket_dir)}
    settings |= _UNSAFE_SETTINGS if throwaway else {}
    argv = [binaries.program("postgres"), "-D", str(data_dir)]
    for name, value in settings.items():
        argv += ["-c", f"{name}={value}"]
    private_directory(socket_dir, account)
    _disown_stale_pid(data_dir)
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        # What a killed server left in the socket's directory; that it is dead we know from its pid file.
        for stale in socket_dir.iterdir():
            stale.unlink()
        log_start_bytes = _rotate_log(data_dir)
        descriptor = os.open(data_dir / _LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            process = account.spawn(argv, log=descriptor)
        finally:
            os.close(descriptor)
        if _became_ready(process, data_dir, socket_dir, deadline):
            return process
        said = (data_dir / _LOG).read_bytes()[log_start_bytes:].decode(errors="replace")
        if _OLD_BACKENDS not in said or time.monotonic() > deadline:
            raise refusals.from_server_output(said, data_dir, str(data_dir / _LOG))
        # The children of a killed postmaster need a moment to notice; PostgreSQL rightly waits for them.
        time.sleep(POLL_S * 10)


def takes_connections(socket_dir: Path) -> bool:
    """Return whether somebody listens on the socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(socket_dir / f".s.PGSQL.{PORT}"))
        except OSError:
            return False
    return True


def stop(pid: int, data_dir: Path, process: subprocess.Popen[bytes] | None) -> None:
    """Stop a server fast and cleanly, harder when it does not obey; a dead one is left in peace."""
    for how, patience_s in ((signal.SIGINT, STOP_TIMEOUT_S), (signal.SIGQUIT, IMMEDIATE_STOP_TIMEOUT_S)):
        if _gone(pid, data_dir, process, 0):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
        if _gone(pid, data_dir, process, patience_s):
            return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    _gone(pid, data_dir, process, IMMEDIATE_STOP_TIMEOUT_S)


def _gone(pid: int, data_dir: Path, process: subprocess.Popen[bytes] | None, patience_s: int) -> bool:
    deadline = time.monotonic() + patience_s
    while True:
        dead = process.poll() is not None if process is not None else not serves(pid, data_dir)
        if dead or time.monotonic() >= deadline:
            return dead
        time.sleep(POLL_S)


def _became_ready(process: subprocess.Popen[bytes], data_dir: Path, socket_dir: Path, deadline: float) -> bool:
    while process.poll() is None:
        found = read_postmaster(data_dir)
        if found is not None and found.status == "ready" and takes_connections(socket_dir):
            return True
        if time.monotonic() > deadline:
            stop(process.pid, data_dir, process)
            return False
        time.sleep(POLL_S)
    return False


def _calls_itself_server(process: Path, data_dir: Path) -> bool:
    try:
        program, _, arguments = (process / "cmdline").read_text(errors="replace").partition("\0")
    except OSError:
        return False
    return Path(program).name == "postgres" and str(data_dir) in arguments.split("\0")


def _disown_stale_pid(data_dir: Path) -> None:
    """Let PostgreSQL see a dead server's pid file as stale even when its number was given to another process.

    It takes the number of its own parent for stale, and still checks the shared memory named in the other lines.

    Source: PostgreSQL, src/backend/utils/init/miscinit.c, CreateLockFile.
    """
    pid_file = data_dir / "postmaster.pid"
    if pid_file.exists():
        _, _, rest = pid_file.read_text().partition("\n")
        pid_file.write_text(f"{os.getpid()}\n{rest}")


def _rotate_log(data_dir: Path) -> int:
    log = data_dir / _LOG
    if not log.exists():
        return 0
    if log.stat().st_size > _LOG_MAX_BYTES:
        shutil.move(log, log.with_suffix(".log.1"))
        return 0
    return log.stat().st_size
