from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contributions.amount_rules import Flat
from gateway.contributions.document import scheme_from
from gateway.contributions.rule_types import ACTIVITIES
from gateway.contributions.scheme import (
    DueAmount,
    HouseholdSize,
    LegalStatus,
    PayerKind,
    Posting,
    Scheme,
    Share,
    amount_due,
    serves,
)

ReadScheme = Callable[[str], dict[str, object]]


def test_both_schemes_say_that_they_are_illustrative_and_serve_every_activity(artisan: Scheme, coton: Scheme) -> None:
    assert {artisan.legal.status, coton.legal.status} == {LegalStatus.ILLUSTRATIVE}
    assert "ILLUSTRATIVE" in artisan.legal.note
    assert "ILLUSTRATIVE" in coton.legal.note
    assert sorted(artisan.sectors + coton.sectors) == sorted(ACTIVITIES)


def test_a_flat_scheme_charges_every_household_the_same(scheme_data: ReadScheme) -> None:
    data = scheme_data("ARTISAN")
    data["amount_rule"] = {"kind": "FLAT", "amount_xof": 7_000}
    flat = scheme_from(data)
    assert {amount_due(flat, HouseholdSize(people)).gross_xof for people in (1, 7, 99)} == {7_000}


@pytest.mark.parametrize(
    ("people", "children", "expected_xof"),
    [
        (1, 0, 1_000),
        (2, 1, 1_500),
        (4, 2, 3_000),
        (6, 0, 6_000),
        (6, 6, 3_000),
        (7, 0, 6_000),
        (9, 5, 5_000),
        (99, 0, 6_000),
    ],
)
def test_people_are_charged_up_to_six_adults_first(
    artisan: Scheme, people: int, children: int, expected_xof: int
) -> None:
    assert amount_due(artisan, HouseholdSize(people, children)) == DueAmount(expected_xof, expected_xof, ())


@pytest.mark.parametrize(
    ("people", "gross_xof", "member_xof"),
    [
        (1, 18_000, 12_600),
        (5, 18_000, 12_600),
        (6, 30_000, 21_000),
        (10, 30_000, 21_000),
        (11, 42_000, 29_400),
        (99, 42_000, 29_400),
    ],
)
def test_the_size_of_the_household_chooses_the_tier_and_the_state_bears_its_share(
    coton: Scheme, people: int, gross_xof: int, member_xof: int
) -> None:
    due = amount_due(coton, HouseholdSize(people))
    assert due == DueAmount(gross_xof, member_xof, ((PayerKind.STATE, gross_xof - member_xof),))


@pytest.mark.parametrize(("people", "children"), [(0, 0), (100, 0), (3, 4), (3, -1)])
def test_an_impossible_household_is_refused(people: int, children: int) -> None:
    with pytest.raises(ValueError, match="no such household"):
        HouseholdSize(people, children)


def test_a_scheme_serves_its_activities_between_its_dates(artisan: Scheme) -> None:
    ended = replace(artisan, valid_to=date(2026, 12, 31))
    assert serves(artisan, "peche", date(2026, 1, 1))
    assert not serves(artisan, "coton", date(2026, 1, 1))
    assert not serves(artisan, "peche", date(2025, 12, 31))
    assert serves(ended, "peche", date(2026, 12, 31))
    assert not serves(ended, "peche", date(2027, 1, 1))


def test_a_half_franc_goes_to_the_first_payer_named(coton: Scheme) -> None:
    halves = tuple(Share(kind, 5_000, Posting.WHEN_PAID) for kind in (PayerKind.MEMBER, PayerKind.STATE))
    odd = replace(coton, amount_rule=Flat(1_001), shares=halves)
    assert amount_due(odd, HouseholdSize(1)) == DueAmount(1_001, 501, ((PayerKind.STATE, 500),))


def test_shares_sum_to_the_gross_amount_and_stay_within_a_franc_of_their_rate(artisan: Scheme) -> None:
    reached: Counter[str] = Counter()

    @settings(max_examples=200, deadline=None)
    @given(
        st.integers(1, 999_999_999),
        st.lists(st.integers(1, 9_999), max_size=5, unique=True),
        st.permutations(tuple(PayerKind)),
    )
    def check(gross_xof: int, cuts: list[int], kinds: list[PayerKind]) -> None:
        edges = [0, *sorted(cuts), 10_000]
        rates = [upper - lower for lower, upper in pairwise(edges)]
        shares = tuple(Share(kind, rate, Posting.WHEN_PAID) for kind, rate in zip(kinds, rates, strict=False))
        due = amount_due(replace(artisan, amount_rule=Flat(gross_xof), shares=shares), HouseholdSize(1))
        by_payer = {PayerKind.MEMBER: due.member_xof, **dict(due.others)}
        assert due.member_xof + sum(xof for _, xof in due.others) == due.gross_xof == gross_xof
        for share in shares:
            exact_times_all_bp = gross_xof * share.share_bp
            assert abs(by_payer[share.payer_kind] * 10_000 - exact_times_all_bp) <= 10_000
            reached["rounded"] += exact_times_all_bp % 10_000 != 0

    check()
    assert reached["rounded"] > 200
