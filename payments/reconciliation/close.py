"""Closes days: each sealed report carries the hash of the one signed before it and the head of the ledger.

Days are signed in their order, each after the one before. Money may turn up for a day before the first that was signed;
such a day is signed later than its place in the calendar, so the chain follows the order of signing.
"""

import json
from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.detail import DetailCode, detail
from payments.errors import PaymentsError
from payments.ledger.finding import Finding, FindingKind
from payments.ledger.seal import GENESIS_SHA256, head, is_block
from payments.reconciliation.facts import utc_day

#: The first word of every hashed day; another form of the content would be another version.
DOMAIN: Final = "ramu.day.v2"

ONE_CLOSING_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('day_report', 0))")

#: The bounds of what is signed, whether the day is, and the first day between the bounds that is not.
SIGNED = text("""
    SELECT min(day) AS first, max(day) AS last, coalesce(bool_or(day = :day), false) AS is_closed,
           (SELECT min(one.day) + 1 FROM day_report one
             WHERE one.day < (SELECT max(day) FROM day_report)
               AND NOT EXISTS (SELECT FROM day_report next WHERE next.day = one.day + 1)) AS gap
      FROM day_report
""")

#: From one operator to the next along an index, however many payments there are.
FIRST_ACTIVITY = text("""
WITH RECURSIVE first AS (
    (SELECT operator, occurred_at FROM payment ORDER BY operator, occurred_at LIMIT 1)
     UNION ALL
    SELECT next.operator, next.occurred_at
      FROM first CROSS JOIN LATERAL (SELECT operator, occurred_at FROM payment WHERE operator > first.operator
                                      ORDER BY operator, occurred_at LIMIT 1) AS next
)
SELECT least((SELECT min(occurred_at) FROM first), (SELECT min(period_start) FROM statement_file))
""")

COLUMNS: Final = "day, seq, content, previous_sha256, sha256, ledger_head_sha256, closed_by, closed_at"

READ = text(f"SELECT {COLUMNS} FROM day_report WHERE day = :day")  # noqa: S608 - our own column names

READ_ALL = text(f"SELECT {COLUMNS} FROM day_report ORDER BY seq")  # noqa: S608 - our own column names

READ_LAST_SIGNED = text(f"SELECT {COLUMNS} FROM day_report ORDER BY seq DESC LIMIT 1")  # noqa: S608 - our own names

#: On one snapshot, a row that came after it makes PostgreSQL refuse the transaction, which is then run again.
INSERT = text("""
    INSERT INTO day_report (day, seq, content, previous_sha256, sha256, ledger_head_sha256, closed_by, closed_at)
    VALUES (:day, :seq, :content, :previous_sha256, :sha256, :ledger_head_sha256, :closed_by, :closed_at)
        ON CONFLICT (day) DO NOTHING
    RETURNING day
""")

DAY_EXISTS = text("SELECT EXISTS (SELECT FROM day_report WHERE sha256 = :sha256)")

#: Money of a day that the ledger's newest block does not hold yet.
UNSEALED = text("""
    SELECT EXISTS (SELECT FROM payment
                    WHERE ledger_txn_id > :through AND occurred_at >= :day_start AND occurred_at < :day_end)
""")


class DayRefusal(StrEnum):
    """Why a day cannot be closed now."""

    NOT_OVER = "not_over"
    ALREADY_CLOSED = "already_closed"
    EARLIER_DAY_OPEN = "earlier_day_open"
    BEFORE_ANY_ACTIVITY = "before_any_activity"


class DayNotClosable(PaymentsError):
    """A day that must stay open for now; ``day`` is the one to look at, which may be an earlier one."""

    def __init__(self, refusal: DayRefusal, day: date) -> None:
        self.refusal = refusal
        self.day = day
        super().__init__(f"day {day} cannot be closed: {refusal}")


@dataclass(frozen=True, slots=True)
class SealedDay:
    """The report of one day as it was sealed."""

    day: date
    seq: int
    content: str
    previous_sha256: bytes
    sha256: bytes
    ledger_head_sha256: bytes
    closed_by: str
    closed_at: datetime


async def require_closable(connection: AsyncConnection, day: date, now: datetime) -> None:
    """Let a past day through when it is the next to be closed, or lies before all that are.

    A day before the first one that was signed may be signed at any time; the days that it leaves open between them are
    then closed in their order, and keep no later day from being closed.

    Errors:  DayNotClosable, with the day to close first where there is one.
    """
    if day >= utc_day(now):
        raise DayNotClosable(DayRefusal.NOT_OVER, day)
    signed = (await connection.execute(SIGNED, {"day": day})).one()
    if signed.is_closed:
        raise DayNotClosable(DayRefusal.ALREADY_CLOSED, day)
    if signed.first is None or day < signed.first:
        first = await first_activity(connection)
        if first is None or day < first:
            raise DayNotClosable(DayRefusal.BEFORE_ANY_ACTIVITY, day)
        following = first if signed.first is None else day
    else:
        following = signed.last + timedelta(days=1) if day > signed.last else signed.gap
    if day > following:
        raise DayNotClosable(DayRefusal.EARLIER_DAY_OPEN, following)


