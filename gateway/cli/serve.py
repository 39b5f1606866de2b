"""`ramu serve`: the web process."""

import logging
import os
from typing import Annotated

import typer
import uvicorn
from fastapi import APIRouter

from gateway.app import create_app
from gateway.cli.story import dial_line
from gateway.config.setting_types import LogFormat
from gateway.config.settings import Settings, load_settings
from gateway.infra.clock import Clock
from gateway.infra.connections import (
    KEEP_ALIVE_S,
    ConnectionLimits,
    JunkIsNoNews,
    connections_max,
    patient_protocol,
)
from gateway.infra.logs import configure_logs
from gateway.local.dials import Dial, DialsTold
from gateway.local.doors_page import doors_router
from gateway.local.phone_page import phone_router
from gateway.wiring import ProcessDeps
from payments.operators.sandbox.config import Config as SandboxConfig

#: Most connections idle most of the time; those that speak are limited by `RAMU_CONCURRENCY_MAX`.
CONNECTIONS_PER_REQUEST = 10


def command(
    host: Annotated[str, typer.Option(help="L'adresse où écouter.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Le port où écouter.")] = 8000,
    *,
    tell_dials: Annotated[bool, typer.Option("--tell-dials", hidden=True)] = False,
) -> None:
    """Answer callers, operators and the finance console."""
    settings = load_settings(os.environ)
    configure_logs(console=settings.log_format is LogFormat.CONSOLE)

    clocks: list[Clock] = []

    def local_pages(process: ProcessDeps) -> list[APIRouter]:
        clocks.append(process.deps.clock)
        if not settings.is_local:
            return []
        operator_url = _operators_page(settings)
        return [phone_router(process.ussd, operator_url), doors_router(process.deps, operator_url)]

    logging.getLogger("uvicorn.error").addFilter(JunkIsNoNews())
    limits = ConnectionLimits(connections_max=connections_max(CONNECTIONS_PER_REQUEST * settings.concurrency_max))
    app = create_app(settings, local_pages)
    if tell_dials and settings.is_local:
        app.add_middleware(DialsTold, clock=clocks[0], tell=_tell)
    uvicorn.run(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=patient_protocol(limits),
        timeout_keep_alive=KEEP_ALIVE_S,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.stop_timeout_s,
        forwarded_allow_ips=settings.forwarded_allow_ips,
    )


def _tell(dial: Dial) -> None:
    typer.echo(dial_line(dial))


def _operators_page(settings: Settings) -> str | None:
    """Return where the payer of the browser phone answers prompts."""
    sandbox = settings.adapters.operators.get("sandbox")
    return sandbox.operator_url if isinstance(sandbox, SandboxConfig) else None
