from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contributions.period_rules import FixedPeriod, RollingPeriod
from gateway.contributions.rule_types import MonthDay
from gateway.contributions.schedule import Period, add_months, first_label, label, next_period, periods
from gateway.contributions.scheme import Scheme
from ussd_flows.gsm7 import septets

ONE_DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2026, 1, 31), 2, date(2026, 3, 31)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
        (date(2026, 3, 31), -1, date(2026, 2, 28)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
    ],
)
def test_months_end_where_the_calendar_ends_them(day: date, months: int, expected: date) -> None:
    assert add_months(day, months) == expected


def test_rolling_periods_start_when_the_wait_ends_and_keep_their_day(artisan: Scheme) -> None:
    registered_on = date(2026, 1, 1)
    found = list(periods(artisan, registered_on, date(2026, 3, 31)))
    assert found == [
        Period(date(2026, 1, 31), date(2026, 2, 27), registered_on),
        Period(date(2026, 2, 28), date(2026, 3, 30), date(2026, 2, 28)),
        Period(date(2026, 3, 31), date(2026, 4, 29), date(2026, 3, 31)),
    ]


def test_a_yearly_period_contains_the_day_of_registration(coton: Scheme) -> None:
    registered_on = date(2026, 11, 20)
    found = list(periods(coton, registered_on, date(2028, 1, 1)))
    assert found == [
        Period(date(2026, 1, 1), date(2026, 12, 31), registered_on),
        Period(date(2027, 1, 1), date(2027, 12, 31), date(2027, 1, 1)),
        Period(date(2028, 1, 1), date(2028, 12, 31), date(2028, 1, 1)),
    ]


@pytest.mark.parametrize(
    ("registered_on", "start"),
    [
        (date(2026, 9, 30), date(2025, 10, 1)),
        (date(2026, 10, 1), date(2026, 10, 1)),
        (date(2027, 1, 5), date(2026, 10, 1)),
    ],
)
def test_a_year_may_start_with_the_harvest(coton: Scheme, registered_on: date, start: date) -> None:
    harvest = replace(coton, period=FixedPeriod(12, MonthDay(10, 1)))
    assert next(periods(harvest, registered_on, registered_on)).start == start


@pytest.mark.parametrize(
    ("months", "start", "expected"),
    [
        (1, date(2026, 8, 1), "aout 2026"),
        (1, date(2026, 12, 1), "décembre 2026"),
        (1, date(2026, 8, 2), "mois du 02/08/2026"),
        (3, date(2026, 1, 1), "trimestre du 01/01/2026"),
        (6, date(2026, 7, 15), "semestre du 15/07/2026"),
        (12, date(2026, 1, 1), "année 2026"),
        (12, date(2026, 10, 1), "année du 01/10/2026"),
    ],
)
def test_a_period_is_named_as_people_speak(months: int, start: date, expected: str) -> None:
    assert label(months, start) == expected


@pytest.mark.parametrize("months", [1, 3, 6, 12])
def test_every_label_can_be_shown_on_a_phone(months: int) -> None:
    labels = [label(months, date(2026, 1, 1) + timedelta(days=days)) for days in range(366)]
    assert all((septets(text) or 99) <= 24 for text in [*labels, first_label(months)])


def test_periods_follow_each_other_without_gap_or_overlap(artisan: Scheme, coton: Scheme) -> None:
    reached: Counter[str] = Counter()

    @settings(max_examples=150, deadline=None)
    @given(
        st.dates(date(2020, 1, 1), date(2040, 12, 31)),
        st.sampled_from((1, 3, 6, 12)),
        st.none() | st.builds(MonthDay, st.integers(1, 12), st.sampled_from((1, 15, 28))) | st.just(MonthDay(1, 31)),
        st.integers(0, 1_500),
    )
    def check(registered_on: date, months: int, anchor: MonthDay | None, days: int) -> None:
        scheme = replace(
            coton if anchor else artisan, period=FixedPeriod(months, anchor) if anchor else RollingPeriod(months)
        )
        until = registered_on + timedelta(days=days)
        found = list(periods(scheme, registered_on, until))
        assert found
        assert all(earlier.end + ONE_DAY == later.start for earlier, later in pairwise(found))
        assert all(registered_on <= period.due_on <= until for period in found)
        if anchor:
            assert found[0].start <= registered_on <= found[0].end
        after = next_period(scheme, registered_on, found[-1].end)
        assert after.start == found[-1].end + ONE_DAY
        assert after.due_on > until
        for period in found:
            assert next_period(scheme, registered_on, period.start - ONE_DAY) == period
        reached["many"] += len(found) > 3
        reached["clamped"] += len({period.start.day for period in found}) > 1

    check()
    assert reached["many"] > 40
    assert reached["clamped"] > 3