async def close_day(
    connection: AsyncConnection, day: date, content: str, *, closed_by: str, now: datetime
) -> SealedDay:
    """Seal the report of a day behind the one signed before it and the head of the ledger.

    Errors:  DayNotClosable; nothing is written then.
    """
    await connection.execute(ONE_CLOSING_AT_A_TIME)
    await require_closable(connection, day, now)
    previous = await last_signed(connection)
    ledger_head = await head(connection)
    unsealed = SealedDay(
        day=day,
        seq=1 if previous is None else previous.seq + 1,
        content=content,
        previous_sha256=GENESIS_SHA256 if previous is None else previous.sha256,
        sha256=b"",
        ledger_head_sha256=ledger_head.sha256,
        closed_by=closed_by,
        closed_at=now,
    )
    sealed = replace(unsealed, sha256=_digest(unsealed))
    written = await connection.execute(
        INSERT,
        {
            "day": sealed.day,
            "seq": sealed.seq,
            "content": sealed.content,
            "previous_sha256": sealed.previous_sha256,
            "sha256": sealed.sha256,
            "ledger_head_sha256": sealed.ledger_head_sha256,
            "closed_by": sealed.closed_by,
            "closed_at": sealed.closed_at,
        },
    )
    written.one()
    return sealed


async def is_sealed(connection: AsyncConnection, day: date) -> bool:
    """Return whether the ledger's newest block holds all the money of a day."""
    start = datetime.combine(day, time(), UTC)
    through = (await head(connection)).through_txn_id
    period = {"day_start": start, "day_end": start + timedelta(days=1)}
    missing: bool = (await connection.execute(UNSEALED, {"through": through, **period})).scalar_one()
    return not missing


async def read_day(connection: AsyncConnection, day: date) -> SealedDay | None:
    """Read a sealed day; None when the day is not closed."""
    row = (await connection.execute(READ, {"day": day})).one_or_none()
    return None if row is None else SealedDay(*row)


async def last_signed(connection: AsyncConnection) -> SealedDay | None:
    """Read the day that was signed last, which need not be the latest day."""
    row = (await connection.execute(READ_LAST_SIGNED)).one_or_none()
    return None if row is None else SealedDay(*row)


async def signed_days(connection: AsyncConnection) -> tuple[SealedDay, ...]:
    """Read every signed day, in the order of signing."""
    return tuple(SealedDay(*row) for row in (await connection.execute(READ_ALL)).all())


def is_intact(day: SealedDay) -> bool:
    """Return whether a report is, to the byte, the one that was signed."""
    return day.sha256 == _digest(day)


async def verify_days(connection: AsyncConnection) -> tuple[Finding, ...]:
    """Recompute the chain of days and look for the ledger block that each of them saw last."""
    findings: list[Finding] = []
    previous: SealedDay | None = None
    days: list[date] = []
    for one in await signed_days(connection):
        seq, expected = (1, GENESIS_SHA256) if previous is None else (previous.seq + 1, previous.sha256)
        if (one.seq, one.previous_sha256) != (seq, expected) or not _may_follow(one.day, days):
            findings.append(
                Finding(
                    None,
                    FindingKind.DAY_CHAIN_BROKEN,
                    detail(DetailCode.DAY_OUT_OF_ORDER, signed_on=str(one.day)),
                )
            )
        if not is_intact(one):
            findings.append(
                Finding(None, FindingKind.DAY_CHANGED, detail(DetailCode.DAY_REWRITTEN, signed_on=str(one.day)))
            )
        if not await is_block(connection, one.ledger_head_sha256):
            hash_start = one.ledger_head_sha256.hex()[:16]
            lost = detail(DetailCode.DAY_ON_LOST_BLOCK, signed_on=str(one.day), hash_start=hash_start)
            findings.append(Finding(None, FindingKind.HEAD_LOST, lost))
        previous = one
        insort(days, one.day)
    return tuple(findings)


def _may_follow(day: date, signed: Sequence[date]) -> bool:
    """Return whether a day could be signed after these, which are in order: next, before all, or between."""
    return not signed or day <= signed[-1] + timedelta(days=1)


async def verify_external_hashes(connection: AsyncConnection, external_hashes: Sequence[bytes]) -> tuple[Finding, ...]:
    """Look for the blocks and days whose hashes were kept elsewhere, which nobody here could rewrite."""
    findings = []
    for digest in external_hashes:
        is_day: bool = (await connection.execute(DAY_EXISTS, {"sha256": digest})).scalar_one()
        if not is_day and not await is_block(connection, digest):
            lost = detail(DetailCode.HASH_UNKNOWN, hash=digest.hex())
            findings.append(Finding(None, FindingKind.HEAD_LOST, lost))
    return tuple(findings)


async def first_activity(connection: AsyncConnection) -> date | None:
    """Return the first day of which any money or statement is known."""
    first: datetime | None = (await connection.execute(FIRST_ACTIVITY)).scalar_one()
    return None if first is None else utc_day(first)


def _digest(day: SealedDay) -> bytes:
    chained = [day.previous_sha256.hex(), day.seq, day.day.isoformat(), day.ledger_head_sha256.hex(), day.closed_by]
    closed_at = day.closed_at.astimezone(UTC).isoformat(timespec="microseconds")
    return sha256(json.dumps([DOMAIN, *chained, closed_at, day.content]).encode("ascii")).digest()
