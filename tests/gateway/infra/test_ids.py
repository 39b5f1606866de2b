"""A reference that was written with a slip is never another payment's, and people may write it their way."""

import random
import re
from itertools import permutations

import pytest

from gateway.infra.ids import REFERENCE_ALPHABET, REFERENCE_CHARS, RandomIds, checked, read_reference, shown_reference

DICE = random.Random(2018)  # noqa: S311 - a sample, the same at every run
SAMPLE = [checked("9" + "".join(DICE.choices(REFERENCE_ALPHABET, k=REFERENCE_CHARS - 2))) for _ in range(60)]


def test_a_reference_has_eight_characters_and_reads_as_itself() -> None:
    for drawn in (RandomIds().reference() for _ in range(500)):
        assert re.fullmatch("[0-9A-HJKMNP-TV-Z]{8}", drawn)
        assert read_reference(drawn) == drawn
        assert re.search("[2-9]", drawn)


def test_every_wrong_character_is_caught() -> None:
    tried = 0
    for reference in SAMPLE:
        for place in range(REFERENCE_CHARS):
            for other in set(REFERENCE_ALPHABET) - {reference[place]}:
                assert read_reference(reference[:place] + other + reference[place + 1 :]) is None
                tried += 1
    assert tried == len(SAMPLE) * REFERENCE_CHARS * 31


def test_every_exchange_of_neighbours_and_across_one_is_caught() -> None:
    tried = 0
    for reference in SAMPLE:
        for span in (1, 2):
            for place in range(REFERENCE_CHARS - span):
                swapped = list(reference)
                swapped[place], swapped[place + span] = swapped[place + span], swapped[place]
                if swapped[place] != swapped[place + span]:
                    assert read_reference("".join(swapped)) is None
                    tried += 1
    assert tried > len(SAMPLE) * 10


def test_every_pair_of_characters_exchanged_in_every_place_is_caught() -> None:
    caught = 0
    for place in range(REFERENCE_CHARS - 2):
        for left, right in permutations(REFERENCE_ALPHABET, 2):
            body = list("2345678")
            body[place : place + 2] = [left, right]
            check = checked("".join(body))[-1]
            body[place : place + 2] = [right, left]
            assert read_reference("".join(body) + check) is None
            caught += 1
    assert caught == (REFERENCE_CHARS - 2) * 32 * 31


def test_a_doubled_character_written_as_another_double_is_caught() -> None:
    for left, right in permutations(REFERENCE_ALPHABET, 2):
        check = checked(f"9{left}{left}4567")[-1]
        assert read_reference(f"9{right}{right}4567{check}") is None


@pytest.mark.parametrize(
    "written",
    [
        "{}", " {}\u00a0", "{a}-{b}", "{a} {b}", "{a} - {b}", "{lower}", "{look_alike}", "Réf {a}-{b}", "REF: {a}{b}.",
        "RAMU ref {}", "No {a} {b}", "N° {}", "paiement {}",
    ],
)  # fmt: skip
def test_people_write_a_reference_their_way(written: str) -> None:
    reference = checked("71K0M9Q")
    look_alike = reference.replace("0", "O").replace("1", "l")
    text = written.format(reference, a=reference[:4], b=reference[4:], lower=reference.lower(), look_alike=look_alike)
    assert look_alike != reference
    assert read_reference(text) == reference
    assert read_reference(shown_reference(reference)) == reference


@pytest.mark.parametrize(
    "words", ["", "RAMU", "70000001", "1000000018", "cotisation", "\u0661" * 8, "7K3M9QP", "\u017f" * 8, "réf", "-" * 8]
)
def test_what_is_no_reference_is_not_read(words: str) -> None:
    assert read_reference(words) is None


def test_no_word_of_letters_alone_is_ever_a_reference() -> None:
    names = {"".join(DICE.choices("ABCDEFGHIJKLMNOPQRSTVWXYZ", k=REFERENCE_CHARS)) for _ in range(5_000)}
    assert all(read_reference(name) is None for name in names)
    assert len(names) > 4_000
