from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contributions.rights import CoverageState, CoveredItem, Rights, covers, rights, threshold_xof
from gateway.contributions.scheme import GraceDays, Scheme

OpenBook = Callable[..., Any]
ONE_DAY = timedelta(days=1)
REGISTERED_ON = date(2026, 1, 1)
CLOSED = Rights(CoverageState.CLOSED)
CARED_FOR = {CoverageState.OPEN, CoverageState.GRACE}


def paid(start: date, end: date, reached_on: date | None, paid_xof: int = 1_000) -> CoveredItem:
    return CoveredItem(start, end, 1_000, paid_xof, reached_on)


def year(number: int, reached_on: date | None, paid_xof: int = 12_600) -> CoveredItem:
    return CoveredItem(date(number, 1, 1), date(number, 12, 31), 12_600, paid_xof, reached_on)


@pytest.mark.parametrize(
    ("amount_xof", "threshold_bp", "expected_xof"),
    [(12_600, 7_500, 9_450), (1_001, 7_500, 751), (1, 1, 1), (3_000, 10_000, 3_000), (999_999_999, 7_500, 750_000_000)],
)
def test_a_threshold_is_rounded_up_to_the_franc(amount_xof: int, threshold_bp: int, expected_xof: int) -> None:
    assert threshold_xof(amount_xof, threshold_bp) == expected_xof


def test_nothing_paid_opens_nothing(artisan: Scheme) -> None:
    item = paid(date(2026, 1, 31), date(2026, 2, 27), None, paid_xof=999)
    assert rights(artisan, [], REGISTERED_ON) == CLOSED
    assert rights(artisan, [item], date(2026, 2, 1)) == CLOSED


def test_a_household_that_pays_on_the_day_it_registers_loses_nothing(artisan: Scheme, open_book: OpenBook) -> None:
    book = open_book(artisan, REGISTERED_ON, 1_000)
    book.pay(1_000, REGISTERED_ON)
    month = (date(2026, 1, 31), date(2026, 2, 27))
    assert rights(artisan, book.covered(), REGISTERED_ON) == Rights(CoverageState.WAITING, *month)
    assert rights(artisan, book.covered(), date(2026, 1, 30)).state is CoverageState.WAITING
    for day in month:
        assert rights(artisan, book.covered(), day) == Rights(CoverageState.OPEN, *month)


def test_a_new_household_that_pays_late_waits_from_its_payment(artisan: Scheme, open_book: OpenBook) -> None:
    book = open_book(artisan, REGISTERED_ON, 1_000)
    book.pay(1_000, date(2026, 1, 11))
    opens = date(2026, 2, 10)
    assert rights(artisan, book.covered(), opens - ONE_DAY).state is CoverageState.WAITING
    assert rights(artisan, book.covered(), opens) == Rights(CoverageState.OPEN, opens, date(2026, 2, 27))


def test_a_wait_is_served_to_its_end_by_the_months_paid_meanwhile(artisan: Scheme) -> None:
    items = [
        paid(date(2026, 2, 1), date(2026, 2, 28), date(2026, 2, 20)),
        paid(date(2026, 3, 1), date(2026, 3, 31), date(2026, 3, 1)),
    ]
    opens = date(2026, 3, 22)
    assert rights(artisan, items, date(2026, 3, 21)) == Rights(CoverageState.WAITING, opens, date(2026, 3, 31))
    assert rights(artisan, items, opens).state is CoverageState.OPEN


def test_instalments_open_rights_at_the_threshold(coton: Scheme, open_book: OpenBook) -> None:
    book = open_book(coton, date(2026, 1, 10), 12_600)
    book.pay(9_449, date(2026, 2, 1))
    assert rights(coton, book.covered(), date(2026, 6, 1)) == CLOSED
    book.pay(1, date(2026, 3, 1))
    opens, ends = date(2026, 3, 31), date(2026, 12, 31)
    assert rights(coton, book.covered(), date(2026, 3, 30)) == Rights(CoverageState.WAITING, opens, ends)
    assert rights(coton, book.covered(), opens) == Rights(CoverageState.OPEN, opens, ends)


