import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ussd_flows.gsm7 import septets, shorten, to_gsm7

GSM7_LETTERS = "éèùìòÇØøÅåÆæßÉÄÖÑÜäöñüà"


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("Payé", 4), ("à la Saint-Éloi", 15), ("10 €", 5), ("[x]", 5), ("a|b^c{d}e\\f~", 18), ("a\nb", 3)],
)
def test_septets_count_the_extension_table_twice(text: str, count: int) -> None:
    assert septets(text) == count


@pytest.mark.parametrize("character", "çêôîûëïœÀÈÊ«»\u2019…°ɛɔɲŋ😀ж\u00a0\u202f\x00\x1b\r\f")
def test_a_character_outside_the_alphabet_has_no_septets(character: str) -> None:
    assert septets(f"a{character}") is None


def test_letters_of_the_alphabet_stay_as_they_are() -> None:
    assert to_gsm7(GSM7_LETTERS) == GSM7_LETTERS
    assert septets(GSM7_LETTERS) == len(GSM7_LETTERS)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("reçu, même à l\u2019hôpital", "recu, meme à l'hopital"),
        ("Dioïla, Abeïbara", "Dioila, Abeibara"),
        ("5\u202f000\u00a0F", "5 000 F"),
        ("«cœur» … n° 1 \u2013 2", '"coeur" ... no 1 - 2'),
        ("ÀÈÊÇ", "AEEÇ"),
        ("Tɔgɔ sɛbɛn, ɲɛ, ŋ", "Tògò sèbèn, nyè, ng"),
        ("e\u0301te\u0302", "éte"),
        ("a\tb\rc\x00", "a b c "),
        ("a\u200bb\u0338", "ab"),
        ("日😀ж\ud800", "????"),
        ("a[b]€", "a[b]€"),
    ],
)
def test_any_text_is_written_in_declared_ways(text: str, written: str) -> None:
    assert to_gsm7(text) == written


@given(st.text())
def test_whatever_was_typed_can_be_sent_to_a_phone(text: str) -> None:
    written = to_gsm7(text)
    assert septets(written) is not None
    assert to_gsm7(written) == written


@given(st.text(alphabet=st.sampled_from("ab [€-éç'")), st.integers(0, 30))
def test_a_shortened_text_fits_and_is_a_beginning(text: str, room: int) -> None:
    text = to_gsm7(text)
    short = shorten(text, room)
    assert (septets(short) or 0) <= room
    assert text.startswith(short)


@pytest.mark.parametrize(
    ("text", "room", "short"),
    [
        ("Aminata TRAORE", 14, "Aminata TRAORE"),
        ("Aminata TRAORE", 13, "Aminata"),
        ("Aminata TRAORE", 7, "Aminata"),
        ("Aminata - TRAORE", 10, "Aminata"),
        ("Aminata", 3, "Ami"),
        ("a€b", 2, "a"),
    ],
)
def test_a_text_is_cut_after_a_whole_word_where_one_fits(text: str, room: int, short: str) -> None:
    assert shorten(text, room) == short


def test_every_latin_letter_with_an_accent_keeps_its_letter() -> None:
    for code in range(0xC0, 0x17F):
        letter = chr(code)
        plain = unicodedata.normalize("NFD", letter)[0]
        if plain.isascii():
            assert to_gsm7(letter) in {plain, letter}
