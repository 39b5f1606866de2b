"""No date from outside reaches the books, or any arithmetic, outside the window in which it can be true."""

from collections import Counter
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from payments.dating import CLOCKS_DIFFER, REACH, Dated, Window, dated, dated_in_period, storable_moment, window

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
PERIOD = Window(datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 22, 23, 59, 59, 999_999, tzinfo=UTC))
ZONES = st.one_of(
    st.none(), st.just(UTC), st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
)
ANY_MOMENT = st.one_of(
    st.datetimes(timezones=ZONES),
    st.datetimes(NOW.replace(tzinfo=None) - 2 * REACH, NOW.replace(tzinfo=None) + timedelta(days=1), timezones=ZONES),
    ZONES.flatmap(lambda zone: st.sampled_from([datetime.min.replace(tzinfo=zone), datetime.max.replace(tzinfo=zone)])),
)


def test_every_date_there_is_ends_inside_its_window() -> None:
    reached: Counter[str] = Counter()

    @given(ANY_MOMENT, st.none() | st.timedeltas(timedelta(0), timedelta(days=400)))
    @example(datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), None)
    @example(datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))), None)
    @settings(max_examples=600)
    def inside(said: datetime, asked_before: timedelta | None) -> None:
        allowed = window(NOW, None if asked_before is None else NOW - asked_before)
        live, stated = dated(said, allowed, NOW), dated_in_period(said, PERIOD, NOW)
        for found, limits in ((live, allowed), (stated, PERIOD)):
            assert limits.first <= found.at <= limits.last
            assert found.at.tzinfo is UTC
        assert live.differs is not allowed.holds(said)
        assert stated.differs is not PERIOD.holds(said)
        kept = storable_moment(said)
        assert kept is None or 1 <= kept.year <= 9999
        reached["its own date"] += not live.differs
        reached["another date"] += live.differs

    inside()
    assert reached["its own date"] >= 50, reached
    assert reached["another date"] >= 200, reached


@pytest.mark.parametrize(
    ("said", "asked_at", "expected"),
    [
        (NOW - timedelta(minutes=1), None, Dated(NOW - timedelta(minutes=1))),
        (NOW - REACH, None, Dated(NOW - REACH)),
        (NOW - REACH - timedelta(seconds=1), None, Dated(NOW, differs=True)),
        (NOW + CLOCKS_DIFFER, None, Dated(NOW + CLOCKS_DIFFER)),
        (NOW + CLOCKS_DIFFER + timedelta(seconds=1), None, Dated(NOW, differs=True)),
        (NOW - timedelta(hours=1), NOW - timedelta(hours=1), Dated(NOW - timedelta(hours=1))),
        (NOW - timedelta(days=90), NOW - timedelta(days=91), Dated(NOW - timedelta(days=90))),
        (NOW - timedelta(hours=2), NOW - timedelta(hours=1), Dated(NOW, differs=True)),
        (datetime(1970, 1, 1, tzinfo=UTC), None, Dated(NOW, differs=True)),
        (datetime(2062, 11, 25, 10, tzinfo=UTC), NOW, Dated(NOW, differs=True)),
        (datetime(2026, 11, 23, 7, 59), None, Dated(NOW - timedelta(minutes=1))),  # noqa: DTZ001 - as some write it
        (None, NOW - timedelta(hours=1), Dated(NOW)),
    ],
)
def test_money_is_dated_by_its_operator_only_where_that_can_be_true(
    said: datetime | None, asked_at: datetime | None, expected: Dated
) -> None:
    assert dated(said, window(NOW, asked_at), NOW) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (PERIOD.first, Dated(PERIOD.first)),
        (PERIOD.first - timedelta(days=9), Dated(PERIOD.first, differs=True)),
        (PERIOD.last + timedelta(seconds=1), Dated(PERIOD.last, differs=True)),
        (None, Dated(PERIOD.last)),
    ],
)
def test_a_statement_line_is_dated_inside_the_statement_s_own_period(said: datetime | None, expected: Dated) -> None:
    assert dated_in_period(said, PERIOD, NOW) == expected


@pytest.mark.parametrize(
    "said",
    [
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
    ],
)
def test_a_moment_outside_the_calendar_is_not_kept_as_a_moment(said: datetime) -> None:
    assert storable_moment(said) is None
