"""Which households live where nobody has found a cercle yet."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

UNPLACED = text("""
    SELECT ramu_number, place_words, registered_on FROM household WHERE cercle_code = '' ORDER BY id LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class UnplacedHousehold:
    """A household that waits to be placed, by its number, and where it says it lives."""

    ramu_number: str
    place_words: str
    registered_on: date


async def unplaced_households(connection: AsyncConnection, most: int) -> tuple[UnplacedHousehold, ...]:
    """Return the households that wait to be placed, the oldest first."""
    rows = await connection.execute(UNPLACED, {"most": most})
    return tuple(UnplacedHousehold(*row) for row in rows.all())
