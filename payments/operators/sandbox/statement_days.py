"""The days that a file names: every date of one file is written in one order, and its period tells which."""

from datetime import date
from typing import Final

from payments.detail import DetailCode
from payments.errors import StatementRejected
from payments.identity import is_cut, without_marks, words
from payments.moments import DayOrder, is_serial, read_days
from payments.rejection import rejected

BOTH: Final = frozenset(DayOrder)

#: A file has few days; of one that has more, some are judged again.
REMEMBERED_MAX: Final = 10_000


class Days:
    """Reads the dates of one file; each writing is judged once.

    Source:  spreadsheets write 2026-11-05 as 05/11/2026 or 11/05/2026, by the country they were set to.
    """

    __slots__ = ("_known", "_looked", "_orders", "_within")

    def __init__(self) -> None:
        """Begin a file of which no date has been seen."""
        self._within: tuple[date, date] | None = None
        self._known: dict[str, date | StatementRejected] = {}
        self._looked: set[str] = set()
        self._orders = BOTH

    def look(self, text: str) -> None:
        """Look at a date for the order that all of the file share; every date is looked at before the first is read."""
        if text in self._looked:
            return
        if len(self._looked) >= REMEMBERED_MAX:
            self._looked.clear()
        self._looked.add(text)
        orders = read_days(_day_part(text)).keys()
        # One order for every date that is one; where they contradict each other, each is judged alone.
        self._orders = self._orders.intersection(orders) if orders else self._orders

    def within(self, first: date, last: date) -> None:
        """Take note of the period: a date with two readings, one of them in the period, means that one."""
        self._within = (first, last)
        self._known.clear()

    def read(self, text: str, line_number: int) -> date:
        """Return the day that a date means.

        Errors:  StatementRejected when it is none, or may be two.
        Source:  see the class.
        """
        found = self._known.get(text)
        if found is None:
            if len(self._known) >= REMEMBERED_MAX:
                self._known.clear()
            found = self._known[text] = self._judged(text)
        if isinstance(found, StatementRejected):
            raise StatementRejected(found.detail, line_number)
        return found

    def _judged(self, text: str) -> date | StatementRejected:
        readings = read_days(_day_part(text))
        if not readings:
            return _no_date(text)
        if self._within is not None:
            first, last = self._within
            readings = {order: day for order, day in readings.items() if first <= day <= last} or readings
        days = {day for order, day in readings.items() if order in (self._orders or BOTH)} or set(readings.values())
        if len(days) > 1:
            one, other = sorted(days)
            days_meant = {"one_day": one.isoformat(), "other_day": other.isoformat()}
            return rejected(DetailCode.FILE_DATE_AMBIGUOUS, text=text.strip()[:20], **days_meant)
        return days.pop()


def _day_part(text: str) -> str:
    return (words(text[:64]) or "").replace("T", " ", 1).partition(" ")[0]


def _no_date(text: str) -> StatementRejected:
    bare = without_marks(text)
    was_date = is_serial(bare) or is_cut(bare)
    return rejected(DetailCode.FILE_DATE_CUT if was_date else DetailCode.FILE_DATE_MALFORMED, text=bare[:20])
