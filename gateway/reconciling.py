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
from payments.reconciliation import breaks, lines
from payments.reconciliation.lines import BucketTotal as BucketTotal
from payments.reconciliation.lines import KeptFile
from payments.reconciliation.match import match, to_recover

#: Small enough that households wait for a moment only, large enough that round trips do not count.
LINES_PER_RUN: Final = 500

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


@dataclass(frozen=True, slots=True)
class _Run:
    line_count: int
    breaks_opened: int


async def finish(recon: ReconcilingDeps, file: KeptFile, progress: Progress | None, *, already: bool) -> ImportOutcome:
    """Match what is left of a file, run by run, and open what the operator does not claim of its period."""
    database, tell = recon.deps.work, progress or _silent
    async with database.single() as connection:
        await recon.book.refresh(connection)
        done = sum(total.count for total in (await lines.totals(connection, file.id)).values())
    breaks_opened = 0
    while True:
        tell(done, file.line_count)
        run = await database.transact(partial(_run, recon, file))
        if not run.line_count:
            break
        done, breaks_opened = done + run.line_count, breaks_opened + run.breaks_opened
    breaks_opened += await database.transact(partial(_open_unclaimed, recon, file))
    async with database.single() as connection:
        buckets = await lines.totals(connection, file.id)
    return ImportOutcome(file.filename, already, file.line_count, buckets, breaks_opened, file.collected_xof)


async def open_unclaimed_of_day(recon: ReconcilingDeps, day: date) -> int:
    """Look once more, before a day is closed, for payments that a statement of that day should name and does not."""
    start = datetime.combine(day, time(), UTC)
    async with recon.deps.work.single() as connection:
        files = await lines.files_touching(connection, start, start + timedelta(days=1))
    opened = [await recon.deps.work.transact(partial(_open_unclaimed, recon, file)) for file in files]
    return sum(opened)


async def _run(recon: ReconcilingDeps, file: KeptFile, connection: AsyncConnection) -> _Run:
    now = recon.deps.clock.now()
    waiting = await lines.take(connection, file, recon.lines_per_run)
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
