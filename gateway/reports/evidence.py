"""What stands behind a day: the callbacks that nobody could read, the seal."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from payments.tables import Callback, DayReport


@dataclass(frozen=True, slots=True)
class Seal:
    """The closing of one day, on a report whose content was sealed word for word."""

    day: date
    content: str
    sha256: str
    closed_by: str
    closed_at: datetime


async def parked_callback_count(connection: AsyncConnection) -> int:
    """Count the callbacks that were set aside after too many tries."""
    statement = (
        select(func.count())
        .select_from(Callback)
        .where(col(Callback.parked_at).is_not(None), col(Callback.handled_at).is_(None))
    )
    return int(await connection.scalar(statement) or 0)


async def seal_of(connection: AsyncConnection, day: date) -> Seal | None:
    """Give the seal of a day, or None while the day is open."""
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
