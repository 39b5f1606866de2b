"""One id stays one id through every dressing, and two ids stay two."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.infra.ids import REFERENCE_ALPHABET, RandomIds, shown_reference
from payments.identity import (
    MAX_TEXT_CHARS,
    IdentityRule,
    cut_together,
    is_cut,
    is_scientific,
    reference,
    storable,
    transaction_id,
    words,
)

CAPITALS = IdentityRule(case_counts=False)
CASE_COUNTS = IdentityRule()

#: How the world writes an id down again; each keeps the letters and digits, and their case.
DRESSES = {
    "blank behind": "{} ",
    "fixed width": "   {}        ",
    "no-break space": "\u00a0{}\u202f",
    "tab in front": "\t{}",
    "line break behind": "{}\r\n",
    "apostrophe": "'{}",
    "typographic apostrophe": "\u2019{}",
    "formula": '="{}"',
    "formula around an apostrophe": '="\'{}"',
    "formula of a formula": '"=""{}"""',
    "equals alone": "={}",
    "quotes": '"{}"',
    "guillemets": "\u00ab\u00a0{}\u00a0\u00bb",
    "byte order mark": "\ufeff{}",
    "zero width": "\u200b{}\u200d",
    "directions": "\u202a{}\u202c",
    "NUL padding": "{}\x00\x00\x00",
    "DEL": "\x7f{}",
    "a mark lost in ASCII": "{}?",
    "a mark lost in Unicode": "\ufffd{}",
    "no-break space encoded twice": "{}\u00c2\u00a0",
    "byte order mark encoded twice": "\u00ef\u00bb\u00bf{}",
}


@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("rule", [CAPITALS, CASE_COUNTS])
@pytest.mark.parametrize("plain", ["MP261125.2247.7FC95DB1", "000123456789", "1234567890123456", "0"])
def test_a_dressed_id_is_the_id(dress: str, rule: IdentityRule, plain: str) -> None:
    assert transaction_id(DRESSES[dress].format(plain), rule) == plain


def test_letter_case_folds_only_where_the_operator_never_uses_it() -> None:
    assert transaction_id("mp261125.7fc9", CAPITALS) == "MP261125.7FC9"
    assert transaction_id("aB3-xY", CASE_COUNTS) == "aB3-xY"
    assert transaction_id("aB3-xY", CASE_COUNTS) != transaction_id("ab3-xy", CASE_COUNTS)
    # Other alphabets fold two letters to one; theirs are left alone.
    assert transaction_id("stra\u00dfe\u0131", CAPITALS) == "STRA\u00dfE\u0131"


@pytest.mark.parametrize(
    ("one", "other"), [("00123", "123"), ("MP1", "MP10"), ("MP1", "MP.1"), ("MP-1", "MP1"), ("0", "00"), ("O1", "01")]
)
def test_two_ids_stay_two(one: str, other: str) -> None:
    assert transaction_id(one, CAPITALS) != transaction_id(other, CAPITALS)


@pytest.mark.parametrize("written", ["", " ", "'", '=""', "\u200b\u00a0", "\x00", "x" * (MAX_TEXT_CHARS + 1)])
def test_nothing_and_too_much_are_no_id(written: str) -> None:
    assert transaction_id(written, CAPITALS) is None


def test_a_normal_form_is_its_own_and_no_dress_hides_an_id() -> None:
    reached: Counter[str] = Counter()

    @settings(max_examples=500, database=None)
    @given(
        st.text("0123456789ABCDEFabcdef.-", min_size=1, max_size=24).filter(lambda one: one.strip(".-") != ""),
        st.lists(st.sampled_from(sorted(DRESSES)), max_size=3),
        st.sampled_from([CAPITALS, CASE_COUNTS]),
    )
    def holds(plain: str, dresses: list[str], rule: IdentityRule) -> None:
        written = plain
        for dress in dresses:
            written = DRESSES[dress].format(written)
            reached[dress] += 1
        normal = transaction_id(written, rule)
        assert normal == transaction_id(plain, rule)
        assert normal is not None
        assert transaction_id(normal, rule) == normal

    holds()
    assert all(reached[dress] >= 5 for dress in DRESSES), reached


