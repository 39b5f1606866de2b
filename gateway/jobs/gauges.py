"""Measures what only the database knows, for those who watch."""

from datetime import datetime

from sqlalchemy import text

from gateway.jobs.deps import JobDeps
from gateway.metrics import CALLBACKS_PARKED, INBOX_LAG_S

WAITING = text("""
    SELECT coalesce(extract(epoch FROM CAST(:now AS timestamptz) - min(received_at) FILTER (WHERE parked_at IS NULL)),
                    0) AS lag_s,
           count(*) FILTER (WHERE parked_at IS NOT NULL) AS parked
      FROM callback WHERE handled_at IS NULL
""")


async def watch(jobs: JobDeps, now: datetime) -> int:
    """Set the gauges; this is never work that keeps a worker awake."""
    async with jobs.deps.work.single() as connection:
        lag_s, parked = (await connection.execute(WAITING, {"now": now})).one()
    INBOX_LAG_S.set(int(lag_s))
    CALLBACKS_PARKED.set(parked)
    return 0
