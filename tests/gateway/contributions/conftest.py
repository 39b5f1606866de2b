"""The two illustrative schemes, and a household's book that is kept as the gateway keeps it, without a database."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import pytest

from gateway.contributions.allocation import Allocation, NewDueItem, OwedItem, allocate
from gateway.contributions.document import scheme_from
from gateway.contributions.rights import CoveredItem, threshold_xof
from gateway.contributions.schedule import periods_ahead, periods_due
from gateway.contributions.scheme import Scheme
from tests.schemes import illustrative


@dataclass
class Book:
    """A household's due items, and the money that no period could take yet."""

    scheme: Scheme
    registered_on: date
    amount_xof: int
    items: list[OwedItem] = field(default_factory=list)
    reached_on: dict[date, date] = field(default_factory=dict)
    advance_xof: int = 0

    def due(self, today: date) -> None:
        known_until = self.items[-1].period_end if self.items else None
        fallen = periods_due(self.scheme, self.registered_on, known_until, today)
        self._record([NewDueItem.of(period, self.amount_xof, self.scheme) for period in fallen])

    def upcoming(self, today: date) -> tuple[NewDueItem, ...]:
        most = self.scheme.advance.max_periods
        ahead = periods_ahead(self.scheme, self.registered_on, self.items, today, most=most)
        return tuple(NewDueItem.of(period, self.amount_xof, self.scheme) for period in ahead)

    def pay(self, amount_xof: int, today: date) -> Allocation:
        self.due(today)
        allocation = allocate(amount_xof + self.advance_xof, self.items, self.upcoming(today))
        self._record(allocation.opened)
        added = {line.item.period_start: line.amount_xof for line in allocation.lines}
        self.items = [replace(item, paid_xof=item.paid_xof + added.get(item.period_start, 0)) for item in self.items]
        self.advance_xof = allocation.advance_xof
        for item in self.items:
            if item.paid_xof >= item.opens_at_xof:
                self.reached_on.setdefault(item.period_start, today)
        return allocation

    def covered(self) -> list[CoveredItem]:
        return [
            CoveredItem(
                item.period_start,
                item.period_end,
                item.amount_xof,
                item.paid_xof,
                self.reached_on.get(item.period_start),
            )
            for item in self.items
        ]

    @property
    def paid_xof(self) -> int:
        return sum(item.paid_xof for item in self.items)

    def _record(self, new: Sequence[NewDueItem]) -> None:
        for item in new:
            opens_at_xof = threshold_xof(item.amount_xof, self.scheme.rights.open_threshold_bp)
            days = item.period_start, item.period_end, item.due_on
            self.items.append(OwedItem(len(self.items) + 1, *days, item.amount_xof, 0, opens_at_xof))


@pytest.fixture(scope="session")
def scheme_data() -> Callable[[str], dict[str, object]]:
    return illustrative


@pytest.fixture(scope="session")
def artisan() -> Scheme:
    return scheme_from(illustrative("ARTISAN"))


@pytest.fixture(scope="session")
def coton() -> Scheme:
    return scheme_from(illustrative("COTON"))


@pytest.fixture(scope="session")
def open_book() -> Callable[[Scheme, date, int], Book]:
    return Book
