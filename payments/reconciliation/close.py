"""Closes days in their order: each sealed report carries the hash of the one before and the head of the ledger."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.errors import PaymentsError
from payments.ledger.fault import Fault, FaultKind
from payments.ledger.seal import GENESIS_SHA256, head, is_block
from payments.reconciliation.facts import utc_day

#: The first word of every hashed day; another form of the content would be another version.
DOMAIN: Final = "ramu.day.v1"

ONE_CLOSING_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('day_report', 0))")

LAST_DAY = text("SELECT max(day) FROM day_report")

FIRST_ACTIVITY = text("""
    SELECT least((SELECT min(occurred_at) FROM payment), (SELECT min(period_start) FROM statement_file))
""")

COLUMNS: Final = "day, content, previous_sha256, sha256, ledger_head_sha256, closed_by, closed_at"

READ = text(f"SELECT {COLUMNS} FROM day_report WHERE day = :day")  # noqa: S608 - our own column names

READ_ALL = text(f"SELECT {COLUMNS} FROM day_report ORDER BY day")  # noqa: S608 - our own column names

#: On one snapshot, a row that came after it makes PostgreSQL refuse the transaction, which is then run again.
INSERT = text("""
    INSERT INTO day_report (day, content, previous_sha256, sha256, ledger_head_sha256, closed_by, closed_at)
    VALUES (:day, :content, :previous_sha256, :sha256, :ledger_head_sha256, :closed_by, :closed_at)
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
    content: str
    previous_sha256: bytes
    sha256: bytes
    ledger_head_sha256: bytes
    closed_by: str
    closed_at: datetime


async def require_closable(connection: AsyncConnection, day: date, now: datetime) -> None:
    """Let a past day through when it is the next to be closed.

    Errors:  DayNotClosable, with the day to close first where there is one.
    """
    if day >= utc_day(now):
        raise DayNotClosable(DayRefusal.NOT_OVER, day)
    last: date | None = (await connection.execute(LAST_DAY)).scalar_one()
    if last is not None and day <= last:
        raise DayNotClosable(DayRefusal.ALREADY_CLOSED, day)
    following = last + timedelta(days=1) if last is not None else await _first_activity(connection)
    if following is None or day < following:
        raise DayNotClosable(DayRefusal.BEFORE_ANY_ACTIVITY, day)
    if day > following:
        raise DayNotClosable(DayRefusal.EARLIER_DAY_OPEN, following)


async def close_day(
    connection: AsyncConnection, day: date, content: str, *, closed_by: str, now: datetime
) -> SealedDay:
    """Seal the report of a day behind the day before and the head of the ledger.

    Errors:  DayNotClosable; nothing is written then.
    """
    await connection.execute(ONE_CLOSING_AT_A_TIME)
    await require_closable(connection, day, now)
    previous = await read_day(connection, day - timedelta(days=1))
    previous_sha256 = previous.sha256 if previous is not None else GENESIS_SHA256
    ledger_head = await head(connection)
    unsealed = SealedDay(day, content, previous_sha256, b"", ledger_head.sha256, closed_by, now)
    sealed = SealedDay(day, content, previous_sha256, _digest(unsealed), ledger_head.sha256, closed_by, now)
    written = await connection.execute(
        INSERT,
        {
            "day": sealed.day,
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
    """Say whether the ledger's newest block holds all the money of a day."""
    start = datetime.combine(day, time(), UTC)
    through = (await head(connection)).through_txn_id
    period = {"day_start": start, "day_end": start + timedelta(days=1)}
    missing: bool = (await connection.execute(UNSEALED, {"through": through, **period})).scalar_one()
    return not missing


async def read_day(connection: AsyncConnection, day: date) -> SealedDay | None:
    """Read a sealed day; None when the day is not closed."""
    row = (await connection.execute(READ, {"day": day})).one_or_none()
    return None if row is None else SealedDay(*row)


async def verify_days(connection: AsyncConnection) -> tuple[Fault, ...]:
    """Recompute the chain of days and look for the ledger block that each of them saw last."""
    faults: list[Fault] = []
    previous: SealedDay | None = None
    for one in [SealedDay(*row) for row in (await connection.execute(READ_ALL)).all()]:
        expected = previous.sha256 if previous is not None else GENESIS_SHA256
        consecutive = previous is None or one.day == previous.day + timedelta(days=1)
        if not consecutive or one.previous_sha256 != expected:
            faults.append(Fault(None, FaultKind.DAY_CHAIN_BROKEN, f"la journée du {one.day} ne suit pas la veille"))
        if one.sha256 != _digest(one):
            faults.append(Fault(None, FaultKind.DAY_CHANGED, f"le rapport du {one.day} n'est plus ce qui a été scellé"))
        if not await is_block(connection, one.ledger_head_sha256):
            lost = f"la journée du {one.day} s'appuie sur le bloc {one.ledger_head_sha256.hex()[:16]}"
            faults.append(Fault(None, FaultKind.HEAD_LOST, lost))
        previous = one
    return tuple(faults)


async def verify_attested(connection: AsyncConnection, attested: Sequence[bytes]) -> tuple[Fault, ...]:
    """Look for the blocks and days whose hashes were kept elsewhere, which nobody here could rewrite."""
    faults = []
    for digest in attested:
        is_day: bool = (await connection.execute(DAY_EXISTS, {"sha256": digest})).scalar_one()
        if not is_day and not await is_block(connection, digest):
            lost = f"l'empreinte attestée {digest.hex()} n'est celle d'aucun bloc ni d'aucune journée"
            faults.append(Fault(None, FaultKind.HEAD_LOST, lost))
    return tuple(faults)


async def _first_activity(connection: AsyncConnection) -> date | None:
    first: datetime | None = (await connection.execute(FIRST_ACTIVITY)).scalar_one()
    return None if first is None else utc_day(first)


def _digest(day: SealedDay) -> bytes:
    chained = [day.previous_sha256.hex(), day.day.isoformat(), day.ledger_head_sha256.hex(), day.closed_by]
    closed_at = day.closed_at.astimezone(UTC).isoformat(timespec="microseconds")
    return sha256(json.dumps([DOMAIN, *chained, closed_at, day.content]).encode("ascii")).digest()
