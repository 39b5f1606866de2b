"""The differences that somebody must explain, with their age."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from payments.tables import Break

#: A page shows no more; the file has them all.
ROWS_MAX = 100_000


@dataclass(frozen=True, slots=True)
class BreakRow:
    """One difference; ``age_days`` counts from its day to today or to its closing."""

    break_id: int
    day: date
    operator: str
    kind: str
    subject: str
    operator_says_xof: int | None
    we_say_xof: int | None
    difference_xof: int
    detail: str
    owner: str | None
    age_days: int
    opened_at: datetime
    closed_at: datetime | None
    closed_because: str | None


async def open_breaks(connection: AsyncConnection, today: date, limit: int = ROWS_MAX) -> tuple[BreakRow, ...]:
    """Give every break that is still open, the oldest first."""
    statement = _breaks().where(col(Break.closed_at).is_(None)).limit(limit)
    return _rows((await connection.execute(statement)).all(), today)


async def breaks_of_day(
    connection: AsyncConnection, day: date, today: date, limit: int = ROWS_MAX
) -> tuple[BreakRow, ...]:
    """Give every break of one day, open or closed."""
    return _rows((await connection.execute(_breaks().where(col(Break.day) == day).limit(limit))).all(), today)


def _breaks() -> Select[*tuple[Any, ...]]:
    statement: Select[*tuple[Any, ...]] = select(
        col(Break.id),
        col(Break.day),
        col(Break.operator),
        col(Break.kind),
        col(Break.subject),
        col(Break.operator_says_xof),
        col(Break.we_say_xof),
        col(Break.difference_xof),
        col(Break.detail),
        col(Break.owner),
        col(Break.opened_at),
        col(Break.closed_at),
        col(Break.closed_because),
    )
    return statement.order_by(col(Break.day), col(Break.operator), col(Break.id))


def _rows(found: Sequence[Row[Any]], today: date) -> tuple[BreakRow, ...]:
    return tuple(
        BreakRow(
            break_id=row.id,
            day=row.day,
            operator=row.operator,
            kind=row.kind,
            subject=row.subject,
            operator_says_xof=row.operator_says_xof,
            we_say_xof=row.we_say_xof,
            difference_xof=row.difference_xof,
            detail=row.detail,
            owner=row.owner,
            age_days=max(((row.closed_at.date() if row.closed_at else today) - row.day).days, 0),
            opened_at=row.opened_at,
            closed_at=row.closed_at,
            closed_because=row.closed_because,
        )
        for row in found
    )
