"""The worker process: every background job, until told to stop."""

import asyncio
import signal

import structlog

from gateway.jobs.tick import run_for_ever
from gateway.settings import Settings
from gateway.wiring import Wiring

log = structlog.stdlib.get_logger()


async def work(settings: Settings) -> None:
    """Run jobs until SIGTERM or SIGINT; leases give back what could not be finished in time."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    wiring = Wiring(settings)
    log.info("worker.started")
    running = asyncio.create_task(run_for_ever(wiring.parts.jobs, stop))
    try:
        await stop.wait()
        await asyncio.wait_for(running, settings.stop_timeout_s)
    except TimeoutError:
        log.warning("worker.stopped_late")
    finally:
        await wiring.close()
    log.info("worker.stopped")
