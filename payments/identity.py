"""One normal form for the ids and references of an operator, whoever wrote them down and whatever saved them again.

Two writings of one id are one operation; a normal form that is too generous makes two operations one. So the form
takes away only what no operator prints, and what an operator does tell apart stands in its rule.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from payments.observation import Observation, Provenance
from payments.remarks import Remark

#: A text longer than this is no id and no reference of anybody; the raw evidence keeps it whole.
MAX_TEXT_CHARS: Final = 256

# Fixed-width exports pad to a few hundred blanks; beyond, nothing is looked for.
_MAX_WRITTEN_CHARS: Final = 4096

#: Digits that a spreadsheet keeps of a number; every later one becomes a zero.
#: Source: IEEE 754 binary64 as spreadsheets show it: fifteen significant decimal digits.
SPREADSHEET_DIGITS: Final = 15

#: Zeros beyond the fifteenth digit that one id alone does not have by chance.
TELLING_ZEROS: Final = 3

# The marks by which a spreadsheet says "this is text": an apostrophe, whatever a keyboard made of it, or ="...".
_TEXT_MARKS: Final = "'\u2018\u2019\u02bc\u00b4`"
_QUOTES: Final = '"\u201c\u201d\u201e\u00ab\u00bb'
# What a saving in a poorer encoding leaves of a blank or a mark that it could not write.
_LOST: Final = "?\ufffd"
_NOT_IN_IDS: Final = str.maketrans("", "", _QUOTES + _LOST)
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
# What the bytes of one letter in UTF-8 look like in Windows-1252, where five of them are controls.
_SECOND_BYTES: Final = "".join(bytes([code]).decode("cp1252", "ignore") or chr(code) for code in range(0x80, 0xC0))
_ENCODED_TWICE = re.compile(f"[\u00c2-\u00f4][{re.escape(_SECOND_BYTES)}]{{1,3}}")
# Only the letters of ASCII: other alphabets fold one letter to two, or two to one.
_UPPER: Final = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")

_SCIENTIFIC = re.compile(r"[0-9]{1,3}(?:[.,][0-9]+)?E[+-][0-9]{1,3}|[0-9]{1,3}[.,][0-9]+E[0-9]{1,3}|[0-9]E[0-9]{1,3}")
_NOT_SHOWN = re.compile(
    r"#+|#(?:N/?A|DIV/0!|(?:REF|VALUE|VALEUR|NAME|NOM|NUM|NOMBRE|NULL|NUL|SPILL|CALC)!?)", re.IGNORECASE
)
_WHOLE_NUMBER = re.compile(r"([0-9]+)[.,]0{1,2}")
# What most ids are: nothing to take away, and a letter first, so that no spreadsheet ever took it for a number.
_ALREADY_NORMAL = re.compile(rf"[A-Za-z][A-Za-z0-9._-]{{0,{MAX_TEXT_CHARS - 1}}}")
_LONG_NUMBER = re.compile(rf"[0-9]{{{SPREADSHEET_DIGITS + 1},}}")
# Ours are eight signs and perhaps a check character, read out in groups of four.
# Source: D. Crockford, "Base 32": no I, L, O and U, and letter case means nothing.
_OURS = re.compile(r"([0-9A-HJKMNP-TV-Z]{4})[ -]?([0-9A-HJKMNP-TV-Z]{4})[ -]?([0-9A-HJKMNP-TV-Z]?)")
_OURS_AS_MADE = re.compile(r"[0-9A-HJKMNP-TV-Z]{8,9}")
# One word of letters and digits that is too short or too long to be ours: nothing to take away, nothing to recognise.
_ANOTHERS_WORD = re.compile(rf"[0-9A-Za-z]{{1,7}}|[0-9A-Za-z]{{10,{MAX_TEXT_CHARS}}}")


@dataclass(frozen=True, slots=True)
class IdentityRule:
    """How one operator tells two ids apart.

    ``case_counts`` is false only where the operator never uses letter case to tell two ids apart.
    """

    case_counts: bool = True


def transaction_id(written: str, rule: IdentityRule) -> str | None:
    """Return the normal form of an operator's id: leading zeros stay, whatever no operator prints goes.

    Returns: None when nothing is left, or more than any id has; the same again for what it gave.
    Source:  marks that spreadsheets, word processors and fixed-width exports put round an id, seen in public reports.
    """
    if _ALREADY_NORMAL.fullmatch(written):
        return written if rule.case_counts else written.upper()
    if len(written) > _MAX_WRITTEN_CHARS:
        return None
    bare = _bare_id(written)
    # What one wrapping hid may be another; each round takes something away.
    while (barer := _bare_id(bare)) != bare:
        bare = barer
    if not rule.case_counts:
        bare = bare.translate(_UPPER)
    return bare if 0 < len(bare) <= MAX_TEXT_CHARS else None


def identified(said: Observation, rule: IdentityRule) -> Observation:
    """Return evidence with its id and our reference in normal form, the raw id kept; the same again for what it gave.

    Returns: evidence without an id where a spreadsheet has cut it, for then it names no operation.
    Source:  see transaction_id.
    """
    raw = said.operator_transaction_id
    normal = transaction_id(raw, rule) if raw else None
    remarks = said.remarks
    if normal is not None and said.provenance is not Provenance.STATEMENT and is_cut(normal):
        normal, remarks = None, (*remarks, Remark.ID_MISSING)
    elif raw and normal != raw:
        remarks = (*remarks, Remark.ID_CLEANED)
    ours = reference(said.our_reference) if said.our_reference else None
    if (normal, ours) == (raw, said.our_reference):
        return said
    kept = said.raw_transaction_id or (storable(raw) if raw else None)
    return replace(
        said, operator_transaction_id=normal, our_reference=ours, raw_transaction_id=kept, remarks=tuple(remarks)
    )


def reference(written: str) -> str | None:
    """Return the normal form of what was written for us: a payment reference as we made it, else people's own words.

    Returns: None when nothing is left; words keep their letters and their order, with single blanks between them.
    Source:  see _OURS.
    """
    if not written or _OURS_AS_MADE.fullmatch(written) or _ANOTHERS_WORD.fullmatch(written):
        return written or None
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
    bare = _spaced(written[:_MAX_WRITTEN_CHARS])
    while (barer := _spaced(bare)) != bare:
        bare = barer
    return bare[:MAX_TEXT_CHARS].rstrip(_TEXT_MARKS + " ") or None


def without_marks(written: str) -> str:
    """Take every blank, every mark that nobody sees and the wrapping of a spreadsheet out of a number or a date."""
    return _solid(written).translate(_NO_QUOTES).lstrip(_TEXT_MARKS + "=").rstrip(_TEXT_MARKS)


def storable(written: str) -> str:
    """Return a raw text that a database can hold: NUL and halves of letters become U+FFFD, an endless one is cut."""
    if _is_plain(written):
        return written[:MAX_TEXT_CHARS]
    held = "".join("\ufffd" if one == "\x00" or "\ud800" <= one <= "\udfff" else one for one in written)
    return held[:MAX_TEXT_CHARS]


def encoded_once(written: str) -> str:
    """Undo a text of UTF-8 that was read as Windows-1252 and written again, so that an accent became two letters.

    Source:  a header with "NumÃ©ro" beside correct accents was seen in an export of the region.
    """
    return _ENCODED_TWICE.sub(_decoded_again, written)


def is_scientific(normal_id: str) -> bool:
    """Return whether a spreadsheet has written this id as a power of ten, so that its last digits are lost.

    Source:  "2,5593E+14" is how spreadsheets show a number of twelve digits or more in a narrow column.
    """
    return normal_id[:1].isdigit() and _SCIENTIFIC.fullmatch(normal_id.translate(_UPPER)) is not None


def is_cut(normal_id: str) -> bool:
    """Return whether this id alone proves that a spreadsheet has cut it.

    Source:  a power of ten, decimals behind more than fifteen digits, "####" of a narrow column, "#REF!" and its like.
    """
    if normal_id.isdigit() or normal_id[:1].isalpha():
        # What most ids are, and no writing that a spreadsheet cuts to.
        return False
    if normal_id.startswith("#"):
        return _NOT_SHOWN.fullmatch(normal_id) is not None
    number = _WHOLE_NUMBER.fullmatch(normal_id)
    return is_scientific(normal_id) or (number is not None and len(number[1]) > SPREADSHEET_DIGITS)


def cut_together(normal_ids: Iterable[str]) -> bool:
    """Return whether the ids of a file, one for each line, together prove that a spreadsheet has cut them.

    Returns: True when every id of more than fifteen digits is zero from the sixteenth on, and either two lines or
             three zeros say so; one id that ends in a zero proves nothing.
    Source:  see SPREADSHEET_DIGITS.
    """
    tails = [one[SPREADSHEET_DIGITS:] for one in normal_ids if _LONG_NUMBER.fullmatch(one)]
    if not tails or any(tail.strip("0") for tail in tails):
        return False
    return len(tails) > 1 or len(tails[0]) >= TELLING_ZEROS


def is_long_number(normal_id: str) -> bool:
    """Return whether this id is a number that a spreadsheet cannot hold whole."""
    return _LONG_NUMBER.fullmatch(normal_id) is not None


def _bare_id(written: str) -> str:
    bare = _solid(written).translate(_SAME_LETTERS).translate(_NOT_IN_IDS).lstrip(_TEXT_MARKS + "=").rstrip(_TEXT_MARKS)
    number = _WHOLE_NUMBER.fullmatch(bare)
    return number[1] if number is not None and len(number[1]) <= SPREADSHEET_DIGITS else bare


def _spaced(written: str) -> str:
    spaced = written
    if not _is_plain(written):
        once = encoded_once(written)
        spaced = "".join(" " if one.isspace() else one for one in once if one.isspace() or not _is_mark(one))
    bare = " ".join(spaced.split()).strip(_TEXT_MARKS + " ")
    formula = _FORMULA.fullmatch(bare)
    return formula[1] if formula is not None else bare


def _decoded_again(found: re.Match[str]) -> str:
    raw = b"".join(one.encode("cp1252", "ignore") or one.encode("latin-1") for one in found[0])
    for length in range(len(raw), 1, -1):
        try:
            return raw[:length].decode("utf-8") + found[0][length:]
        except UnicodeDecodeError:
            continue
    return found[0]


def _is_plain(written: str) -> bool:
    return written.isascii() and written.isprintable()


def _solid(written: str) -> str:
    if _is_plain(written):
        return written.replace(" ", "")
    once = encoded_once(written)
    return "".join(one for one in once if not one.isspace() and one not in _FILLERS and not _is_mark(one))


def _is_mark(one: str) -> bool:
    # Controls, formats (joiners, direction, BOM, soft hyphen), lone halves of letters, private and unassigned ones.
    return unicodedata.category(one).startswith("C") or "\ufe00" <= one <= "\ufe0f"
