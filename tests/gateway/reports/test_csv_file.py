import csv
import io
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.reports.csv_file import CsvWriter


@dataclass(frozen=True)
class Line:
    what: object
    amount_xof: int | None = 0


def csv_bytes(rows: list[Line], titles: dict[str, str]) -> bytes:
    file = io.BytesIO()
    writer = CsvWriter(file, titles)
    for row in rows:
        writer.write([row])
    return file.getvalue()


def read_back(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";"))


def cell(what: object) -> str:
    return read_back(csv_bytes([Line(what)], {"what": "Quoi"}))[1][0]


@pytest.mark.parametrize(
    "start", ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "  =", "\uff1d", "\uff0b", "\uff0d", "\uff20"]
)
def test_a_text_that_a_spreadsheet_would_run_is_made_harmless(start: str) -> None:
    assert cell(f"{start}cmd|' /C calc'!A1").startswith("'")


def test_numbers_stay_numbers_even_below_zero() -> None:
    content = csv_bytes([Line("x", -500), Line("y", None)], {"what": "Quoi", "amount_xof": "Montant (F)"})
    assert content == "\ufeffQuoi;Montant (F)\r\nx;-500\r\ny;\r\n".encode()


def test_separators_quotes_and_lines_inside_a_cell_survive() -> None:
    assert cell('a;b "c"\nd') == 'a;b "c"\nd'


def test_days_moments_and_answers_are_written_plainly() -> None:
    assert cell(date(2026, 11, 22)) == "2026-11-22"
    assert cell(datetime(2026, 11, 22, 9, 5, tzinfo=UTC)) == "2026-11-22 09:05:00+00:00"
    assert (cell(True), cell(False)) == ("oui", "non")


def test_a_value_that_has_no_place_in_a_report_is_refused() -> None:
    with pytest.raises(TypeError, match="bytes"):
        cell(b"raw")


@given(st.text())
def test_any_text_stays_one_cell_of_one_row(written: str) -> None:
    # The encoding of a file has no place for half a character, and neither has a database.
    written = written.encode(errors="ignore").decode()
    rows = read_back(csv_bytes([Line(written)], {"what": "Quoi"}))
    assert len(rows) == 2
    assert rows[1] in ([written.replace("\0", "")], ["'" + written.replace("\0", "")], [])
