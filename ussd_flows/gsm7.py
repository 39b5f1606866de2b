"""The alphabet of basic phones: what a text costs on the wire, and how to write any text in it."""

import unicodedata
from collections.abc import Mapping
from typing import Final

# Source: 3GPP TS 23.038, default alphabet. ESC and CR stand in the table but are no characters of a text.
_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)

# Source: 3GPP TS 23.038, extension table; each one travels behind an ESC. The form feed is no character of a text.
_EXTENSION: Final = frozenset("^{}\\[~]|€")

# Our own choices, made once: a reader must recognise the word, whatever the phone can draw.
_SUBSTITUTES: Final[Mapping[str, str]] = {
    "œ": "oe",
    "Œ": "OE",
    "ɛ": "è",
    "Ɛ": "E",
    "ɔ": "ò",
    "Ɔ": "O",
    "ɲ": "ny",
    "Ɲ": "Ny",
    "ŋ": "ng",
    "Ŋ": "Ng",
    "\N{LEFT SINGLE QUOTATION MARK}": "'",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "“": '"',
    "”": '"',
    "«": '"',
    "»": '"',
    "\N{NON-BREAKING HYPHEN}": "-",
    "\N{EN DASH}": "-",
    "—": "-",
    "…": "...",
    "°": "o",
}


def septets(text: str) -> int | None:
    """Count the septets that a text takes on the wire.

    Units:   one for a character of the default alphabet, two for one of the extension table.
    Returns: None when the text holds a character that no septet can carry.
    Source:  3GPP TS 23.038, sections 6.1.1, 6.2.1 and 6.2.1.1.
    """
    characters = set(text)
    if characters <= _BASIC:
        return len(text)
    if not characters <= _BASIC | _EXTENSION:
        return None
    return len(text) + sum(text.count(character) for character in _EXTENSION)


def to_gsm7(text: str) -> str:
    """Write any text with characters that every phone can draw.

    Returns: accents that the alphabet lacks are dropped, controls become spaces, unknown signs become "?".
    Source:  3GPP TS 23.038, section 6.2.1; the substitutes are our own.
    """
    if set(text) <= _BASIC:
        return text
    return "".join(map(_nearest, unicodedata.normalize("NFC", text)))


def _nearest(character: str) -> str:
    if character in _BASIC or character in _EXTENSION:
        return character
    if character in _SUBSTITUTES:
        return _SUBSTITUTES[character]
    category = unicodedata.category(character)
    if category in {"Cc", "Zs", "Zl", "Zp"}:
        return " "
    if category in {"Mn", "Cf"}:
        return ""
    letter = unicodedata.normalize("NFD", character)[0]
    return letter if letter in _BASIC else "?"


def shorten(text: str, septets_max: int) -> str:
    """Cut a text that phones can draw so that it fits, after a whole word where one fits.

    Units: septets_max in septets.
    """
    if _cost(text) <= septets_max:
        return text
    kept = ""
    for character in text:
        if _cost(kept + character) > septets_max:
            break
        kept += character
    whole_words, _, _ = kept.rpartition(" ")
    cut_at_a_word = text[len(kept)] == " "
    return (kept if cut_at_a_word or not whole_words else whole_words).rstrip(" -'.,")


def _cost(text: str) -> int:
    return len(text) + sum(character in _EXTENSION for character in text)
