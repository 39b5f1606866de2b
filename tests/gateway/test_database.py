import pytest
from sqlalchemy import text

from gateway.database import Database


async def test_a_unit_of_work_that_fails_leaves_nothing(database: Database) -> None:
    insert = text(
        "INSERT INTO audit_event (at, actor, action, subject, detail) VALUES (:at, 'a', 'b', 'c', CAST('{}' AS jsonb))"
    )
    with pytest.raises(RuntimeError):
        async with database.unit_of_work() as connection:
            await connection.execute(insert, {"at": "2026-11-22T00:00:00Z"})
            raise RuntimeError("the caller changed its mind")
    async with database.single() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM audit_event"))).scalar_one() == 0