@given(st.text(max_size=300))
def test_any_text_has_a_bounded_normal_form_that_is_its_own(written: str) -> None:
    for found in (transaction_id(written, CAPITALS), transaction_id(written, CASE_COUNTS)):
        assert found is None or (0 < len(found) <= MAX_TEXT_CHARS and "\x00" not in found)
    normal, cleaned = transaction_id(written, CAPITALS), words(written)
    assert normal is None or transaction_id(normal, CAPITALS) == normal
    assert cleaned is None or (len(cleaned) <= MAX_TEXT_CHARS and words(cleaned) == cleaned)
    assert "\x00" not in storable(written)
    storable(written).encode()


@pytest.mark.parametrize(
    "written", ["2,55930E+14", "2.5593E+14", "2,5E14", "2E+14", "2E14", "2,5593e+14", "255,93E+12", "1,2E-3"]
)
def test_a_power_of_ten_is_no_identity(written: str) -> None:
    for rule in (CAPITALS, CASE_COUNTS):
        normal = transaction_id(written, rule)
        assert normal is not None
        assert is_scientific(normal)
        assert is_cut(normal)


@pytest.mark.parametrize("written", ["MP1E5", "761F7E12", "12E34567", "E14", "2E", "00E14A", "255930000000000"])
def test_letters_of_an_id_are_no_power_of_ten(written: str) -> None:
    assert not is_cut(transaction_id(written, CAPITALS) or "")


def test_a_whole_number_with_decimals_is_the_number_while_its_digits_are_all_there() -> None:
    assert transaction_id("255930123456789.0", CAPITALS) == "255930123456789"
    assert transaction_id("255930123456789,00", CAPITALS) == "255930123456789"
    assert is_cut(transaction_id("2559301234567890.0", CAPITALS) or "")


@pytest.mark.parametrize(
    ("ids", "cut"),
    [
        (["1234567890123450", "1234567890123460"], True),
        (["1234567890123450", "1234567890123450"], True),
        (["123456789012345000"], True),
        (["1234567890123450"], False),
        (["12345678901234500"], False),
        (["1234567890123450", "1234567890123467"], False),
        (["123456789012345000", "1234567890123467"], False),
        (["1234567890123450", "MP1234567890123467", "123"], False),
        (["123456789012345", "123456789012340"], False),
        ([], False),
    ],
)
def test_ids_that_all_end_in_zeros_from_the_sixteenth_digit_on_were_cut(ids: list[str], cut: bool) -> None:
    assert cut_together(ids) is cut


@pytest.mark.parametrize("dressed", ["{}", " {} ", "'{}", '="{}"', "{}\u00a0"])
def test_a_payment_reference_is_recognised_however_it_was_read_out(dressed: str) -> None:
    made = RandomIds().reference()
    for written in (made, made.lower(), shown_reference(made)):
        assert reference(dressed.format(written)) == made
    assert reference("7k3m 9qpa") == "7K3M9QPA"
    assert reference("7K3M-9QPA-X") == "7K3M9QPAX"


def test_the_alphabet_of_payment_references_is_the_one_they_are_made_of() -> None:
    assert all(reference((one + "1" * 7).lower()) == one + "1" * 7 for one in REFERENCE_ALPHABET)
    assert all(reference(one + "1111111") == one + "1111111" for one in "ilou")


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("RAMU\u00a01000000039", "RAMU 1000000039"),
        ("RAMU\t1000000039", "RAMU 1000000039"),
        ("cotisation\u202f\u202fnovembre", "cotisation novembre"),
        ("coti\u00adsation", "cotisation"),
        ("maman \U0001f469\u200d\U0001f467", "maman \U0001f469\U0001f467"),
        ("merci \U0001f64f", "merci \U0001f64f"),
        ("pour l'\u00e9cole\r\nde Awa", "pour l'\u00e9cole de Awa"),
        ("avec papa", "avec papa"),
        ("pour Kon\u00c3\u00a9", "pour Kon\u00e9"),
        ("'1000000039", "1000000039"),
        ("x" * 300, "x" * MAX_TEXT_CHARS),
        ("\ud800bonjour\x00", "bonjour"),
    ],
)
def test_the_words_of_people_keep_their_words(written: str, kept: str) -> None:
    assert reference(written) == kept


@pytest.mark.parametrize("written", ["####", "#REF!", "#N/A", "#NOM?", "#VALEUR!", "#DIV/0!", "#name?"])
def test_what_a_spreadsheet_shows_in_place_of_an_id_is_no_identity(written: str) -> None:
    assert is_cut(transaction_id(written, CASE_COUNTS) or "")
    assert not is_cut("#MP1")
