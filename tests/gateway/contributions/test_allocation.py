from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contributions.allocation import NewDueItem, OwedItem, allocate, maximum_xof
from gateway.contributions.document import scheme_from
from gateway.contributions.schedule import periods_ahead, periods_due
from gateway.contributions.scheme import AdvanceRules, Scheme
from tests.schemes import illustrative

OpenBook = Callable[..., Any]
REGISTERED_ON = date(2026, 1, 1)
ARTISAN = scheme_from(illustrative("ARTISAN"))


def month(number: int, paid_xof: int = 0, amount_xof: int = 1_000) -> OwedItem:
    start = date(2026, number, 1)
    return OwedItem(number, start, start + timedelta(days=27), start, amount_xof, paid_xof, amount_xof)


def later_month(number: int) -> NewDueItem:
    start = date(2026, number, 1)
    return NewDueItem(start, start + timedelta(days=27), start, 1_000, ARTISAN)


def test_the_oldest_arrears_are_paid_first_in_whatever_order_they_are_given() -> None:
    items = [month(3), month(1, paid_xof=400), month(2)]
    found = allocate(2_000, items, [])
    assert [(line.item.period_start.month, line.amount_xof) for line in found.lines] == [(1, 600), (2, 1_000), (3, 400)]
    assert (found.opened, found.advance_xof) == ((), 0)


def test_an_advance_pays_the_next_months() -> None:
    found = allocate(2_500, [month(1)], [later_month(2), later_month(3), later_month(4)])
    assert [(line.item.period_start.month, line.amount_xof) for line in found.lines] == [
        (1, 1_000),
        (2, 1_000),
        (3, 500),
    ]
    assert found.opened == (later_month(2), later_month(3))
    assert found.advance_xof == 0


def test_money_that_no_period_can_take_is_kept_in_advance() -> None:
    found = allocate(5_000, [month(1, paid_xof=1_000)], [later_month(2)])
    assert [line.amount_xof for line in found.lines] == [1_000]
    assert found.advance_xof == 4_000


def test_a_period_that_no_money_reaches_is_not_opened() -> None:
    assert allocate(1_000, [month(1)], [later_month(2)]).opened == ()


def test_an_item_paid_too_much_by_mistake_takes_nothing_more() -> None:
    assert allocate(300, [month(1, paid_xof=1_200), month(2)], []).lines[0].item == month(2)


@pytest.mark.parametrize("amount_xof", [0, -1, -5_000])
def test_only_money_can_be_allocated(amount_xof: int) -> None:
    with pytest.raises(ValueError, match="only money can be allocated"):
        allocate(amount_xof, [month(1)], [])


def test_the_periods_due_are_those_not_recorded_yet(artisan: Scheme) -> None:
    today = date(2026, 4, 15)
    every = list(periods_due(artisan, REGISTERED_ON, None, today))
    assert [period.due_on for period in every] == [REGISTERED_ON, date(2026, 2, 28), date(2026, 3, 31)]
    assert list(periods_due(artisan, REGISTERED_ON, every[0].end, today)) == every[1:]
    assert list(periods_due(artisan, REGISTERED_ON, every[-1].end, today)) == []


def test_no_more_periods_can_be_paid_ahead_than_the_scheme_allows(artisan: Scheme, open_book: OpenBook) -> None:
    book = open_book(artisan, REGISTERED_ON, 1_000)
    found = book.pay(50_000, REGISTERED_ON)
    assert len(book.items) == 1 + artisan.advance.max_periods
    assert found.advance_xof == 50_000 - 13_000
    assert book.upcoming(REGISTERED_ON) == ()
    assert len(book.upcoming(date(2026, 2, 28))) == 1
    assert maximum_xof(book.items, book.upcoming(date(2026, 3, 31))) == 2_000


def test_a_scheme_without_advance_opens_nothing_ahead(artisan: Scheme) -> None:
    strict = replace(artisan, advance=AdvanceRules(allowed=False, max_periods=0))
    most = strict.advance.max_periods
    assert list(periods_ahead(strict, REGISTERED_ON, [], REGISTERED_ON, most=most)) == []


ITEMS = st.lists(
    st.tuples(st.integers(1, 5_000), st.integers(0, 5_000)).map(lambda pair: (pair[0], min(pair))),
    max_size=8,
).map(lambda pairs: [month(number, paid, amount) for number, (amount, paid) in enumerate(pairs, start=1)])
UPCOMING = st.integers(0, 3).map(lambda count: [later_month(9 + index) for index in range(count)])


def test_not_a_franc_is_lost_or_made_in_any_allocation() -> None:
    reached: Counter[str] = Counter()

    @settings(max_examples=250, deadline=None)
    @given(st.integers(1, 30_000), ITEMS, UPCOMING, st.randoms(use_true_random=False))
    def check(amount_xof: int, items: list[OwedItem], upcoming: list[NewDueItem], random: object) -> None:
        found = allocate(amount_xof, items, upcoming)
        assert sum(line.amount_xof for line in found.lines) + found.advance_xof == amount_xof
        assert all(0 < line.amount_xof <= line.item.remaining_xof for line in found.lines)
        assert all(line.amount_xof == line.item.remaining_xof for line in found.lines[:-1])
        assert found.advance_xof == max(0, amount_xof - maximum_xof(items, upcoming))
        random.shuffle(items)  # type: ignore[attr-defined]
        assert allocate(amount_xof, items, upcoming) == found
        reached["advance"] += found.advance_xof > 0
        reached["opened"] += bool(found.opened)
        reached["partial"] += bool(found.lines) and found.lines[-1].amount_xof < found.lines[-1].item.remaining_xof

    check()
    assert min(reached["advance"], reached["opened"], reached["partial"]) > 25, reached


def test_instalments_end_with_the_same_paid_totals_as_one_payment(artisan: Scheme, open_book: OpenBook) -> None:
    reached: Counter[str] = Counter()

    @settings(max_examples=150, deadline=None)
    @given(st.lists(st.integers(1, 4_000), min_size=1, max_size=8), st.integers(0, 300), st.integers(500, 6_000))
    def check(instalments: list[int], days: int, amount_xof: int) -> None:
        today = REGISTERED_ON + timedelta(days=days)
        at_once, in_parts = (open_book(artisan, REGISTERED_ON, amount_xof) for _ in range(2))
        at_once.pay(sum(instalments), today)
        for instalment_xof in instalments:
            in_parts.pay(instalment_xof, today)
        assert in_parts.items == at_once.items
        assert in_parts.advance_xof == at_once.advance_xof
        assert in_parts.paid_xof + in_parts.advance_xof == sum(instalments)
        reached["several items"] += sum(item.paid_xof > 0 for item in at_once.items) > 1
        reached["several instalments"] += len(instalments) > 2

    check()
    assert min(reached.values()) > 30, reached