def test_months_paid_one_after_the_other_are_one_stretch_of_rights(artisan: Scheme, open_book: OpenBook) -> None:
    book = open_book(artisan, REGISTERED_ON, 1_000)
    book.pay(3_000, REGISTERED_ON)
    whole = Rights(CoverageState.OPEN, date(2026, 1, 31), date(2026, 4, 29))
    assert [rights(artisan, book.covered(), date(2026, number, 15)) for number in (2, 3, 4)] == [whole] * 3


def test_grace_keeps_rights_for_fifteen_days_and_not_one_more(artisan: Scheme, open_book: OpenBook) -> None:
    book = open_book(artisan, REGISTERED_ON, 1_000)
    book.pay(1_000, REGISTERED_ON)
    last_day = date(2026, 2, 27) + timedelta(days=15)
    kept = Rights(CoverageState.GRACE, date(2026, 1, 31), last_day)
    assert rights(artisan, book.covered(), date(2026, 2, 28)) == kept
    assert rights(artisan, book.covered(), last_day) == kept
    assert rights(artisan, book.covered(), last_day + ONE_DAY) == CLOSED


def test_a_payment_in_grace_reopens_rights_at_once(artisan: Scheme, open_book: OpenBook) -> None:
    book = open_book(artisan, REGISTERED_ON, 1_000)
    book.pay(1_000, REGISTERED_ON)
    book.pay(1_000, date(2026, 3, 5))
    assert rights(artisan, book.covered(), date(2026, 3, 5)) == Rights(
        CoverageState.OPEN, date(2026, 3, 5), date(2026, 3, 30)
    )


def test_cotton_growers_are_kept_until_the_crop_is_paid(coton: Scheme) -> None:
    items = [year(2026, date(2026, 3, 1))]
    kept = Rights(CoverageState.GRACE, date(2026, 3, 31), date(2027, 6, 30))
    assert rights(coton, items, date(2027, 1, 1)) == kept
    assert rights(coton, items, date(2027, 6, 30)) == kept
    assert rights(coton, items, date(2027, 7, 1)) == CLOSED
    items.append(year(2027, date(2027, 8, 1)))
    assert rights(coton, items, date(2027, 8, 1)).state is CoverageState.OPEN


def test_a_cover_that_ends_on_the_grace_day_has_no_grace(coton: Scheme) -> None:
    ends_in_june = CoveredItem(date(2025, 7, 1), date(2026, 6, 30), 1_000, 1_000, date(2025, 1, 1))
    assert rights(coton, [ends_in_june], date(2026, 6, 30)).state is CoverageState.OPEN
    assert rights(coton, [ends_in_june], date(2026, 7, 1)) == CLOSED


def test_a_fixed_grace_day_inside_the_same_year_is_the_next_one(coton: Scheme) -> None:
    harvest = CoveredItem(date(2025, 4, 1), date(2026, 3, 31), 1_000, 1_000, date(2025, 1, 1))
    assert rights(coton, [harvest], date(2026, 6, 30)).state is CoverageState.GRACE
    assert rights(coton, [harvest], date(2026, 7, 1)) == CLOSED


@pytest.mark.parametrize(
    ("uncovered_days", "opens_after_days"),
    [(0, 0), (90, 0), (91, 60), (200, 60)],
)
def test_a_wait_after_a_lapse_begins_beyond_ninety_days(
    artisan: Scheme, uncovered_days: int, opens_after_days: int
) -> None:
    first = paid(date(2026, 1, 1), date(2026, 1, 31), date(2025, 11, 1))
    paid_on = date(2026, 2, 1) + timedelta(days=uncovered_days)
    second = paid(date(2026, 2, 1), date(2026, 12, 31), paid_on)
    stretch = covers(artisan.rights, [second, first])[-1]
    assert stretch.end == date(2026, 12, 31)
    if uncovered_days:
        assert stretch.start == paid_on + timedelta(days=opens_after_days)
    else:
        assert stretch.start == date(2026, 1, 1)


