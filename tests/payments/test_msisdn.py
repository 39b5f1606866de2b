import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.errors import MsisdnInvalid
from payments.msisdn import is_malian, local_pairs, mask, parse_msisdn


@pytest.mark.parametrize(
    "text",
    ["70 12 34 56", "70123456", "70-12-34-56", "70.12.34.56", "0022370123456", "+22370123456", "22370123456",
     "+223 70 12 34 56", "(+223) 70123456", "70\u00a012\u00a034\u00a056"],
)  # fmt: skip
def test_every_writing_of_a_malian_number_is_the_same_number(text: str) -> None:
    assert parse_msisdn(text) == "+22370123456"


@pytest.mark.parametrize(
    ("text", "msisdn"),
    [("+33 6 12 34 56 78", "+33612345678"), ("002250701020304", "+2250701020304"), ("+12025550123", "+12025550123")],
)
def test_a_foreign_number_is_kept_when_it_names_its_country(text: str, msisdn: str) -> None:
    assert parse_msisdn(text) == msisdn


@pytest.mark.parametrize(
    "national", ["20010000", "44123456", "50123456", "65123456", "76123456", "89123456", "99123456"]
)
def test_no_range_is_refused_for_belonging_to_some_operator(national: str) -> None:
    assert parse_msisdn(national) == f"+223{national}"


@pytest.mark.parametrize(
    "text",
    ["", " ", "+", "00", "36000", "10123456", "30123456", "7012345", "701234567", "33612345678", "+2237012345",
     "+223701234567", "+22310123456", "+0123456789", "+1234567890123456",
     "\uff17\uff10\uff11\uff12\uff13\uff14\uff15\uff16", "\u0667\u0660\u0661\u0662\u0663\u0664\u0665\u0666",
     "70123456\x00",
     "70123456a", "++22370123456", "tel:70123456", "7" * 100],
)  # fmt: skip
def test_what_is_not_a_number_is_refused(text: str) -> None:
    with pytest.raises(MsisdnInvalid):
        parse_msisdn(text)


def test_a_masked_number_shows_its_last_three_digits_alone() -> None:
    assert mask("+22370123456") == "+223 ** ** *4 56"
    assert mask("+33612345678") == "+********678"


def test_people_see_pairs() -> None:
    assert local_pairs("+22370123456") == "70 12 34 56"
    assert local_pairs("+33612345678") == "+33612345678"


@given(st.from_regex(r"[24-9][0-9]{7}", fullmatch=True))
def test_reading_what_we_show_gives_the_same_number(national: str) -> None:
    msisdn = parse_msisdn(national)
    assert is_malian(msisdn)
    assert parse_msisdn(local_pairs(msisdn)) == msisdn
    assert parse_msisdn(msisdn) == msisdn


@given(st.text(max_size=60))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    try:
        msisdn = parse_msisdn(text)
    except MsisdnInvalid:
        return
    assert msisdn.startswith("+")
    assert msisdn[1:].isascii()
    assert msisdn[1:].isdigit()
