"""Finding a cercle by the first letters of any name people give it, or by what lies in it.

What was typed is tried as it stands, then without the words that name nothing ("ville", "commune de"), then word by
word: "kalaban coura aci" is where Kalaban Coura is.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from ussd_flows.gsm7 import to_gsm7

_NOT_IN_KEYS: Final = re.compile(r"[^a-z0-9]+")
_LONGEST_TYPED: Final = 80
_BETWEEN_WORDS: Final = re.compile(r"[\s,;:/()*'-]+")
#: Fewer letters begin too many names of towns and quarters.
_LOCALITY_BEGINS_WITH: Final = 3
#: Shorter ones stand in too many other names: "Koro", "San", "Ber".
_PART_LETTERS_MIN: Final = 5


class PlaceSource(Protocol):
    """What a source of places must say about each of them."""

    @property
    def code(self) -> str:
        """Return the code that is stored with the household."""

    @property
    def name_gsm7(self) -> str:
        """Return the name as phones show it."""

    @property
    def region(self) -> str:
        """Return the name of the region it lies in."""

    @property
    def aliases(self) -> Sequence[str]:
        """Return its other spellings."""

    @property
    def old_region(self) -> str | None:
        """Return the name of the region it lay in before the last reform."""

    @property
    def localities(self) -> Sequence[str]:
        """Return the names of what lies in it: towns, communes, quarters."""


@dataclass(frozen=True, slots=True)
class Place:
    """A cercle, or the district of Bamako, as phones show it."""

    code: str
    name: str
    region: str


@dataclass(frozen=True, slots=True)
class _Entry:
    place: Place
    name_key: str
    alias_keys: tuple[str, ...]
    region_keys: tuple[str, ...]
    locality_keys: tuple[str, ...]

    def own_keys(self) -> tuple[str, ...]:
        """Return every key that is this place's alone, not its region's."""
        return (self.name_key, *self.alias_keys, *self.locality_keys)


@dataclass(frozen=True, slots=True)
class Places:
    """All places a caller can name, ready to be searched: in order, and by each name that is wholly theirs."""

    entries: tuple[_Entry, ...]
    by_key: Mapping[str, tuple[Place, ...]] = field(default_factory=dict)
    fillers: frozenset[str] = frozenset()


def places_from(rows: Iterable[PlaceSource], fillers: Iterable[str] = ()) -> Places:
    """Prepare places for searching, in the order of their names, and the words beside them that name nothing."""
    entries = [
        _Entry(
            place=Place(row.code, to_gsm7(row.name_gsm7), to_gsm7(row.region)),
            name_key=search_key(row.name_gsm7),
            alias_keys=tuple(map(search_key, row.aliases)),
            region_keys=tuple(search_key(region) for region in (row.region, row.old_region) if region),
            locality_keys=tuple(map(search_key, row.localities)),
        )
        for row in rows
    ]
    entries.sort(key=lambda entry: (entry.name_key, entry.place.code))
    by_key: dict[str, tuple[Place, ...]] = {}
    for entry in entries:
        for key in dict.fromkeys(entry.own_keys()):
            by_key[key] = (*by_key.get(key, ()), entry.place)
    return Places(tuple(entries), by_key, frozenset(map(search_key, fillers)))


def search(places: Places, typed: str) -> tuple[Place, ...]:
    """Find the places whose name, other spelling, region or locality begins with what was typed.

    Returns: exactly that name first, then exactly that spelling or locality, then what begins so: names, spellings,
             regions, present or former, localities. Where nothing begins so: the same without the words that name
             nothing, then what its longest part names whole; nothing for a text without a single letter or digit.
    """
    whole = search_key(typed)
    if not whole:
        return ()
    words = [key for word in _BETWEEN_WORDS.split(typed[:_LONGEST_TYPED]) if (key := search_key(word))]
    telling = [word for word in words if word not in places.fillers]
    return _beginning(places, whole) or _beginning(places, "".join(telling)) or _named(places, telling)


def place_of(places: Places, code: str) -> Place | None:
    """Find the place of a code that was stored earlier."""
    return next((entry.place for entry in places.entries if entry.place.code == code), None)


def regions(places: Places) -> tuple[str, ...]:
    """Return the names of the regions, in the order of their letters."""
    return tuple(sorted({entry.place.region for entry in places.entries}, key=search_key))


def places_in(places: Places, region: str) -> tuple[Place, ...]:
    """Return the places of a region, in the order of their names."""
    return tuple(entry.place for entry in places.entries if entry.place.region == region)


def search_key(text: str) -> str:
    """Reduce a name to its letters and digits, without accents, so that spellings meet."""
    spelled = to_gsm7(text[:_LONGEST_TYPED]).casefold()
    return _NOT_IN_KEYS.sub("", unicodedata.normalize("NFD", spelled))


def _beginning(places: Places, key: str) -> tuple[Place, ...]:
    if not key:
        return ()
    ranked = [(rank, entry.place) for entry in places.entries if (rank := _rank(entry, key)) is not None]
    return tuple(place for _, place in sorted(ranked, key=lambda found: found[0]))


def _named(places: Places, words: Sequence[str]) -> tuple[Place, ...]:
    """Return the places that the longest part of the words names whole; all of them where several are as long."""
    for length in range(len(words) - 1, 0, -1):
        parts = ("".join(words[start : start + length]) for start in range(len(words) - length + 1))
        long_enough = (part for part in parts if len(part) >= _PART_LETTERS_MIN)
        if found := tuple(dict.fromkeys(place for part in long_enough for place in places.by_key.get(part, ()))):
            return found
    return ()


def _rank(entry: _Entry, key: str) -> int | None:
    return next((rank for rank, holds in enumerate(_ways(entry, key)) if holds), None)


def _ways(entry: _Entry, key: str) -> Iterator[bool]:
    """Yield whether a key finds a place, by one way after the other, the surest first."""
    yield key == entry.name_key
    yield key in entry.alias_keys or key in entry.locality_keys
    yield _begins((entry.name_key,), key)
    yield _begins(entry.alias_keys, key)
    yield _begins(entry.region_keys, key)
    yield len(key) >= _LOCALITY_BEGINS_WITH and _begins(entry.locality_keys, key)


def _begins(keys: Iterable[str], key: str) -> bool:
    return any(other.startswith(key) for other in keys)
