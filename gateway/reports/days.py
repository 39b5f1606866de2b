"""The days of a month, one line each: closed ones as they were signed, open ones as the books stand."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.reports.day import DaySummary, day_report
from gateway.reports.evidence import Seal, seals_between
from gateway.reports.sealed_day import read_sealed
from payments.reconciliation.close import first_activity


@dataclass(frozen=True, slots=True)
class DayLine:
    """One day; ``report`` is None for a sealed one whose report cannot be read any more: its proof says why."""

    day: date
    report: DaySummary | None
    seal: Seal | None


async def days_between(
    connection: AsyncConnection, first: date, last: date, operators: Collection[str]
) -> tuple[DayLine, ...]:
    """Return the days from one to another, both included, without those before any money or statement was known."""
    seals = await seals_between(connection, first, last)
    began = await first_activity(connection)
    lines: list[DayLine] = []
    for day in (first + timedelta(days=number) for number in range((last - first).days + 1)):
        seal = seals.get(day)
        if seal is not None:
            sealed = read_sealed(seal.content)
            lines.append(DayLine(day, None if sealed is None else sealed.summary, seal))
        elif began is not None and day >= began:
            lines.append(DayLine(day, await day_report(connection, day, operators), None))
    return tuple(lines)
