"""What must be free before anything starts: the ports, and the right to be the only `ramu run` of a directory."""

import contextlib
import errno
import fcntl
import os
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from gateway.local.faults import reason

HOST = "127.0.0.1"
#: How long the children of a killed run may take to let go of their ports.
_PATIENCE_S = 1.5
_POLL_S = 0.1


class NotFree(Exception):
    """Something that we need is taken, and the text says by whom and what to do."""


def require_free(ports: Mapping[str, int]) -> None:
    """Check that each port, named by the option that changes it, can be listened on."""
    if len(set(ports.values())) < len(ports):
        raise NotFree(f"Les options {' et '.join(ports)} donnent le même port : choisissez deux ports différents.")
    for option, port in ports.items():
        deadline = time.monotonic() + _PATIENCE_S
        while (why := _obstacle(port)) is not None:
            if why != errno.EADDRINUSE:
                raise NotFree(f"Le port {port} est interdit ici ({reason(why)}) : choisissez-en un autre, {option}.")
            if time.monotonic() > deadline:
                raise NotFree(
                    f"Le port {port} est déjà pris par un autre programme : arrêtez-le, "
                    f"ou choisissez un autre port, par exemple {option} {port + 100}."
                )
            time.sleep(_POLL_S)


@contextlib.contextmanager
def only_run(local_dir: Path) -> Iterator[None]:
    """Hold the lock of a directory, so that one run has it; the system lets it go when we die, however we die."""
    local_dir.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(local_dir / "run.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode(errors="replace").strip() or "?"
            raise NotFree(
                f"RAMU tourne déjà dans {local_dir} (processus {holder}) : arrêtez-le d'abord avec Ctrl-C, "
                f"ou avec « kill {holder} »."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _obstacle(port: int) -> int | None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers themselves do: connections that are only fading away do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen()
        except OSError as error:
            return error.errno
    return None
