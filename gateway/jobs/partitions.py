"""Keeps a whole empty partition behind the last row of every table that is kept in stretches."""

from datetime import datetime

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.jobs.deps import JobDeps

log = structlog.stdlib.get_logger()

#: Months before a table would refuse a row, and looked at so often that nobody needs to remember it.
REST_S = 3_600

GROW = text("SELECT ramu_grow()")


async def grow_partitions(jobs: JobDeps, _now: datetime) -> int:
    """Add the partitions that are needed soon; there is nothing more to do afterwards."""
    made = await jobs.deps.worker_db.transact(_grow)
    if made:
        log.info("partitions.made", count=made)
    return 0


async def _grow(connection: AsyncConnection) -> int:
    made: int = (await connection.execute(GROW)).scalar_one()
    return made
