"""What a household owes that came late, told a second time: day by day, with nothing of the product's own reckoning.

It knows calendars by stepping from one day to the next, and money by moving it from a purse to the oldest debt. It is
slow and plain on purpose.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Rules:
    """The rules of a season as a person would say them."""

    months: int
    starts_month: int
    starts_day: int
    late_joiner: str
    waiting_days: int
    gross_xof: int
    shares_bp: tuple[int, ...]
    periods_ahead: int


@dataclass
class Debt:
    """One season of one household: its days, what each payer bears, and what the household has paid of it."""

    start: date
    end: date
    due_on: date
    shares_xof: tuple[int, ...]
    paid_xof: int = 0

    @property
    def lacks_xof(self) -> int:
        return self.shares_xof[0] - self.paid_xof


def begins_month(rules: Rules, day: date) -> bool:
    """Return whether a month of the season begins: on the season's own day, or on the last where there is none."""
    is_last = (day + ONE_DAY).month != day.month
    return day.day == rules.starts_day or (is_last and day.day < rules.starts_day)


def begins_season(rules: Rules, day: date) -> bool:
    """Return whether a season begins."""
    return begins_month(rules, day) and (day.month - rules.starts_month) % rules.months == 0


def season_end(rules: Rules, day: date) -> date:
    """Return the last day of the season in which a day lies."""
    while not begins_season(rules, day + ONE_DAY):
        day += ONE_DAY
    return day


def shares(rules: Rules, months_asked: int) -> tuple[int, ...]:
    """Return what each payer bears of so many months: whole francs, rounded at the ends of the shares laid in a row."""
    gross_xof, rest = divmod(rules.gross_xof * months_asked, rules.months)
    gross_xof += rest > 0
    ends = [0]
    for share_bp in rules.shares_bp:
        ends.append(ends[-1] + share_bp)
    in_francs = [(gross_xof * end + 5_000) // 10_000 for end in ends]
    return tuple(upper - lower for lower, upper in pairwise(in_francs))


def first_debt(rules: Rules, registered_on: date) -> Debt:
    """Return the first season that a household is asked for."""
    day, months_over = registered_on, 0
    while not begins_season(rules, day):
        months_over += begins_month(rules, day)
        day -= ONE_DAY
    start, end = day, season_end(rules, registered_on)
    is_late, asked = registered_on != start, rules.months
    if rules.late_joiner == "PRO_RATA_MONTHS":
        asked -= months_over
        is_late = registered_on + timedelta(days=rules.waiting_days) > end
    if is_late and rules.late_joiner != "FULL":
        start = end + ONE_DAY
        return Debt(start, season_end(rules, start), start, shares(rules, rules.months))
    return Debt(start, end, registered_on, shares(rules, asked))


@dataclass
class Told:
    """A household's whole history, told from its first day on."""

    rules: Rules
    registered_on: date
    debts: list[Debt] = field(default_factory=list)
    purse_xof: int = 0

    def __post_init__(self) -> None:
        self.today = self.registered_on
        self.first = first_debt(self.rules, self.registered_on)
        self._open_due()

    def live_until(self, day: date) -> None:
        """Let days go by: what falls due is paid from what is held, and only that."""
        while self.today < day:
            self.today += ONE_DAY
            self._open_due()

    def pay(self, amount_xof: int) -> None:
        """Pay: the oldest debt first, then seasons that have not begun, as many as the scheme lets be paid ahead."""
        self.purse_xof += amount_xof
        self._spend(self.debts)
        while self.purse_xof and sum(debt.due_on > self.today for debt in self.debts) < self.rules.periods_ahead:
            self.debts.append(self._next())
            self._spend(self.debts[-1:])

    def _open_due(self) -> None:
        while self._next().due_on <= self.today:
            self.debts.append(self._next())
        self._spend([debt for debt in self.debts if debt.due_on <= self.today])

    def _next(self) -> Debt:
        if not self.debts:
            return self.first
        start = self.debts[-1].end + ONE_DAY
        return Debt(start, season_end(self.rules, start), start, shares(self.rules, self.rules.months))

    def _spend(self, debts: list[Debt]) -> None:
        for debt in debts:
            part_xof = min(self.purse_xof, debt.lacks_xof)
            debt.paid_xof += part_xof
            self.purse_xof -= part_xof
