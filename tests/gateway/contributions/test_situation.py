from collections.abc import Callable
from dataclasses import replace
from datetime import date
from itertools import product
from typing import Any

import pytest

from gateway.contributions.scheme import Instalments, Scheme
from gateway.contributions.situation import Situation, minimum_xof, situation, suggested_amounts

OpenBook = Callable[..., Any]
REGISTERED_ON = date(2026, 1, 1)


def test_a_new_household_owes_its_first_month_at_once(artisan: Scheme, open_book: OpenBook) -> None:
    book = open_book(artisan, REGISTERED_ON, 3_000)
    book.due(REGISTERED_ON)
    assert situation(artisan, REGISTERED_ON, book.items, REGISTERED_ON) == Situation(
        due_xof=3_000,
        paid_xof=0,
        remaining_xof=3_000,
        next_due_on=date(2026, 2, 28),
        unpaid=(date(2026, 2, 27),),
    )


def test_arrears_are_summed_with_the_last_day_of_each(artisan: Scheme, open_book: OpenBook) -> None:
    book = open_book(artisan, REGISTERED_ON, 3_000)
    today = date(2026, 4, 10)
    book.pay(3_500, today)
    assert situation(artisan, REGISTERED_ON, book.items, today) == Situation(
        due_xof=6_000,
        paid_xof=500,
        remaining_xof=5_500,
        next_due_on=date(2026, 4, 30),
        unpaid=(date(2026, 3, 30), date(2026, 4, 29)),
    )


def test_who_is_up_to_date_sees_the_running_period_paid(coton: Scheme, open_book: OpenBook) -> None:
    book = open_book(coton, REGISTERED_ON, 12_600)
    book.pay(12_600, date(2026, 2, 1))
    assert situation(coton, REGISTERED_ON, book.items, date(2026, 5, 1)) == Situation(
        due_xof=12_600, paid_xof=12_600, remaining_xof=0, next_due_on=date(2027, 1, 1), unpaid=()
    )


def test_a_month_paid_in_part_ahead_is_the_next_due(artisan: Scheme, open_book: OpenBook) -> None:
    book = open_book(artisan, REGISTERED_ON, 3_000)
    book.pay(7_000, REGISTERED_ON)
    found = situation(artisan, REGISTERED_ON, book.items, REGISTERED_ON)
    assert (found.remaining_xof, found.next_due_on) == (0, date(2026, 3, 31))


def test_without_any_item_the_first_period_is_announced(coton: Scheme) -> None:
    assert situation(coton, date(2026, 5, 1), [], date(2026, 5, 1)) == Situation(0, 0, 0, date(2026, 5, 1), ())


@pytest.mark.parametrize(
    ("remaining_xof", "period_xof", "payable_max_xof", "expected"),
    [
        (12_600, 12_600, 25_200, (3_150, 12_600)),
        (1_000, 12_600, 13_600, (1_000,)),
        (0, 12_600, 12_600, (3_150,)),
        (100, 12_600, 12_700, (500,)),
        (100, 12_600, 100, (100,)),
        (0, 12_600, 0, ()),
    ],
)
def test_one_instalment_and_everything_due_are_suggested(
    coton: Scheme, remaining_xof: int, period_xof: int, payable_max_xof: int, expected: tuple[int, ...]
) -> None:
    assert suggested_amounts(coton, remaining_xof, period_xof, payable_max_xof) == expected


def test_every_suggested_amount_is_one_that_may_be_paid(coton: Scheme) -> None:
    checked = 0
    for remaining_xof, payable_max_xof, parts in product(
        (0, 1, 499, 500, 9_000), (1, 499, 500, 9_000, 40_000), (1, 4, 52)
    ):
        if remaining_xof > payable_max_xof:
            continue
        scheme = replace(coton, instalments=Instalments(500, parts))
        offered = suggested_amounts(scheme, remaining_xof, 12_600, payable_max_xof)
        assert len(set(offered)) == len(offered) <= 2
        assert all(minimum_xof(scheme, payable_max_xof) <= xof <= payable_max_xof for xof in offered)
        checked += bool(offered)
    assert checked > 30
