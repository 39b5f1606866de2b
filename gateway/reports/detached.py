"""What has left the database for an archive: whoever proves the books is told what they no longer hold."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

LISTED = text("""
    SELECT name, row_count, archive_sha256, detached_by, detached_at
      FROM detached_partition ORDER BY parent, through_number
""")


@dataclass(frozen=True, slots=True)
class Detached:
    """A partition that left, and the digest of the file that keeps its rows."""

    name: str
    row_count: int
    archive_sha256: bytes
    detached_by: str
    detached_at: datetime


async def detached_partitions(connection: AsyncConnection) -> tuple[Detached, ...]:
    """Return what left, table by table, oldest first."""
    return tuple(Detached(*row) for row in (await connection.execute(LISTED)).all())
