"""Which places people may have meant by a spelling that no name begins with: by edit distance, the nearest first."""

from functools import cache
from typing import Final

from rapidfuzz.distance import OSA

from gateway.members.places import rows
from ussd_flows.places import search_key

#: Out of a hundred letters so many must stand; below that people recognise nothing.
LIKENESS_MIN: Final = 0.7
#: Shorter texts are near to everything.
LETTERS_MIN: Final = 3
PLACES_MAX: Final = 5


def near_places(typed: str) -> tuple[str, ...]:
    """Return the codes of the few places whose names, spellings or localities are most like what was typed.

    Whoever stops in the middle of a name is compared with as much of it: "koulikr" is near to Koulikoro.
    """
    key = search_key(typed)
    if len(key) < LETTERS_MIN:
        return ()
    likest: dict[str, float] = {}
    for name, code in _names():
        likest[code] = max(likest.get(code, 0), _likeness(key, name))
    found = sorted((-likeness, code) for code, likeness in likest.items() if likeness >= LIKENESS_MIN)
    return tuple(code for _, code in found[:PLACES_MAX])


def _likeness(key: str, name: str) -> float:
    return max(OSA.normalized_similarity(key, part) for part in {name, name[: len(key)]})


@cache
def _names() -> tuple[tuple[str, str], ...]:
    return tuple(
        (search_key(name), row.code) for row in rows() for name in (row.name_gsm7, *row.aliases, *row.localities)
    )
