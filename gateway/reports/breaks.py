"""The differences that somebody must explain, with their age."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from gateway.reports.break_sentences import sentence_of, subject_of
from gateway.reports.slices import SLICE_ROWS
from payments.break_kind import INFORMING
from payments.tables import Break


@dataclass(frozen=True, slots=True)
class BreakRow:
    """One difference; ``age_days`` counts from its day to today or to its closing."""

    break_id: int
    day: date
    operator: str
    kind: str
    subject: str
    operator_amount_xof: int | None
    ledger_amount_xof: int | None
    difference_xof: int
    detail: str
    age_days: int
    opened_at: datetime
    closed_at: datetime | None
    close_reason: str | None

    @property
    def true_difference_xof(self) -> int:
        """Return what the operator says less what we say; what the break counts on its day may be nothing."""
        theirs, ours = self.operator_amount_xof, self.ledger_amount_xof
        return self.difference_xof if self.difference_xof or theirs is None or ours is None else theirs - ours

    @property
    def waits(self) -> bool:
        """Return whether somebody must do something about it."""
        return self.closed_at is None and self.kind not in INFORMING


@dataclass(frozen=True, slots=True)
class BreakFigure:
    """One difference as a sealed report keeps it."""

    kind: str
    operator: str
    subject: str
    difference_xof: int
    close_reason: str | None


async def open_breaks(
    connection: AsyncConnection, today: date, limit: int | None = None, *, informing: bool = False
) -> tuple[BreakRow, ...]:
    """Return the breaks that wait for somebody, or those that only inform, the oldest first: all, or ``limit``."""
    kind = col(Break.kind)
    wanted = kind.in_(INFORMING) if informing else kind.not_in(INFORMING)
    statement = _breaks().where(col(Break.closed_at).is_(None), wanted).limit(limit)
    return _rows((await connection.execute(statement)).all(), today)


async def each_open_break(connection: AsyncConnection, today: date) -> AsyncGenerator[tuple[BreakRow, ...]]:
    """Return every open break, whether it waits or informs, in slices: few are held at once."""
    statement = _breaks().where(col(Break.closed_at).is_(None)).execution_options(yield_per=SLICE_ROWS)
    result = await connection.stream(statement)
    try:
        async for rows in result.partitions():
            yield _rows(rows, today)
    finally:
        # The library's own "async with" leaves the cursor open when whoever reads stops by an exception.
        await result.close()


async def breaks_of_day(
    connection: AsyncConnection, day: date, today: date, limit: int | None = None
) -> tuple[BreakRow, ...]:
    """Return the breaks of one day, open or closed: all of them, or the first ``limit``."""
    return _rows((await connection.execute(_breaks().where(col(Break.day) == day).limit(limit))).all(), today)


async def breaks_opened_since(
    connection: AsyncConnection, day: date, since: datetime, today: date, limit: int
) -> tuple[BreakRow, ...]:
    """Return the breaks of one day that were found from a moment on, the first ``limit`` of them."""
    statement = _breaks().where(col(Break.day) == day, col(Break.opened_at) >= since).limit(limit)
    return _rows((await connection.execute(statement)).all(), today)


async def break_figures(connection: AsyncConnection, day: date) -> tuple[BreakFigure, ...]:
    """Return every break of one day in an order that does not depend on when it was found."""
    figures: Select[*tuple[Any, ...]] = (
        select(
            col(Break.kind),
            col(Break.operator),
            col(Break.subject),
            col(Break.difference_xof),
            col(Break.close_reason),
        )
        .where(col(Break.day) == day)
        .order_by(col(Break.operator), col(Break.kind), col(Break.subject))
    )
    return tuple(BreakFigure(*row) for row in await connection.execute(figures))


def _breaks() -> Select[*tuple[Any, ...]]:
    statement: Select[*tuple[Any, ...]] = select(
        col(Break.id),
        col(Break.day),
        col(Break.operator),
        col(Break.kind),
        col(Break.subject),
        col(Break.operator_amount_xof),
        col(Break.ledger_amount_xof),
        col(Break.difference_xof),
        col(Break.detail),
        col(Break.opened_at),
        col(Break.closed_at),
        col(Break.close_reason),
    )
    return statement.order_by(col(Break.day), col(Break.operator), col(Break.id))


def _rows(found: Sequence[Row[Any]], today: date) -> tuple[BreakRow, ...]:
    return tuple(
        BreakRow(
            break_id=row.id,
            day=row.day,
            operator=row.operator,
            kind=row.kind,
            subject=subject_of(row.subject),
            operator_amount_xof=row.operator_amount_xof,
            ledger_amount_xof=row.ledger_amount_xof,
            difference_xof=row.difference_xof,
            detail=sentence_of(row.detail),
            age_days=max(((row.closed_at.date() if row.closed_at else today) - row.day).days, 0),
            opened_at=row.opened_at,
            closed_at=row.closed_at,
            close_reason=row.close_reason,
        )
        for row in found
    )
