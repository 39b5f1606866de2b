"""Every background job, and how a worker goes round them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from gateway.jobs.ask import ask
from gateway.jobs.callbacks import read_callbacks
from gateway.jobs.deps import JobDeps
from gateway.jobs.open_periods import open_periods
from gateway.jobs.resume_statements import match_statements, read_statements
from gateway.jobs.seal_ledger import seal_ledger
from gateway.jobs.send_sms import send_sms
from gateway.jobs.submit import submit

log = structlog.stdlib.get_logger()

Work = Callable[[JobDeps, datetime], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Job:
    """A job, and how long a worker rests when there was nothing to do."""

    name: str
    work: Work
    rest_s: float


JOBS = (
    Job("callbacks", read_callbacks, 0.2),
    Job("submit", submit, 0.2),
    Job("ask", ask, 1),
    Job("sms", send_sms, 0.5),
    Job("uploads", read_statements, 0.5),
    Job("statements", match_statements, 0.5),
    Job("periods", open_periods, 60),
    Job("seal", seal_ledger, 60),
)

#: A job that fails rests this long before it tries again, so that a broken database is not hammered.
AFTER_FAILURE_S = 5


async def tick(jobs: JobDeps, now: datetime) -> int:
    """Run every job once, in a fixed order; give how much was done."""
    return sum([await job.work(jobs, now) for job in JOBS])


async def until_quiet(jobs: JobDeps, rounds_max: int = 50) -> int:
    """Tick at the present instant until nothing is left to do."""
    done = 0
    for _ in range(rounds_max):
        worked = await tick(jobs, jobs.deps.clock.now())
        if not worked:
            return done
        done += worked
    raise RuntimeError(f"the jobs were still busy after {rounds_max} rounds")


async def run_for_ever(jobs: JobDeps, stop: asyncio.Event, more: Sequence[Job] = ()) -> None:
    """Go round every job until told to stop; what is in hand is finished first."""
    await asyncio.gather(*(_keep_doing(jobs, job, stop) for job in (*JOBS, *more)))


async def _keep_doing(jobs: JobDeps, job: Job, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            done = await job.work(jobs, jobs.deps.clock.now())
        except Exception:
            log.exception("job.failed", job=job.name)
            await _rest(stop, AFTER_FAILURE_S)
        else:
            if not done:
                await _rest(stop, job.rest_s)


async def _rest(stop: asyncio.Event, rest_s: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), rest_s)
    except TimeoutError:
        return
