"""What stands behind a day: its seal."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from payments.tables import DayReport


@dataclass(frozen=True, slots=True)
class Seal:
    """The closing of one day, on a report whose content was sealed word for word."""

    day: date
    content: str
    sha256: str
    closed_by: str
    closed_at: datetime


async def seal_of(connection: AsyncConnection, day: date) -> Seal | None:
    """Return the seal of a day, or None while the day is open."""
    statement = select(
        col(DayReport.day),
        col(DayReport.content),
        col(DayReport.sha256),
        col(DayReport.closed_by),
        col(DayReport.closed_at),
    ).where(col(DayReport.day) == day)
    found = (await connection.execute(statement)).one_or_none()
    return (
        None if found is None else Seal(found.day, found.content, found.sha256.hex(), found.closed_by, found.closed_at)
    )
