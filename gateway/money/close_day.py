"""Closes a day on its report, and proves the ledger, the books and the days together."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Final

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.money.day_evidence import evidence_of, through, verify_evidence
from gateway.money.import_statement import Unfinished, resume, unfinished_of_day
from gateway.money.match_statement import ReconcilingDeps, explain_day
from gateway.reports.breaks import break_figures
from gateway.reports.day import DaySummary, bounds, day_report
from gateway.reports.sealed_day import canonical
from gateway.staff.tables import AuditEvent
from payments.detail import read_detail
from payments.ledger.balance import FINDINGS_MAX, check_books
from payments.ledger.finding import Finding, FindingKind
from payments.ledger.post import wait_for_postings
from payments.ledger.seal import Verification, seal, verify
from payments.operators.contract import Operators
from payments.reconciliation import late
from payments.reconciliation.close import (
    DayNotClosable,
    SealedDay,
    close_day,
    is_intact,
    is_sealed,
    last_signed,
    require_closable,
    signed_days,
    verify_days,
    verify_external_hashes,
)
from payments.reconciliation.late import UNDER_WAY_MAX, LateMoney

#: What is allocated to charges is what stands on the contributions of the same party, and what it paid of what it owed,
#: transaction by transaction.
ALLOCATIONS = text("""
    SELECT jsonb_build_object('code', 'allocated_otherwise', 'txn_id', txn_id, 'party_id', party_id,
                              'posted_xof', coalesce(posted.amount_xof, 0),
                              'allocated_xof', coalesce(allocated.amount_xof, 0))
      FROM (SELECT txn_id, party_id, -sum(amount_xof) AS amount_xof
              FROM (SELECT txn_id, party_id, amount_xof FROM ledger_entry WHERE account = 'contributions'
                     UNION ALL
                    SELECT txn_id, party_id, amount_xof
                      FROM ledger_entry JOIN ledger_txn txn ON txn.id = txn_id AND txn.kind <> 'charge'
                     WHERE account = 'receivables') AS entry
             GROUP BY txn_id, party_id) AS posted
      FULL JOIN (SELECT ledger_txn_id AS txn_id, party_id, sum(amount_xof) AS amount_xof
                   FROM allocation GROUP BY ledger_txn_id, party_id) AS allocated USING (txn_id, party_id)
     WHERE coalesce(posted.amount_xof, 0) <> coalesce(allocated.amount_xof, 0)
     ORDER BY txn_id, party_id LIMIT :most
""")


ALLOCATED_ON = text("""
    SELECT jsonb_build_object('code', 'allocated_on_other_day', 'allocation_id', allocation.id,
                              'allocated_on', allocation.allocated_on,
                              'paid_on', CAST(txn.effective_at AT TIME ZONE 'UTC' AS date))
      FROM allocation JOIN ledger_txn txn ON txn.id = allocation.ledger_txn_id
     WHERE txn.kind = 'payment' AND allocation.allocated_on <> CAST(txn.effective_at AT TIME ZONE 'UTC' AS date)
     ORDER BY allocation.id LIMIT :most
""")

#: What is owed for a period is the sum of its charges; what was paid is allocated to the first of them.
CHARGES = text("""
    SELECT jsonb_build_object('code', 'charge_overpaid', 'charge_id', first.id, 'amount_xof', owed.amount_xof,
                              'allocated_xof', paid.amount_xof)
      FROM (SELECT charge_id, sum(amount_xof) AS amount_xof, min(party_id) AS first_party, max(party_id) AS last_party
              FROM allocation GROUP BY charge_id) AS paid
      JOIN charge first ON first.id = paid.charge_id
      LEFT JOIN (SELECT enrolment_id, payer_party_id, period_start, number, sum(amount_xof) AS amount_xof
                   FROM charge WHERE sequence > 1
                  GROUP BY enrolment_id, payer_party_id, period_start, number) AS corrected
             ON corrected.enrolment_id = first.enrolment_id AND corrected.payer_party_id = first.payer_party_id
            AND (corrected.period_start = first.period_start OR corrected.number = first.number)
     CROSS JOIN LATERAL (SELECT first.amount_xof + coalesce(corrected.amount_xof, 0) AS amount_xof) AS owed
     WHERE paid.amount_xof > owed.amount_xof OR paid.amount_xof < 0 OR first.sequence <> 1
        OR first_party <> first.payer_party_id OR last_party <> first.payer_party_id
     ORDER BY first.id LIMIT :most
""")

#: What a payer owes of charges is what its charges say, transaction by transaction.
RECEIVABLES = text("""
    SELECT jsonb_build_object('code', 'charged_otherwise', 'txn_id', txn_id, 'party_id', party_id,
                              'posted_xof', coalesce(posted.amount_xof, 0),
                              'charged_xof', coalesce(charged.amount_xof, 0))
      FROM (SELECT txn_id, party_id, sum(amount_xof) AS amount_xof
              FROM ledger_entry JOIN ledger_txn txn ON txn.id = txn_id AND txn.kind = 'charge'
             WHERE account = 'receivables' GROUP BY txn_id, party_id) AS posted
      FULL JOIN (SELECT ledger_txn_id AS txn_id, payer_party_id AS party_id, sum(amount_xof) AS amount_xof
                   FROM charge WHERE ledger_txn_id IS NOT NULL
                  GROUP BY ledger_txn_id, payer_party_id) AS charged USING (txn_id, party_id)
     WHERE coalesce(posted.amount_xof, 0) <> coalesce(charged.amount_xof, 0)
     ORDER BY txn_id, party_id LIMIT :most
