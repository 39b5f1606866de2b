"""What we write by tables read once is what Babel writes each time; and a phone can show its part of it."""

from datetime import date, datetime

import pytest
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal
from hypothesis import example, given
from hypothesis import strategies as st

from gateway import french
from gateway.sms.texts import registered
from ussd_flows import amounts
from ussd_flows.gsm7 import septets

FIRST_OF_A_MONTH = 1


@given(st.integers(-(10**15), 10**15))
@example(0)
@example(999)
@example(1_000)
@example(-1_000)
def test_an_amount_is_grouped_as_by_babel(amount_xof: int) -> None:
    by_babel = format_decimal(amount_xof, locale="fr")
    assert french.francs(amount_xof) == by_babel.replace("-", french.MINUS)
    if amount_xof >= 0:
        # A phone has neither the narrow blank nor the hard one.
        assert amounts.show(amount_xof) == f"{by_babel} F".replace("\u202f", " ")
        assert septets(amounts.show(amount_xof)) is not None


@given(st.dates())
def test_a_day_is_written_as_by_babel_but_for_the_ordinal_of_the_first(day: date) -> None:
    in_full = format_date(day, "EEEE d MMMM y", locale="fr")
    if day.day == FIRST_OF_A_MONTH:
        in_full = in_full.replace(" 1 ", " 1er ", 1)
    assert french.long_date(day) == in_full
    assert french.short_date(day) == amounts.show_date(day) == format_date(day, "dd/MM/yyyy", locale="fr")


@given(st.datetimes())
def test_an_instant_is_written_as_by_babel(instant: datetime) -> None:
    pattern = "dd/MM/yyyy 'à' H'\u00a0h\u00a0'mm"
    assert french.moment(instant) == format_datetime(instant, pattern, locale="fr")


def test_every_month_can_be_shown_on_a_phone() -> None:
    assert list(french.MONTHS_ON_PHONES) == list(range(1, 13))
    assert all(septets(name) is not None for name in french.MONTHS_ON_PHONES.values())
    assert french.MONTHS_ON_PHONES[8] == "aout"
    assert french.MONTHS_ON_PHONES[2] == "février"


@pytest.mark.parametrize(
    ("count", "written"),
    [(0, "0 ligne"), (1, "1 ligne"), (2, "2 lignes"), (1_000_000, "1\u202f000\u202f000 lignes")],
)
def test_french_keeps_the_singular_for_none(count: int, written: str) -> None:
    assert french.counted(count, "ligne", "lignes") == written


@pytest.mark.parametrize(("days", "written"), [(0, "aujourd\u2019hui"), (1, "1\u00a0jour"), (30, "30\u00a0jours")])
def test_an_age_is_counted_in_days(days: int, written: str) -> None:
    assert french.age(days) == written


@pytest.mark.parametrize(("days", "wait"), [(1, "1 jour d'attente"), (30, "30 jours d'attente")])
def test_a_wait_of_one_day_is_one(days: int, wait: str) -> None:
    text = registered(name="Awa", ramu_number="0000000017", amount_xof=1_000, months=1, waiting_days=days)
    assert f"après paiement et {wait}." in text


@given(st.dates())
def test_a_day_that_is_written_is_read_again_in_both_writings(day: date) -> None:
    assert french.read_day(french.short_date(day)) == french.read_day(day.isoformat()) == day


@pytest.mark.parametrize(
    "written",
    ["", "20261120", "2026-W47-5", "2026-11-20 ", "31/02/2026", "2026-13-01", "1/2/26", "1-2-2026", "\uff12026-11-20"],
)
def test_what_only_looks_like_a_day_is_none(written: str) -> None:
    assert french.read_day(written) is None


def test_an_instant_in_a_list_is_figures_alone() -> None:
    assert french.stamp(datetime(2026, 1, 2, 3, 4, 5)) == "02/01/2026 03:04"  # noqa: DTZ001 - as it is written
