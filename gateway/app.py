"""The web process: every address, its error answers and its start and end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

import structlog
from fastapi import APIRouter, FastAPI
from sqlalchemy.exc import SQLAlchemyError

from gateway import health
from gateway.config.settings import Settings
from gateway.console import routes as console
from gateway.console.wrong_address import page_for_people
from gateway.infra.ingress import Ingress
from gateway.infra.problems import install_error_handlers
from gateway.operator_api import callbacks as webhooks
from gateway.operator_api.refusals import WRITE_EVERY_S
from gateway.sms import report_routes as sms_reports
from gateway.ussd import routes as ussd
from gateway.wiring import ProcessDeps, Wiring

log = structlog.stdlib.get_logger()

#: Schemes are approved rarely; a new version is offered at the latest after this time.
CATALOG_REFRESH_S = 30

#: Above these sizes nothing is read; each route refuses earlier, in its own form.
BODY_BYTES_MAX = {
    "": 1024 * 1024,
    "/webhooks/": 8 * 1024 * 1024,
    "/ussd/": 4 * 1024 * 1024,
    "/finance/": 24 * 1024 * 1024,
}


#: Returns further routes for what was built; local mode adds its telephone this way.
MoreRoutes = Callable[[ProcessDeps], Sequence[APIRouter]]


def create_app(settings: Settings, more: MoreRoutes | None = None) -> FastAPI:
    """Build the web process from its settings."""
    wiring = Wiring(settings)
    process = wiring.process

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        kept = [asyncio.create_task(_refresh_catalog(process)), asyncio.create_task(_write_refusals(process))]
        try:
            async with wiring.following_clock():
                yield
        finally:
            for task in kept:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await process.webhooks.refusals.write(process.deps.console_db, process.deps.clock.now())
            await wiring.close()

    app = FastAPI(
        title="RAMU Gateway", lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    install_error_handlers(app, process.deps.ids.reference, BODY_BYTES_MAX, partial(page_for_people, process.console))
    app.add_middleware(Ingress, concurrency_max=settings.concurrency_max)
    # Addresses are compared in this order: callers and operators first.
    app.include_router(ussd.router(process.ussd))
    app.include_router(webhooks.router(process.deps, process.webhooks))
    app.include_router(sms_reports.router(process.deps, process.sms_keys))
    app.include_router(health.router(process.deps, process.ussd.sessions.answers))
    app.include_router(console.router(process.console))
    for routes in more(process) if more else ():
        app.include_router(routes)
    return app


async def _refresh_catalog(process: ProcessDeps) -> None:
    while True:
        try:
            async with process.deps.console_db.single() as connection:
                await process.catalog.refresh(connection)
        except (SQLAlchemyError, OSError) as failure:
            log.warning("schemes.not_read", kind=type(failure).__name__)
            await asyncio.sleep(1)
        else:
            await asyncio.sleep(CATALOG_REFRESH_S)


async def _write_refusals(process: ProcessDeps) -> None:
    while True:
        await asyncio.sleep(WRITE_EVERY_S)
        await process.webhooks.refusals.write(process.deps.console_db, process.deps.clock.now())
