"""Forms, paths and numbers as gateways really send them: whatever can be understood is, and nothing is guessed.

Source: reports of integrators in public (an unescaped plus, latin-1 answers, absent fields, padding of GSM-7 octets).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from payments.errors import MsisdnInvalid
from payments.numbering import parse_msisdn

#: A turn has five fields and an end notification thirteen; an address full of them is no telephone.
FIELDS_MAX: Final = 40
_INTERNATIONAL: Final = re.compile(r"[1-9][0-9]{9,14}")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff]+")
# Source: 3GPP TS 23.038, 6.1.2.3.1: seven spare bits are filled with CR; older stacks leave them 0, which reads as "@",
# and some gateways write that septet as "¡". Nothing that a caller may answer here ends in any of them.
_PADDING: Final = "@\u00a1"
_BOM: Final = b"\xef\xbb\xbf"


class FormUnreadable(Exception):
    """Nothing can be made of a form: it has far too many fields."""


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form by name, and the names of those that say two things at once; there, the longer is kept."""

    values: Mapping[str, str]
    doubtful: frozenset[str]


def read_form(encoded: Iterable[bytes], wanted: Iterable[str], hints: Iterable[str]) -> Form:
    """Read fields, by the first of the encoded texts that has each; absent ones are left out.

    Names are compared without case. A wanted field that stands twice is in doubt unless it says the same; of a hint the
    first counts.

    Errors: FormUnreadable.
    """
    names = {name.lower(): name for name in (*wanted, *hints)}
    optional = frozenset(hints)
    found: dict[str, list[str]] = {}
    for part in encoded:
        found = _fields(part, names) | found
    values = {name: said[0] if name in optional else max(said, key=len) for name, said in found.items()}
    return Form(values, frozenset(name for name, said in found.items() if len(set(said)) > 1) - optional)


def _fields(encoded: bytes, names: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for raw_name, raw_value in _pairs(encoded.removeprefix(_BOM)):
        name = names.get(raw_name.strip().lower())
        if name is not None:
            found.setdefault(name, []).append(clean(_decoded(raw_value)))
    return found


def _pairs(encoded: bytes) -> list[tuple[str, str]]:
    # Every octet becomes the character of its number and back again: the alphabet is judged value by value, afterwards.
    try:
        return parse_qsl(
            encoded.decode("latin-1"), keep_blank_values=True, encoding="latin-1", max_num_fields=FIELDS_MAX
        )
    except ValueError:
        raise FormUnreadable("too many fields") from None


def _decoded(value: str) -> str:
    octets = value.encode("latin-1")
    for encoding in ("utf-8", "cp1252"):
        try:
            return octets.decode(encoding)
        except UnicodeDecodeError:
            continue
    return value


def clean(value: str) -> str:
    """Take controls, halves of characters and blanks at the ends out of a value; two words stay parted."""
    return _CONTROLS.sub(" ", value).strip()


def clean_answer(text: str) -> str:
    """Take the padding of the network from what a caller typed."""
    return clean(clean(text).rstrip(_PADDING))


def clean_path(text: str) -> str:
    """Take the padding of the network from every answer of a path, so that a path begins as its last turn ended."""
    return "*".join(map(clean_answer, text.split("*")))


def caller_number(value: str) -> str | None:
    """Return the caller's number in E.164; None when it is none.

    An unescaped plus has become a blank and is gone; some gateways write the country without any mark. A network always
    knows the country of a number of more than nine digits, unlike a person who types one.
    """
    digits = clean(value)
    for written in (digits, f"+{digits}") if _INTERNATIONAL.fullmatch(digits) else (digits,):
        try:
            return parse_msisdn(written)
        except MsisdnInvalid:
            continue
    return None
