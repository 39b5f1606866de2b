"""The first of January: every household's next period opens, and what was paid in advance pays for it."""

import asyncio
import os
import time
from datetime import UTC, date, datetime
from unittest.mock import patch

from gateway.config.settings import load_settings
from gateway.jobs.open_periods import open_periods
from gateway.wiring import Wiring
from tests.benchmarks.growth.books import Size
from tests.benchmarks.servers import Broken, Server, settings

OPENED = "grown_opened"
DUE = "SELECT count(*) FROM household WHERE next_period_on <= '{day}'"
PARKED = "SELECT count(*) FROM parked_household"


def first_of_january(today: date) -> date:
    return date(today.year + 1, 1, 1)


def measure(server: Server, size: Size, today: date) -> tuple[int, float, list[float]]:
    """Open everything on a copy; give how many households, the seconds, and those of each tenth of the batches."""
    server.create(OPENED, size.name)
    day = first_of_january(today)
    due = server.one(OPENED, DUE.format(day=day))
    try:
        took = asyncio.run(_open(server.url(OPENED), datetime(day.year, day.month, day.day, 1, tzinfo=UTC)))
        left, parked = server.one(OPENED, DUE.format(day=day)), server.one(OPENED, PARKED)
        if left or parked:
            raise Broken(f"{left} households still wait and {parked} are parked")
    finally:
        server.drop(OPENED)
    tenth = max(1, len(took) // 10)
    return due, sum(took), [sum(took[start : start + tenth]) for start in range(0, tenth * 10, tenth)]


async def _open(url: str, now: datetime) -> list[float]:
    with patch.dict(os.environ, settings(url), clear=True):
        wiring = Wiring(load_settings(os.environ))
    took: list[float] = []
    try:
        jobs = wiring.process.jobs
        async with jobs.deps.worker_db.single() as connection:
            await jobs.catalog.refresh(connection)
        while True:
            began = time.perf_counter()
            if not await open_periods(jobs, now):
                return took
            took.append(time.perf_counter() - began)
    finally:
        await wiring.close()
