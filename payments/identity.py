"""One normal form for the ids and references of an operator, whoever wrote them down and whatever saved them again.

Two writings of one id are one operation; a normal form that is too generous makes two operations one. So the form
takes away only what no operator prints, and what an operator does tell apart stands in its rule.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

#: A text longer than this is no id and no reference of anybody; the raw evidence keeps it whole.
MAX_TEXT_CHARS: Final = 256

#: Digits that a spreadsheet keeps of a number; every later one becomes a zero.
#: Source: IEEE 754 binary64 as spreadsheets show it: fifteen significant decimal digits.
SPREADSHEET_DIGITS: Final = 15

#: Zeros beyond the fifteenth digit that one id alone does not have by chance.
TELLING_ZEROS: Final = 3

# The marks by which a spreadsheet says "this is text": an apostrophe, whatever a keyboard made of it, or ="...".
_TEXT_MARKS: Final = "'\u2018\u2019\u02bc\u00b4`"
_QUOTES: Final = '"\u201c\u201d\u201e\u00ab\u00bb'
_NO_QUOTES: Final = str.maketrans("", "", _QUOTES)
_FORMULA = re.compile(rf"=\s*[{_QUOTES}](.*)[{_QUOTES}]", re.DOTALL)
# Hyphens of other lengths come from word processors, full-width letters from telephones.
_SAME_LETTERS: Final = str.maketrans(
    {
        **dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2212), "-"),
        **{code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
    }
)
# Letters by their category, empty to the eye: Hangul filler, braille blank.
_FILLERS: Final = "\u3164\u2800"
# Only the letters of ASCII: other alphabets fold one letter to two, or two to one.
_UPPER: Final = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")

_SCIENTIFIC = re.compile(r"[0-9]{1,3}(?:[.,][0-9]+)?E[+-][0-9]{1,3}|[0-9]{1,3}[.,][0-9]+E[0-9]{1,3}|[0-9]E[0-9]{1,3}")
_WHOLE_NUMBER = re.compile(r"([0-9]+)[.,]0{1,2}")
_LONG_NUMBER = re.compile(rf"[0-9]{{{SPREADSHEET_DIGITS + 1},}}")
# Ours are eight signs and perhaps a check character, read out in groups of four.
# Source: D. Crockford, "Base 32": no I, L, O and U, and letter case means nothing.
_OURS = re.compile(r"([0-9A-HJKMNP-TV-Z]{4})[ -]?([0-9A-HJKMNP-TV-Z]{4})[ -]?([0-9A-HJKMNP-TV-Z]?)")


@dataclass(frozen=True, slots=True)
class IdentityRule:
    """How one operator tells two ids apart.

    ``case_counts`` is false only where the operator never uses letter case to tell two ids apart.
    """

    case_counts: bool = True


def transaction_id(written: str, rule: IdentityRule) -> str | None:
    """Give the normal form of an operator's id: leading zeros stay, whatever no operator prints goes.

    Returns: None when nothing is left, or more than any id has; the same again for what it gave.
    Source:  marks that spreadsheets, word processors and fixed-width exports put round an id, seen in public reports.
    """
    bare = _solid(written).translate(_SAME_LETTERS).translate(_NO_QUOTES).lstrip(_TEXT_MARKS + "=").rstrip(_TEXT_MARKS)
    number = _WHOLE_NUMBER.fullmatch(bare)
    if number is not None and len(number[1]) <= SPREADSHEET_DIGITS:
        bare = number[1]
    if not rule.case_counts:
        bare = bare.translate(_UPPER)
    return bare if 0 < len(bare) <= MAX_TEXT_CHARS else None


def reference(written: str) -> str | None:
    """Give the normal form of what was written for us: a payment reference as we made it, else people's own words.

    Returns: None when nothing is left; words keep their letters and their order, with single blanks between them.
    Source:  see _OURS.
    """
    cleaned = words(written)
    if cleaned is None:
        return None
    upper = cleaned.translate(_SAME_LETTERS).translate(_UPPER)
    ours = _OURS.fullmatch(upper)
    # Two words of four letters are words; a reference that was read out in groups mostly has a digit.
    if ours is None or (" " in upper and not any(one.isdigit() for one in upper)):
        return cleaned
    return "".join(ours.groups())


def words(written: str) -> str | None:
    """Clean people's words: no marks, single blanks, at most MAX_TEXT_CHARS; None when nothing is left."""
    if not _is_plain(written):
        spaced = "".join(" " if one.isspace() else one for one in written if one.isspace() or not _is_mark(one))
    else:
        spaced = written
    bare = " ".join(spaced.split()).strip(_TEXT_MARKS + " ")
    # A text grows shorter with each wrapping that is taken off.
    while (formula := _FORMULA.fullmatch(bare)) is not None:
        bare = formula[1].strip(_TEXT_MARKS + " ")
    return bare[:MAX_TEXT_CHARS].rstrip(_TEXT_MARKS + " ") or None


def without_marks(written: str) -> str:
    """Take every blank, every mark that nobody sees and the wrapping of a spreadsheet out of a number or a date."""
    return _solid(written).translate(_NO_QUOTES).lstrip(_TEXT_MARKS + "=").rstrip(_TEXT_MARKS)


def storable(written: str) -> str:
    """Give a raw text that a database can hold: NUL and halves of letters become U+FFFD, an endless one is cut."""
    held = "".join("\ufffd" if one == "\x00" or "\ud800" <= one <= "\udfff" else one for one in written)
    return held[:MAX_TEXT_CHARS]


def is_scientific(normal_id: str) -> bool:
    """Say whether a spreadsheet has written this id as a power of ten, so that its last digits are lost.

    Source:  "2,5593E+14" is how spreadsheets show a number of twelve digits or more in a narrow column.
    """
    return _SCIENTIFIC.fullmatch(normal_id.translate(_UPPER)) is not None


def is_cut(normal_id: str) -> bool:
    """Say whether this id alone proves that a spreadsheet has cut it."""
    number = _WHOLE_NUMBER.fullmatch(normal_id)
    return is_scientific(normal_id) or (number is not None and len(number[1]) > SPREADSHEET_DIGITS)


def cut_together(normal_ids: Iterable[str]) -> bool:
    """Say whether the ids of a file, one for each line, together prove that a spreadsheet has cut them.

    Returns: True when every id of more than fifteen digits is zero from the sixteenth on, and either two lines or
             three zeros say so; one id that ends in a zero proves nothing.
    Source:  see SPREADSHEET_DIGITS.
    """
    tails = [one[SPREADSHEET_DIGITS:] for one in normal_ids if _LONG_NUMBER.fullmatch(one)]
    if not tails or any(tail.strip("0") for tail in tails):
        return False
    return len(tails) > 1 or len(tails[0]) >= TELLING_ZEROS


def is_long_number(normal_id: str) -> bool:
    """Say whether this id is a number that a spreadsheet cannot hold whole."""
    return _LONG_NUMBER.fullmatch(normal_id) is not None


def _is_plain(written: str) -> bool:
    return written.isascii() and written.isprintable()


def _solid(written: str) -> str:
    if _is_plain(written):
        return written.replace(" ", "")
    return "".join(one for one in written if not one.isspace() and one not in _FILLERS and not _is_mark(one))


def _is_mark(one: str) -> bool:
    # Controls, formats (joiners, direction, BOM, soft hyphen), lone halves of letters, private and unassigned ones.
    return unicodedata.category(one).startswith("C") or "\ufe00" <= one <= "\ufe0f"
