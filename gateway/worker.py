"""The worker process: every background job, until told to stop."""

import asyncio
import signal
from datetime import datetime

import structlog

from gateway.finance import attempts, devices
from gateway.finance.sessions import sweep as sweep_logins
from gateway.jobs.deps import JobDeps
from gateway.jobs.tick import Job, run_for_ever
from gateway.metrics import REGISTRY
from gateway.settings import Settings
from gateway.wiring import Parts, Wiring
from gateway.worker_metrics import serve_metrics

log = structlog.stdlib.get_logger()


SWEEP_REST_S = 300


async def work(settings: Settings) -> None:
    """Run jobs until SIGTERM or SIGINT; leases give back what could not be finished in time."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    wiring = Wiring(settings)
    if settings.worker_metrics_port is not None:
        host = "127.0.0.1" if settings.is_local else ""
        serve_metrics(REGISTRY, host, settings.worker_metrics_port)
    log.info("worker.started")
    running = asyncio.create_task(run_for_ever(wiring.parts.jobs, stop, _sweeps(wiring.parts)))
    try:
        await until_over(running, stop, settings.stop_timeout_s)
    finally:
        await wiring.close()
    log.info("worker.stopped")


async def until_over(running: "asyncio.Task[None]", stop: asyncio.Event, stop_timeout_s: float) -> None:
    """Wait until told to stop, then for the jobs to finish; jobs that end by themselves end it with their fault.

    A process that lives on without its jobs would look well to everybody.
    """
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not stop.is_set():
        log.error("worker.jobs_ended")
        stop.set()
    try:
        await asyncio.wait_for(running, stop_timeout_s)
    except TimeoutError:
        log.warning("worker.stopped_late")


def _sweeps(parts: Parts) -> tuple[Job, ...]:
    """Give the jobs that forget what has expired: dialogues and logins, which no job of money knows."""

    async def dialogues(_jobs: JobDeps, now: datetime) -> int:
        return await parts.ussd.sessions.sweep(now)

    async def logins(_jobs: JobDeps, now: datetime) -> int:
        await parts.deps.work.transact(lambda connection: sweep_logins(connection, parts.finance.rules, now))
        await parts.deps.work.transact(lambda connection: attempts.sweep(connection, now))
        await parts.deps.work.transact(lambda connection: devices.sweep(connection, now))
        return 0

    return (Job("dialogues", dialogues, SWEEP_REST_S), Job("logins", logins, SWEEP_REST_S))
