"""Whom a payer means, in every way of writing it that people have been seen to use."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.members.number import ramu_number
from gateway.members.words import WORDS_MAX, Meaning, meaning, numbers_in

OURS, OTHERS = ramu_number(100_000_001), ramu_number(100_000_002)
EXISTING = {OURS, OTHERS}
SOMEBODY, NOBODY = Meaning(somebody=True), Meaning()
GROUPED = "1000 000 018"


def test_the_numbers_of_this_file_are_what_people_write_below() -> None:
    assert (OURS, OTHERS) == ("1000000018", "1000000026")


@pytest.mark.parametrize(
    "words",
    [
        OURS, GROUPED, "10 00 00 00 18", "1 000 000 018", "1000  000\t018", "1000\u00a0000\u202f018", f" {OURS}\n",
        f"RAMU {OURS}", f"ramu {OURS}", f"ramu{OURS}", f"RAMU-{OURS}", f"RAMU:{OURS}", f"No {OURS}", f"no{OURS}",
        f"No. {OURS}", f"N {OURS}", f"N° {GROUPED}", f"N°{OURS}", f"Nº {OURS}", f"№ {OURS}", f"#{OURS}", f"({OURS})",
        f"{OURS}.", f"{OURS}!", f"{OURS} cotisation", f"cotisation {OURS}", f"{OURS}cotisation", f"{OURS}ok",
        f"Oumar Sidibe {OURS}", f"No {OURS} novembre", f"{OURS} novembre 2026", f"{OURS} 2026", f"{GROUPED} 2026",
        f"{OURS} 3 mois", f"3 {OURS}", f"{OURS} 1", f"{OURS} {OURS}", f"{OURS}/{OURS}", f"{OURS};{GROUPED}",
        f"{OURS} ramu {OURS}", f"{OURS}-11", f"11/2026-{OURS}", "1000-000-018", "1000.000.018", "1000-000018",
        f"{OURS} ou 70 00 00 01", f"12/11/2026 {OURS}",
        "\u0661\u0660\u0660\u0660\u0660\u0660\u0660\u0660\u0661\u0668",
        "\uff11\uff10\uff10\uff10\uff10\uff10\uff10\uff10\uff11\uff18",
        f"\u2066{OURS}\u2069", "1000\u00ad000018", f"numero{OURS}", f"Bamako {OURS}", f"o {OURS}",
        f"{OURS} 12345678901234",
    ],
)  # fmt: skip
def test_exactly_one_existing_number_names_the_household(words: str) -> None:
    assert meaning(words, EXISTING) == Meaning(OURS)
    assert OURS in numbers_in(words)


@pytest.mark.parametrize(
    "words",
    [
        OURS[:-1], f"0{OURS}", f"{OURS}8", OURS.replace("8", "7"), "1000 000 017", "1000 000 017 2026",
        f"RAMU {OURS[:-1]}",
        f"{OURS} {OTHERS}", f"{OURS}, {OTHERS}", f"{OURS} {OTHERS[:-1]}", f"{OURS} 1000000017", f"{OURS}/1000000017",
        "1OOOOOOO18", "1ooooooo18", "1OOO OOO O18", "#1OOOOOOO18.", "RAMU 1O00000018", f"{OURS} 1OOOOOOO18",
        ramu_number(572), ramu_number(999), "OOOOOO5724", f"{OURS}O", f"O{OURS}",
        "+22370000001", "22370000001", "223 70 00 00 01", f"22370000001 {OURS}", f"{OURS} pour 223 70 00 00 01",
    ],
)  # fmt: skip
def test_digits_that_are_not_exactly_one_number_of_ours_mean_somebody(words: str) -> None:
    assert meaning(words, EXISTING) == SOMEBODY


@pytest.mark.parametrize(
    "words",
    [
        "", " ", "cotisation", "Oumar Sidibe", "novembre 2026", "12/11/2026", "12-11-2026", "12 11 2026", "70 00 00 01",
        "70000001", "1500 F", "12345678901234", f"{OURS}{OURS}", "OOOOOOOOOO", "O O O O O O O O O O", "No",
        "mois 11, 12, 1, 2", "MP261125.2247.7FC95DB1", "2026-11-23-10",
        "MP261125.2247", "\U0001f469\u200d\U0001f467", "½½½½½½½½½½",
    ],
)  # fmt: skip
def test_words_without_such_digits_say_nothing(words: str) -> None:
    assert meaning(words, EXISTING) == NOBODY


@pytest.mark.parametrize("place", range(10))
def test_one_wrong_digit_means_somebody_and_never_another_household(place: int) -> None:
    for digit in set("0123456789") - {OURS[place]}:
        wrong = OURS[:place] + digit + OURS[place + 1 :]
        assert meaning(f"RAMU {wrong}", EXISTING) == SOMEBODY


def test_however_a_number_is_grouped_and_dressed_it_is_found_and_nothing_else_is() -> None:
    reached: Counter[str] = Counter()
    gaps = st.sampled_from(["", "", " ", "  ", "\u00a0"])
    before = st.sampled_from(["", "RAMU ", "ramu", "No ", "N°", "#", "Awa Diarra ", "cotisation:", "mois 11, ", "2 "])
    behind = st.sampled_from(["", ".", " novembre", " 2026", "ok", "merci", " ok", " F", " merci", " 3 mois"])

    @given(st.lists(gaps, min_size=9, max_size=9), before, behind, st.integers(100_000_001, 899_999_999), st.booleans())
    @settings(max_examples=800)
    def dressed(gap: list[str], first: str, last: str, serial: int, letter_o: bool) -> None:
        number = ramu_number(serial)
        written = number.replace("0", "O") if letter_o else number
        words = first + "".join(char + blank for char, blank in zip(written, [*gap, ""], strict=True)) + last
        known = {number}
        found = meaning(words, known)
        assert found.number in {number, None}
        assert meaning(words, set()).number is None
        # A letter O is a slip: the payer meant somebody, and people look whom.
        assert found == (Meaning(number) if written == number else SOMEBODY), words
        reached["found"] += found.number == number
        reached["with O"] += written != number

    dressed()
    assert reached["found"] >= 500, reached
    assert reached["with O"] >= 100, reached


@pytest.mark.parametrize(
    "words", ["47831995OOok", "4783199 5OOok", "4783199 OOOok", "478319OOOOmerci", "4783199OOO ok"]
)
def test_zeros_written_as_letters_before_a_word_are_still_of_somebodys_number(words: str) -> None:
    assert meaning(words, set()) == SOMEBODY


def test_no_words_ever_stop_the_reading() -> None:
    dice = random.Random(7)  # noqa: S311 - a sample

    @given(st.text(max_size=3 * WORDS_MAX))
    def read(words: str) -> None:
        assert meaning(words, EXISTING).number in {None, *EXISTING}

    read()
    for _ in range(200):
        words = "".join(dice.choices("0123456789O -./", k=WORDS_MAX))
        assert meaning(words, EXISTING).number in {None, *EXISTING}
