"""Parties for tests that need money of somebody and nobody's household."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

UP_TO = text("""
    INSERT INTO party (kind) SELECT 'household' FROM generate_series((SELECT count(*) + 1 FROM party), :last)
""")


async def parties_up_to(connection: AsyncConnection, last: int) -> None:
    """Make sure that the parties from 1 to ``last`` exist."""
    await connection.execute(UP_TO, {"last": last})
