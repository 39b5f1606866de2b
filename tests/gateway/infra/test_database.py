import asyncio
import socket

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.infra.database import CONNECT_TIMEOUT_S, Database, DatabaseSilent, Pool, Timeouts, open_database
from tests.conftest import Urls, plain
from tests.gateway.infra.failing_postgres import PID, POOL, end_all, fill, silent

ADD = text(
    "INSERT INTO audit_event (at, actor, action, subject, detail) VALUES (:at, 'a', 'b', 'c', CAST('{}' AS jsonb))"
)


async def test_a_unit_of_work_that_fails_leaves_nothing(database: Database) -> None:
    async def change_its_mind() -> None:
        async with database.unit_of_work() as connection:
            await connection.execute(ADD, {"at": "2026-11-22T00:00:00Z"})
            raise RuntimeError("the caller changed its mind")

    with pytest.raises(RuntimeError):
        await change_its_mind()
    assert await rows(database) == 0


class Work:
    """Adds one row; the server ends the connection first, or just before the commit, the first time it runs."""

    def __init__(self, superuser_url: str, *, at_commit: bool) -> None:
        self.superuser_url = superuser_url
        self.at_commit = at_commit
        self.runs = 0

    async def __call__(self, connection: AsyncConnection) -> None:
        self.runs += 1
        pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        if self.at_commit:
            await connection.execute(ADD, {"at": "2026-11-22T00:00:00Z"})
        if self.runs == 1:
            with psycopg.connect(plain(self.superuser_url), autocommit=True) as session:
                session.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        if not self.at_commit:
            await connection.execute(ADD, {"at": "2026-11-22T00:00:00Z"})


async def rows(database: Database) -> int:
    async with database.single() as connection:
        return int((await connection.execute(text("SELECT count(*) FROM audit_event"))).scalar_one())


async def test_work_whose_connection_the_server_had_closed_is_done_once(database: Database, superuser_url: str) -> None:
    work = Work(superuser_url, at_commit=False)
    await database.transact(work)
    assert (work.runs, await rows(database)) == (2, 1)


async def test_a_connection_lost_while_committing_is_told_and_not_tried_again(
    database: Database, superuser_url: str
) -> None:
    work = Work(superuser_url, at_commit=True)
    with pytest.raises(OperationalError):
        await database.transact(work)
    assert (work.runs, await rows(database)) == (1, 0)


async def test_after_a_restart_no_statement_meets_a_dead_connection(database: Database, urls: Urls) -> None:
    for _ in range(3):
        await fill(database)
        assert end_all(urls) == POOL
        for _ in range(POOL):
            assert await rows(database) == 0
        assert len(set(await fill(database))) == POOL


async def test_the_first_dead_connection_empties_the_whole_pool(database: Database, urls: Urls) -> None:
    before = set(await fill(database))
    [first, *_] = before
    with psycopg.connect(plain(urls.superuser), autocommit=True) as session:
        session.execute("SELECT pg_terminate_backend(%s, 5000)", (first,))
    # Once the dead one was seen, no older one is handed out.
    await fill(database)
    assert before.isdisjoint(await fill(database))


async def test_a_parameter_that_changes_is_no_death(database: Database, urls: Urls) -> None:
    before = await fill(database, 1)
    with psycopg.connect(plain(urls.superuser), autocommit=True) as session:
        session.execute("ALTER SYSTEM SET default_transaction_isolation = 'read committed'")
        session.execute("ALTER SYSTEM SET TimeZone = 'UTC'")
        session.execute("SELECT pg_reload_conf()")
    for _ in range(20):
        assert await fill(database, 1) == before


async def test_a_statement_alone_is_sent_again_when_its_connection_is_lost(database: Database, urls: Urls) -> None:
    work = Work(urls.superuser, at_commit=False)
    await database.alone(work, deadline_s=30)
    assert (work.runs, await rows(database)) == (2, 1)


async def test_a_fault_of_the_statement_itself_is_not_tried_again(database: Database) -> None:
    runs = 0

    async def wrong(connection: AsyncConnection) -> None:
        nonlocal runs
        runs += 1
        await connection.execute(text("SELECT 1/0"))

    with pytest.raises(DBAPIError):
        await database.alone(wrong, deadline_s=30)
    assert runs == 1


async def test_a_server_that_falls_silent_is_given_up_and_the_next_statement_is_answered(urls: Urls) -> None:
    impatient = open_database(urls.app, Pool(POOL, 5), Timeouts(silence_ms=300))
    with silent(await fill(impatient)):
        with pytest.raises(OperationalError, match="said nothing"):
            await rows(impatient)
        # The others are as silent; none of them is asked.
        assert await rows(impatient) == 0
    await impatient.close()


async def test_a_transaction_on_a_silent_connection_is_done_on_another(urls: Urls) -> None:
    impatient = open_database(urls.app, Pool(POOL, 5), Timeouts(silence_ms=300))

    async def add(connection: AsyncConnection) -> None:
        await connection.execute(ADD, {"at": "2026-11-22T00:00:00Z"})

    with silent(await fill(impatient)):
        await impatient.transact(add)
    assert await rows(impatient) == 1
    await impatient.close()


async def test_work_that_loses_every_connection_is_not_tried_for_ever(database: Database, urls: Urls) -> None:
    class Cursed(Work):
        async def __call__(self, connection: AsyncConnection) -> None:
            runs, self.runs = self.runs + 1, 0
            try:
                await super().__call__(connection)
            finally:
                self.runs = runs

    work = Cursed(urls.superuser, at_commit=False)
    with pytest.raises(OperationalError):
        await database.transact(work)
    assert (work.runs, await rows(database)) == (2, 0)


async def test_a_deadline_passes_although_the_server_is_silent(database: Database) -> None:
    with silent(await fill(database, 1)), pytest.raises(DatabaseSilent):
        await database.alone(lambda connection: connection.execute(PID), deadline_s=0.2)
    # What was left alone ended by itself, and gave its connection back.
    assert await rows(database) == 0


async def test_a_server_that_takes_a_connection_and_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"postgresql+psycopg://x@127.0.0.1:{deaf.getsockname()[1]}/x"
        nowhere = open_database(address, Pool(1, 1), Timeouts())
        async with asyncio.timeout(10 * CONNECT_TIMEOUT_S):
            with pytest.raises(OperationalError, match="timeout"):
                await rows(nowhere)
        await nowhere.close()
