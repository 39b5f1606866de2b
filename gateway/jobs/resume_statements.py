"""Reads the statements that were handed in, and matches what waits of their lines, each operator's apart."""

from datetime import datetime

from gateway.importing import match_due, read_due
from gateway.jobs.deps import JobDeps
from payments.reconciliation.uploads import Whose


async def read_statements_of(jobs: JobDeps, operator: str, now: datetime) -> int:
    """Read what was handed in of one operator; give how many files were tried."""
    del now
    return await read_due(jobs.reconciling, Whose((operator,), others=False))


async def match_statements_of(jobs: JobDeps, operator: str, now: datetime) -> int:
    """Match what waits of one operator; give how many files were finished."""
    del now
    return len(await match_due(jobs.reconciling, Whose((operator,), others=False)))
