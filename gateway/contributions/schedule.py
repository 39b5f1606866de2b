"""When contributions fall due: the periods of a household under a scheme."""

import calendar
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import count, dropwhile, islice, takewhile
from typing import Protocol, assert_never

from gateway.contributions.period_rules import FirstPaymentPeriod, FixedPeriod, LateJoiner
from gateway.contributions.scheme import Scheme
from gateway.french import MONTHS_ON_PHONES, counted
from ussd_flows.amounts import show_date

MONTHS_IN_YEAR = 12
SHORTEST_MONTH_DAYS = 28
ONE_DAY = timedelta(days=1)

SPAN_NAMES = {1: "mois", 3: "trimestre", 6: "semestre", 12: "année"}


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of cover, both ends included, with the day from which its contribution is due.

    ``months_spared`` are months of it for which nothing is asked, because they were over when the household came.
    ``number`` is the place of one that is counted from the first payment, whose days may still move.
    """

    start: date
    end: date
    due_on: date
    months_spared: int = 0
    number: int | None = None


class KnownPeriod(Protocol):
    """A period that is known, whatever else is known of it."""

    @property
    def period_end(self) -> date:
        """Return its last day."""

    @property
    def due_on(self) -> date:
        """Return the day from which it is due."""


@dataclass(frozen=True, slots=True)
class _First:
    """A household's first period: the day that periods are counted from, and how many of them it leaves out.

    It is due at once, or without ``due_on`` when it begins.
    """

    origin: date
    passed: int
    due_on: date | None
    months_spared: int = 0
    is_numbered: bool = False

    def start(self, months: int, index: int = 0) -> date:
        """Return the day on which a period of so many months begins, the first or so many after it."""
        return add_months(self.origin, (self.passed + index) * months)


def periods(scheme: Scheme, registered_on: date, until: date, *, begins_on: date | None = None) -> Iterator[Period]:
    """Return, in order, every period of a household that is due by a day.

    ``begins_on`` is the day of the first one where periods are counted from the first payment.
    """
    first = _first(scheme, registered_on, begins_on)
    return takewhile(lambda period: period.due_on <= until, _numbered(first, scheme.period.months, 0))


def periods_due(
    scheme: Scheme, registered_on: date, known_until: date | None, today: date, *, begins_on: date | None = None
) -> Iterator[Period]:
    """Yield the periods that are due by today and end after the last one recorded."""
    if known_until is None:
        return periods(scheme, registered_on, today, begins_on=begins_on)
    # From there on, and not from the first: a household of ten years would walk a hundred periods at each of its turns.
    later = later_periods(scheme, registered_on, known_until, begins_on=begins_on)
    return takewhile(lambda period: period.due_on <= today, later)


def periods_ahead(
    scheme: Scheme,
    registered_on: date,
    known: Sequence[KnownPeriod],
    today: date,
    *,
    most: int,
    begins_on: date | None = None,
) -> Iterator[Period]:
    """Yield the periods that are not due yet and may be paid ahead, of which there are ``most`` at a time."""
    ahead = sum(1 for item in known if item.due_on > today)
    after = max((item.period_end for item in known), default=date.min)
    return islice(later_periods(scheme, registered_on, after, begins_on=begins_on), max(0, most - ahead))


def next_period(scheme: Scheme, registered_on: date, after: date, *, begins_on: date | None = None) -> Period:
    """Return the first period of a household that starts after a day."""
    return next(later_periods(scheme, registered_on, after, begins_on=begins_on))


def later_periods(
    scheme: Scheme, registered_on: date, after: date, *, begins_on: date | None = None
) -> Iterator[Period]:
    """Yield, in order and without end, the periods of a household that start after a day."""
    months, first = scheme.period.months, _first(scheme, registered_on, begins_on)
    # Begin a little before the target by month arithmetic: month ends make the last step uneven.
    nearby = max(0, _months_between(first.start(months), after) // months - 1)
    return dropwhile(lambda period: period.start <= after, _numbered(first, months, nearby))


# Every household's periods begin on the same few hundred days, and a turn goes over two dozen of them.
@lru_cache(maxsize=4096)
def label(months: int, start: date) -> str:
    """Name a period in French, in at most 24 characters that every phone can show."""
    if months == 1 and start.day == 1:
        return f"{MONTHS_ON_PHONES[start.month]} {start.year}"
    if months == MONTHS_IN_YEAR and (start.month, start.day) == (1, 1):
        return f"année {start.year}"
    return f"{SPAN_NAMES[months]} du {show_date(start)}"


def first_label(months: int) -> str:
    """Name a first period of which nobody knows yet when it begins."""
    return f"{'première' if months == MONTHS_IN_YEAR else 'premier'} {SPAN_NAMES[months]}"


def span(months: int) -> str:
    """Write how long so many months are: in years where they are whole years."""
    years, rest = divmod(months, MONTHS_IN_YEAR)
    return f"{months} mois" if rest or not years else counted(years, "an", "ans")


def add_months(day: date, months: int) -> date:
    """Move a date by whole months; a day that the month lacks becomes its last day."""
    year, month_index = divmod(day.year * MONTHS_IN_YEAR + day.month - 1 + months, MONTHS_IN_YEAR)
    if day.day <= SHORTEST_MONTH_DAYS:
        return date(year, month_index + 1, day.day)
    last_day = calendar.monthrange(year, month_index + 1)[1]
    return date(year, month_index + 1, min(day.day, last_day))


def _numbered(first: _First, months: int, index_from: int) -> Iterator[Period]:
    start = first.start(months, index_from)
    for index in count(index_from):
        following = first.start(months, index + 1)
        number = index + 1 if first.is_numbered else None
        if index == 0:
            yield Period(start, following - ONE_DAY, first.due_on or start, first.months_spared, number)
        else:
            yield Period(start, following - ONE_DAY, start, number=number)
        start = following


def _first(scheme: Scheme, registered_on: date, begins_on: date | None) -> _First:
    waiting = timedelta(days=scheme.rights.waiting_days_new)
    if isinstance(scheme.period, FixedPeriod):
        return _first_season(scheme.period, registered_on, waiting)
    # What is due at once and paid on the day of registration uses up the waiting time.
    if isinstance(scheme.period, FirstPaymentPeriod):
        return _First(begins_on or registered_on + waiting, 0, registered_on, is_numbered=True)
    return _First(registered_on + waiting, 0, registered_on)


def _first_season(period: FixedPeriod, registered_on: date, waiting: timedelta) -> _First:
    origin = period.starts_on.in_year(registered_on.year - 1)
    begun = _months_between(origin, registered_on)
    begun -= add_months(origin, begun) > registered_on
    passed, months_over = divmod(begun, period.months)
    following = _First(origin, passed + 1, None)
    match period.late_joiner:
        case LateJoiner.FULL:
            return _First(origin, passed, registered_on)
        case LateJoiner.PRO_RATA_MONTHS:
            # Whoever could no more be cared for before the season ends is asked for nothing of it.
            is_in_time = registered_on + waiting < add_months(origin, (passed + 1) * period.months)
            return _First(origin, passed, registered_on, months_over) if is_in_time else following
        case LateJoiner.NEXT_SEASON:
            # Nobody is late on the first day.
            is_first_day = registered_on == add_months(origin, passed * period.months)
            return _First(origin, passed, registered_on) if is_first_day else following
        case _:
            assert_never(period.late_joiner)


def _months_between(earlier: date, later: date) -> int:
    return (later.year - earlier.year) * MONTHS_IN_YEAR + later.month - earlier.month
