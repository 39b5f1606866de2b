"""The sandbox operator as one web application; it holds no real money."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

import httpx
from starlette.applications import Starlette

from sandbox_operator import api, control, deliver, page
from sandbox_operator.actions import WalletOperator
from sandbox_operator.books import Books
from sandbox_operator.journal import Journal

MAX_BODY_BYTES = 256 * 1024


def create_operator(
    data_dir: Path | None,
    clock: Callable[[], datetime],
    *,
    api_key: str = "local",
    merchant: str = "RAMU",
    notify_url: str | None = None,
) -> Starlette:
    """Build the operator; without a data folder it forgets everything at its end."""
    books = Books(Journal(data_dir) if data_dir is not None else None)
    operator = WalletOperator(books, merchant, notify_url)
    deps = api.ApiDeps(operator, clock, api_key)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        async with httpx.AsyncClient(trust_env=False, follow_redirects=False) as http:
            stopping = asyncio.Event()
            sending = asyncio.create_task(deliver.run(operator, clock, http, stopping))
            try:
                yield
            finally:
                stopping.set()
                await sending
                books.close()

    every_route = [*api.routes(deps), *control.routes(deps), *page.routes(deps)]
    app = Starlette(routes=every_route, lifespan=lifespan, max_body_size=MAX_BODY_BYTES)
    # For whoever embeds the operator and plays its people without HTTP.
    app.state.operator = operator
    return app
