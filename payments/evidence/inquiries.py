"""Questions that messages raised: which transaction or request to ask about, when next, and when it is enough.

A message that proves nothing only points. What it points at is kept here once, however often the message comes, and is
asked about by a schedule of its own: the message itself is done, and so is whatever state the request was in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.requests.dispatch import Lease, Unreached

#: About eighteen hours of the usual schedule; then a person must look. Never begun again, whatever points at it.
ATTEMPTS_MAX = 24
#: An operator that so often says that it knows nothing of a transaction will not know it tomorrow.
NOT_FOUND_MAX = 8
#: The waits between questions. Units: seconds; the last one repeats.
WAITS_S = (15, 30, 60, 120, 300, 600, 1800, 3600)
#: Longer ids than any operator's are not asked about. Source: GSMA Mobile Money API 1.2.0, 256 characters.
TRANSACTION_ID_CHARS_MAX = 256

#: A question that was answered is asked again when something new points at it, within what is left of its tries.
OPEN = text("""
    INSERT INTO inquiry (operator, request_id, operator_transaction_id, attempts, opened_at, next_attempt_at)
    SELECT DISTINCT operator, request_id, operator_transaction_id, 0, CAST(:now AS timestamptz),
           CAST(:now AS timestamptz)
      FROM unnest(CAST(:operators AS text[]), CAST(:requests AS bigint[]), CAST(:transactions AS text[]))
           AS pointer(operator, request_id, operator_transaction_id)
     ORDER BY operator, request_id, operator_transaction_id
        ON CONFLICT (operator, request_id, operator_transaction_id)
        DO UPDATE SET next_attempt_at = EXCLUDED.next_attempt_at, closed_at = NULL
     WHERE inquiry.parked_at IS NULL AND inquiry.attempts < :attempts_max
""")

LEASE_DUE = text("""
    WITH tried AS (
        SELECT id FROM inquiry
         WHERE operator = :operator AND next_attempt_at <= :now AND LEAST(attempts, 1) = 1
         ORDER BY next_attempt_at, id LIMIT :share FOR UPDATE SKIP LOCKED),
    fresh AS (
        SELECT id FROM inquiry
         WHERE operator = :operator AND next_attempt_at <= :now AND LEAST(attempts, 1) = 0
         ORDER BY next_attempt_at, id LIMIT :batch - (SELECT count(*) FROM tried) FOR UPDATE SKIP LOCKED)
    UPDATE inquiry SET attempts = attempts + 1, next_attempt_at = :lease_until
     WHERE id IN (SELECT id FROM tried UNION ALL SELECT id FROM fresh)
    RETURNING id, operator, request_id, operator_transaction_id, attempts, next_attempt_at
""")

#: What pointed at it while the question was on its way came after its answer: the question is put once more.
WRITE = text("""
    UPDATE inquiry
       SET closed_at = CASE WHEN said."end" = 'closed' AND next_attempt_at = said.leased_until
                            THEN CAST(:now AS timestamptz) END,
           parked_at = CASE WHEN said."end" = 'parked' THEN CAST(:now AS timestamptz) END,
           attempts = CASE WHEN said."end" = 'not_called' THEN GREATEST(attempts - 1, 0) ELSE attempts END,
           next_attempt_at = CASE WHEN said."end" = 'closed' AND next_attempt_at <> said.leased_until
                                  THEN next_attempt_at ELSE said.at END,
           last_detail = said.detail
      FROM unnest(CAST(:ids AS bigint[]), CAST(:ends AS text[]), CAST(:moments AS timestamptz[]),
                  CAST(:details AS text[]), CAST(:leases AS timestamptz[]))
           AS said(id, "end", at, detail, leased_until)
     WHERE inquiry.id = said.id
""")

PARK_UNREACHABLE = text("""
    UPDATE inquiry SET parked_at = :now, next_attempt_at = NULL,
                       last_detail = 'this operator cannot be asked any more'
     WHERE id IN (SELECT id FROM inquiry
                   WHERE operator <> ALL(CAST(:known AS text[])) AND next_attempt_at <= :due_before
                   LIMIT :batch FOR UPDATE SKIP LOCKED)
""")

RETRY = text("""
    UPDATE inquiry SET parked_at = NULL, attempts = 0, next_attempt_at = :now WHERE id = :id AND parked_at IS NOT NULL
""")


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a message points at: a request of ours, a transaction of the operator's, or both."""

    operator: str
    request_id: int | None
    operator_transaction_id: str | None


@dataclass(frozen=True, slots=True)
class LeasedInquiry:
    """A question that this worker alone may put until its lease ends."""

    id: int
    operator: str
    request_id: int | None
    operator_transaction_id: str | None
    attempts: int
    leased_until: datetime


class End(StrEnum):
    """What becomes of a question: answered, put off, not put this time, or left to a person."""

    CLOSED = "closed"
    PUT_OFF = "put_off"
    NOT_CALLED = "not_called"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class InquiryOutcome:
    """What became of one question, and why."""

    inquiry: LeasedInquiry
    end: End
    detail: str | None = None


async def open_inquiries(connection: AsyncConnection, pointers: Sequence[Pointer], now: datetime) -> None:
    """Store what messages pointed at, once for each."""
    if pointers:
        await connection.execute(
            OPEN,
            {
                "operators": [pointer.operator for pointer in pointers],
                "requests": [pointer.request_id for pointer in pointers],
                "transactions": [pointer.operator_transaction_id for pointer in pointers],
                "now": now,
                "attempts_max": ATTEMPTS_MAX,
            },
        )


async def lease_due(connection: AsyncConnection, lease: Lease) -> list[LeasedInquiry]:
    """Take questions whose turn it is."""
    rows = (await connection.execute(LEASE_DUE, lease.values())).all()
    return sorted((LeasedInquiry(*row) for row in rows), key=lambda inquiry: inquiry.id)


async def write(connection: AsyncConnection, outcomes: Sequence[InquiryOutcome], now: datetime) -> None:
    """Write what became of questions, and when those that stay open are put again."""
    if not outcomes:
        return
    await connection.execute(
        WRITE,
        {
            "ids": [outcome.inquiry.id for outcome in outcomes],
            "ends": [outcome.end for outcome in outcomes],
            "moments": [next_at(outcome, now) for outcome in outcomes],
            "details": [outcome.detail[:500] if outcome.detail else None for outcome in outcomes],
            "leases": [outcome.inquiry.leased_until for outcome in outcomes],
            "now": now,
        },
    )


async def park_unreachable(connection: AsyncConnection, unreached: Unreached) -> int:
    """Put aside the questions to operators that cannot be asked; return how many."""
    return (await connection.execute(PARK_UNREACHABLE, unreached.values())).rowcount


async def retry(connection: AsyncConnection, inquiry_id: int, now: datetime) -> bool:
    """Let a parked question be put again, with all its tries; return whether there was one."""
    return (await connection.execute(RETRY, {"id": inquiry_id, "now": now})).rowcount == 1


def next_at(outcome: InquiryOutcome, now: datetime) -> datetime | None:
    """Return the next moment of a question, or None when it is put no more."""
    if outcome.end in {End.CLOSED, End.PARKED}:
        return None
    step = min(outcome.inquiry.attempts, len(WAITS_S)) - 1
    return now + timedelta(seconds=WAITS_S[max(step, 0)])


def put_off(inquiry: LeasedInquiry, why: str, tries_max: int = ATTEMPTS_MAX) -> InquiryOutcome:
    """Put a question off, or leave it to a person after its last try."""
    return InquiryOutcome(inquiry, End.PARKED if inquiry.attempts >= tries_max else End.PUT_OFF, why)
