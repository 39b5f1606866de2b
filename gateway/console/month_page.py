"""The month: which days are closed, which are open, and where each stands."""

import calendar
from datetime import date, timedelta
from typing import Final

from starlette.responses import Response

from gateway.console.deps import ConsoleDeps, PageRefused, Visit, snapshot
from gateway.console.pages import labelled_page
from gateway.french import read_day
from gateway.money.import_statement import FIRST_DAY
from gateway.reports.days import days_between

MONTH_PATH: Final = "/finance/mois"

_WEEKS = calendar.Calendar(firstweekday=calendar.MONDAY)


async def month_page(console: ConsoleDeps, visit: Visit) -> Response:
    """Show a month as a calendar, and its days as a list, the newest first."""
    today = visit.now.date()
    first = asked_month(visit, today)
    following = (first + timedelta(days=31)).replace(day=1)
    last = min(following - timedelta(days=1), today)
    async with snapshot(console.deps.console_db) as connection:
        lines = await days_between(connection, first, last, console.deps.operators)
    return labelled_page(
        console, visit, "month.html", "mois",
        month=first,
        weeks=_WEEKS.monthdatescalendar(first.year, first.month),
        lines={line.day: line for line in reversed(lines)},
        today=today,
        previous_month=(first - timedelta(days=1)).replace(day=1) if first > FIRST_DAY else None,
        next_month=following if following <= today else None,
    )  # fmt: skip


def asked_month(visit: Visit, today: date) -> date:
    """Read which month is asked for, as its first day; none means the running one."""
    asked = visit.request.query_params.getlist("mois")
    if not asked:
        return today.replace(day=1)
    first = read_day(_first_of(asked[0])) if len(asked) == 1 else None
    if first is None:
        raise _bad_month("Écrivez le mois ainsi : 11/2026 ou 2026-11.")
    if first > today:
        raise _bad_month("Ce mois n'est pas encore venu.")
    if first < FIRST_DAY.replace(day=1):
        raise _bad_month("Ce mois est antérieur à l'ouverture du service.")
    return first


def _first_of(written: str) -> str:
    """Write the first day of a month as the month is written: 11/2026 as people do, 2026-11 as machines do."""
    return f"01/{written}" if "/" in written else f"{written}-01"


def _bad_month(sentence: str) -> PageRefused:
    return PageRefused(400, "Mois impossible", sentence)
