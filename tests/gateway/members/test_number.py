import random
from itertools import pairwise, product

import pytest

from gateway.members.number import SERIAL_MAX, parse, ramu_number, valid

SAMPLE = (1, 42, 9_090, 120_121, 123_456_789, 909_090_909, SERIAL_MAX)


def test_a_number_has_ten_digits_and_its_serial_in_front() -> None:
    assert ramu_number(572) == "0000005724"
    for serial in SAMPLE:
        number = ramu_number(serial)
        assert (len(number), int(number[:-1])) == (10, serial)
        assert valid(number)


@pytest.mark.parametrize("serial", [0, -1, SERIAL_MAX + 1])
def test_a_serial_outside_nine_digits_has_no_number(serial: int) -> None:
    with pytest.raises(ValueError, match="no RAMU number"):
        ramu_number(serial)


def test_every_wrong_digit_is_caught() -> None:
    tried = 0
    for number in numbers():
        for place, digit in product(range(10), "0123456789"):
            if number[place] != digit:
                assert not valid(number[:place] + digit + number[place + 1 :])
                tried += 1
    assert tried == len(numbers()) * 90


def test_every_swap_of_two_neighbours_is_caught() -> None:
    tried = 0
    for number in numbers():
        for place, (left, right) in enumerate(pairwise(number)):
            if left != right:
                assert not valid(number[:place] + right + left + number[place + 2 :])
                tried += 1
    assert tried > len(numbers()) * 7


def test_every_pair_of_neighbours_is_caught_in_every_place() -> None:
    caught = 0
    for place, left, right in product(range(7), range(10), range(10)):
        if left == right:
            continue
        for before in range(10):
            digits = [1] * 9
            digits[place : place + 3] = [before, left, right]
            swapped = digits.copy()
            swapped[place + 1 : place + 3] = [right, left]
            check = ramu_number(int("".join(map(str, digits))))[-1]
            assert not valid("".join(map(str, swapped)) + check)
            caught += 1
    assert caught == 7 * 90 * 10


def test_one_random_number_in_ten_passes_and_no_more() -> None:
    dice = random.Random(20_261_122)  # noqa: S311 - a sample, the same at every run
    passed = sum(valid(f"{dice.randrange(10**10):010d}") for _ in range(20_000))
    assert 1_800 < passed < 2_200


@pytest.mark.parametrize("typed", ["0000005724", "0000 005 724", " 00 00 00 57 24 "])
def test_spaces_do_not_matter(typed: str) -> None:
    assert parse(typed) == "0000005724"


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "0000005725",
        "000000572",
        "00000057240",
        "0000000000",
        "000000572a",
        "-000005724",
        "0000005724\n",
        "\uff10\uff10\uff10\uff10\uff10\uff10\uff15\uff17\uff12\uff14",
        "\u0660" * 6 + "5724",
    ],
)
def test_what_is_not_a_number_is_not_read(typed: str) -> None:
    assert parse(typed) is None


def numbers() -> list[str]:
    dice = random.Random(2018_074)  # noqa: S311 - the same
    return [ramu_number(serial) for serial in (*SAMPLE, *(dice.randint(1, SERIAL_MAX) for _ in range(300)))]
