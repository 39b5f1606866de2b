"""When contributions fall due: the periods of a household under a scheme."""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count

from gateway.contributions.scheme import Scheme

MONTHS_IN_YEAR = 12
ONE_DAY = timedelta(days=1)

#: Every word can be written on a phone, so August has lost its accent.
MONTH_NAMES = (
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "aout",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
)
SPAN_NAMES = {1: "mois", 3: "trimestre", 6: "semestre", 12: "année"}


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of cover, both ends included, with the day from which its contribution is due."""

    start: date
    end: date
    due_on: date
    label: str


def periods(scheme: Scheme, registered_on: date, until: date) -> Iterator[Period]:
    """Give, in order, every period of a household that is due by a day."""
    for index in count():
        period = _period(scheme, registered_on, index)
        if period.due_on > until:
            return
        yield period


def next_period(scheme: Scheme, registered_on: date, after: date) -> Period:
    """Give the first period of a household that starts after a day."""
    first_start = _period(scheme, registered_on, 0).start
    # Begin a little before the target by month arithmetic: month ends make the last step uneven.
    nearby = max(0, _months_between(first_start, after) // scheme.period.months - 1)
    later = (_period(scheme, registered_on, index) for index in count(nearby))
    return next(period for period in later if period.start > after)


def label(months: int, start: date) -> str:
    """Name a period in French, in at most 24 characters that every phone can show."""
    if months == 1 and start.day == 1:
        return f"{MONTH_NAMES[start.month - 1]} {start.year}"
    if months == MONTHS_IN_YEAR and (start.month, start.day) == (1, 1):
        return f"année {start.year}"
    return f"{SPAN_NAMES[months]} du {start:%d/%m/%Y}"


def add_months(day: date, months: int) -> date:
    """Move a date by whole months; a day that the month lacks becomes its last day."""
    year, month_index = divmod(day.year * MONTHS_IN_YEAR + day.month - 1 + months, MONTHS_IN_YEAR)
    last_day = calendar.monthrange(year, month_index + 1)[1]
    return date(year, month_index + 1, min(day.day, last_day))


def _period(scheme: Scheme, registered_on: date, index: int) -> Period:
    months = scheme.period.months
    origin, passed = _origin(scheme, registered_on)
    start = add_months(origin, (passed + index) * months)
    end = add_months(origin, (passed + index + 1) * months) - ONE_DAY
    # The first period is due at once: paying it on the day of registration uses up the waiting time.
    due_on = registered_on if index == 0 else start
    return Period(start, end, due_on, label(months, start))


def _origin(scheme: Scheme, registered_on: date) -> tuple[date, int]:
    """Find the day that periods are counted from, and how many of them passed before the household's first."""
    anchor = scheme.period.fixed_on
    if anchor is None:
        return registered_on + timedelta(days=scheme.rights.waiting_days_new), 0
    months = scheme.period.months
    origin = anchor.in_year(registered_on.year - 1)
    begun = sum(add_months(origin, shift) <= registered_on for shift in range(0, 2 * MONTHS_IN_YEAR, months))
    return origin, begun - 1


def _months_between(earlier: date, later: date) -> int:
    return (later.year - earlier.year) * MONTHS_IN_YEAR + later.month - earlier.month
