"""The worker process: every background job, until told to stop."""

import asyncio
import signal
from datetime import datetime

import structlog

from gateway.config.settings import Settings
from gateway.console.auth import attempts, devices, sessions
from gateway.console.auth.sessions import SessionRules
from gateway.infra.metrics import REGISTRY
from gateway.infra.worker_metrics import serve_metrics
from gateway.jobs.deps import JobDeps
from gateway.jobs.partitions import REST_S, grow_partitions
from gateway.jobs.tick import Job, run_for_ever
from gateway.ussd.sessions import SessionStore
from gateway.wiring import Wiring

log = structlog.stdlib.get_logger()


#: What has expired is forgotten this often, and so much at a time: one statement holds few locks and writes little.
SWEEP_REST_S = 300
SWEEP_MOST = 1_000

PARTITIONS = Job("partitions", grow_partitions, REST_S)


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
    keeping = (*sweeps(wiring.process.ussd.sessions, wiring.process.console.rules), PARTITIONS)
    try:
        async with wiring.following_clock():
            running = asyncio.create_task(run_for_ever(wiring.process.jobs, stop, keeping))
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


def sweeps(dialogues: SessionStore, rules: SessionRules, most: int = SWEEP_MOST) -> tuple[Job, ...]:
    """Return the jobs that forget what has expired: dialogues and logins, which no job of money knows.

    A job that took as much as it may goes on at once, and one that took less rests: what expires meanwhile can wait.
    """

    async def forget_dialogues(_jobs: JobDeps, now: datetime) -> int:
        return await dialogues.sweep(now, most) // most

    async def forget_logins(jobs: JobDeps, _now: datetime) -> int:
        database, now = jobs.deps.worker_db, jobs.deps.machine_now()
        forgotten = (
            await database.transact(lambda connection: sessions.sweep(connection, rules, now, most)),
            await database.transact(lambda connection: attempts.sweep(connection, now, most)),
            await database.transact(lambda connection: devices.sweep(connection, now, most)),
        )
        return max(forgotten) // most

    return (Job("dialogues", forget_dialogues, SWEEP_REST_S), Job("logins", forget_logins, SWEEP_REST_S))