""")

QUESTIONS: Final = (
    (FindingKind.ALLOCATION_NOT_POSTED, ALLOCATIONS),
    (FindingKind.ALLOCATION_MOVED, ALLOCATED_ON),
    (FindingKind.CHARGE_EXCEEDED, CHARGES),
    (FindingKind.CHARGE_NOT_POSTED, RECEIVABLES),
)


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
class Missing:
    """What a day lacks; whoever closes it all the same says why, in a remark that is sealed with it."""

    without_statement: tuple[str, ...]
    unexplained_xof: Mapping[str, int]
    unfinished: tuple[Unfinished, ...]

    @property
    def is_nothing(self) -> bool:
        """Return whether the day may be closed without a word."""
        return not (self.without_statement or self.unexplained_xof or self.unfinished)


@dataclass(frozen=True, slots=True)
class Closability:
    """Whether a day may be closed now: the refusal that no remark lifts, and what a remark must explain."""

    refused: DayNotClosable | None
    missing: Missing


@dataclass(frozen=True, slots=True)
class DayToClose:
    """A day, who signs it, and what that person writes where something is missing."""

    day: date
    closed_by: str
    remarks: str | None = None


async def close(recon: ReconcilingDeps, wanted: DayToClose) -> SealedDay:
    """Seal a past day behind the day before, or raise ``DayNotClosable`` or ``DayUnexplained``."""
    deps, now = recon.deps, recon.deps.clock.now()
    async with deps.worker_db.single() as connection:
        await require_closable(connection, wanted.day, now)
    await resume(recon)
    await explain_day(recon, wanted.day)
    sealed = None
    while sealed is None:
        await deps.worker_db.transact(wait_for_postings)
        while await deps.worker_db.transact(lambda connection: seal(connection, now)):
            pass
        sealed = await deps.worker_db.transact(lambda connection: _close(connection, wanted, deps.operators, now))
    return sealed


async def verify_all(connection: AsyncConnection, external_hashes: Sequence[bytes] = ()) -> Verification:
    """Recompute the chain of blocks and the chain of days, and ask every question of the books.

    ``external_hashes`` are hashes of blocks and days that were kept elsewhere.
    """
    chain = await verify(connection)
    asked = [
        Finding(None, kind, read_detail(document))
        for kind, question in QUESTIONS
        for document in (await connection.execute(question, {"most": FINDINGS_MAX})).scalars()
    ]
    findings = (
        *chain.findings,
        *await check_books(connection),
        *asked,
        *await verify_days(connection),
        *await verify_evidence(connection),
        *await verify_external_hashes(connection, external_hashes),
    )
    return replace(chain, findings=findings)


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
        missing = _missing(report, operators, await unfinished_of_day(snapshot, wanted.day))
        if not missing.is_nothing:
            raise DayUnexplained(missing.without_statement, missing.unexplained_xof, missing.unfinished)
    content = canonical(
        report,
        breaks=[asdict(one) for one in await break_figures(snapshot, wanted.day)],
        late=[asdict(one) for one in await _late(snapshot, now)],
        evidence=asdict(await evidence_of(snapshot, bounds(wanted.day))),
        remarks=wanted.remarks,
    )
    sealed = await close_day(snapshot, wanted.day, content, closed_by=wanted.closed_by, now=now)
    await snapshot.execute(insert(AuditEvent).values(_event(sealed, wanted)))
    return sealed


async def _late(connection: AsyncConnection, now: datetime) -> list[LateMoney]:
    """Return the money that came for signed days since the signing before, each once in all reports."""
    previous = await last_signed(connection)
    if previous is None:
        return []
    await late.sweep(connection, await through(connection, previous), previous.closed_at, now)
    since = previous.closed_at - UNDER_WAY_MAX
    recent = [one for one in await signed_days(connection) if one.closed_at >= since and is_intact(one)]
    carried = {(one["operator"], one["subject"]) for day in recent for one in json.loads(day.content).get("late", ())}
    found = await late.late_since(connection, previous.closed_at)
    return [one for one in found if (one.operator, one.subject) not in carried]


def _event(sealed: SealedDay, wanted: DayToClose) -> dict[str, object]:
    detail = {"sha256": sealed.sha256.hex(), "remarks": wanted.remarks is not None}
    subject = f"day/{sealed.day}"
    return {
        "at": sealed.closed_at, "actor": sealed.closed_by, "action": "day.closed", "subject": subject, "detail": detail
    }  # fmt: skip


async def closability(
    connection: AsyncConnection, report: DaySummary, operators: Operators, now: datetime
) -> Closability:
    """Say what keeps a day from being closed, without closing it."""
    refused: DayNotClosable | None = None
    try:
        await require_closable(connection, report.day, now)
    except DayNotClosable as told:
        refused = told
    return Closability(refused, _missing(report, operators, await unfinished_of_day(connection, report.day)))


def _missing(report: DaySummary, operators: Operators, unfinished: tuple[Unfinished, ...]) -> Missing:
    silent = {name for name, operator in operators.items() if not operator.capabilities.statement}
    rows = [row for row in report.rows if row.operator not in silent]
    without = tuple(row.operator for row in rows if not row.statement_received)
    unexplained = {row.operator: row.unexplained_xof for row in report.rows if row.unexplained_xof}
    return Missing(without, unexplained, unfinished)
