"""Reads the statements that were handed in, matches what waits of their lines, and judges money that came after."""

from datetime import datetime

from gateway.jobs.deps import JobDeps
from gateway.money.import_statement import match_due, read_due
from gateway.money.match_statement import explain_posted
from payments.reconciliation.uploads import Whose


async def read_statements_of(jobs: JobDeps, operator: str, now: datetime) -> int:
    """Read what was handed in of one operator; return how many files were tried."""
    del now
    return await read_due(jobs.reconciling, Whose((operator,), others=False))


async def match_statements_of(jobs: JobDeps, operator: str, now: datetime) -> int:
    """Match what waits of one operator; return how many files were finished."""
    del now
    return len(await match_due(jobs.reconciling, Whose((operator,), others=False)))


async def explain_payments(jobs: JobDeps, now: datetime) -> int:
    """Judge money that came after the statement of its day; return how many differences it opened."""
    del now
    return await explain_posted(jobs.reconciling)
