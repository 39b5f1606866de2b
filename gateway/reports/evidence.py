"""What stands behind a day: its seal."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from payments.tables import DayReport


@dataclass(frozen=True, slots=True)
class Seal:
    """The closing of one day, on a report whose content was sealed word for word."""

    day: date
    seq: int
    content: str
    previous_sha256: str
    sha256: str
    closed_by: str
    closed_at: datetime

    @property
    def is_first(self) -> bool:
        """Return whether no day was signed before this one."""
        return self.seq == 1


async def seal_of(connection: AsyncConnection, day: date) -> Seal | None:
    """Return the seal of a day, or None while the day is open."""
    found = (await connection.execute(_seals().where(col(DayReport.day) == day))).one_or_none()
    return None if found is None else _seal(found)


async def seals_between(connection: AsyncConnection, first: date, last: date) -> Mapping[date, Seal]:
    """Return the seals of the closed days from one day to another, both included."""
    found = await connection.execute(_seals().where(col(DayReport.day) >= first, col(DayReport.day) <= last))
    return {row.day: _seal(row) for row in found}


def _seals() -> Select[*tuple[Any, ...]]:
    statement: Select[*tuple[Any, ...]] = select(
        col(DayReport.day),
        col(DayReport.seq),
        col(DayReport.content),
        col(DayReport.previous_sha256),
        col(DayReport.sha256),
        col(DayReport.closed_by),
        col(DayReport.closed_at),
    )
    return statement


def _seal(row: Row[Any]) -> Seal:
    return Seal(
        row.day, row.seq, row.content, row.previous_sha256.hex(), row.sha256.hex(), row.closed_by, row.closed_at
    )
