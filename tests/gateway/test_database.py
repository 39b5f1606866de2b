import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.database import Database
from tests.conftest import plain

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
