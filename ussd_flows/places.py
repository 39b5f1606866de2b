"""Finding a cercle by the first letters of any name people give it."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ussd_flows.gsm7 import to_gsm7

_NOT_IN_KEYS: Final = re.compile(r"[^a-z0-9]+")
_LONGEST_TYPED: Final = 80


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


@dataclass(frozen=True, slots=True)
class Places:
    """All places a caller can name, ready to be searched."""

    entries: tuple[_Entry, ...]


def places_from(rows: Iterable[PlaceSource]) -> Places:
    """Prepare places for searching, in the order of their names."""
    entries = [
        _Entry(
            place=Place(row.code, to_gsm7(row.name_gsm7), to_gsm7(row.region)),
            name_key=_key(row.name_gsm7),
            alias_keys=tuple(map(_key, row.aliases)),
            region_keys=tuple(_key(region) for region in (row.region, row.old_region) if region),
        )
        for row in rows
    ]
    return Places(tuple(sorted(entries, key=lambda entry: (entry.name_key, entry.place.code))))


def search(places: Places, typed: str) -> tuple[Place, ...]:
    """Find the places whose name, other spelling or region, present or former, begins with what was typed.

    Returns: exactly that name first, then exactly that spelling, then what begins so: names, spellings, regions;
             nothing for a text without a single letter or digit.
    """
    key = _key(typed)
    if not key:
        return ()
    ranked = [(rank, entry.place) for entry in places.entries if (rank := _rank(entry, key)) is not None]
    return tuple(place for _, place in sorted(ranked, key=lambda found: found[0]))


def place_of(places: Places, code: str) -> Place | None:
    """Find the place of a code that was stored earlier."""
    return next((entry.place for entry in places.entries if entry.place.code == code), None)


def _rank(entry: _Entry, key: str) -> int | None:
    exact = (key == entry.name_key, key in entry.alias_keys)
    begun = (_begins((entry.name_key,), key), _begins(entry.alias_keys, key), _begins(entry.region_keys, key))
    return next((rank for rank, holds in enumerate((*exact, *begun)) if holds), None)


def _begins(keys: Iterable[str], key: str) -> bool:
    return any(other.startswith(key) for other in keys)


def _key(text: str) -> str:
    """Reduce a name to its letters and digits, without accents, so that spellings meet."""
    spelled = to_gsm7(text[:_LONGEST_TYPED]).casefold()
    return _NOT_IN_KEYS.sub("", unicodedata.normalize("NFD", spelled))
