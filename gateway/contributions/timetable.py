"""When a household's periods fall due and what each costs it: what can be said without what it has paid."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Final

from gateway.contributions.allocation import NewDueItem
from gateway.contributions.schedule import Period, next_period, periods_due
from gateway.contributions.scheme import HouseholdSize, Scheme, amount_due
from gateway.contributions.versions import version_on

#: As long as nobody knows when the second period begins, no job has to look.
NEVER: Final = date.max


@dataclass(frozen=True, slots=True)
class Timetable:
    """The household's place in its scheme: which periods are charged already, and under which versions later ones fall.

    ``scheme`` is the version under which it stands, ``later`` are those that came after it, and ``calendar`` is the one
    that says when periods begin: that of the first one charged, for later versions move no period and spare no month.
    Before the first is charged it is the version that the household enrolled under. Where periods are counted from the
    first payment they run from ``begins_on``, which is only expected as long as the household has not begun.
    """

    id: int
    enrolment_id: int
    cercle_code: str
    registered_on: date
    size: HouseholdSize
    scheme: Scheme
    later: tuple[Scheme, ...]
    calendar: Scheme
    known_until: date | None
    begins_on: date | None = None
    has_begun: bool = True

    def fallen_due(self, today: date) -> tuple[NewDueItem, ...]:
        """Return the periods that are due by a day and are not recorded yet."""
        fallen = periods_due(self.calendar, self.registered_on, self.known_until, today, begins_on=self.begins_on)
        if not self.has_begun:
            # One period is owed until it is paid, and no arrears grow.
            fallen = islice(fallen, 1 if self.known_until is None else 0)
        return tuple(self.priced(fallen, self.scheme))

    def next_due_on(self, opened: Sequence[NewDueItem]) -> date:
        """Return the day on which the period after those that are opened now falls due, or ``NEVER`` yet."""
        if not self.has_begun:
            return NEVER
        last = max((item.period_end for item in opened), default=self.known_until or date.min)
        return next_period(self.calendar, self.registered_on, last, begins_on=self.begins_on).due_on

    def priced(self, periods: Iterable[Period], scheme: Scheme) -> Iterator[NewDueItem]:
        """Yield periods under the versions in which they begin, the one before them being under ``scheme``."""
        before: NewDueItem | None = None
        for period in periods:
            # The first that is counted from a payment has no day yet: it is asked for by the version enrolled under.
            scheme = scheme if period.number == 1 else self.following(scheme, period.start)
            if before is not None and before.scheme is scheme and before.months_spared == period.months_spared:
                amount_xof = before.amount_xof
            else:
                amount_xof = amount_due(scheme, self.size, period.months_spared).member_xof
            before = NewDueItem.of(period, amount_xof, scheme)
            yield before

    def following(self, scheme: Scheme, start: date) -> Scheme:
        """Return the version under which a period begins that comes after one under ``scheme``."""
        later = [one for one in self.later if one.version > scheme.version]
        return version_on((scheme, *later), start) if later else scheme
