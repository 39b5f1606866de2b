"""The web process: every door, its error answers and its start and end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import structlog
from fastapi import APIRouter, FastAPI
from sqlalchemy.exc import SQLAlchemyError

from gateway import health, sms_reports, webhooks
from gateway.doors import Doors
from gateway.errors import install_error_handlers
from gateway.finance import routes as finance
from gateway.refusals import WRITE_EVERY_S
from gateway.settings import Settings
from gateway.ussd import routes as ussd
from gateway.wiring import Parts, Wiring

log = structlog.stdlib.get_logger()

#: Schemes are approved rarely; a new version is offered at the latest after this time.
BOOK_REFRESH_S = 30

#: Above these sizes nothing is read; the doors themselves refuse earlier, in their own words.
BODY_BYTES_MAX = {
    "": 1024 * 1024,
    "/webhooks/": 8 * 1024 * 1024,
    "/ussd/": 4 * 1024 * 1024,
    "/finance/": 24 * 1024 * 1024,
}


#: Gives further doors for parts that were built; local mode adds its telephone this way.
MoreDoors = Callable[[Parts], Sequence[APIRouter]]


def create_app(settings: Settings, more: MoreDoors | None = None) -> FastAPI:
    """Build the web process from its settings."""
    wiring = Wiring(settings)
    parts = wiring.parts

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        kept = [asyncio.create_task(_keep_book(parts)), asyncio.create_task(_keep_refusals(parts))]
        try:
            yield
        finally:
            for task in kept:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await parts.webhooks.refusals.write(parts.deps.desk, parts.deps.clock.now())
            await wiring.close()

    app = FastAPI(
        title="RAMU Gateway", lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    install_error_handlers(app, parts.deps.ids.reference, BODY_BYTES_MAX)
    app.add_middleware(Doors, concurrency_max=settings.concurrency_max)
    # Addresses are compared in this order: callers and operators first.
    app.include_router(ussd.router(parts.ussd))
    app.include_router(webhooks.router(parts.deps, parts.webhooks))
    app.include_router(sms_reports.router(parts.deps, parts.sms_keys))
    app.include_router(health.router(parts.deps, parts.ussd.sessions.answers))
    app.include_router(finance.router(parts.finance))
    for door in more(parts) if more else ():
        app.include_router(door)
    return app


async def _keep_book(parts: Parts) -> None:
    while True:
        try:
            async with parts.deps.desk.single() as connection:
                await parts.book.refresh(connection)
        except (SQLAlchemyError, OSError) as failure:
            log.warning("schemes.not_read", kind=type(failure).__name__)
            await asyncio.sleep(1)
        else:
            await asyncio.sleep(BOOK_REFRESH_S)


async def _keep_refusals(parts: Parts) -> None:
    while True:
        await asyncio.sleep(WRITE_EVERY_S)
        await parts.webhooks.refusals.write(parts.deps.desk, parts.deps.clock.now())
