"""When to leave an operator alone, and how often it may be called: two pure counters that read no clock.

A breaker opens after some failures in a row. While it is open nobody is called; after a wait that doubles up to a
minute, far below the life of any prompt, a few calls probe, and the first good answer closes it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

#: So many failures in a row open the breaker.
OPENS_AFTER = 5
FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(seconds=60)
#: More than one, so that a single bad question cannot hold all the others up.
PROBES = 4

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Breaker:
    """What was heard last: failures in a row, how often the breaker opened since, and until when it is open."""

    failures: int = 0
    openings: int = 0
    open_until: datetime | None = None

    def calls(self, wanted: int, now: datetime) -> int:
        """Return how many of the wanted calls may be made now."""
        if self.open_until is None:
            return wanted
        return 0 if now < self.open_until else min(wanted, PROBES)

    def is_open(self, now: datetime) -> bool:
        """Return whether nobody may be called now."""
        return self.open_until is not None and now < self.open_until

    def heard(self, now: datetime, *, well: bool) -> "Breaker":
        """Return the breaker after one more answer or silence; what was on its way when it opened changes nothing."""
        if well:
            return Breaker()
        failures = self.failures + 1
        if failures < OPENS_AFTER or self.is_open(now):
            return replace(self, failures=failures)
        # Bounded before it grows: an operator may be away for weeks.
        wait = min(FIRST_WAIT * 2 ** min(self.openings, 10), LONGEST_WAIT)
        return Breaker(failures, self.openings + 1, now + wait)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of so many calls a second, saved up for one second at most."""

    per_s: int
    left: int
    at: datetime

    def refilled(self, now: datetime) -> "Allowance":
        """Return the allowance at ``now``; a clock that went back gives nothing."""
        each = _SECOND // self.per_s
        gained = max((now - self.at) // each, 0)
        if self.left + gained >= self.per_s:
            return Allowance(self.per_s, self.per_s, max(now, self.at))
        return Allowance(self.per_s, self.left + gained, self.at + gained * each)

    def after(self, used: int) -> "Allowance":
        """Return what is left after some calls."""
        return replace(self, left=max(self.left - used, 0))