def test_arrears_paid_one_by_one_far_behind_do_not_shorten_the_wait(artisan: Scheme) -> None:
    items = [
        paid(date(2026, 1, 1), date(2026, 1, 31), date(2025, 11, 1)),
        paid(date(2026, 2, 1), date(2026, 2, 28), date(2026, 6, 10)),
        paid(date(2026, 3, 1), date(2026, 12, 31), date(2026, 6, 20)),
    ]
    assert covers(artisan.rights, items)[-1].start == date(2026, 6, 20) + timedelta(days=60)


def test_grace_counts_from_the_latest_cover(artisan: Scheme) -> None:
    patient = replace(artisan, rights=replace(artisan.rights, grace=GraceDays(120)))
    items = [
        paid(date(2026, 2, 1), date(2026, 2, 28), REGISTERED_ON),
        paid(date(2026, 4, 1), date(2026, 4, 30), date(2026, 3, 20)),
    ]
    assert rights(patient, items, date(2026, 5, 10)) == Rights(
        CoverageState.GRACE, date(2026, 4, 1), date(2026, 4, 30) + timedelta(days=120)
    )


def test_rights_that_begin_after_the_period_is_over_do_not_open(artisan: Scheme) -> None:
    late = paid(date(2026, 2, 1), date(2026, 2, 28), date(2026, 2, 20))
    assert covers(artisan.rights, [late]) == ()
    assert rights(artisan, [late], date(2026, 3, 1)) == CLOSED


def test_money_taken_back_closes_what_it_had_opened(coton: Scheme) -> None:
    assert rights(coton, [year(2026, date(2026, 1, 1), paid_xof=9_449)], date(2026, 6, 1)) == CLOSED


def test_paying_more_never_shortens_rights(artisan: Scheme, coton: Scheme, open_book: OpenBook) -> None:
    reached: Counter[str] = Counter()
    payment = st.tuples(st.integers(0, 500), st.integers(1, 40))
    schemes = (
        (artisan, 1_000),
        (coton, 12_600),
        (replace(artisan, rights=replace(artisan.rights, lapse_after_days=20, open_threshold_bp=6_000)), 3_000),
        (replace(artisan, rights=replace(artisan.rights, waiting_days_new=0, grace=GraceDays(0))), 2_000),
    )

    def states_of(book: Any) -> dict[date, CoverageState]:  # noqa: ANN401 - made by a fixture
        horizon = (REGISTERED_ON + timedelta(days=days) for days in range(0, 900, 4))
        covered = book.covered()
        return {day: rights(book.scheme, covered, day).state for day in horizon}

    @settings(max_examples=120, deadline=None)
    @given(st.sampled_from(schemes), st.lists(payment, min_size=2, max_size=10), payment)
    def check(rule: tuple[Scheme, int], payments: list[tuple[int, int]], more: tuple[int, int]) -> None:
        books = []
        for history in (payments, [*payments, more]):
            book = open_book(rule[0], REGISTERED_ON, rule[1])
            for days, tenths in sorted(history):
                book.pay(tenths * rule[1] // 10, REGISTERED_ON + timedelta(days=days))
            books.append(book)
        less, greater = (states_of(book) for book in books)
        open_before, open_after = (
            {day for day in found if found[day] is CoverageState.OPEN} for found in (less, greater)
        )
        kept_before, kept_after = ({day for day in found if found[day] in CARED_FOR} for found in (less, greater))
        assert open_before <= open_after
        assert kept_before <= kept_after
        reached["open before"] += bool(open_before)
        reached["opened more"] += open_before < open_after
        reached["several stretches"] += len(covers(rule[0].rights, books[1].covered())) > 1

    check()
    assert min(reached["open before"], reached["opened more"]) > 20, reached
    assert reached["several stretches"] > 5, reached
