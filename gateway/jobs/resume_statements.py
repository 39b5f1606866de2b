"""Reads the statements that were handed in, and matches what waits of their lines."""

from datetime import datetime

from gateway.importing import match_due, read_due
from gateway.jobs.deps import JobDeps


async def read_statements(jobs: JobDeps, now: datetime) -> int:
    """Read what was handed in; give how many files were tried."""
    del now
    return await read_due(jobs.reconciling)


async def match_statements(jobs: JobDeps, now: datetime) -> int:
    """Match what waits; give how many files were finished."""
    del now
    return len(await match_due(jobs.reconciling))
