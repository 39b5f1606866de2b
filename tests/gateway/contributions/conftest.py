"""The two illustrative schemes, and a household's book that is kept as the gateway keeps it, without a database."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from importlib.resources import files

import pytest

from gateway.contributions.allocation import Allocation, NewDueItem, OwedItem, allocate, items_due, upcoming_items
from gateway.contributions.document import scheme_from
from gateway.contributions.rights import CoveredItem, threshold_xof
from gateway.contributions.scheme import Scheme


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
        self._record(items_due(self.scheme, self.registered_on, known_until, self.amount_xof, today))

    def upcoming(self, today: date) -> tuple[NewDueItem, ...]:
        return upcoming_items(self.scheme, self.registered_on, self.items, self.amount_xof, today)

    def pay(self, amount_xof: int, today: date) -> Allocation:
        self.due(today)
        allocation = allocate(amount_xof + self.advance_xof, self.items, self.upcoming(today))
        self._record(allocation.opened)
        added = {line.item.period_start: line.amount_xof for line in allocation.lines}
        self.items = [replace(item, paid_xof=item.paid_xof + added.get(item.period_start, 0)) for item in self.items]
        self.advance_xof = allocation.advance_xof
        for item in self.items:
            if item.paid_xof >= threshold_xof(item.amount_xof, self.scheme.rights.open_threshold_bp):
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
            row = OwedItem(len(self.items) + 1, item.period_start, item.period_end, item.due_on, item.amount_xof, 0)
            self.items.append(row)


@pytest.fixture(scope="session")
def scheme_data() -> Callable[[str], dict[str, object]]:
    def read(code: str) -> dict[str, object]:
        text = files("gateway.contributions").joinpath(f"illustrative/{code}.json").read_text(encoding="utf-8")
        data: dict[str, object] = json.loads(text)
        return data

    return read


@pytest.fixture(scope="session")
def artisan(scheme_data: Callable[[str], dict[str, object]]) -> Scheme:
    return scheme_from(scheme_data("ARTISAN"))


@pytest.fixture(scope="session")
def coton(scheme_data: Callable[[str], dict[str, object]]) -> Scheme:
    return scheme_from(scheme_data("COTON"))


@pytest.fixture(scope="session")
def open_book() -> Callable[[Scheme, date, int], Book]:
    return Book
