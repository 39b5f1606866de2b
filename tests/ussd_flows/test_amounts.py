from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ussd_flows.amounts import read_amount, show, show_date


@pytest.mark.parametrize(
    ("typed", "amount_xof"),
    [
        ("5000", 5000),
        ("5 000", 5000),
        (" 5000 ", 5000),
        ("5000F", 5000),
        ("5 000 F", 5000),
        ("5000 fcfa", 5000),
        ("5000 F CFA", 5000),
        ("5000 XOF", 5000),
        ("0500", 500),
        ("0", 0),
        ("999 999 999", 999_999_999),
    ],
)
def test_an_amount_is_read_as_people_type_it(typed: str, amount_xof: int) -> None:
    assert read_amount(typed) == amount_xof


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "F",
        "1e3",
        "1_000",
        "5.000",
        "5,000",
        "5 00",
        "50 00",
        "5  000",
        "\uff15\uff10\uff10\uff10",
        "\u0665\u0660\u0660\u0660",
        "5\u00a0000",
        "5\u202f000",
        "+5000",
        "-5000",
        "NaN",
        "Infinity",
        "0x10",
        "1000000000",
        "1 000 000 000",
        "5000\n",
        "5000\x00",
        "5000 euros",
        "5000 Ffcfa",
        "9" * 10_000,
        " " * 10_000,
    ],
)
def test_what_only_looks_like_an_amount_is_refused(typed: str) -> None:
    assert read_amount(typed) is None


@given(st.integers(0, 999_999_999))
def test_an_amount_that_is_shown_can_be_typed_back(amount_xof: int) -> None:
    assert read_amount(show(amount_xof)) == amount_xof


@given(st.text())
def test_any_text_is_an_amount_or_none(typed: str) -> None:
    amount_xof = read_amount(typed)
    assert amount_xof is None or 0 <= amount_xof <= 999_999_999


def test_amounts_and_days_are_written_the_french_way_in_plain_characters() -> None:
    assert [show(amount) for amount in (0, 500, 5000, 41_600, 999_999_999)] == [
        "0 F",
        "500 F",
        "5 000 F",
        "41 600 F",
        "999 999 999 F",
    ]
    assert show_date(date(2026, 3, 5)) == "05/03/2026"
