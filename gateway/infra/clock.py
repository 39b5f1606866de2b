"""The only place that reads the time; everything else receives it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol


class Clock(Protocol):
    """Something that knows what time it is."""

    def now(self) -> datetime:
        """Return the present instant, in UTC."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present instant, in UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class ClockShift:
    """How far the time of local mode is ahead of the machine's: ``ahead`` from a moment of the machine's clock on.

    The moment lies a little in the future when it is written, so that every process has read it when it comes, and all
    of them move together.
    """

    ahead: timedelta
    before: timedelta
    begins_at: datetime

    def at(self, moment: datetime) -> timedelta:
        """Return how far ahead the time is at a moment of the machine's clock."""
        return self.ahead if moment >= self.begins_at else self.before


NO_SHIFT: Final = ClockShift(timedelta(0), timedelta(0), datetime.min.replace(tzinfo=UTC))


class ShiftedClock:
    """The clock of local mode: the machine's, moved ahead by whoever wants to see what time brings."""

    def __init__(self, machine: Clock, shift: ClockShift = NO_SHIFT) -> None:
        self._machine = machine
        self._shift = shift

    def now(self) -> datetime:
        """Return the present instant, in UTC."""
        moment = self._machine.now()
        return moment + self._shift.at(moment)

    def take(self, shift: ClockShift) -> None:
        """Follow what was last read; a shift that is smaller is an old answer, for time never goes back."""
        if shift.ahead >= self._shift.ahead:
            self._shift = shift
