"""From the bytes of a file to rows of cells, whatever a spreadsheet, a mail or an old system has done to them.

The file is gone through from its beginning as often as is asked, and never held whole.
"""

import csv
import io
import re
import unicodedata
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import BinaryIO, Final, NamedTuple

from payments.detail import DetailCode
from payments.identity import encoded_once
from payments.operators.sandbox.encoding import PADDING, Encoding, encoding_of
from payments.rejection import rejected

#: A field in quotes that runs over more lines than this is a quote that was never closed.
MAX_FIELD_LINES: Final = 20

#: People's words seldom hold the separator; so many of them are another line.
FIELDS_OF_A_LINE: Final = 3

#: Enough to recognise a line by; the file is kept byte for byte beside it.
MAX_RAW_CHARS: Final = 2_000

#: No line of a statement is as long, and a longer one would have to be in memory whole.
MAX_LINE_CHARS: Final = 1_000_000

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


class Sheet:
    """The rows of one file; ``landmark`` is a word that every such file has, accents included.

    Errors:  StatementRejected for what is no text in rows, when it is met.
    Source:  RFC 4180; "sep=" is how spreadsheets name the separator.
    """

    __slots__ = ("_columns", "_content", "_directive", "_encoding", "_separator")

    def __init__(self, content: BinaryIO, filename: str, columns: Sequence[str], landmark: str) -> None:
        """Find out how the file is encoded and what stands between its cells."""
        self._content, self._columns = content, len(columns)
        self._encoding: Encoding = encoding_of(content, filename, landmark)
        head = list(islice(self._lines(), _ROWS_BEFORE_COLUMNS))
        self._directive = _DIRECTIVE.fullmatch(head[0]) if head else None
        self._separator = self._directive[1] if self._directive else _separator(head, columns)

    def rows(self) -> Iterator[Row]:
        """Return the rows that hold anything, from the beginning."""
        separator, blank = self._separator, PADDING + self._separator + '"'
        lines, ahead, number = self._lines(), deque[str](), 0
        if self._directive:
            next(lines, None)
            number = 1
        while (line := ahead.popleft() if ahead else next(lines, None)) is not None:
            number += 1
            if '"' in line and line.strip(blank):
                row, span = _quoted(_Following(line, ahead, lines), number, separator, self._columns)
                for _ in range(span - 1):
                    ahead.popleft()
                number += span - 1
                yield row
            elif line.strip(blank):
                yield Row(number, line.split(separator), line[:MAX_RAW_CHARS])

    def _lines(self) -> Iterator[str]:
        """Return the lines between the padding at both ends of the file."""
        self._content.seek(0)
        text = io.TextIOWrapper(self._content, self._encoding.name, self._encoding.errors, newline=None)
        mended, is_mixed = self._encoding.mended, self._encoding.is_mixed
        held, empty, nul = None, 0, False
        try:
            while line := text.readline(MAX_LINE_CHARS):
                if not line.strip(PADDING):
                    # The end of the file, or a gap in it: the next line will tell.
                    nul = nul or "\x00" in line
                    empty += held is not None
                    continue
                if held is not None:
                    if nul or "\x00" in held:
                        raise rejected(DetailCode.FILE_HOLDS_NUL)
                    yield held
                    if empty:
                        yield from [""] * empty
                        empty = 0
                    held = line[:-1] if line[-1] == "\n" else line
                else:
                    held = line.lstrip(PADDING).removesuffix("\n")
                    nul = False
                if len(line) == MAX_LINE_CHARS:
                    raise rejected(DetailCode.FILE_LINE_TOO_LONG, largest_chars=MAX_LINE_CHARS)
                if is_mixed:
                    held = mended(held)
            if held is not None:
                last = held.rstrip(PADDING)
                if "\x00" in last:
                    raise rejected(DetailCode.FILE_HOLDS_NUL)
                yield last
        finally:
            text.detach()


class _Following:
    """A line and those that follow it, as far as somebody asks."""

    __slots__ = ("_ahead", "_line", "_lines")

    def __init__(self, line: str, ahead: deque[str], lines: Iterator[str]) -> None:
        self._line, self._ahead, self._lines = line, ahead, lines

    def first(self, span: int) -> list[str]:
        """Return so many lines, fewer at the end of the file."""
        self._ahead.extend(islice(self._lines, max(0, span - 1 - len(self._ahead))))
        return [self._line, *islice(self._ahead, span - 1)]


def label_key(text: str) -> str:
    """Return the letters and digits of a label without accents, in small letters.

    Source:  accents come composed, in pieces, or not at all.
    """
    return "".join(one for one in unicodedata.normalize("NFKD", text) if one.isascii() and one.isalnum()).casefold()


def label_table(labels: Sequence[str]) -> Mapping[str, str]:
    """Return each label under its key, and under the key it has where its accents were lost with their letters."""
    lost = {"".join(one for one in label if one.isascii() and one.isalnum()).casefold(): label for label in labels}
    return {**lost, **{label_key(label): label for label in labels}, **{label: label for label in labels}}


def find_label(cell: str, table: Mapping[str, str]) -> str | None:
    """Return the label that a cell means, in whatever state its accents are."""
    return table.get(cell) or table.get(label_key(cell)) or table.get(label_key(encoded_once(cell)))


def _separator(lines: Sequence[str], columns: Sequence[str]) -> str:
    table = label_table(columns)
    for line in lines:
        for separator in _SEPARATORS:
            cells = line.replace('"', "").split(separator)
            if sum(find_label(cell, table) is not None for cell in cells) > len(columns) // 2:
                return separator
    return _SEPARATORS[0]


def _quoted(following: _Following, number: int, separator: str, width: int) -> tuple[Row, int]:
    """Read a row with quotes, and how many lines it takes; a quote without its pair is a letter like another."""
    for span in range(1, MAX_FIELD_LINES + 1):
        piece = following.first(span)
        try:
            (cells,) = csv.reader([f"{line}\n" for line in piece], delimiter=separator, strict=True)
        except csv.Error as error:
            if "unexpected end of data" in str(error) and len(following.first(span + 1)) > span:
                continue
            break
        # Another line's fields inside one field: two quotes of two people that happened to pair.
        if span > 1 and (len(cells) < width or any(_holds_fields(cell, separator) for cell in cells)):
            break
        return Row(number, cells, "\n".join(piece)[:MAX_RAW_CHARS]), span
    (line,) = following.first(1)
    return Row(number, line.split(separator), line[:MAX_RAW_CHARS], odd_quotes=True), 1


def _holds_fields(cell: str, separator: str) -> bool:
    return "\n" in cell and cell.count(separator) >= FIELDS_OF_A_LINE
