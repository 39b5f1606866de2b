"""A real PostgreSQL with a fresh migrated database for each test, a clock that stands still, ids that count."""

import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql

from gateway.database import Database, Pool, Timeouts, open_database
from gateway.local.postgres import PrivatePostgres, start
from gateway.migrate import migrate
from tests.fixed import CountedIds, TestClock
from tests.logged import log_as_the_product
from tests.world import World, open_world

# Where a run decides whether work lands, the same examples are drawn every time; elsewhere, new ones. How fast examples
# are drawn says something of the machine alone.
settings.register_profile("fresh", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("steady", settings.get_profile("fresh"), derandomize=True)
settings.load_profile("steady" if os.environ.get("CI") else "fresh")

TEMPLATE = "ramu_template"
NAMES = itertools.count(1)


@dataclass(frozen=True)
class Urls:
    """The addresses of one test's own database."""

    name: str
    app: str
    owner: str
    superuser: str


def plain(url: str) -> str:
    """Give an address that psycopg itself understands."""
    return url.replace("postgresql+psycopg://", "postgresql://")


@pytest.fixture(scope="session", autouse=True)
def product_logs() -> None:
    """Log as the product does."""
    log_as_the_product()


@pytest.fixture(scope="session")
def server() -> Iterator[PrivatePostgres]:
    """A private PostgreSQL for this process of the suite."""
    folder = Path(tempfile.mkdtemp(prefix="ramu-tests-"))
    try:
        with start(folder / "postgres", unsafe_fast=True) as postgres:
            with psycopg.connect(plain(postgres.superuser_url), autocommit=True) as connection:
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER ramu_owner").format(sql.Identifier(TEMPLATE)))
            migrate(postgres.database_url(TEMPLATE, "ramu_owner"))
            yield postgres
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def urls(server: PrivatePostgres) -> Iterator[Urls]:
    """A database of this test's own, migrated."""
    name = f"test_{os.getpid()}_{next(NAMES)}"
    with psycopg.connect(plain(server.superuser_url), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER ramu_owner STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(TEMPLATE)
            )
        )
        yield Urls(
            name,
            server.database_url(name, "ramu_app"),
            server.database_url(name, "ramu_owner"),
            server.database_url(name, "postgres"),
        )
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def owner_url(urls: Urls) -> str:
    """The address of the role that owns the tables."""
    return urls.owner


@pytest.fixture
def superuser_url(urls: Urls) -> str:
    """The address of the role that may do anything."""
    return urls.superuser


@pytest.fixture
async def database(urls: Urls) -> AsyncIterator[Database]:
    """A pool of connections as the application's role."""
    opened = open_database(urls.app, Pool(size=8, timeout_s=20), Timeouts())
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
def clock() -> TestClock:
    """A clock that stands still."""
    return TestClock()


@pytest.fixture
def ids() -> CountedIds:
    """Identifiers that count."""
    return CountedIds()


@pytest.fixture
async def world(database: Database, clock: TestClock, ids: CountedIds) -> AsyncIterator[World]:
    """The gateway and the sandbox operator on a fresh database, with two illustrative households."""
    async with open_world(database, clock, ids) as opened:
        yield opened
