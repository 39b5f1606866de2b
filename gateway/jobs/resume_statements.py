"""Finishes statements whose import was cut short."""

from datetime import datetime

from gateway.importing import resume
from gateway.jobs.deps import JobDeps
from gateway.reconciling import ReconcilingDeps


async def resume_statements(jobs: JobDeps, now: datetime) -> int:
    """Match what an interrupted import left; give how many files were finished."""
    del now
    return len(await resume(ReconcilingDeps(jobs.deps, jobs.book)))
