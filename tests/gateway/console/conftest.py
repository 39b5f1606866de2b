"""The console over a real database."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from gateway.infra.database import Database
from tests.fixed import CountedIds, TestClock
from tests.gateway.console.browsing import CHROMIUM, opened_browser, served
from tests.gateway.console.desk import Desk, open_desk


@pytest.fixture
async def desk(database: Database, clock: TestClock, ids: CountedIds) -> AsyncIterator[Desk]:
    """The console as production runs it."""
    async with open_desk(database, clock, ids) as opened:
        yield opened


@pytest.fixture
async def local_desk(database: Database, clock: TestClock, ids: CountedIds) -> AsyncIterator[Desk]:
    """The console as one's own machine runs it."""
    async with open_desk(database, clock, ids, local_mode=True) as opened:
        yield opened


@pytest.fixture
async def address(local_desk: Desk) -> AsyncIterator[str]:
    """The console of one's own machine behind a real socket, with one day of every kind of trouble."""
    async with served(local_desk) as url:
        yield url


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """The machine's own browser."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    async with opened_browser(CHROMIUM) as opened:
        yield opened
