"""Seals what was posted since the last block."""

from datetime import datetime

from gateway.jobs.deps import JobDeps
from payments.ledger.seal import FILLING_MAX, seal


async def seal_ledger(jobs: JobDeps, now: datetime) -> int:
    """Seal one block when it is full or has waited long enough for more."""
    block = await jobs.deps.worker_db.transact(lambda connection: seal(connection, now, filling=FILLING_MAX))
    return 0 if block is None else 1
