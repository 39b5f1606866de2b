"""A second pool of connections, for a second worker."""

from collections.abc import AsyncIterator

import pytest

from gateway.infra.database import Database, Pool, Timeouts, open_database
from tests.conftest import Urls


@pytest.fixture
async def other_database(urls: Urls) -> AsyncIterator[Database]:
    opened = open_database(urls.app, Pool(size=4, timeout_s=20), Timeouts())
    try:
        yield opened
    finally:
        await opened.close()
