"""How many people there are, as it is typed and as it is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ussd_flows.gsm7 import septets
from ussd_flows.people import PEOPLE_MAX, People, read_people, show_people


def test_every_number_of_people_of_a_household_is_read_and_no_other() -> None:
    for count in range(1_000):
        read = read_people(str(count), children_apart=False)
        assert read == (People(count) if 1 <= count <= PEOPLE_MAX else None)


def test_every_pair_of_adults_and_children_is_read_and_no_other() -> None:
    for adults in range(101):
        for children in range(101):
            is_household = adults >= 1 and adults + children <= PEOPLE_MAX
            read = read_people(f"{adults} {children}", children_apart=True)
            assert read == (People(adults + children, children) if is_household else None)


@pytest.mark.parametrize(
    "typed", ["2 3", " 2  3 ", "2,3", "2, 3", "2;3", "2/3", "2+3", "2 et 3", "2 adultes 3 enfants", "2A3E", "02 03"]
)
def test_adults_and_children_are_read_as_people_type_them(typed: str) -> None:
    assert read_people(typed, children_apart=True) == People(5, 3)


@pytest.mark.parametrize(
    "typed", ["", "5", "0 3", "2.3", "-2 3", "2 -3", "2 3 4", "23", "deux trois", "\u0662 \u0663", "60 60", "1" * 99]
)
def test_what_is_no_pair_is_asked_for_again(typed: str) -> None:
    assert read_people(typed, children_apart=True) is None


def test_one_and_many_are_written_as_people_say_them() -> None:
    said = [show_people(People(*people)) for people in ((1, 0), (5, 0), (2, 1), (5, 3), (4, 1))]
    assert said == [
        "1 personne",
        "5 personnes",
        "1 adulte, 1 enfant",
        "2 adultes, 3 enfants",
        "3 adultes, 1 enfant",
    ]


@given(st.text(), st.booleans())
def test_whatever_is_typed_is_people_or_nothing(typed: str, children_apart: bool) -> None:
    people = read_people(typed, children_apart=children_apart)
    if people is not None:
        assert people.adults >= 1
        assert 0 <= people.children <= people.total <= PEOPLE_MAX
        assert septets(show_people(people)) is not None
