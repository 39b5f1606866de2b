"""The whole of RAMU on one machine: its private database, its processes, and the order in which they come and go."""

import asyncio
import json
import signal
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
from httpx import codes

from gateway.infra.migrate import SchemaUnknown, require_known
from gateway.local.folder import NOTE
from gateway.local.ports import HOST
from gateway.local.postgres.private import PrivatePostgres, PrivatePostgresRefused, start
from gateway.local.supervisor import Child, Patience, Supervisor

_PATIENCE = Patience()
_READY_TIMEOUT_S = 60
_READY_POLL_S = 0.1
_DATABASE_POLL_S = 1

#: Shows one line of somebody, by name.
Say = Callable[[str, str], None]
#: Goes on beside the services until the supervisor is told to stop.
Beside = Callable[[Supervisor, Say], Coroutine[None, None, None]]


class StepFailed(Exception):
    """A preparation did not succeed; its own lines, already shown, say why."""


class DataUnknown(Exception):
    """The data of an earlier run were made by code that is not this one; the sentence says what to do."""


@dataclass(frozen=True, slots=True)
class LocalStack:
    """What runs where."""

    local_dir: Path
    port: int
    operator_port: int
    steps: tuple[Child, ...]
    services: tuple[Child, ...]
    patience: Patience = _PATIENCE

    @property
    def url(self) -> str:
        """Return the address of the gateway."""
        return f"http://{HOST}:{self.port}"

    @property
    def operator_url(self) -> str:
        """Return the address of the sandbox operator."""
        return f"http://{HOST}:{self.operator_port}"


class PrivateServer:
    """The private server of a stack, brought back whenever it dies; its address stays the same."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._server: PrivatePostgres | None = None

    async def open(self) -> PrivatePostgres:
        """Start the server, or adopt the one that a killed run left behind."""
        # A thread, so that a signal is heard meanwhile.
        self._server = await asyncio.to_thread(start, self._data_dir)
        return self._server

    async def watch(self, supervisor: Supervisor, say: Say) -> None:
        """Start the server again when it is found dead, until we are told to stop."""
        while not await supervisor.pause(_DATABASE_POLL_S):
            if self._server is not None and not self._server.alive:
                say("ramu", "ATTENTION : le PostgreSQL privé est tombé ; relancé maintenant.")
                try:
                    await self.open()
                except PrivatePostgresRefused as refusal:
                    say("ramu", str(refusal))

    async def close(self) -> None:
        """Stop the server, if it ever started."""
        if self._server is not None:
            await asyncio.to_thread(self._server.stop)


async def run(
    stack: LocalStack, environ: Mapping[str, str], say: Say, welcome: str, beside: Beside | None = None
) -> None:
    """Start everything, say where to go, do what is to be done beside it, and stop everything when told to."""
    supervisor = Supervisor(_environment(stack, environ), say, stack.patience)
    loop = asyncio.get_running_loop()
    for number in _stopping_signals():
        loop.add_signal_handler(number, supervisor.stop)
    database = None if _has_database(environ) else PrivateServer(stack.local_dir / "postgres")
    try:
        if database is not None:
            server = await database.open()
            say("ramu", f"PostgreSQL privé : {server.data_dir}{' (il tournait encore)' if server.adopted else ''}")
            if not server.data_dir.is_relative_to(stack.local_dir):
                say("ramu", f"La base est là-bas, car son utilisateur ne peut pas entrer dans {stack.local_dir}.")
            given = {"DATABASE_URL": server.app_url, "RAMU_OWNER_DATABASE_URL": server.owner_url}
            supervisor.give(**given)
            write_env(stack, given)
            await asyncio.to_thread(_require_our_data, stack, server)
        await _prepare(stack, supervisor)
        async with asyncio.TaskGroup() as together:
            for service in stack.services:
                together.create_task(supervisor.watch(service))
            together.create_task(_greet(stack, supervisor, say, welcome))
            if beside is not None:
                together.create_task(beside(supervisor, say))
            if database is not None:
                together.create_task(database.watch(supervisor, say))
    finally:
        if database is not None:
            await database.close()
    say("ramu", "Tout est arrêté.")


def _require_our_data(stack: LocalStack, server: PrivatePostgres) -> None:
    folder = stack.local_dir if server.data_dir.is_relative_to(stack.local_dir) else server.data_dir
    try:
        require_known(server.owner_url)
    except SchemaUnknown as unknown:
        raise DataUnknown(
            f"Le dossier {folder} vient d'une version de RAMU que celle-ci ne connaît pas "
            f"(schéma « {unknown.revision} ») : déplacez-le ou supprimez-le, puis relancez ; rien n'y a été changé."
        ) from None


def write_env(stack: LocalStack, given: Mapping[str, str]) -> None:
    """Write down how to reach the house, for commands that are given in another terminal."""
    ours = {"RAMU_MODE": "local", "RAMU_PUBLIC_URL": stack.url, "RAMU_SANDBOX_OPERATOR_URL": stack.operator_url}
    (stack.local_dir / NOTE).write_text(json.dumps(ours | dict(given), indent=2), encoding="utf-8")


def _stopping_signals() -> tuple[signal.Signals, ...]:
    """Return the signals that end the run; under `nohup` the end of the terminal is none of them."""
    outlives_terminal = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    always = (signal.SIGINT, signal.SIGTERM)
    return always if outlives_terminal else (*always, signal.SIGHUP)


async def _prepare(stack: LocalStack, supervisor: Supervisor) -> None:
    for step in stack.steps:
        status = await supervisor.finish(step)
        if supervisor.stopping:
            return
        if status != 0:
            raise StepFailed(f"L'étape « {step.name} » a échoué (code {status}) : la raison est écrite au-dessus.")


async def _greet(stack: LocalStack, supervisor: Supervisor, say: Say, welcome: str) -> None:
    deadline_s = asyncio.get_running_loop().time() + _READY_TIMEOUT_S
    async with httpx.AsyncClient(trust_env=False, timeout=_READY_TIMEOUT_S) as client:
        for url in (f"{stack.url}/readyz", f"{stack.operator_url}/"):
            while not await _answers(client, url):
                if await supervisor.pause(_READY_POLL_S):
                    return
                if asyncio.get_running_loop().time() > deadline_s:
                    say(
                        "ramu",
                        f"ATTENTION : {url} ne répond pas après {_READY_TIMEOUT_S} s ; voir les lignes au-dessus.",
                    )
                    return
    for line in welcome.splitlines():
        say("ramu", line)


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code < codes.BAD_REQUEST
    except httpx.HTTPError:
        return False


def _has_database(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("DATABASE_URL") or environ.get("DATABASE_URL_FILE"))


def _environment(stack: LocalStack, environ: Mapping[str, str]) -> dict[str, str]:
    ours = {
        "RAMU_MODE": "local",
        "RAMU_PUBLIC_URL": stack.url,
        "RAMU_SANDBOX_OPERATOR_URL": stack.operator_url,
        "RAMU_LOCAL_DIR": str(stack.local_dir),
        "PYTHONUNBUFFERED": "1",
    }
    given = {name: value for name, value in environ.items() if value}
    if not _has_database(environ):
        # An owner's address without a database belongs to another database than ours.
        given = {name: value for name, value in given.items() if not name.startswith("RAMU_OWNER_DATABASE_URL")}
    return ours | given | {"RAMU_MODE": "local"}
