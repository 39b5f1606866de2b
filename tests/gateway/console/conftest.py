"""The console over a real database."""

from collections.abc import AsyncIterator

import pytest

from gateway.infra.database import Database
from tests.fixed import CountedIds, TestClock
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
