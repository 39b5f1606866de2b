"""One round of one kind of call to one operator: lease what is due, put it, write what came of it, tell the lane."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.jobs.apart import write_apart
from gateway.jobs.deps import JobDeps
from gateway.jobs.lanes import Call, NotCalled, Raised
from payments.requests.dispatch import Lease

Item = TypeVar("Item")
Result = TypeVar("Result")
Written = TypeVar("Written")


@dataclass(frozen=True, slots=True)
class Round(Generic[Item, Result, Written]):
    """What is due, how it is put, and how what came of it is written; ``put_off`` counts what cannot be written.

    ``count`` counts what was done, once it is committed: a transaction may be run more than once.
    """

    job: str
    lease_due: Callable[[AsyncConnection, Lease], Awaitable[Sequence[Item]]]
    call: Call[Item, Result]
    write: Callable[[AsyncConnection, Sequence[tuple[Item, Result | Raised | NotCalled]], datetime], Awaitable[Written]]
    put_off: Callable[[AsyncConnection, Item, str, datetime], Awaitable[object]]
    count: Callable[[Sequence[tuple[Item, Result | Raised | NotCalled]], Sequence[Written]], None]


async def go_round(jobs: JobDeps, operator: str, now: datetime, work: Round[Item, Result, Written]) -> int:
    """Do one round of a kind of call to one operator; return how much was leased."""
    worker_db, clock, lane = jobs.deps.worker_db, jobs.deps.clock, jobs.lanes.of(work.job, operator)
    room = jobs.room(lane, now)
    if not room:
        return 0
    lease = jobs.lease(operator, now, room)
    leased = await worker_db.transact(lambda connection: work.lease_due(connection, lease))
    if not leased:
        return 0
    jobs.lanes.used(lane, len(leased))
    at_once, timeout_s = jobs.capabilities(operator).calls_at_once, jobs.limits.question_timeout_s
    answered = await lane.put(leased, work.call, clock, at_once, timeout_s)
    now = clock.now()
    written = await write_apart(
        worker_db,
        answered,
        lambda connection, some: work.write(connection, some, now),
        lambda one, why: worker_db.transact(lambda connection: work.put_off(connection, one[0], why, now)),
    )
    work.count(answered, written)
    await lane.tell(worker_db, now)
    return len(answered)
