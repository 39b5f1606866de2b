"""What a household owes and has paid whose periods run from its first payment, told a second time and written apart.

It keeps every payment with its day, finds the day on which they are enough by laying them out in order, and steps from
month to month by the calendar.
"""

import calendar
from dataclasses import dataclass, field
from datetime import date, timedelta


@dataclass(frozen=True)
class Terms:
    """The rules as a person would say them: months of a period, its price, what opens it, the wait, how far ahead."""

    months: int
    price_xof: int
    needed_xof: int
    wait_days: int
    periods_ahead: int


def months_later(day: date, months: int) -> date:
    """Return the same day so many months later, or the last one of a month that is too short for it."""
    year, month = day.year, day.month
    for _ in range(months):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


@dataclass
class History:
    """What happened to one household: the money by its days, what each period has got, and what waits in the purse."""

    terms: Terms
    registered_on: date
    money: list[tuple[date, int]] = field(default_factory=list)
    periods_xof: list[int] = field(default_factory=lambda: [0])
    purse_xof: int = 0

    def begins(self, today: date) -> tuple[date, bool]:
        """Return when the first period begins, and whether that is known or only what a payment of today would make."""
        wait = timedelta(days=self.terms.wait_days)
        together_xof = 0
        for day, amount_xof in sorted(self.money):
            together_xof += amount_xof
            if together_xof >= self.terms.needed_xof:
                return max(day, self.registered_on) + wait, True
        return today + wait, False

    def days(self, number: int, today: date) -> tuple[date, date, date]:
        """Return the first and the last day of a period, and the one from which it is owed; the first is number 0."""
        first = self.begins(today)[0]
        start = months_later(first, number * self.terms.months)
        end = months_later(first, (number + 1) * self.terms.months) - timedelta(days=1)
        return start, end, start if number else self.registered_on

    def come_to(self, today: date) -> None:
        """Let a day come: what has begun is owed, and paid from the purse."""
        while self.begins(today)[1] and self.days(len(self.periods_xof), today)[2] <= today:
            self.periods_xof.append(0)
        for number in range(len(self.periods_xof)):
            if self.days(number, today)[2] <= today:
                self._fill(number)

    def pay(self, amount_xof: int, paid_on: date, today: date) -> None:
        """Book money of some day today: it goes by the days as they are known until now, and then moves them."""
        self.purse_xof += amount_xof
        for number in range(len(self.periods_xof)):
            self._fill(number)
        while self.purse_xof and self._ahead(today) < self.terms.periods_ahead:
            self.periods_xof.append(0)
            self._fill(len(self.periods_xof) - 1)
        self.money.append((paid_on, amount_xof))

    def _ahead(self, today: date) -> int:
        return sum(self.days(number, today)[2] > today for number in range(len(self.periods_xof)))

    def _fill(self, number: int) -> None:
        part_xof = min(self.purse_xof, self.terms.price_xof - self.periods_xof[number])
        self.periods_xof[number] += part_xof
        self.purse_xof -= part_xof
