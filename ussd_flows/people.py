"""The people of a household as they are typed and shown: one number, or adults and then children."""

import re
from dataclasses import dataclass
from typing import Final

from ussd_flows.texts import message

PEOPLE_MAX: Final = 99
#: More people than these are asked for once more: they cost much, and one digit too many is soon typed.
SURE_MAX: Final = 20
_LONGEST_TYPED: Final = 40
_ONE: Final = re.compile(r"([0-9]{1,2})", re.ASCII)
#: "2 3", "2,3", "2 adultes et 3 enfants"; a point or a sign might mean anything, so neither is read.
_TWO: Final = re.compile(r"([0-9]{1,2})[a-z ,;/+&]+([0-9]{1,2})[a-z ]*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class People:
    """Everybody in a household, and how many of them are children."""

    total: int
    children: int = 0

    @property
    def adults(self) -> int:
        """Return how many are no children."""
        return self.total - self.children


def read_people(typed: str, *, children_apart: bool) -> People | None:
    """Read how many people somebody typed; None where it is no number, nobody, or more than a household has.

    Where children are counted apart, adults come first, of whom there is one at least.
    """
    read = (_TWO if children_apart else _ONE).fullmatch(typed[:_LONGEST_TYPED].strip(" "))
    if read is None:
        return None
    first, children = int(read[1]), int(read[2]) if children_apart else 0
    people = People(first + children, children)
    return people if first >= 1 and people.total <= PEOPLE_MAX else None


def show_people(people: People) -> str:
    """Write the people of a household: "5 personnes", "2 adultes, 3 enfants"."""
    if not people.children:
        return _counted(people.total, "person", "persons")
    return f"{_counted(people.adults, 'adult', 'adults')}, {_counted(people.children, 'child', 'children')}"


def _counted(count: int, one: str, many: str) -> str:
    return message(f"people.{one}") if count == 1 else message(f"people.{many}", count=str(count))
