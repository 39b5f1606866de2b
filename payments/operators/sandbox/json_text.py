"""The bytes of a callback or an answer as JSON, whatever a system on the way has put round them."""

import json
from typing import Final, NoReturn
from urllib.parse import parse_qsl

from payments.errors import CallbackMalformed

JsonObject = dict[str, object]

# Byte order marks come from Windows, NUL and blanks from buffers of a fixed size.
_PADDING: Final = "\x00\ufeff \t\r\n"
_JSON_BEGINS: Final = ("{", "[", '"')
_FORM_FIELDS_MAX: Final = 100
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


class JsonNumber(str):
    """A number as its digits were written: no rounding, no power of ten, no length that costs time."""

    __slots__ = ()


def read_json(body: bytes) -> object:
    """Read JSON without its traps: no doubled key, no NaN, no Infinity, numbers as they were written.

    Returns: a JSON text that holds JSON once more is read once more.
    Errors:  CallbackMalformed.
    Source:  RFC 8259 sections 4, 6 and 8.1; bytes that are no UTF-8 are read as Windows-1252, for the words of people.
    """
    text = text_of(body).strip(_PADDING)
    found = _loads(text if text[:1] in _JSON_BEGINS else _from_form(text))
    if isinstance(found, str) and not isinstance(found, JsonNumber):
        found = _loads(found.strip(_PADDING))
    return found


def text_of(body: bytes) -> str:
    """Return the text of a body in the first encoding that fits; no byte is ever lost."""
    for encoding in ("utf-16",) if body.startswith(_UTF16) else ("utf-8", "cp1252"):
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    return body.decode("latin-1")


def _from_form(text: str) -> str:
    """Return the one field of a form that holds JSON, or the text as it is."""
    try:
        fields = [value for _, value in parse_qsl(text, max_num_fields=_FORM_FIELDS_MAX) if value[:1] == "{"]
    except ValueError:
        return text
    return fields[0] if len(fields) == 1 else text


def _loads(text: str) -> object:
    try:
        return json.loads(
            text,
            # A line break inside somebody's words is no reason to lose her money.
            strict=False,
            object_pairs_hook=_unique_keys,
            parse_constant=_no_constant,
            parse_int=JsonNumber,
            parse_float=JsonNumber,
        )
    except (ValueError, RecursionError) as error:
        raise CallbackMalformed(f"not strict JSON ({type(error).__name__})") from error


def _unique_keys(pairs: list[tuple[str, object]]) -> JsonObject:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
