"""Closes a day on its report, and proves the ledger, the books and the days together."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.importing import Unfinished, resume, unfinished_of_day
from gateway.reconciling import ReconcilingDeps, open_unclaimed_of_day
from gateway.reports.breaks import BreakFigure, break_figures
from gateway.reports.day import DayReport, day_report
from gateway.tables import AuditEvent
from payments.ledger.balance import TOLD_MOST, check_books
from payments.ledger.fault import Fault, FaultKind
from payments.ledger.seal import Verification, seal, verify
from payments.operators.contract import Operators
from payments.reconciliation.close import (
    SealedDay,
    close_day,
    is_sealed,
    require_closable,
    verify_attested,
    verify_days,
)

#: What is allocated to due items is what stands on the contributions of the same household, transaction by transaction.
ALLOCATIONS = text("""
    SELECT 'écriture ' || txn_id || ', ménage ' || household_id || ' : ' || coalesce(posted.amount_xof, 0)
           || ' F passés, ' || coalesce(allocated.amount_xof, 0) || ' F imputés'
      FROM (SELECT txn_id, household_id, -sum(amount_xof) AS amount_xof
              FROM ledger_entry WHERE account = 'contributions' GROUP BY txn_id, household_id) AS posted
      FULL JOIN (SELECT ledger_txn_id AS txn_id, household_id, sum(amount_xof) AS amount_xof
                   FROM allocation GROUP BY ledger_txn_id, household_id) AS allocated USING (txn_id, household_id)
     WHERE coalesce(posted.amount_xof, 0) <> coalesce(allocated.amount_xof, 0)
     ORDER BY txn_id, household_id LIMIT :most
""")


class DayUnexplained(Exception):
    """A day whose figures are not all confirmed; closing it needs a written remark."""

    def __init__(
        self,
        without_statement: tuple[str, ...],
        unexplained_xof: Mapping[str, int],
        unfinished: tuple[Unfinished, ...] = (),
    ) -> None:
        self.without_statement = without_statement
        self.unexplained_xof = unexplained_xof
        self.unfinished = unfinished
        super().__init__(f"sans relevé : {without_statement}, inexpliqué : {dict(unexplained_xof)}")


@dataclass(frozen=True, slots=True)
class DayToClose:
    """A day, who signs it, and what that person writes where something is missing."""

    day: date
    closed_by: str
    remarks: str | None = None


async def close(recon: ReconcilingDeps, wanted: DayToClose) -> SealedDay:
    """Seal a past day behind the day before, or raise ``DayNotClosable`` or ``DayUnexplained``."""
    deps, now = recon.deps, recon.deps.clock.now()
    async with deps.work.single() as connection:
        await require_closable(connection, wanted.day, now)
    await resume(recon)
    await open_unclaimed_of_day(recon, wanted.day)
    sealed = None
    while sealed is None:
        while await deps.work.transact(lambda connection: seal(connection, now)):
            pass
        sealed = await deps.work.transact(lambda connection: _close(connection, wanted, deps.operators, now))
    return sealed


async def verify_all(connection: AsyncConnection, attested: Sequence[bytes] = ()) -> Verification:
    """Recompute the chain of blocks and the chain of days, and ask every question of the books.

    ``attested`` are hashes of blocks and days that were kept elsewhere.
    """
    chain = await verify(connection)
    allocations = (await connection.execute(ALLOCATIONS, {"most": TOLD_MOST})).scalars()
    faults = (
        *chain.faults,
        *await check_books(connection),
        *(Fault(None, FaultKind.ALLOCATION_NOT_POSTED, sentence) for sentence in allocations),
        *await verify_days(connection),
        *await verify_attested(connection, attested),
    )
    return replace(chain, faults=faults)


async def _close(
    connection: AsyncConnection, wanted: DayToClose, operators: Operators, now: datetime
) -> SealedDay | None:
    # One snapshot: the report, its breaks and the head of the ledger are of the same instant, or the day waits for
    # money of its own that came in behind the last block.
    snapshot = await connection.execution_options(isolation_level="REPEATABLE READ")
    if not await is_sealed(snapshot, wanted.day):
        return None
    report = await day_report(snapshot, wanted.day, operators)
    if not wanted.remarks:
        _require_explained(report, operators, await unfinished_of_day(snapshot, wanted.day))
    content = canonical(report, wanted.remarks, await break_figures(snapshot, wanted.day))
    sealed = await close_day(snapshot, wanted.day, content, closed_by=wanted.closed_by, now=now)
    await snapshot.execute(insert(AuditEvent).values(_event(sealed, wanted)))
    return sealed


def _event(sealed: SealedDay, wanted: DayToClose) -> dict[str, object]:
    detail = {"sha256": sealed.sha256.hex(), "remarks": wanted.remarks is not None}
    subject = f"day/{sealed.day}"
    return {
        "at": sealed.closed_at, "actor": sealed.closed_by, "action": "day.closed", "subject": subject, "detail": detail
    }  # fmt: skip


def _require_explained(report: DayReport, operators: Operators, unfinished: tuple[Unfinished, ...]) -> None:
    silent = {name for name, operator in operators.items() if not operator.capabilities.statement}
    rows = [row for row in report.rows if row.operator not in silent]
    without = tuple(row.operator for row in rows if not row.statement_received)
    unexplained = {row.operator: row.unexplained_xof for row in report.rows if row.unexplained_xof}
    if without or unexplained or unfinished:
        raise DayUnexplained(without, unexplained, unfinished)


def canonical(report: DayReport, remarks: str | None = None, breaks: Sequence[BreakFigure] = ()) -> str:
    """Write a report in the one form that is hashed: sorted JSON, days and moments in ISO 8601."""
    content = {**asdict(report), "breaks": [asdict(one) for one in breaks], "remarks": remarks}
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_iso)


def has_moved(sealed_content: str, report: DayReport) -> bool:
    """Say whether the operators' figures of a day are no longer those that were sealed."""
    try:
        sealed = json.loads(sealed_content)
    except ValueError:
        return True
    return bool(sealed.get("rows") != json.loads(canonical(report))["rows"])


def _iso(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a report")
