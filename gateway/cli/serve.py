"""`ramu serve`: the web process."""

import os
from typing import Annotated

import typer
import uvicorn
from fastapi import APIRouter

from gateway.app import create_app
from gateway.local.phone_page import phone_router
from gateway.logs import configure_logs
from gateway.setting_types import LogFormat
from gateway.settings import load_settings
from gateway.wiring import Parts


def command(
    host: Annotated[str, typer.Option(help="L'adresse où écouter.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Le port où écouter.")] = 8000,
) -> None:
    """Answer callers, operators and the finance console."""
    settings = load_settings(os.environ)
    configure_logs(console=settings.log_format is LogFormat.CONSOLE)

    def telephone(parts: Parts) -> list[APIRouter]:
        return [phone_router(parts.ussd, settings.sandbox_operator_url)] if settings.is_local else []

    uvicorn.run(
        create_app(settings, telephone),
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=settings.concurrency_max,
        timeout_graceful_shutdown=settings.stop_timeout_s,
        forwarded_allow_ips=settings.forwarded_allow_ips,
    )
