"""Whoever is asked for money here is known: the first party, a household."""

import pytest
from sqlalchemy import text

from gateway.infra.database import Database


@pytest.fixture
async def database(database: Database) -> Database:
    """Return a database that knows one household."""
    async with database.unit_of_work() as connection:
        made = await connection.execute(text("INSERT INTO party (kind) VALUES ('household') RETURNING id"))
        assert made.scalar_one() == 1
    return database
