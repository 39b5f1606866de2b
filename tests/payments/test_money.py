import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payments.errors import AmountFault, AmountInvalid
from payments.money import (
    MAX_AMOUNT_XOF,
    MAX_BALANCE_XOF,
    gsma_amount,
    parse_balance,
    parse_francs,
    parse_gsma_amount,
)

LOOKALIKES = [
    "",
    " ",
    "200 ",
    " 200",
    "2 00",
    "1_000",
    "1e3",
    "1E3",
    "+5",
    "-5",
    "-0",
    "0x10",
    "\u0663\u0660\u0660",
    "\uff12\uff10\uff10",
    "\u00b2",
    "1,000",
    "1.000,00",
    "200.",
    ".5",
    "00",
    "0200",
    "200.00000",
    "NaN",
    "nan",
    "Infinity",
    "inf",
    "1\n",
    "\n1",
    "1\x00",
    "200.0\u0660",
    "1000000000",
    "9" * 18,
    "9" * 5000,
    "XOF 200",
    "200F",
]
NOT_TEXTS = [200, 200.0, True, None, ["200"], {"amount": "200"}, b"200", float("nan")]


@pytest.mark.parametrize(
    ("text", "amount_xof"),
    [("0", 0), ("200", 200), ("200.00", 200), ("200.0", 200), ("1.0000", 1), ("999999999", MAX_AMOUNT_XOF)],
)
def test_an_amount_of_the_standard_is_read_exactly(text: str, amount_xof: int) -> None:
    assert parse_gsma_amount(text) == amount_xof


@pytest.mark.parametrize("text", LOOKALIKES)
def test_what_only_looks_like_an_amount_is_refused(text: str) -> None:
    with pytest.raises(AmountInvalid):
        parse_gsma_amount(text)
    with pytest.raises(AmountInvalid):
        parse_francs(text)


@pytest.mark.parametrize("value", NOT_TEXTS)
def test_a_json_number_is_not_an_amount(value: object) -> None:
    for parse in (parse_gsma_amount, parse_francs, parse_balance):
        with pytest.raises(AmountInvalid):
            parse(value)


@pytest.mark.parametrize("text", ["200.50", "0.01", "1.0001", "999999999.9"])
def test_centimes_are_refused_because_the_franc_has_none(text: str) -> None:
    with pytest.raises(AmountInvalid) as caught:
        parse_gsma_amount(text)
    assert caught.value.fault is AmountFault.CENTIMES


def test_an_amount_that_is_too_large_says_so_without_printing_all_of_it() -> None:
    with pytest.raises(AmountInvalid) as caught:
        parse_gsma_amount("1000000000")
    assert (caught.value.fault, caught.value.largest_xof) == (AmountFault.TOO_LARGE, MAX_AMOUNT_XOF)
    assert len(caught.value.text) <= 40
    with pytest.raises(AmountInvalid):
        gsma_amount(MAX_AMOUNT_XOF + 1)
    with pytest.raises(AmountInvalid):
        gsma_amount(-1)


def test_a_balance_may_be_below_zero_and_a_payment_may_not() -> None:
    assert parse_balance("-50") == -50
    assert parse_balance("0") == 0
    assert parse_balance(str(MAX_BALANCE_XOF)) == MAX_BALANCE_XOF
    for text in ("-0", "--5", "-", "- 5", "-05", str(MAX_BALANCE_XOF + 1), f"-{MAX_BALANCE_XOF + 1}"):
        with pytest.raises(AmountInvalid):
            parse_balance(text)


@given(st.integers(min_value=0, max_value=MAX_AMOUNT_XOF))
def test_writing_and_reading_an_amount_changes_nothing(amount_xof: int) -> None:
    assert parse_gsma_amount(gsma_amount(amount_xof)) == amount_xof


def test_an_accepted_text_is_always_the_plain_digits_of_its_value() -> None:
    accepted = 0

    @settings(max_examples=600, database=None)
    @given(
        st.one_of(st.from_regex(r"[0-9.]{1,8}", fullmatch=True), st.text("0123456789.-+eE_ \u0663\uff12", max_size=10))
    )
    def holds(text: str) -> None:
        nonlocal accepted
        try:
            amount_xof = parse_gsma_amount(text)
        except AmountInvalid:
            return
        accepted += 1
        assert re.fullmatch(rf"{amount_xof}(\.0{{1,4}})?", text, re.ASCII)

    holds()
    assert accepted >= 40
