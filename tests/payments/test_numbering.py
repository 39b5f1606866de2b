import re
from collections import Counter

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from payments import numbering
from payments.errors import MsisdnInvalid
from payments.msisdn import E164, MALI_NATIONAL, is_malian, local_pairs
from payments.numbering import parse_msisdn

MALIAN = st.from_regex(MALI_NATIONAL, fullmatch=True)


@pytest.mark.parametrize(
    "text",
    ["70 12 34 56", "70123456", "70-12-34-56", "70.12.34.56", "0022370123456", "+22370123456", "22370123456",
     "+223 70 12 34 56", "(+223) 70123456", "00 223 70 12 34 56", "70\u00a012\u00a034\u00a056",
     "\u202a+223\u202f70123456\u202c"],
)  # fmt: skip
def test_every_writing_of_a_malian_number_is_the_same_number(text: str) -> None:
    assert parse_msisdn(text) == "+22370123456"


@pytest.mark.parametrize(
    ("text", "msisdn"),
    [
        ("+33 6 12 34 56 78", "+33612345678"),
        ("+33 (0)6 12 34 56 78", "+33612345678"),
        ("002250701020304", "+2250701020304"),
        ("+12025550123", "+12025550123"),
        ("+221 77 123 45 67", "+221771234567"),
    ],
)
def test_a_foreign_number_is_kept_when_it_names_its_country(text: str, msisdn: str) -> None:
    assert parse_msisdn(text) == msisdn


def test_a_number_of_every_country_is_read_as_the_library_writes_it() -> None:
    too_short = set()
    for region in phonenumbers.SUPPORTED_REGIONS:
        number = phonenumbers.example_number(region)
        assert number is not None
        msisdn = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        international = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
        if E164.fullmatch(msisdn) is None:
            too_short.add(region)
            continue
        for written in (msisdn, "00" + msisdn[1:], international):
            assert parse_msisdn(written) == msisdn
    # Islands whose numbers, with their country, have seven digits: no wallet that could reach us.
    assert too_short <= {"FK", "NU", "SH", "TA", "TK"}


@pytest.mark.parametrize(
    "national", ["20010000", "44123456", "50123456", "54123456", "65123456", "76123456", "89123456", "99123456"]
)
def test_no_range_is_refused_for_belonging_to_some_operator_or_to_none_yet(national: str) -> None:
    assert parse_msisdn(national) == f"+223{national}"


@pytest.mark.parametrize(
    "text",
    ["", " ", "+", "00", "36000", "10123456", "30123456", "7012345", "701234567", "33612345678", "+2237012345",
     "+223701234567", "+22310123456", "22310123456", "+0123456789", "+1234567890123456", "+33 6 12 34 56 7",
     "+999123456789", "+430000000", "+43 00 5551234", "+4212", "\uff17\uff10\uff11\uff12\uff13\uff14\uff15\uff16",
     "\u0667\u0660\u0661\u0662\u0663\u0664\u0665\u0666", "70123456\x00", "70123456\n", "+33612345678;ext=3",
     "70123456a", "+223FLOWERSS", "++22370123456", "+22370123456+", "tel:70123456", "7" * 100],
)  # fmt: skip
def test_what_is_not_a_number_is_refused(text: str) -> None:
    with pytest.raises(MsisdnInvalid):
        parse_msisdn(text)


def test_our_plan_of_mali_is_the_librarys() -> None:
    metadata = phonenumbers.PhoneMetadata.metadata_for_region("ML")
    assert metadata is not None
    assert metadata.general_desc.national_number_pattern.replace(r"\d", "[0-9]") == MALI_NATIONAL.pattern
    assert metadata.national_prefix is None


@given(
    st.sampled_from(("", "223", "00223", "+223")),
    st.one_of(MALIAN, st.from_regex(r"[0-9]{7,9}", fullmatch=True)),
)
@example("", "22312345")
@example("223", "22312345")
@example("", "22322312345"[:8])
def test_the_fast_way_gives_what_the_library_gives(prefix: str, national: str) -> None:
    text = prefix + national
    number = phonenumbers.parse(text, "ML")
    pattern = phonenumbers.PhoneMetadata.metadata_for_region("ML").general_desc.national_number_pattern  # type: ignore[union-attr]
    by_library = (
        phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        if number.country_code == 223
        and phonenumbers.is_possible_number(number)
        and re.fullmatch(pattern, str(number.national_number))
        else None
    )
    try:
        ours = parse_msisdn(text)
    except MsisdnInvalid:
        ours = None
    assert ours == by_library


def test_a_malian_number_never_asks_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Counter[str]()
    monkeypatch.setattr(numbering, "parse", lambda text: asked.update([text]))
    for text in ("+22370123456", "0022370123456", "22370123456", "70123456", "+223 70 12 34 56", "70 12 34 56"):
        assert parse_msisdn(text) == "+22370123456"
    assert not asked


@given(MALIAN)
def test_reading_what_we_show_gives_the_same_number(national: str) -> None:
    msisdn = parse_msisdn(national)
    assert is_malian(msisdn)
    assert parse_msisdn(local_pairs(msisdn)) == msisdn
    assert parse_msisdn(msisdn) == msisdn


@given(
    st.one_of(st.text(max_size=60), st.from_regex(r"(\+|00)?[0-9 ().-]{0,20}[0-9]{6,12}", fullmatch=True)),
)
@example("+430000000")
@example("+33 (0)612345678")
def test_any_text_is_a_number_that_reads_as_itself_or_refused(text: str) -> None:
    try:
        msisdn = parse_msisdn(text)
    except MsisdnInvalid:
        return
    assert E164.fullmatch(msisdn)
    assert parse_msisdn(msisdn) == msisdn
