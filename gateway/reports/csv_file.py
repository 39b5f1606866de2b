"""Rows of a report as a file that French spreadsheets open with one click and that harms none of them.

Fields are separated by semicolons, because a spreadsheet set to French takes the comma for the decimal sign; a byte
order mark says UTF-8; lines end as RFC 4180 wants. Numbers stay plain numbers, so that they can be added up.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import IO, Any, Final

#: By field, what stands in the file in place of a code; a code without a label stays as it is.
Labels = Mapping[str, Mapping[str, str]]
NO_LABELS: Final[Labels] = {}

MEDIA_TYPE = "text/csv; charset=utf-8"
SEPARATOR = ";"
BYTE_ORDER_MARK = "\ufeff"
#: A cell that begins with one of these, or its wide form, may be run as a formula (OWASP ASVS 5.0, 1.2.10).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20")


class CsvWriter:
    """Writes dataclass rows under French titles into a file as they come; ``titles`` names the fields, in order."""

    def __init__(self, file: IO[bytes], titles: Mapping[str, str], labels: Labels = NO_LABELS) -> None:
        self._file = file
        self._words = [(field, labels.get(field, {})) for field in titles]
        self._put(BYTE_ORDER_MARK, [titles.values()])

    def write(self, rows: Iterable[Any]) -> None:
        """Add rows."""
        cells = ([_cell(_labelled(getattr(row, field), known)) for field, known in self._words] for row in rows)
        self._put("", cells)

    def _put(self, before: str, rows: Iterable[Iterable[str | int]]) -> None:
        written = io.StringIO(newline="")
        writer = csv.writer(written, delimiter=SEPARATOR, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
        writer.writerows(rows)
        self._file.write((before + written.getvalue()).encode())


def _labelled(value: object, known: Mapping[str, str]) -> object:
    return known.get(value, value) if isinstance(value, str) else value


def _cell(value: object) -> str | int:
    match value:
        case None:
            return ""
        case bool():
            return "oui" if value else "non"
        case int():
            return value
        case datetime():
            return value.isoformat(sep=" ", timespec="seconds")
        case date():
            return value.isoformat()
        case str():
            return _harmless(value)
        case _:
            raise TypeError(f"a report cannot write {type(value).__name__}")


def _harmless(text: str) -> str:
    # Spreadsheets skip blanks before they look for a formula.
    if text.lstrip(" ").startswith(FORMULA_STARTS):
        text = "'" + text
    return text.replace("\0", "")
