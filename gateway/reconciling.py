"""From a kept statement to matched lines, recovered money and explained differences.

Each run of lines is one transaction: a crash loses nothing, and a second importer only shares the work.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.schemes import SchemeBook
from gateway.deps import Deps
from gateway.settling import SettleContext, settle
from payments.match import Evidence
from payments.reconciliation import breaks, late, lines
from payments.reconciliation.late import NOTHING_LATE, LateTotal
from payments.reconciliation.lines import BucketTotal as BucketTotal
from payments.reconciliation.lines import KeptFile
from payments.reconciliation.match import match, to_recover

#: Small enough that households wait for a moment only, large enough that round trips do not count.
LINES_PER_RUN: Final = 500

#: So many lines that raise in one file are a fault of ours, and not of each of them.
STUCK_MAX: Final = 20

#: Told how many lines of how many have their bucket.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ReconcilingDeps:
    """The parts that reconciling needs; ``accounts`` names our account at each operator that prints one."""

    deps: Deps
    book: SchemeBook
    accounts: Mapping[str, str] = field(default_factory=dict)
    lines_per_run: int = LINES_PER_RUN


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """What became of a statement; ``breaks_opened`` counts those of this call."""

    filename: str
    already_imported: bool
    line_count: int
    buckets: Mapping[str, BucketTotal]
    breaks_opened: int
    collected_xof: int
    late: LateTotal = NOTHING_LATE


class MatchingStopped(Exception):
    """Lines whose matching raised; every other line of the file has its bucket, unless there were too many such."""

    def __init__(self, line_numbers: tuple[int, ...], failure: Exception) -> None:
        self.line_numbers = line_numbers
        self.failure = failure
        super().__init__(f"lines {line_numbers} could not be matched: {type(failure).__name__}")


@dataclass(slots=True)
class _Stuck:
    """The lines of a file that raised so far, the last of them being where matching goes on."""

    file_id: int
    line_numbers: list[int] = field(default_factory=list)
    failure: Exception | None = None

    @property
    def after_line(self) -> int:
        return self.line_numbers[-1] if self.line_numbers else 0

    async def pass_over(self, recon: ReconcilingDeps, failure: Exception) -> None:
        async with recon.deps.work.single() as connection:
            number = await lines.next_waiting(connection, self.file_id, self.after_line)
        if number is None:
            raise failure
        self.line_numbers.append(number)
        self.failure = failure
        if len(self.line_numbers) == STUCK_MAX:
            self.require_none()

    def require_none(self) -> None:
        if self.failure is not None:
            raise MatchingStopped(tuple(self.line_numbers), self.failure) from self.failure


@dataclass(frozen=True, slots=True)
class _Run:
    line_count: int
    breaks_opened: int


async def finish(recon: ReconcilingDeps, file: KeptFile, progress: Progress | None, *, already: bool) -> ImportOutcome:
    """Match what is left of a file, run by run, and open what the operator does not claim of its period.

    A line that raises is passed over, so that it holds no other; ``MatchingStopped`` names such lines at the end.
    """
    database, tell = recon.deps.work, progress or _silent
    async with database.single() as connection:
        await recon.book.refresh(connection)
        done = sum(total.count for total in (await lines.totals(connection, file.id)).values())
    breaks_opened, batch, stuck = 0, recon.lines_per_run, _Stuck(file.id)
    while True:
        tell(done, file.line_count)
        try:
            run = await database.transact(partial(_run, recon, file, batch, stuck.after_line))
        except Exception as failure:  # noqa: BLE001 - it is told at the end, with the lines that raise alone
            if batch == 1:
                await stuck.pass_over(recon, failure)
            batch = max(batch // 8, 1)
            continue
        if not run.line_count:
            break
        done, breaks_opened = done + run.line_count, breaks_opened + run.breaks_opened
        batch = min(batch * 2, recon.lines_per_run)
    breaks_opened += await database.transact(partial(_open_unclaimed, recon, file))
    breaks_opened += await database.transact(
        partial(late.record_lines, since=file.imported_at, now=recon.deps.clock.now())
    )
    stuck.require_none()
    async with database.single() as connection:
        buckets = await lines.totals(connection, file.id)
        behind = await late.late_of_file(connection, file.id)
    return ImportOutcome(file.filename, already, file.line_count, buckets, breaks_opened, file.collected_xof, behind)


async def open_unclaimed_of_day(recon: ReconcilingDeps, day: date) -> int:
    """Look once more, before a day is closed, for payments that a statement of that day should name and does not."""
    start = datetime.combine(day, time(), UTC)
    async with recon.deps.work.single() as connection:
        files = await lines.files_touching(connection, start, start + timedelta(days=1))
    opened = [await recon.deps.work.transact(partial(_open_unclaimed, recon, file)) for file in files]
    return sum(opened)


async def _run(
    recon: ReconcilingDeps, file: KeptFile, batch: int, after_line: int, connection: AsyncConnection
) -> _Run:
    now = recon.deps.clock.now()
    waiting = await lines.take(connection, file, batch, after_line)
    if not waiting:
        return _Run(0, 0)
    known = await lines.read_known(connection, file, waiting)
    missing = to_recover(waiting, known)
    opened = 0
    if missing:
        context = SettleContext(recon.book, now, recon.deps.service_code)
        settled = await settle(connection, [Evidence(line.observation) for line in missing], context)
        recovered_ids = frozenset(payment.id for payment in settled.created)
        payments = await lines.read_payments(connection, file.operator, waiting, recovered_ids)
        known, opened = replace(known, payments=payments), settled.breaks_opened
    matched = match(waiting, known)
    opened += await breaks.record_differences(connection, file.operator, matched.differences, now)
    await breaks.close_named(connection, file.operator, named=matched.named_ids, claimed=matched.claimed_ids, now=now)
    await lines.mark(connection, file.id, matched.outcomes, now)
    return _Run(len(waiting), opened)


async def _open_unclaimed(recon: ReconcilingDeps, file: KeptFile, connection: AsyncConnection) -> int:
    # Whatever period it prints, a file says nothing of what came after it.
    period_end = min(file.period_end, file.imported_at)
    now = recon.deps.clock.now()
    return await lines.open_unclaimed(connection, file.operator, file.period_start, period_end, now)


def _silent(done: int, total: int) -> None:
    del done, total
