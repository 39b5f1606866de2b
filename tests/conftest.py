"""A real PostgreSQL with a fresh migrated database for each test, a clock that stands still, ids that count."""

import asyncio
import gc
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

from gateway.contributions.schemes import SchemeCatalog
from gateway.infra.database import Database, Pool, Timeouts, open_database
from gateway.infra.migrate import migrate
from gateway.local.illustrative import SCHEMES, load_people, load_schemes
from gateway.local.postgres.private import PrivatePostgres, start
from tests.databases import copying, making
from tests.fixed import CountedIds, TestClock
from tests.logged import log_as_the_product
from tests.world import World, open_world

# Where a run decides whether work lands, the same examples are drawn every time; elsewhere, new ones. How fast examples
# are drawn says something of the machine alone.
settings.register_profile("fresh", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("steady", settings.get_profile("fresh"), derandomize=True)
settings.load_profile("steady" if os.environ.get("CI") else "fresh")

TEMPLATE = "ramu_template"
#: The same, with the illustrative schemes and households that every world begins with.
PEOPLED = "ramu_peopled"
NAMES = itertools.count(1)
#: Memory that looks like a disk: thousands of databases come and go, and none of them is to outlive the run.
MEMORY = Path("/dev/shm")  # noqa: S108 - the folder made in it has a name of its own
MEMORY_NEEDED_BYTES = 2 * 1024**3


#: Begun first, in whatever order the others come: one long test left over at the end would keep one core alone busy.
LONG = ("tests/chaos/", "tests/e2e/", "tests/simulation/", "tests/gateway/local/", "tests/sandbox_operator/")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let long tests begin first; among them, and among the others, the drawn order stays."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


def pytest_collection_finish() -> None:
    """Let the collector of garbage look no more at the thousands of collected tests, which live to the end."""
    gc.collect()
    gc.freeze()


@dataclass(frozen=True)
class Urls:
    """The addresses of one test's own database."""

    name: str
    app: str
    owner: str
    superuser: str


def plain(url: str) -> str:
    """Return an address that psycopg itself understands."""
    return url.replace("postgresql+psycopg://", "postgresql://")


@pytest.fixture(scope="session", autouse=True)
def product_logs() -> None:
    """Log as the product does."""
    log_as_the_product()


@pytest.fixture(scope="session")
def server() -> Iterator[PrivatePostgres]:
    """A private PostgreSQL for this process of the suite."""
    folder = Path(tempfile.mkdtemp(prefix="ramu-tests-", dir=_memory()))
    # The server may run as another user than we are.
    folder.chmod(0o711)
    try:
        with start(folder / "postgres", unsafe_fast=True) as postgres:
            with psycopg.connect(plain(postgres.superuser_url), autocommit=True) as connection:
                for statement in making(TEMPLATE):
                    connection.execute(statement)
            migrate(postgres.database_url(TEMPLATE, "ramu_owner"))
            yield postgres
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _memory() -> Path | None:
    """Return where memory serves as a disk, unless there is none or too little, as in many containers."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_NEEDED_BYTES
    return MEMORY if roomy and os.access(MEMORY, os.W_OK) else None


@pytest.fixture(scope="session")
def peopled(server: PrivatePostgres) -> str:
    """A template that holds what a world begins with, so that it is written once for each process of the suite."""
    with psycopg.connect(plain(server.superuser_url), autocommit=True) as connection:
        _copy(connection, TEMPLATE, PEOPLED)
    asyncio.run(_people(server.database_url(PEOPLED, "ramu_app")))
    return PEOPLED


async def _people(url: str) -> None:
    database, catalog, now = (
        open_database(url, Pool(size=1, timeout_s=20), Timeouts()),
        SchemeCatalog(),
        TestClock().now(),
    )
    try:
        await database.transact(lambda connection: load_schemes(connection, now, SCHEMES))
        async with database.single() as connection:
            await catalog.refresh(connection)
        await database.transact(lambda connection: load_people(connection, catalog, now))
    finally:
        await database.close()


def _copy(connection: psycopg.Connection, template: str, name: str) -> None:
    for statement in copying(template, name):
        connection.execute(statement)


@pytest.fixture
def urls(server: PrivatePostgres, request: pytest.FixtureRequest) -> Iterator[Urls]:
    """A database of this test's own, migrated; a test of the world finds the world's people in it."""
    name = f"test_{os.getpid()}_{next(NAMES)}"
    template = request.getfixturevalue("peopled") if "world" in request.fixturenames else TEMPLATE
    with psycopg.connect(plain(server.superuser_url), autocommit=True) as connection:
        _copy(connection, template, name)
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
    """The gateway and the sandbox operator on a fresh database, with the two illustrative households."""
    async with open_world(database, clock, ids, people=False) as opened:
        yield opened
