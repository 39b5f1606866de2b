"""From the bytes of a file to rows of cells, whatever a spreadsheet, a mail or an old system has done to them."""

import csv
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from payments.errors import RejectedFor, StatementRejected
from payments.identity import encoded_once

#: Above any real day: about a million lines.
MAX_FILE_BYTES: Final = 200 * 1024 * 1024

#: A field in quotes that runs over more lines than this is a quote that was never closed.
MAX_FIELD_LINES: Final = 20

#: People's words seldom hold the separator; so many of them are another line.
FIELDS_OF_A_LINE: Final = 3

#: Enough to recognise a line by; the file is kept byte for byte beside it.
MAX_RAW_CHARS: Final = 2_000

_SIGNATURES: Final[Mapping[bytes, str]] = {
    b"PK\x03\x04": "une archive ZIP ou un classeur de tableur",
    b"%PDF": "un document PDF",
    b"\x89PNG": "une image",
    b"\xff\xd8\xff": "une image",
    b"GIF8": "une image",
    b"\xd0\xcf\x11\xe0": "un ancien classeur de tableur",
    b"\x1f\x8b": "un fichier compressé",
    b"<": "une page HTML ou XML",
    b"{\\rtf": "un document de texte",
}
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
# Fixed-size buffers end in NUL, old systems in Ctrl-Z.
_PADDING: Final = " \t\r\n\x00\x1a\ufeff\u00a0"
_SEPARATORS: Final = ";\t,|"
_DIRECTIVE = re.compile(r'\s*"?sep=(.)"?[;,\t|]*\s*', re.IGNORECASE)
# Rows in a preamble before the columns are named; beyond, it is another kind of file.
_ROWS_BEFORE_COLUMNS: Final = 60


class Row(NamedTuple):
    """One row: the number of its first line in the file, its cells, and the text as it stood there."""

    number: int
    cells: Sequence[str]
    raw: str
    odd_quotes: bool = False


def rows(content: bytes, filename: str, columns: Sequence[str], landmark: str) -> Iterator[Row]:
    """Give the rows that hold anything; ``landmark`` is a word that every such file has, accents included.

    Errors:  StatementRejected for what is no text in rows.
    Source:  RFC 4180; "sep=" is how spreadsheets name the separator.
    """
    lines = _text(content, filename, landmark).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    directive = _DIRECTIVE.fullmatch(lines[0])
    separator = directive[1] if directive else _separator(lines, columns)
    blank = _PADDING + separator + '"'
    at = 1 if directive else 0
    while at < len(lines):
        line, span = lines[at], 1
        if '"' in line and line.strip(blank):
            row, span = _quoted(lines, at, separator, len(columns))
            yield row
        elif line.strip(blank):
            yield Row(at + 1, line.split(separator), line[:MAX_RAW_CHARS])
        at += span


def label_key(text: str) -> str:
    """Give the letters and digits of a label without accents, in small letters.

    Source:  accents come composed, in pieces, or not at all.
    """
    return "".join(one for one in unicodedata.normalize("NFKD", text) if one.isascii() and one.isalnum()).casefold()


def label_table(labels: Sequence[str]) -> Mapping[str, str]:
    """Give each label under its key, and under the key it has where its accents were lost with their letters."""
    lost = {"".join(one for one in label if one.isascii() and one.isalnum()).casefold(): label for label in labels}
    return {**lost, **{label_key(label): label for label in labels}, **{label: label for label in labels}}


def find_label(cell: str, table: Mapping[str, str]) -> str | None:
    """Give the label that a cell means, in whatever state its accents are."""
    return table.get(cell) or table.get(label_key(cell)) or table.get(label_key(encoded_once(cell)))


def _text(content: bytes, filename: str, landmark: str) -> str:
    if len(content) > MAX_FILE_BYTES:
        raise StatementRejected(f"le fichier dépasse {MAX_FILE_BYTES // 1024 // 1024} Mo")
    if not content.strip(b" \t\r\n\x00\x1a"):
        raise StatementRejected(f"le fichier « {filename[:80]} » est vide", code=RejectedFor.NOT_A_STATEMENT)
    beginning = content[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    for signature, what in _SIGNATURES.items():
        if beginning.startswith(signature):
            raise StatementRejected(f"c'est {what}, pas un relevé en CSV", code=RejectedFor.NOT_A_STATEMENT)
    text = _decoded(content, landmark).strip(_PADDING)
    if "\x00" in text:
        raise StatementRejected(
            "le fichier contient des octets nuls (NUL) : ce n'est pas un relevé en CSV",
            code=RejectedFor.NOT_A_STATEMENT,
        )
    return text


def _decoded(content: bytes, landmark: str) -> str:
    encodings = ("utf-16",) if content.startswith(_UTF16) else ("utf-8", "cp1252")
    first: str | None = None
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if landmark in text.casefold():
            return text
        first = text if first is None else first
    # Some words in another encoding than the rest; then the code pages of DOS and of old Macintosh.
    for guess in (_mixed(content), content.decode("cp850"), content.decode("mac_roman")):
        if landmark in guess.casefold():
            return guess
    if first is None:
        raise StatementRejected("le texte n'est ni en UTF-8 ni en Windows-1252", code=RejectedFor.NOT_A_STATEMENT)
    return first


def _mixed(content: bytes) -> str:
    escaped = content.decode("utf-8", "surrogateescape")
    return "".join(chr(ord(one) - 0xDC00) if "\udc80" <= one <= "\udcff" else one for one in escaped)


def _separator(lines: Sequence[str], columns: Sequence[str]) -> str:
    table = label_table(columns)
    for line in lines[:_ROWS_BEFORE_COLUMNS]:
        for separator in _SEPARATORS:
            cells = line.replace('"', "").split(separator)
            if sum(find_label(cell, table) is not None for cell in cells) > len(columns) // 2:
                return separator
    return _SEPARATORS[0]


def _quoted(lines: Sequence[str], at: int, separator: str, width: int) -> tuple[Row, int]:
    """Read a row with quotes, and how many lines it takes; a quote without its pair is a letter like another."""
    for span in range(1, MAX_FIELD_LINES + 1):
        piece = lines[at : at + span]
        try:
            (cells,) = csv.reader([f"{line}\n" for line in piece], delimiter=separator, strict=True)
        except csv.Error as error:
            if "unexpected end of data" in str(error) and at + span < len(lines):
                continue
            break
        # Another line's fields inside one field: two quotes of two people that happened to pair.
        if span > 1 and (len(cells) < width or any(_holds_fields(cell, separator) for cell in cells)):
            break
        return Row(at + 1, cells, "\n".join(piece)[:MAX_RAW_CHARS]), span
    return Row(at + 1, lines[at].split(separator), lines[at][:MAX_RAW_CHARS], odd_quotes=True), 1


def _holds_fields(cell: str, separator: str) -> bool:
    return "\n" in cell and cell.count(separator) >= FIELDS_OF_A_LINE
