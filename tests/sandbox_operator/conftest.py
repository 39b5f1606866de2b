from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.sandbox_operator.sandbox_world import World, world


@pytest.fixture
def sandbox() -> Iterator[World]:
    with world() as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def quiet_sandbox() -> Iterator[World]:
    """One operator for all the tests of a file that must leave nothing behind."""
    with world() as running:
        yield running
