"""Closes a day on its report, and proves the ledger, the books and the days together."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.reconciling import ReconcilingDeps, open_unclaimed_of_day, resume
from gateway.reports.day import DayReport, day_report
from payments.ledger.balance import TOLD_MOST, check_books
from payments.ledger.fault import Fault, FaultKind
from payments.ledger.seal import Verification, seal, verify
from payments.operators.contract import Operators
from payments.reconciliation.close import SealedDay, close_day, require_closable, verify_days

#: What is allocated to due items is what stands on the contributions of the same household, transaction by transaction.
ALLOCATIONS = text("""
    SELECT 'transaction ' || txn_id || ' gives household ' || household_id || ' '
           || coalesce(posted.amount_xof, 0) || ' F and allocates ' || coalesce(allocated.amount_xof, 0) || ' F'
      FROM (SELECT txn_id, household_id, -sum(amount_xof) AS amount_xof
              FROM ledger_entry WHERE account = 'contributions' GROUP BY txn_id, household_id) AS posted
      FULL JOIN (SELECT ledger_txn_id AS txn_id, household_id, sum(amount_xof) AS amount_xof
                   FROM allocation GROUP BY ledger_txn_id, household_id) AS allocated USING (txn_id, household_id)
     WHERE coalesce(posted.amount_xof, 0) <> coalesce(allocated.amount_xof, 0)
     ORDER BY txn_id, household_id LIMIT :most
""")


class DayUnexplained(Exception):
    """A day whose figures are not all confirmed; closing it needs a written remark."""

    def __init__(self, without_statement: tuple[str, ...], unexplained_xof: Mapping[str, int]) -> None:
        self.without_statement = without_statement
        self.unexplained_xof = unexplained_xof
        super().__init__(f"no statement from {without_statement}, unexplained {dict(unexplained_xof)}")


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
    while await deps.work.transact(lambda connection: seal(connection, now)):
        pass
    return await deps.work.transact(lambda connection: _close(connection, wanted, deps.operators, now))


async def verify_all(connection: AsyncConnection) -> Verification:
    """Recompute the chain of blocks and the chain of days, and ask every question of the books."""
    chain = await verify(connection)
    allocations = (await connection.execute(ALLOCATIONS, {"most": TOLD_MOST})).scalars()
    faults = (
        *chain.faults,
        *await check_books(connection),
        *(Fault(None, FaultKind.ALLOCATION_NOT_POSTED, sentence) for sentence in allocations),
        *await verify_days(connection),
    )
    return Verification(chain.blocks, chain.txns, faults)


async def _close(connection: AsyncConnection, wanted: DayToClose, operators: Operators, now: datetime) -> SealedDay:
    report = await day_report(connection, wanted.day, operators)
    if not wanted.remarks:
        _require_explained(report, operators)
    content = canonical(report, wanted.remarks)
    return await close_day(connection, wanted.day, content, closed_by=wanted.closed_by, now=now)


def _require_explained(report: DayReport, operators: Operators) -> None:
    silent = {name for name, operator in operators.items() if not operator.capabilities.statement}
    rows = [row for row in report.rows if row.operator not in silent]
    without = tuple(row.operator for row in rows if not row.statement_received)
    unexplained = {row.operator: row.unexplained_xof for row in report.rows if row.unexplained_xof}
    if without or unexplained:
        raise DayUnexplained(without, unexplained)


def canonical(report: DayReport, remarks: str | None) -> str:
    """Write a report in the one form that is hashed: sorted JSON, days and moments in ISO 8601."""
    content = {**asdict(report), "remarks": remarks}
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_iso)


def has_moved(sealed_content: str, report: DayReport) -> bool:
    """Say whether the operators' figures of a day are no longer those that were sealed."""
    try:
        sealed = json.loads(sealed_content)
    except ValueError:
        return True
    return bool(sealed.get("rows") != json.loads(canonical(report, None))["rows"])


def _iso(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a report")
