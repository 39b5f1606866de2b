"""A worker lives as long as its jobs do, and no job ends by itself."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime

import pytest

from gateway.infra.database import Database
from gateway.jobs import tick
from gateway.jobs.deps import JobDeps
from gateway.jobs.poll import poll
from gateway.jobs.tick import Job, run_for_ever
from gateway.worker import until_over
from tests.fixed import CountedIds, TestClock
from tests.gateway.jobs.towns import asked_to_pay, states
from tests.invented_operators import MIL, Gate, TwoOperators, hangs, open_two_operators, takes

pytestmark = pytest.mark.database


@pytest.fixture
async def town(database: Database, clock: TestClock, ids: CountedIds) -> AsyncIterator[TwoOperators]:
    async with open_two_operators(database, clock, ids) as opened:
        await opened.world.work()
        yield opened


def cancels_itself(seen: list[int], enough: asyncio.Event) -> Job:
    """A job whose library lets a cancellation of its own escape, which nobody asked for."""

    async def work(_jobs: JobDeps, _now: datetime) -> int:
        seen.append(1)
        if len(seen) == 3:
            enough.set()
        raise asyncio.CancelledError

    return Job("cancelled", work, 0.01)


async def test_a_cancellation_that_escapes_from_a_job_ends_neither_it_nor_the_others(
    town: TwoOperators, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tick, "AFTER_FAILURE_S", 0.01)
    stop, enough, seen = asyncio.Event(), asyncio.Event(), list[int]()
    [reference] = await asked_to_pay(town.world, MIL)
    working = asyncio.create_task(run_for_ever(town.world.jobs, stop, [cancels_itself(seen, enough)]))
    async with asyncio.timeout(60):
        await enough.wait()
        while (await states(town.world))[reference] != "pending":
            assert not working.done()
        stop.set()
        await working
    assert len(seen) >= 3


async def test_a_rest_is_over_when_the_clock_says_so(town: TwoOperators) -> None:
    worked = asyncio.Queue[datetime]()

    async def work(_jobs: JobDeps, now: datetime) -> int:
        worked.put_nowait(now)
        return 0

    jobs = replace(town.world.jobs, limits=replace(town.world.jobs.limits, clock_look_s=0.01))
    stop, began = asyncio.Event(), town.world.clock.now()
    working = asyncio.create_task(run_for_ever(jobs, stop, [Job("yearly", work, 365 * 86_400)]))
    async with asyncio.timeout(60):
        assert await worked.get() == began
        town.world.clock.forward(days=364)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(worked.get(), 0.2)
        town.world.clock.forward(days=1)
        assert await worked.get() == town.world.clock.now()
        stop.set()
        await working


async def test_a_client_that_lets_a_cancellation_escape_is_a_client_that_raised(town: TwoOperators) -> None:
    async def escapes(_about: object) -> object:
        raise asyncio.CancelledError

    broken, whole = await asked_to_pay(town.world, MIL, 2)
    await town.world.work()
    town.mil.answers[broken] = escapes  # type: ignore[assignment]
    town.world.clock.forward(seconds=15)
    assert await poll(town.world.jobs, town.world.clock.now()) == 2
    rows = await town.world.rows("SELECT reference, failures FROM payment_request ORDER BY id")
    assert rows == [(broken, 1), (whole, 0)]


async def test_a_worker_whose_jobs_have_ended_ends_with_their_fault() -> None:
    async def ends() -> None:
        raise ExceptionGroup("jobs", [RuntimeError("a fault of ours")])

    stop = asyncio.Event()
    async with asyncio.timeout(60):
        with pytest.raises(ExceptionGroup):
            await until_over(asyncio.create_task(ends()), stop, 30)
    assert stop.is_set()


async def test_a_worker_that_is_told_to_stop_leaves_a_client_that_hangs_and_its_lease_gives_the_work_back(
    town: TwoOperators,
) -> None:
    world, gate, stop = town.world, Gate(), asyncio.Event()
    town.mil.push = hangs(gate, takes())
    [reference] = await asked_to_pay(world, MIL)
    working = asyncio.create_task(run_for_ever(world.jobs, stop))
    async with asyncio.timeout(60):
        await gate.reached.wait()
        stop.set()
        await until_over(working, stop, 0.05)
    assert working.cancelled()
    assert await states(world) == {reference: "submitted"}
    town.mil.push = takes()
    world.clock.forward(hours=1)
    await world.work()
    assert town.mil.asked == [reference]
