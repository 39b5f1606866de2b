"""Dates and times as operators write them: a value that arithmetic can bear, or none with the reason.

What comes from outside is evidence about time, never our clock; whoever books money by it bounds it again.
"""

import re
from datetime import UTC, date, datetime, time, tzinfo
from enum import StrEnum
from typing import Final

from payments.identity import without_marks, words
from payments.remarks import Remark

#: Years that a day, a month or a zone can still be added to or taken from.
YEAR_MIN: Final = 2
YEAR_MAX: Final = 9998

_MAX_CHARS = 64
# Source: ISO 8601-1:2019 and RFC 3339: a year of four digits first; the T may be a blank, the zone may lack its colon.
_YEAR_FIRST = re.compile(r"([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})|([0-9]{4})([0-9]{2})([0-9]{2})")
_YEAR_LAST = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4})")
_CLOCK = re.compile(
    r"([0-9]{1,2})(?:[:hH]|(?=[0-9]{4}))([0-9]{2})(?:[:m]?([0-9]{2})(?:[.,]([0-9]{1,9}))?)?s?"
    r"(?: ?([AaPp])\.?[Mm]\.?)?(?: ?(Z|z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?))?"
)
# What nearly every operator writes; the standard library reads it at a tenth of the cost, to the same moment.
_PLAIN_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.][0-9]{3,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_PLAIN_CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]")
_SERIAL = re.compile(r"[0-9]{5}(?:[.,][0-9]+)?")
_NOON_HOUR = 12


class DayOrder(StrEnum):
    """Which of two short numbers is the day, where a date ends with its year."""

    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"


def read_moment(text: str, zone: tzinfo) -> tuple[datetime | None, tuple[Remark, ...]]:
    """Read a date with its time; without a zone it is in the operator's.

    Returns: the moment in UTC, or None when it cannot be known to the second, and what was odd.
    Source:  see _YEAR_FIRST; day/month/year as people write it, where no other reading is possible.
    """
    plain = _plain(text)
    if plain is not None:
        return plain, ()
    written = words(text[:_MAX_CHARS]) or ""
    day_text, _, clock_text = written.replace("T", " ", 1).replace("t", " ", 1).partition(" ")
    days = read_days(day_text)
    if len(set(days.values())) != 1:
        return None, (Remark.DATE_AMBIGUOUS if days else Remark.DATE_UNREADABLE,)
    if not clock_text:
        return None, (Remark.TIME_MISSING,)
    found = read_clock(clock_text)
    if found is None:
        return None, (Remark.TIME_UNREADABLE,)
    remarks = () if found.tzinfo is not None else (Remark.TIME_WITHOUT_ZONE,)
    moment = datetime.combine(next(iter(days.values())), found, found.tzinfo or zone)
    return moment.astimezone(UTC), remarks


def read_days(text: str) -> dict[DayOrder, date]:
    """Return the day that a text means in each order in which it can be read; none when it is no date of a day.

    Source:  see _YEAR_FIRST and _YEAR_LAST.
    """
    written = without_marks(text[:_MAX_CHARS])
    first = _YEAR_FIRST.fullmatch(written)
    if first is not None:
        year, month, day = first.group(1, 3, 4) if first[1] else first.group(5, 6, 7)
        found = _day(year, month, day)
        return dict.fromkeys(DayOrder, found) if found is not None else {}
    last = _YEAR_LAST.fullmatch(written)
    if last is None:
        return {}
    one, other, year = last.group(1, 3, 4)
    readings = {DayOrder.DAY_FIRST: _day(year, other, one), DayOrder.MONTH_FIRST: _day(year, one, other)}
    return {order: found for order, found in readings.items() if found is not None}


def read_clock(text: str) -> time | None:
    """Read a time of the day, with its zone if it names one; None when it is none.

    Source:  see _YEAR_FIRST; "9:05", "9 h 05" and twelve hours with AM or PM as spreadsheets write them.
    """
    if _PLAIN_CLOCK.fullmatch(text):
        return time.fromisoformat(text)
    found = _CLOCK.fullmatch((words(text[:_MAX_CHARS]) or "").replace(" h ", "h"))
    if found is None:
        return None
    hour, minute, second, fraction, half, zone = found.groups()
    at = int(hour)
    if half is not None:
        if not 1 <= at <= _NOON_HOUR:
            return None
        at = at % _NOON_HOUR + (_NOON_HOUR if half in "Pp" else 0)
    microsecond = int((fraction or "0")[:6].ljust(6, "0"))
    try:
        return time(at, int(minute), int(second or 0), microsecond, _zone(zone))
    except ValueError:
        return None


def is_serial(text: str) -> bool:
    """Return whether a spreadsheet has turned a date into its number of days.

    Source:  spreadsheets count days from 30 December 1899; 44527 is a day of 2021.
    """
    return _SERIAL.fullmatch(without_marks(text[:_MAX_CHARS])) is not None


def _plain(text: str) -> datetime | None:
    if _PLAIN_MOMENT.fullmatch(text) is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if YEAR_MIN <= found.year <= YEAR_MAX else None


def _day(year: str, month: str, day: str) -> date | None:
    try:
        found = date(int(year), int(month), int(day))
    except ValueError:
        return None
    return found if YEAR_MIN <= found.year <= YEAR_MAX else None


def _zone(written: str | None) -> tzinfo | None:
    if written is None:
        return None
    if written.upper() in {"Z", "UTC", "GMT"}:
        return UTC
    return time.fromisoformat(f"00:00{written}").tzinfo
