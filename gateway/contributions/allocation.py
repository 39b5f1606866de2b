"""Which due items a payment pays: oldest first, never above what is owed, and not a franc lost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from heapq import merge

from gateway.contributions.schedule import Period
from gateway.contributions.scheme import Scheme

#: What tells a period of a household from its others: its place, where its days may still move, or its first day.
PeriodKey = date | int


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

    @classmethod
    def of(cls, period: Period, amount_xof: int, scheme: Scheme) -> "NewDueItem":
        """Return a period as it would be charged."""
        return cls(period.start, period.end, period.due_on, amount_xof, scheme, period.months_spared, period.number)

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


def allocate(amount_xof: int, due_items: Sequence[OwedItem], upcoming: Iterable[NewDueItem]) -> Allocation:
    """Divide a payment among the oldest periods first; what no period can take is paid in advance.

    ``upcoming`` come in their order, and no more of them are asked for than the money reaches.
    """
    if amount_xof <= 0:
        raise ValueError(f"only money can be allocated, not {amount_xof} F")
    left_xof = amount_xof
    lines: list[AllocationLine] = []
    owed: list[OwedItem | NewDueItem] = sorted(due_items, key=_start)
    for item in merge(owed, upcoming, key=_start):
        if left_xof == 0:
            break
        line_xof = min(left_xof, item.remaining_xof)
        if line_xof > 0:
            lines.append(AllocationLine(item, line_xof))
            left_xof -= line_xof
    opened = tuple(line.item for line in lines if isinstance(line.item, NewDueItem))
    return Allocation(tuple(lines), opened, left_xof)


def maximum_xof(due_items: Iterable[OwedItem], upcoming: Iterable[NewDueItem]) -> int:
    """Return the most that the recorded and the upcoming periods can take."""
    return sum(item.remaining_xof for item in due_items) + sum(item.remaining_xof for item in upcoming)


def _start(item: OwedItem | NewDueItem) -> date:
    return item.period_start
