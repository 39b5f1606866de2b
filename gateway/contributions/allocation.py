"""Which due items a payment pays: oldest first, never above what is owed, and not a franc lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice, takewhile
from typing import Protocol

from gateway.contributions.schedule import Period, later_periods, periods
from gateway.contributions.scheme import Scheme

#: What tells a period of a household from its others: its place, where its days may still move, or its first day.
PeriodKey = date | int


class KnownPeriod(Protocol):
    """A period that is known, whatever else is known of it."""

    @property
    def period_end(self) -> date:
        """Return its last day."""

    @property
    def due_on(self) -> date:
        """Return the day from which it is due."""


@dataclass(frozen=True, slots=True)
class OwedItem:
    """A period a household owes for, with what it has paid so far and from which payment on it opens rights."""

    id: int | None
    period_start: date
    period_end: date
    due_on: date
    amount_xof: int
    paid_xof: int
    opens_at_xof: int
    number: int | None = None

    @property
    def key(self) -> PeriodKey:
        """Return what tells it from other periods of its household."""
        return self.number or self.period_start

    @property
    def remaining_xof(self) -> int:
        """Return what is still to pay."""
        return max(0, self.amount_xof - self.paid_xof)


@dataclass(frozen=True, slots=True)
class NewDueItem:
    """A period that is not recorded yet and can be opened when it falls due or money reaches it, under its scheme."""

    period_start: date
    period_end: date
    due_on: date
    amount_xof: int
    scheme: Scheme
    months_spared: int = 0
    number: int | None = None

    @property
    def key(self) -> PeriodKey:
        """Return what tells it from other periods of its household."""
        return self.number or self.period_start

    @property
    def remaining_xof(self) -> int:
        """Return what is still to pay: all of it."""
        return self.amount_xof


@dataclass(frozen=True, slots=True)
class AllocationLine:
    """The francs of a payment that go to one due item."""

    item: OwedItem | NewDueItem
    amount_xof: int


@dataclass(frozen=True, slots=True)
class Allocation:
    """Where a payment went: parts and advance add up to it exactly."""

    lines: tuple[AllocationLine, ...]
    opened: tuple[NewDueItem, ...]
    advance_xof: int


def allocate(amount_xof: int, due_items: Sequence[OwedItem], upcoming: Sequence[NewDueItem]) -> Allocation:
    """Divide a payment among the oldest periods first; what no period can take is paid in advance."""
    if amount_xof <= 0:
        raise ValueError(f"only money can be allocated, not {amount_xof} F")
    left_xof = amount_xof
    lines: list[AllocationLine] = []
    items: list[OwedItem | NewDueItem] = [*due_items, *upcoming]
    for item in sorted(items, key=lambda item: item.period_start):
        line_xof = min(left_xof, item.remaining_xof)
        if line_xof > 0:
            lines.append(AllocationLine(item, line_xof))
            left_xof -= line_xof
    opened = tuple(line.item for line in lines if isinstance(line.item, NewDueItem))
    return Allocation(tuple(lines), opened, left_xof)


def items_due(
    scheme: Scheme,
    registered_on: date,
    known_until: date | None,
    amount_xof: int,
    today: date,
    *,
    begins_on: date | None = None,
) -> tuple[NewDueItem, ...]:
    """Return the periods that are due by today and end after the last one recorded."""
    # From there on, and not from the first: a household of ten years would walk a hundred periods at each of its turns.
    fallen = (
        periods(scheme, registered_on, today, begins_on=begins_on)
        if known_until is None
        else takewhile(
            lambda period: period.due_on <= today,
            later_periods(scheme, registered_on, known_until, begins_on=begins_on),
        )
    )
    return tuple(_opening(period, amount_xof, scheme) for period in fallen)


def upcoming_items(
    scheme: Scheme,
    registered_on: date,
    due_items: Sequence[KnownPeriod],
    amount_xof: int,
    today: date,
    *,
    most: int,
    begins_on: date | None = None,
) -> tuple[NewDueItem, ...]:
    """Return the periods that are not due yet and may be paid ahead, of which there are ``most`` at a time."""
    ahead = sum(1 for item in due_items if item.due_on > today)
    after = max((item.period_end for item in due_items), default=date.min)
    later = islice(later_periods(scheme, registered_on, after, begins_on=begins_on), max(0, most - ahead))
    return tuple(_opening(period, amount_xof, scheme) for period in later)


def maximum_xof(due_items: Sequence[OwedItem], upcoming: Sequence[NewDueItem]) -> int:
    """Return the most that the recorded and the upcoming periods can take."""
    return sum(item.remaining_xof for item in due_items) + sum(item.remaining_xof for item in upcoming)


def _opening(period: Period, amount_xof: int, scheme: Scheme) -> NewDueItem:
    return NewDueItem(period.start, period.end, period.due_on, amount_xof, scheme, period.months_spared, period.number)
