import copy
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contributions.reading import SchemeInvalid, scheme_from
from gateway.contributions.scheme import (
    ACTIVITIES,
    DueAmount,
    Flat,
    HouseholdSize,
    LegalStatus,
    PayerKind,
    Scheme,
    Share,
    amount_due,
    serves,
)

ReadScheme = Callable[[str], dict[str, object]]
Path = tuple[str | int, ...]
MAY_BE_LEFT_OUT = {("valid_to",), ("seasons",), ("amount_rule", "tiers", 2, "people_to")}


def paths(data: object, path: Path = ()) -> Iterator[Path]:
    if path:
        yield path
    entries = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in entries:
        yield from paths(value, (*path, key))


def at(data: object, path: Path) -> object:
    for key in path:
        data = data[key]  # type: ignore[index]
    return data


def written(path: Path) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


def without(data: dict[str, object], path: Path) -> dict[str, object]:
    changed = copy.deepcopy(data)
    del at(changed, path[:-1])[path[-1]]  # type: ignore[attr-defined]
    return changed


def test_both_schemes_say_that_they_are_illustrative_and_serve_every_activity(artisan: Scheme, coton: Scheme) -> None:
    assert {artisan.legal.status, coton.legal.status} == {LegalStatus.ILLUSTRATIVE}
    assert "ILLUSTRATIVE" in artisan.legal.note
    assert "ILLUSTRATIVE" in coton.legal.note
    assert sorted(artisan.sectors + coton.sectors) == sorted(ACTIVITIES)


@pytest.mark.parametrize("code", ["ARTISAN", "COTON"])
def test_no_field_of_a_scheme_has_a_silent_default(code: str, scheme_data: ReadScheme) -> None:
    data = scheme_data(code)
    tried = 0
    for path in paths(data):
        if path in MAY_BE_LEFT_OUT or isinstance(path[-1], int):
            continue
        with pytest.raises(SchemeInvalid) as refused:
            scheme_from(without(data, path))
        named_by = {"grace_until": "rights.grace_days", "people_to": "amount_rule.tiers"}
        expected = named_by.get(str(path[-1]), written(path))
        assert any(fault.startswith(expected) for fault in refused.value.faults), path
        tried += 1
    assert tried > 25


@pytest.mark.parametrize("code", ["ARTISAN", "COTON"])
@pytest.mark.parametrize("wrong", [True, 12.5, "1000", -1, [], {}, "31/12/2026", 10**12])
def test_a_value_of_the_wrong_kind_is_refused_wherever_it_stands(
    code: str, wrong: object, scheme_data: ReadScheme
) -> None:
    data = scheme_data(code)
    refused = 0
    for path in paths(data):
        changed = copy.deepcopy(data)
        value = at(data, path)
        if type(value) is type(wrong) and not (isinstance(value, int) and not isinstance(value, bool)):
            continue
        at(changed, path[:-1])[path[-1]] = wrong  # type: ignore[index]
        with pytest.raises(SchemeInvalid):
            scheme_from(changed)
        refused += 1
    assert refused > 15


def test_an_unknown_field_is_refused_in_every_object(scheme_data: ReadScheme) -> None:
    data = scheme_data("COTON")
    objects = [(), *(path for path in paths(data) if isinstance(at(data, path), dict))]
    assert len(objects) > 8
    for path in objects:
        changed = copy.deepcopy(data)
        at(changed, path)["minimun_xof"] = 1  # type: ignore[index]
        with pytest.raises(SchemeInvalid) as refused:
            scheme_from(changed)
        assert refused.value.faults == (f"{written((*path, 'minimun_xof'))}: unknown field",)


def test_every_fault_is_listed_at_once(scheme_data: ReadScheme) -> None:
    data = scheme_data("COTON")
    data["code"] = "MUCH TOO LONG"
    data["label"] = "Île de coton ©"
    data["valid_to"] = "2020-01-01"
    data["amount_rule"]["tiers"][1]["people_from"] = 7  # type: ignore[index]
    data["rights"]["grace_until"] = "02-29"  # type: ignore[index]
    data["shares"][1]["share_bp"] = 2_999  # type: ignore[index]
    with pytest.raises(SchemeInvalid) as refused:
        scheme_from(data)
    assert sorted(fault.split(":")[0] for fault in refused.value.faults) == [
        "amount_rule.tiers",
        "code",
        "label",
        "rights.grace_until",
        "shares",
        "valid_to",
    ]
    assert "rights.grace_until: is not a day of every year" in str(refused.value)


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        (("legal", "status"), "LEGAL", "legal.reference: must have 1 to 400 characters"),
        (("period", "months"), 5, "period.months: must be one of (1, 3, 6, 12)"),
        (("valid_from",), "2026-02-30", "valid_from: is not a day of the calendar"),
        (("sectors",), ["coton", "coton"], "sectors: must not repeat a word"),
        (("advance", "max_periods"), 0, "advance.max_periods: must be above 0 exactly when allowed"),
        (("rights", "grace_days"), 10, "rights.grace_days: give either this or grace_until"),
        (("shares", 1, "payer_kind"), "MEMBER", "shares: must name each payer once"),
    ],
)
def test_rules_that_contradict_each_other_are_refused(
    path: Path, value: object, fault: str, scheme_data: ReadScheme
) -> None:
    data = scheme_data("COTON")
    at(data, path[:-1])[path[-1]] = value  # type: ignore[index]
    with pytest.raises(SchemeInvalid) as refused:
        scheme_from(data)
    assert fault in refused.value.faults


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
    halves = (Share(PayerKind.MEMBER, 5_000), Share(PayerKind.STATE, 5_000))
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
        shares = tuple(Share(kind, rate) for kind, rate in zip(kinds, rates, strict=False))
        due = amount_due(replace(artisan, amount_rule=Flat(gross_xof), shares=shares), HouseholdSize(1))
        by_payer = {PayerKind.MEMBER: due.member_xof, **dict(due.others)}
        assert due.member_xof + sum(xof for _, xof in due.others) == due.gross_xof == gross_xof
        for share in shares:
            exact_times_all_bp = gross_xof * share.share_bp
            assert abs(by_payer[share.payer_kind] * 10_000 - exact_times_all_bp) <= 10_000
            reached["rounded"] += exact_times_all_bp % 10_000 != 0

    check()
    assert reached["rounded"] > 200
