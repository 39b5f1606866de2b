"""On which day money stands in the books: the operator's date where it can be true, else the day it reached us.

A date from outside is evidence, never our clock: 1970, 2062 and year 9999 all come from real operators, and each of
them would open rights, years or closings that nobody meant.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

#: So far may an operator's clock be from ours, on either side.
CLOCKS_DIFFER: Final = timedelta(minutes=10)

#: Money that nobody asked for may reach us so long after it was paid, where no setting says otherwise.
REACH: Final = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Window:
    """The moments at which a piece of money can have been paid, both ends included."""

    first: datetime
    last: datetime

    def holds(self, moment: datetime) -> bool:
        """Return whether a moment lies inside, whatever its zone."""
        return self.first <= _zoned(moment) <= self.last

    def nearest(self, moment: datetime) -> datetime:
        """Return the moment of the window that lies nearest."""
        return min(max(_zoned(moment), self.first), self.last)


@dataclass(frozen=True, slots=True)
class Dated:
    """The moment that the books take, in UTC, and whether the operator named another one."""

    at: datetime
    differs: bool = False


def window(arrived_at: datetime, asked_at: datetime | None, reach: timedelta = REACH) -> Window:
    """Return the window of money that was asked for, or of money that came by itself."""
    opens = arrived_at - reach if asked_at is None else min(asked_at, arrived_at) - CLOCKS_DIFFER
    return Window(opens, arrived_at + CLOCKS_DIFFER)


def dated(said: datetime | None, allowed: Window, arrived_at: datetime) -> Dated:
    """Date money that reached us live: outside its window by the moment of its arrival."""
    if said is None:
        return Dated(allowed.nearest(arrived_at).astimezone(UTC))
    if allowed.holds(said):
        return Dated(_zoned(said).astimezone(UTC))
    return Dated(arrived_at.astimezone(UTC), differs=True)


def dated_in_period(said: datetime | None, period: Window, arrived_at: datetime) -> Dated:
    """Date money of a statement line: outside the statement's own period by the nearest moment of it."""
    return Dated(moment_in_period(said, period, arrived_at), differs=said is not None and not period.holds(said))


def moment_in_period(said: datetime | None, period: Window, arrived_at: datetime) -> datetime:
    """Return the moment that the books take of a statement line: the one it names, or the nearest of its period."""
    if said is not None and said.tzinfo is UTC and period.first <= said <= period.last:
        # Nearly always: statements have a million lines.
        return said
    return period.nearest(arrived_at if said is None else said).astimezone(UTC)


def storable_moment(said: datetime | None) -> datetime | None:
    """Return a moment in UTC as a database column can keep it, or None where its zone leads out of the calendar."""
    if said is None:
        return None
    if said.tzinfo is UTC:
        return said
    try:
        return _zoned(said).astimezone(UTC)
    except OverflowError:
        return None


def _zoned(moment: datetime) -> datetime:
    # Mali lives on UTC all year: a date without a zone is a date there.
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
