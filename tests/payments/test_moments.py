"""Dates from outside are a value that arithmetic can bear, or none with the reason."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from payments.moments import DayOrder, is_serial, read_clock, read_days, read_moment
from payments.remarks import Remark

TEN = datetime(2026, 11, 25, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "moment", "remarks"),
    [
        ("2026-11-25T10:00:00Z", TEN, ()),
        ("2026-11-25T10:00:00.391Z", TEN + timedelta(milliseconds=391), ()),
        ("2026-11-25T10:00:00+0000", TEN, ()),
        ("2026-11-25T11:00:00 +01:00", TEN, ()),
        ("2026-11-25T10:00:00", TEN, (Remark.TIME_WITHOUT_ZONE,)),
        ("2026-11-25 10:00:00", TEN, (Remark.TIME_WITHOUT_ZONE,)),
        ("25/11/2026 10:00:00", TEN, (Remark.TIME_WITHOUT_ZONE,)),
        ("20261125T100000Z", TEN, ()),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC), ()),
        ("2090-01-01T00:00:00Z", datetime(2090, 1, 1, tzinfo=UTC), ()),
        ("05/11/2026 10:00:00", None, (Remark.DATE_AMBIGUOUS,)),
        ("2026-11-25", None, (Remark.TIME_MISSING,)),
        ("2026-11-25T25:00:00Z", None, (Remark.TIME_UNREADABLE,)),
        ("2026-02-30T10:00:00Z", None, (Remark.DATE_UNREADABLE,)),
        ("9999-12-31T23:59:59-14:00", None, (Remark.DATE_UNREADABLE,)),
        ("0001-01-01T00:00:00+14:00", None, (Remark.DATE_UNREADABLE,)),
        ("2026-11-25T10:00:00+99:00", None, (Remark.TIME_UNREADABLE,)),
        ("yesterday", None, (Remark.DATE_UNREADABLE,)),
        ("9" * 5000, None, (Remark.DATE_UNREADABLE,)),
    ],
)
def test_a_moment_is_read_or_the_reason_is_kept(
    written: str, moment: datetime | None, remarks: tuple[Remark, ...]
) -> None:
    assert read_moment(written, UTC) == (moment, remarks)


@settings(max_examples=300)
@given(
    st.datetimes(),
    st.sampled_from(["", ".391", ".123456", ".00000"]),
    st.sampled_from(["Z", "+00:00", "-14:00", "+05:30", "+24:00", "-99:99"]),
)
@example(datetime(1, 1, 1), "", "+14:00")  # noqa: DTZ001 - the zone is written behind it
@example(datetime(9999, 12, 31, 23), "", "-14:00")  # noqa: DTZ001
def test_the_short_way_of_reading_what_most_operators_write_gives_what_the_long_way_gives(
    day: datetime, fraction: str, zone: str
) -> None:
    written = f"{day.replace(microsecond=0).isoformat()}{fraction}{zone}"
    assert read_moment(written, UTC) == read_moment(written.replace("T", "t"), UTC)


def test_a_moment_without_a_zone_is_in_the_operators() -> None:
    assert read_moment("2026-11-25T11:00:00", ZoneInfo("Africa/Lagos"))[0] == TEN
    assert read_moment("2026-11-25T10:00:00Z", ZoneInfo("Africa/Lagos"))[0] == TEN


def test_a_day_has_every_reading_that_is_a_day() -> None:
    assert read_days("25/11/2026") == {DayOrder.DAY_FIRST: date(2026, 11, 25)}
    assert read_days("11-25-2026") == {DayOrder.MONTH_FIRST: date(2026, 11, 25)}
    assert set(read_days("05.11.2026").values()) == {date(2026, 11, 5), date(2026, 5, 11)}
    assert set(read_days("2026/11/5").values()) == {date(2026, 11, 5)}
    for written in ("", "25/11/26", "44527", "31/31/2026", "2026-11-25T10:00", "\uff12026-11-25", "25/11-2026"):
        assert read_days(written) == {}


@pytest.mark.parametrize(
    ("written", "clock"),
    [
        ("9:05:00", time(9, 5)), ("09:05", time(9, 5)), ("9h05", time(9, 5)), ("9 h 05", time(9, 5)),
        ("9:05:00 PM", time(21, 5)), ("12:00 am", time(0)), ("23:59:59,999", time(23, 59, 59, 999000)),
        ("10:15+02", time(10, 15, tzinfo=timezone(timedelta(hours=2)))), ("24:00:00", None), ("13:00 PM", None),
        ("0,427118056", None), ("1015", None), ("", None), ("10:60", None),
    ],
)  # fmt: skip
def test_a_clock_is_read_or_none(written: str, clock: time | None) -> None:
    assert read_clock(written) == clock


@pytest.mark.parametrize(("written", "serial"), [("44527", True), ("44527,4271", True), ("2026", False), ("", False)])
def test_a_date_that_became_a_number_is_known(written: str, serial: bool) -> None:
    assert is_serial(written) is serial


def test_whatever_is_read_can_be_counted_with() -> None:
    reached: Counter[str] = Counter()
    years = st.one_of(st.sampled_from([0, 1, 2, 1899, 1970, 2026, 2090, 9998, 9999]), st.integers(0, 9999))
    zones = st.sampled_from(["", "Z", "+14:00", "-12:00", "+23:59", "-2359", "+24:00"])

    @settings(max_examples=500, database=None)
    @given(years, st.integers(0, 13), st.integers(0, 32), st.integers(0, 25), zones)
    def holds(year: int, month: int, day: int, hour: int, zone: str) -> None:
        found, remarks = read_moment(f"{year:04}-{month:02}-{day:02}T{hour:02}:00:00{zone}", UTC)
        reached["read" if found else "none"] += 1
        if found is None:
            assert remarks
            return
        reached["far"] += found.year in {1, 2, 9998, 9999}
        for other in (timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))):
            assert (found.astimezone(other) + timedelta(days=30) - timedelta(days=60)) < found

    holds()
    assert reached["read"] >= 100
    assert reached["none"] >= 50
    assert reached["far"] >= 10


@given(st.text(max_size=80))
def test_any_text_is_a_moment_or_has_a_reason(written: str) -> None:
    found, remarks = read_moment(written, UTC)
    assert found is not None or remarks
