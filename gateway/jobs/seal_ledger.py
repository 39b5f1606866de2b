"""Seals what was posted since the last block."""

from datetime import datetime

from gateway.jobs.deps import JobDeps
from payments.ledger.seal import seal


async def seal_ledger(jobs: JobDeps, now: datetime) -> int:
    """Seal one block; nothing is done when nothing was posted."""
    block = await jobs.deps.work.transact(lambda connection: seal(connection, now))
    return 0 if block is None else 1
