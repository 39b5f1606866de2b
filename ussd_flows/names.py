"""Names as people write them: a capital where a phone's keys left a small letter, and nothing else changed."""

import re
import unicodedata
from typing import Final

from ussd_flows.gsm7 import shorten, to_gsm7

NAME_SEPTETS_MAX: Final = 40
_MARKS: Final = " '.-"
_LETTERS_MIN: Final = 2
_TYPED_MAX: Final = 80
_APOSTROPHES: Final = str.maketrans(
    dict.fromkeys("\N{RIGHT SINGLE QUOTATION MARK}\N{MODIFIER LETTER APOSTROPHE}`", "'")
)

#: What joins two names; it keeps its small letter unless a name begins with it.
_PARTICLES: Final = frozenset(["de", "du", "des", "d", "dit", "dite", "et", "ou", "épouse", "née", "veuve"])
_WORD: Final = re.compile(r"[^\W\d_]+")


def read_name(typed: str) -> str | None:
    """Read a name as phones can show it: letters, with blanks, apostrophes, points and hyphens among them.

    Returns: None for a text that has other signs in it, too few letters, or more than a name has.
    """
    if len(typed) > _TYPED_MAX:
        return None
    # Letters first become those of phones, and then capitals, of which phones lack some.
    letters = to_gsm7(unicodedata.normalize("NFC", typed).translate(_APOSTROPHES))
    name = " ".join(to_gsm7(capitalised(letters)).split())
    letters_count = sum(character.isalpha() for character in name)
    marks_count = sum(character in _MARKS for character in name)
    if letters_count < _LETTERS_MIN or letters_count + marks_count < len(name):
        return None
    return shorten(name, NAME_SEPTETS_MAX)


def capitalised(typed: str) -> str:
    """Give every word of a name its capital: "aminata traoré" is "Aminata Traoré", "n'diaye" is "N'Diaye".

    Capitals that somebody typed stay: "TRAORE" and "McCarthy" are as people wrote them. A word that begins small and
    goes on in capitals was typed with the wrong key held: "tRAORE" is "Traore".
    """
    first = _WORD.search(typed)
    return _WORD.sub(lambda word: word[0] if _joins(word, first) else _with_capital(word[0]), typed)


def _joins(word: re.Match[str], first: re.Match[str] | None) -> bool:
    """Return whether a word is one that joins names: "de", or the "d" of "d'Almeida"."""
    if first is None or word.start() == first.start() or word[0] not in _PARTICLES:
        return False
    is_before_apostrophe = word.string[word.end() : word.end() + 1] == "'"
    return is_before_apostrophe == (word[0] == "d")


def _with_capital(word: str) -> str:
    if word[0].isupper():
        return word
    rest = word[1:].lower() if word[1:].isupper() and len(word) > _LETTERS_MIN else word[1:]
    return word[0].title() + rest
