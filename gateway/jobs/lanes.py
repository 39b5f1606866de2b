"""One lane for each kind of call to each operator: its breaker, its rate, and what is said of it to those who watch."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic, TypeVar

import structlog

from gateway.infra.clock import Clock
from gateway.infra.database import Database
from gateway.infra.metrics import OPERATOR_TROUBLE
from gateway.jobs.breaker import Allowance, Breaker
from payments.requests.trouble import Trouble, TroubleKind, over, say

log = structlog.stdlib.get_logger()

Item = TypeVar("Item")
Result = TypeVar("Result")

#: What lasts is written again this often, and what is over is looked for: other workers may have said otherwise.
SAID_EVERY = timedelta(seconds=60)


class Word(StrEnum):
    """What an answer says of the operator, whatever it says of the payment."""

    WELL = "well"
    SILENT = "silent"
    REFUSES_US = "refuses_us"


def is_being_cancelled() -> bool:
    """Return whether somebody wants this task to end; a ``CancelledError`` nobody asked for is a fault like any."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


@dataclass(frozen=True, slots=True)
class Raised:
    """The client raised, or did not come back in time; what the operator did is not known."""

    why: str


@dataclass(frozen=True, slots=True)
class NotCalled:
    """The operator was certainly not called."""

    why: str


@dataclass(frozen=True, slots=True)
class Call(Generic[Item, Result]):
    """How one item is put to an operator, what its answer says of the operator, and why it is not put after all."""

    put: Callable[[Item], Awaitable[Result]]
    word: Callable[[Result], tuple[Word, str]]
    why_not: Callable[[Item, datetime], str | None] = lambda _item, _now: None


@dataclass
class Lane:
    """One kind of call to one operator, as this process has seen it."""

    job: str
    operator: str
    breaker: Breaker = field(default_factory=Breaker)
    trouble: Trouble | None = None
    said: Trouble | None = None
    said_at: datetime | None = None

    async def put(
        self, items: Sequence[Item], call: Call[Item, Result], clock: Clock, at_once: int, timeout_s: int
    ) -> list[tuple[Item, Result | Raised | NotCalled]]:
        """Make one call for each item, a few at a time, outside any transaction; nothing that one does stops another.

        The breaker and the item's own time are looked at immediately before its call, for it may have waited.
        """
        slots = asyncio.Semaphore(at_once)

        async def one(item: Item) -> tuple[Item, Result | Raised | NotCalled]:
            async with slots:
                return item, await self._call(item, call, clock, timeout_s)

        return list(await asyncio.gather(*(one(item) for item in items)))

    async def _call(
        self, item: Item, call: Call[Item, Result], clock: Clock, timeout_s: int
    ) -> Result | Raised | NotCalled:
        now = clock.now()
        why_not = call.why_not(item, now)
        if why_not is not None:
            return NotCalled(why_not)
        if self.breaker.is_open(now):
            return NotCalled("the operator is left alone for a while")
        try:
            async with asyncio.timeout(timeout_s):
                result = await call.put(item)
            word, detail = call.word(result)
        except (Exception, asyncio.CancelledError) as failure:
            if is_being_cancelled():
                raise
            log.exception("operator.client_failed", operator=self.operator, job=self.job)
            self._hear(Word.SILENT, type(failure).__name__, clock.now())
            return Raised(f"the client failed: {type(failure).__name__}")
        self._hear(word, detail, clock.now())
        return result

    def _hear(self, word: Word, detail: str, now: datetime) -> None:
        self.breaker = self.breaker.heard(now, well=word is Word.WELL)
        if word is Word.WELL:
            self.trouble = None
        elif word is Word.REFUSES_US:
            self.trouble = Trouble(TroubleKind.REFUSES_US, detail)
        elif self.breaker.open_until is not None and self.trouble is None:
            self.trouble = Trouble(TroubleKind.SILENT, detail)

    async def tell(self, database: Database, now: datetime) -> None:
        """Say loudly what changed: log, metric, and a row that pages and ``/readyz`` show."""
        fresh = self.said_at is not None and now - self.said_at < SAID_EVERY
        if fresh and self.trouble == self.said:
            return
        trouble = self.trouble
        if trouble is not None:
            log.error(
                "operator.trouble", operator=self.operator, job=self.job, kind=trouble.kind, detail=trouble.detail
            )
            await database.transact(lambda connection: say(connection, self.operator, self.job, trouble, now))
        else:
            if self.said is not None:
                log.warning("operator.well_again", operator=self.operator, job=self.job)
            await database.transact(lambda connection: over(connection, self.operator, self.job, now))
        OPERATOR_TROUBLE.labels(self.operator, self.job).set(0 if trouble is None else 1)
        self.said, self.said_at = trouble, now


@dataclass
class Lanes:
    """Every lane of this process; the rate of an operator is one for all its lanes."""

    lanes: dict[tuple[str, str], Lane] = field(default_factory=dict)
    allowances: dict[str, Allowance] = field(default_factory=dict)

    def of(self, job: str, operator: str) -> Lane:
        """Return the lane of one kind of call to one operator."""
        return self.lanes.setdefault((job, operator), Lane(job, operator))

    def room(self, lane: Lane, wanted: int, per_s: int | None, now: datetime) -> int:
        """Return how much may be taken now, by breaker and rate."""
        wanted = lane.breaker.calls(wanted, now)
        if per_s is None:
            return wanted
        allowance = self.allowances.get(lane.operator, Allowance(per_s, per_s, now)).refilled(now)
        self.allowances[lane.operator] = allowance
        return min(wanted, allowance.left)

    def used(self, lane: Lane, count: int) -> None:
        """Count what was taken."""
        if lane.operator in self.allowances:
            self.allowances[lane.operator] = self.allowances[lane.operator].after(count)
