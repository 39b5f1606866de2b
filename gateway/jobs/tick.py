"""Every background job, and how a worker goes round them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from gateway.jobs.callbacks import read_callbacks_of
from gateway.jobs.deps import JobDeps, LaneWork
from gateway.jobs.inquire import inquire_of
from gateway.jobs.lanes import is_being_cancelled
from gateway.jobs.open_periods import open_periods
from gateway.jobs.poll import poll_operator
from gateway.jobs.resume_statements import explain_payments, match_statements_of, read_statements_of
from gateway.jobs.seal_ledger import seal_ledger
from gateway.jobs.send_sms import send_sms
from gateway.jobs.strangers import set_strangers_aside
from gateway.jobs.submit import give_up, submit_to, takers

log = structlog.stdlib.get_logger()

Work = Callable[[JobDeps, datetime], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Job:
    """A job, and how long a worker rests when there was nothing to do."""

    name: str
    work: Work
    rest_s: float


@dataclass(frozen=True, slots=True)
class LaneJob:
    """A job that has a loop of its own for each operator it is for: one that is slow or silent delays nobody else."""

    name: str
    work: LaneWork
    rest_s: float
    operators: Callable[[JobDeps], Sequence[str]]

    def lanes(self, jobs: JobDeps) -> list[Job]:
        """Return one job for each operator."""
        return [Job(f"{self.name}/{name}", partial(self._of, name), self.rest_s) for name in self.operators(jobs)]

    async def _of(self, operator: str, jobs: JobDeps, now: datetime) -> int:
        return await self.work(jobs, operator, now)


def _everybody(jobs: JobDeps) -> Sequence[str]:
    return sorted(jobs.deps.operators)


JOBS: tuple[Job | LaneJob, ...] = (
    LaneJob("callbacks", read_callbacks_of, 0.2, _everybody),
    LaneJob("inquire", inquire_of, 0.2, JobDeps.queried),
    Job("unsent", give_up, 1),
    LaneJob("submit", submit_to, 0.2, takers),
    LaneJob("poll", poll_operator, 1, JobDeps.called),
    Job("strangers", set_strangers_aside, 60),
    Job("sms", send_sms, 0.5),
    LaneJob("uploads", read_statements_of, 0.5, _everybody),
    LaneJob("statements", match_statements_of, 0.5, _everybody),
    Job("explain", explain_payments, 20),
    Job("periods", open_periods, 60),
    Job("seal", seal_ledger, 60),
)

#: A job that fails rests this long before it tries again, so that a broken database is not hammered.
AFTER_FAILURE_S = 5


async def tick(jobs: JobDeps, now: datetime) -> int:
    """Run every job once, in a fixed order; return how much was done."""
    return sum([await job.work(jobs, now) for job in every_job(jobs)])


def every_job(jobs: JobDeps) -> list[Job]:
    """Return every job in its order, each with its operators."""
    return [one for job in JOBS for one in (job.lanes(jobs) if isinstance(job, LaneJob) else [job])]


async def until_quiet(jobs: JobDeps, rounds_max: int = 50) -> int:
    """Run every job at the present instant until nothing is left to do."""
    done = 0
    for _ in range(rounds_max):
        worked = await tick(jobs, jobs.deps.clock.now())
        if not worked:
            return done
        done += worked
    raise RuntimeError(f"the jobs were still busy after {rounds_max} rounds")


async def run_for_ever(jobs: JobDeps, stop: asyncio.Event, more: Sequence[Job] = ()) -> None:
    """Run every job again and again until told to stop; what is in hand is finished first."""
    await asyncio.gather(*(_repeat(jobs, job, stop) for job in (*every_job(jobs), *more)))


async def _repeat(jobs: JobDeps, job: Job, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            done = await job.work(jobs, jobs.deps.clock.now())
        except (Exception, asyncio.CancelledError):
            if is_being_cancelled():
                raise
            log.exception("job.failed", job=job.name)
            await _rest(jobs, stop, AFTER_FAILURE_S)
        else:
            if not done:
                await _rest(jobs, stop, job.rest_s)


async def _rest(jobs: JobDeps, stop: asyncio.Event, rest_s: float) -> None:
    """Rest for a while, or until the clock says that it is over: where time can be moved, it is looked at meanwhile."""
    over, left_s = jobs.deps.clock.now() + timedelta(seconds=rest_s), rest_s
    while left_s > 0 and jobs.deps.clock.now() < over:
        slice_s = min(left_s, jobs.limits.clock_look_s)
        left_s -= slice_s
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), slice_s)
            return
