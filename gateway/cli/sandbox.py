"""`ramu sandbox`: the sandbox operator on a port of its own."""

import asyncio
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from gateway.config.setting_types import LOCAL_WORD, Mode
from gateway.config.settings import SettingsInvalid, load_settings
from gateway.infra.clock import ShiftedClock, SystemClock
from gateway.infra.clock_shift import following
from gateway.infra.connections import KEEP_ALIVE_S, ConnectionLimits, patient_protocol
from gateway.infra.database import Database, Pool, Timeouts, open_database
from gateway.local.faults import reason
from sandbox_operator.app import create_operator
from sandbox_operator.journal import JournalRefused

#: Where the books lie below the local folder when nobody names another place.
BOOKS_FOLDER = "sandbox-operator"

#: A toy for one machine, which as little as the rest may be filled with silence.
CONNECTIONS_MAX = 500
#: How long answers under way may take when the operator is told to stop.
STOP_S = 3


def command(
    *,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port d'écoute ; 0 en choisit un.")] = 8001,
    host: Annotated[str, typer.Option(help="Adresse d'écoute.")] = "127.0.0.1",
    data_dir: Annotated[Path | None, typer.Option(help="Dossier des livres ; sans lui, en mémoire.")] = None,
    local_dir: Annotated[Path | None, typer.Option(envvar="RAMU_LOCAL_DIR", hidden=True)] = None,
    public_url: Annotated[str, typer.Option(envvar="RAMU_PUBLIC_URL", hidden=True)] = "http://127.0.0.1:8000",
    api_key: Annotated[str, typer.Option(envvar="RAMU_SANDBOX_API_KEY", hidden=True)] = "local",
    merchant: Annotated[str, typer.Option(envvar="RAMU_SANDBOX_MERCHANT", hidden=True)] = "RAMU",
    mode: Annotated[str, typer.Option(envvar="RAMU_MODE", hidden=True)] = "local",
) -> None:
    """Run the sandbox operator, which holds no real money."""
    if mode == "production":
        typer.echo("L'opérateur d'essai ne tourne pas en production.", err=True)
        raise typer.Exit(2)
    if data_dir is None and local_dir is not None:
        data_dir = local_dir / BOOKS_FOLDER
    # The long address, given to it at going live.
    notify_url = f"{public_url.rstrip('/')}/webhooks/sandbox/{LOCAL_WORD}"
    try:
        listener = socket.create_server((host, port))
    except (OSError, UnicodeError) as error:
        why = reason(error.errno) if isinstance(error, OSError) else "adresse illisible"
        typer.echo(f"Impossible d'écouter sur le port {port} de {host} ({why}) ; voyez --port et --host.", err=True)
        raise typer.Exit(1) from error
    with listener:
        clock = ShiftedClock(SystemClock())
        try:
            app = create_operator(data_dir, clock.now, api_key=api_key, merchant=merchant, notify_url=notify_url)
        except (JournalRefused, OSError) as error:
            typer.echo(f"L'opérateur d'essai ne peut pas ouvrir ses livres : {error}", err=True)
            raise typer.Exit(1) from error
        typer.echo(f"Opérateur d'essai (aucun argent réel) : http://{host}:{listener.getsockname()[1]}/")
        config = uvicorn.Config(
            app,
            http=patient_protocol(ConnectionLimits(connections_max=CONNECTIONS_MAX)),
            timeout_keep_alive=KEEP_ALIVE_S,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=STOP_S,
        )
        asyncio.run(_serve(uvicorn.Server(config), listener, clock, _database_of(os.environ)))


def _database_of(environ: Mapping[str, str]) -> Database | None:
    """Return the database beside which the operator runs; the operator itself knows of none, only of the time."""
    try:
        settings = load_settings({**environ, "RAMU_MODE": Mode.LOCAL})
    except SettingsInvalid:
        # On its own: then the time is the machine's.
        return None
    return open_database(settings.database_url.get_secret_value(), Pool(size=1), Timeouts())


async def _serve(
    server: uvicorn.Server, listener: socket.socket, clock: ShiftedClock, kept_in: Database | None
) -> None:
    """Serve until told to stop, at the time that everybody beside us has."""
    if kept_in is None:
        await server.serve(sockets=[listener])
        return
    try:
        async with following(kept_in, clock):
            await server.serve(sockets=[listener])
    finally:
        await kept_in.close()
