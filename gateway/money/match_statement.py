"""From a kept statement to matched lines, recovered money and explained differences.

Each run of lines is one transaction: a crash loses nothing, and a second importer only shares the work.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.schemes import SchemeCatalog
from gateway.infra.deps import Deps
from gateway.money.credit_evidence import CreditingContext, credit_evidence
from payments.evidence.facts import Evidence
from payments.observation import LineKind
from payments.reconciliation import breaks, late, lines
from payments.reconciliation.balances import balance_differences
from payments.reconciliation.coverage import day_bounds, period_of, utc_day
from payments.reconciliation.difference import Difference
from payments.reconciliation.facts import Unit
from payments.reconciliation.late import NOTHING_LATE, LateTotal
from payments.reconciliation.lines import BucketTotal as BucketTotal
from payments.reconciliation.lines import Outcome, StoredFile
from payments.reconciliation.match import Judged, judge, to_recover
from payments.reconciliation.units import dated, read_units

log = structlog.stdlib.get_logger()

#: Small enough that households wait for a moment only, large enough that round trips do not count.
LINES_PER_RUN: Final = 500

#: So many lines that raise in one file are a fault of ours, and not of each of them.
STUCK_MAX: Final = 20

#: Money of so many blocks of the ledger, each of some minutes or full, is looked at for days that have a statement;
#: what a long halt left behind is judged when its day is closed.
RECENT_BLOCKS: Final = 10
POSTED_PER_ROUND: Final = 20_000

#: Told how many lines of how many have their bucket.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ReconcilingDeps:
    """The parts that reconciling needs; ``accounts`` names our account at each operator that prints one."""

    deps: Deps
    catalog: SchemeCatalog
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
        async with recon.deps.worker_db.single() as connection:
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


async def finish(
    recon: ReconcilingDeps, file: StoredFile, progress: Progress | None, *, already: bool
) -> ImportOutcome:
    """Match what is left of a file, run by run, and open what its figures and ours differ by.

    A line that raises is passed over, so that it holds no other; ``MatchingStopped`` names such lines at the end.
    """
    database, tell = recon.deps.worker_db, progress or _silent
    async with database.single() as connection:
        await recon.catalog.refresh(connection)
        done = file.line_count - await lines.waiting_count(connection, file.id)
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
    breaks_opened += await database.transact(partial(_explain_rest, recon, file))
    breaks_opened += await database.transact(
        partial(late.record_lines, since=file.imported_at, now=recon.deps.clock.now())
    )
    stuck.require_none()
    async with database.single() as connection:
        return await outcome_of(connection, file, already=already, breaks_opened=breaks_opened)


async def outcome_of(
    connection: AsyncConnection, file: StoredFile, *, already: bool, breaks_opened: int = 0
) -> ImportOutcome:
    """Return what has become of a statement so far."""
    buckets = await lines.totals(connection, file.id)
    behind = await late.late_of_file(connection, file.id)
    return ImportOutcome(file.filename, already, file.line_count, buckets, breaks_opened, file.collected_xof, behind)


async def explain_day(recon: ReconcilingDeps, day: date) -> int:
    """Judge a day once more before it is closed: money that came since, and what no statement names.

    Returns: how many breaks are new.
    """
    async with recon.deps.worker_db.single() as connection:
        operators = await lines.operators_of_day(connection, day)
    opened = [
        await recon.deps.worker_db.transact(partial(_explain_day, recon, operator, day)) for operator in operators
    ]
    return sum(opened)


async def explain_posted(recon: ReconcilingDeps) -> int:
    """Judge the money that came lately, on days of which a statement had spoken before.

    Returns: how many breaks are new.
    """
    async with recon.deps.worker_db.single() as connection:
        posted = await lines.newly_posted(connection, RECENT_BLOCKS, POSTED_PER_ROUND)
    opened = 0
    for operator, subjects in posted.items():
        opened += await recon.deps.worker_db.transact(partial(_explain_posted, recon, operator, subjects))
    return opened


async def _run(
    recon: ReconcilingDeps, file: StoredFile, batch: int, after_line: int, connection: AsyncConnection
) -> _Run:
    now = recon.deps.clock.now()
    subjects = await lines.take(connection, file, batch, after_line)
    if not subjects:
        return _Run(0, 0)
    units = await read_units(connection, file.operator, subjects)
    missing = [line for unit in units if (line := to_recover(unit)) is not None]
    opened = 0
    if missing:
        period = period_of(file.period_start, file.covered_until)
        context = CreditingContext(recon.catalog, now, recon.deps.service_code, help_number=recon.deps.help_number)
        credited = await credit_evidence(
            connection, [Evidence(dated(line), window=period) for line in missing], context
        )
        recovered_ids = frozenset(payment.id for payment in credited.created)
        units = await read_units(connection, file.operator, subjects, recovered_ids)
        opened = credited.breaks_opened
    judged = [(unit, judge(unit)) for unit in units]
    found = [one for _, decided in judged for one in decided.differences]
    opened += await breaks.replace(connection, file.operator, subjects, found, now)
    outcomes = [one for unit, decided in judged for one in _outcomes(file, unit, decided)]
    return _Run(await lines.mark(connection, file.id, outcomes, now), opened)


def _outcomes(file: StoredFile, unit: Unit, judged: Judged) -> list[Outcome]:
    payment_id = unit.payment.payment_id if unit.payment is not None else None
    named = {line.place for line in unit.lines if line.kind in {LineKind.COLLECTION, LineKind.REVERSAL}}
    return [
        Outcome(place[1], bucket, payment_id if place in named else None)
        for place, bucket in judged.buckets.items()
        if place[0] == file.id
    ]


async def _explain_rest(recon: ReconcilingDeps, file: StoredFile, connection: AsyncConnection) -> int:
    await lines.lock(connection, file.operator)
    period = (file.period_start, file.covered_until)
    subjects = await lines.unnamed(connection, file)
    subjects |= await lines.unmatched_payments(connection, file.operator, *period)
    subjects |= await lines.contradicted(connection, file)
    opened = await _explain(recon, connection, file.operator, subjects)
    last = utc_day(file.covered_until)
    first = utc_day(file.period_start)
    days = [first + timedelta(days=passed) for passed in range((last - first).days + 1)]
    opened += await _explain_balances(recon, connection, file.operator, days)
    return opened


async def _explain_day(recon: ReconcilingDeps, operator: str, day: date, connection: AsyncConnection) -> int:
    await lines.lock(connection, operator)
    subjects = await breaks.about_day(connection, operator, day)
    subjects |= await lines.unmatched_payments(connection, operator, *day_bounds(day))
    opened = await _explain(recon, connection, operator, subjects)
    return opened + await _explain_balances(recon, connection, operator, [day])


async def _explain_posted(
    recon: ReconcilingDeps, operator: str, subjects: set[str], connection: AsyncConnection
) -> int:
    await lines.lock(connection, operator)
    return await _explain(recon, connection, operator, subjects)


async def _explain(recon: ReconcilingDeps, connection: AsyncConnection, operator: str, subjects: set[str]) -> int:
    opened, now, names = 0, recon.deps.clock.now(), sorted(subjects)
    for start in range(0, len(names), recon.lines_per_run):
        run = names[start : start + recon.lines_per_run]
        units = await read_units(connection, operator, run)
        judged = [(unit.subject, differences) for unit in units if (differences := _differences(unit)) is not None]
        found = [one for _, differences in judged for one in differences]
        opened += await breaks.replace(connection, operator, {subject for subject, _ in judged}, found, now)
    return opened


def _differences(unit: Unit) -> tuple[Difference, ...] | None:
    # One that raises holds no other: its money stays what the day's page calls unexplained, and the log says why.
    try:
        return judge(unit).differences
    except Exception:
        log.exception("reconciling.not_judged", account=unit.account)
        return None


async def _explain_balances(
    recon: ReconcilingDeps, connection: AsyncConnection, operator: str, days: Sequence[date]
) -> int:
    abouts, found = await balance_differences(connection, operator, days)
    return await breaks.replace(connection, operator, abouts, found, recon.deps.clock.now())


def _silent(done: int, total: int) -> None:
    del done, total
