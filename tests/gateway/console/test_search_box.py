"""One box: everything that a text can mean is looked for, and what means nothing is said to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.console.search_box import SEARCH_CHARS_MAX, SearchUnreadable, read_search
from gateway.infra.ids import checked, shown_reference
from gateway.members.number import ramu_number
from gateway.reports.payment_words import Sought
from payments.credit import receipt_number

RAMU = ramu_number(123_456_789)
REFERENCE = checked("4X3YK0J")


def meant(typed: str) -> set[str]:
    """Return the names of what a text was read as."""
    sought = read_search(typed)
    return {name for name in Sought.__dataclass_fields__ if name != "text" and getattr(sought, name)}


@pytest.mark.parametrize("typed", ["Q000000042", "q000000042", " q 42 ", "Q42", "Q0000000042"])
def test_a_receipt_is_read_however_its_noughts_are_written(typed: str) -> None:
    assert read_search(typed).receipt_number == receipt_number(42)


@pytest.mark.parametrize(
    "typed", ["76 12 34 56", "76123456", "+223 76 12 34 56", "0022376123456", "223 76-12-34-56", "(+223) 76.12.34.56"]
)
def test_a_telephone_number_is_read_in_any_spelling(typed: str) -> None:
    assert read_search(typed).msisdn == "+22376123456"


@pytest.mark.parametrize("typed", [RAMU, f"{RAMU[:3]} {RAMU[3:6]} {RAMU[6:]}"])
def test_a_ramu_number_is_read_with_and_without_blanks(typed: str) -> None:
    assert read_search(typed).ramu_number == RAMU


@pytest.mark.parametrize("typed", [REFERENCE, REFERENCE.lower(), shown_reference(REFERENCE), f"Réf {REFERENCE}"])
def test_our_reference_is_read_as_people_write_it(typed: str) -> None:
    assert read_search(typed).reference == REFERENCE


def test_a_reference_of_an_operator_is_sought_in_the_letters_that_were_typed_and_in_both_cases() -> None:
    assert read_search("Mp261122.0800.A1").operator_ids == ("Mp261122.0800.A1", "MP261122.0800.A1", "mp261122.0800.a1")


@pytest.mark.parametrize("typed", ["Traoré", "awa diarra", "N'Diaye", "Ba", "Sira O\u2019Coulibaly-Keïta"])
def test_a_name_is_letters_with_what_stands_between_them(typed: str) -> None:
    assert read_search(typed).name == typed


@pytest.mark.parametrize(
    ("typed", "amount_xof"), [("5000", 5_000), ("5 000", 5_000), ("5 000 F", 5_000), ("5\u202f000\u00a0FCFA", 5_000)]
)
def test_an_amount_is_read_as_people_write_it(typed: str, amount_xof: int) -> None:
    assert read_search(typed).amount_xof == amount_xof


def test_one_text_may_mean_several_things() -> None:
    assert meant("76123456") == {"msisdn", "operator_ids", "amount_xof"}
    assert meant("Diarra") == {"name", "operator_ids"}
    assert meant(RAMU) == {"ramu_number", "operator_ids"}


def test_nothing_typed_is_nothing_sought() -> None:
    assert not read_search("").is_something
    assert not read_search(" \t ").is_something


@pytest.mark.parametrize("typed", ["\0", "a\x1b[2J", "x" * (SEARCH_CHARS_MAX + 1), "-5", "?", "0", "1,5", "a", "+ ="])
def test_what_can_mean_nothing_is_refused(typed: str) -> None:
    with pytest.raises(SearchUnreadable):
        read_search(typed)


@given(st.text(max_size=200))
def test_whatever_is_typed_is_read_or_refused(typed: str) -> None:
    try:
        sought = read_search(typed)
    except SearchUnreadable:
        return
    assert sought.is_something == bool(typed.split())
    assert len(sought.operator_ids) <= 3
    assert sought.amount_xof is None or 0 < sought.amount_xof <= 999_999_999
