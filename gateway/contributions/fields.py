"""A strict reader of nested data that notes every fault with the path of its field instead of stopping at the first."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import TypeVar, cast

Chosen = TypeVar("Chosen", bound=StrEnum)
Blank = TypeVar("Blank")

#: 29 February is refused, so that a day of the year exists in every year.
COMMON_YEAR = 2001
ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MONTH_AND_DAY = re.compile(r"[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class MonthDay:
    """A day that comes back every year, never 29 February."""

    month: int
    day: int

    def in_year(self, year: int) -> date:
        """Give the date of this day in a year."""
        return date(year, self.month, self.day)


@dataclass(slots=True)
class Fields:
    """One object of the data; after a fault it answers a blank of the right type and reading goes on."""

    values: Mapping[str, object]
    path: str
    faults: list[str]
    taken: set[str] = field(default_factory=set)

    def has(self, key: str) -> bool:
        """Say whether a field is present and not null."""
        self.taken.add(key)
        return self.values.get(key) is not None

    def text(self, key: str, *, chars_max: int, chars_min: int = 1) -> str:
        """Read a text of bounded length."""
        value = self._value(key)
        if not isinstance(value, str):
            return self._fault(key, "must be a text", "")
        if not chars_min <= len(value.strip()) <= chars_max:
            return self._fault(key, f"must have {chars_min} to {chars_max} characters", "")
        return value.strip()

    def whole(self, key: str, minimum: int, maximum: int) -> int:
        """Read a whole number between two bounds; true and 1.0 are not numbers here."""
        value = self._value(key)
        if not isinstance(value, int) or isinstance(value, bool):
            return self._fault(key, "must be a whole number", 0)
        if not minimum <= value <= maximum:
            return self._fault(key, f"must lie between {minimum} and {maximum}", 0)
        return value

    def flag(self, key: str) -> bool:
        """Read true or false."""
        value = self._value(key)
        return value if isinstance(value, bool) else self._fault(key, "must be true or false", False)

    def day(self, key: str) -> date:
        """Read a date written YYYY-MM-DD."""
        value = self._value(key)
        if isinstance(value, str) and ISO_DAY.fullmatch(value):
            try:
                return date.fromisoformat(value)
            except ValueError:
                return self._fault(key, "is not a day of the calendar", date.min)
        return self._fault(key, "must be a date YYYY-MM-DD", date.min)

    def month_day(self, key: str) -> MonthDay:
        """Read a day of the year written MM-DD."""
        value = self._value(key)
        if isinstance(value, str) and MONTH_AND_DAY.fullmatch(value):
            try:
                found = date.fromisoformat(f"{COMMON_YEAR}-{value}")
            except ValueError:
                return self._fault(key, "is not a day of every year", MonthDay(1, 1))
            return MonthDay(found.month, found.day)
        return self._fault(key, "must be a day MM-DD", MonthDay(1, 1))

    def choice(self, key: str, kinds: type[Chosen]) -> Chosen:
        """Read one of the words of an enumeration."""
        value = self._value(key)
        for kind in kinds:
            if kind.value == value:
                return kind
        return self._fault(key, f"must be one of {', '.join(kinds)}", next(iter(kinds)))

    def words(self, key: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
        """Read a list of different words out of those allowed, at least one."""
        value = self._value(key)
        if not isinstance(value, list) or not value or any(word not in allowed for word in value):
            return self._fault(key, f"must list at least one of {', '.join(allowed)}", ())
        if len(set(value)) != len(value):
            return self._fault(key, "must not repeat a word", ())
        return tuple(value)

    def group(self, key: str) -> "Fields":
        """Enter an object inside this one."""
        value = self._value(key)
        if not isinstance(value, Mapping):
            self._fault(key, "must be an object", None)
            return Fields(cast("Mapping[str, object]", {}), self._at(key), [])
        return Fields(value, self._at(key), self.faults)

    def each(self, key: str) -> list["Fields"]:
        """Enter every object of a list, which must not be empty."""
        value = self._value(key)
        if not isinstance(value, list) or not value or any(not isinstance(entry, Mapping) for entry in value):
            return self._fault(key, "must be a list of objects, at least one", [])
        return [Fields(entry, f"{self._at(key)}[{index}]", self.faults) for index, entry in enumerate(value)]

    def expect(self, condition: bool, key: str, why: str) -> None:
        """Note a fault of a field when a condition between fields does not hold."""
        if not condition:
            self.faults.append(f"{self._at(key)}: {why}")

    def nothing_else(self) -> None:
        """Note a fault for every field that nobody asked for: a misspelt rule must not be ignored."""
        self.faults.extend(f"{self._at(key)}: unknown field" for key in self.values if key not in self.taken)

    def _value(self, key: str) -> object:
        self.taken.add(key)
        return self.values.get(key)

    def _at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def _fault(self, key: str, why: str, blank: Blank) -> Blank:
        self.faults.append(f"{self._at(key)}: {'is missing' if key not in self.values else why}")
        return blank
