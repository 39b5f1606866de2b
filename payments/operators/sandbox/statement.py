"""The daily statement of the sandbox operator: read as a stream, or refused with the line that is wrong.

The file is gone through twice: once for what stands round its operations and for the order of its dates, once for the
operations. Only where a word or an amount is in doubt it is gone through again, for the balances to decide. A file is
refused only when its money cannot be known; what else is odd is kept, remarked and used as far as it is sure.

Source: the layout is the sandbox operator's own; it keeps traps seen in real statements of the region: a preamble,
accents in two encodings, failed lines that carry an amount, fees on lines of their own, a last day that is included.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from typing import BinaryIO, Final

from payments import identity
from payments.detail import DetailCode
from payments.errors import AmountInvalid, StatementRejected
from payments.money import MAX_BALANCE_XOF, ThreeDigits, parse_written_balance, parse_written_francs
from payments.operators.contract import (
    ControlFigure,
    Printed,
    StatementFooter,
    StatementHeader,
    StatementPart,
    StatementTotals,
)
from payments.operators.sandbox.gsma import OPERATOR_NAME
from payments.operators.sandbox.sheet import Row, Sheet, find_label, label_table
from payments.operators.sandbox.statement_days import Days
from payments.operators.sandbox.statement_line import (
    COLUMNS,
    CREDIT_AT,
    DEBIT_AT,
    STATUS_AT,
    STATUSES,
    Reading,
    SheetEntry,
    read_entry,
)
from payments.operators.sandbox.statement_totals import Course, judged, proved_course
from payments.rejection import rejected, rejected_amount

PREAMBLE: Final = ("Opérateur", "Compte", "Période début", "Période fin", "Solde ouverture")
FOOTER: Final = {
    "Total lignes": ControlFigure.LINES,
    "Total encaissements": ControlFigure.COLLECTED,
    "Total frais": ControlFigure.FEES,
    "Solde clôture": ControlFigure.CLOSING,
}
_LINES, _COLLECTED, _FEES, _CLOSING = FOOTER

#: A name, its value, and a value too many, which is told; an operation has more.
LABEL_CELLS_MAX: Final = 3

_ACCOUNT = re.compile(r"[A-Z0-9]{3,20}")
_LANDMARK: Final = PREAMBLE[0].casefold()
_LABELS = label_table([*PREAMBLE, *FOOTER])
_COLUMN_LABELS = label_table(COLUMNS)
# The first column is a number sign, of which encodings leave little.
_NAMED_COLUMNS: Final = COLUMNS[1:]


@dataclass(slots=True)
class _Frame:
    """What stands round the operations of a file; ``is_plain`` when no operation leaves anything to be decided."""

    labelled: dict[str, tuple[int, str]] = field(default_factory=dict)
    columns_at: int | None = None
    columns: Sequence[str] = ()
    days: Days = field(default_factory=Days)
    is_plain: bool = True

    def value(self, label: str) -> tuple[int, str] | None:
        found = self.labelled.get(label)
        return found if found is not None and found[1].strip() else None

    def required(self, label: str) -> tuple[int, str]:
        found = self.value(label)
        if found is None:
            at = self.labelled[label][0] if label in self.labelled else self.columns_at
            raise rejected(DetailCode.FILE_LABEL_MISSING, at, label=label)
        return found


def parse(content: BinaryIO, filename: str) -> Iterator[StatementPart]:
    """Read a statement: its header, its lines numbered as in the file, its footer.

    Returns: a reversal names the transaction it undoes, a fee the one it was taken for.
    Errors:  StatementRejected, at the latest behind the last line.
    Source:  see the module.
    """
    sheet = Sheet(content, filename, COLUMNS, _LANDMARK)
    frame = _frame(sheet)
    account = _account(frame)
    period_start, period_end = _period(frame)
    frame.days.within(period_start.date(), (period_end - timedelta(days=1)).date())
    period = (period_start, period_end)
    course = _course(sheet, frame, period)
    opening_xof, footer = _printed(frame, course.three)
    yield StatementHeader(OPERATOR_NAME, account, period_start, period_end, opening_xof)
    for entry in _entries(sheet, frame, period, course.three):
        yield judged(entry, course)
    yield footer


def _course(sheet: Sheet, frame: _Frame, period: tuple[datetime, datetime]) -> Course:
    """Decide what the file leaves open, by what its own figures prove."""

    def proved(three: ThreeDigits) -> Course:
        opening_xof, footer = _printed(frame, three)
        if frame.is_plain:
            return Course(three)
        return proved_course(_entries(sheet, frame, period, three), three, opening_xof, footer)

    try:
        return proved(ThreeDigits.UNKNOWN)
    except StatementRejected as refused:
        if refused.code is not DetailCode.FILE_AMOUNT_AMBIGUOUS:
            raise
        # "15.000" is read as the rest of the file proves it, and only when it proves one reading alone.
        frame.is_plain = False
        found = []
        for three in (ThreeDigits.THOUSANDS, ThreeDigits.DECIMALS):
            try:
                found.append(proved(three))
            except StatementRejected:
                continue
        if len(found) != 1:
            raise
        return found[0]


def _entries(
    sheet: Sheet, frame: _Frame, period: tuple[datetime, datetime], three: ThreeDigits
) -> Iterator[SheetEntry]:
    opening_xof, footer = _printed(frame, three)
    proved = opening_xof is not None and footer.closing_xof is not None
    reading = Reading(*period, frame.days, proved, three)
    below, columns_at, columns = False, frame.columns_at or 0, frame.columns
    for row in sheet.rows():
        if row.number <= columns_at:
            continue
        label = _label(row)
        if label is not None:
            below = below or label in FOOTER
        elif not below and row.cells != columns:
            yield read_entry(row, reading)


def _frame(sheet: Sheet) -> _Frame:
    frame, below, count = _Frame(), False, 0
    for row in sheet.rows():
        count += 1
        label = _label(row)
        if label is not None:
            _keep_label(frame, label, row)
            below = below or label in FOOTER
        elif frame.columns_at is None:
            frame.columns_at, frame.columns = _columns_at(row), row.cells
        elif row.cells == frame.columns:
            # Printed once more at the head of each page.
            continue
        elif not below:
            if len(row.cells) > 1:
                frame.days.look(row.cells[1])
            frame.is_plain = frame.is_plain and _is_plain(row.cells)
        elif not _is_short(row):
            raise rejected(DetailCode.FILE_LINE_BELOW_TOTALS, row.number)
    if frame.columns_at is None:
        is_short = count < len(PREAMBLE) + 1
        raise rejected(DetailCode.FILE_TOO_SHORT if is_short else DetailCode.FILE_COLUMNS_UNKNOWN)
    frame.required(PREAMBLE[0])
    return frame


def _is_plain(cells: Sequence[str]) -> bool:
    # Nothing of the operation waits for the file's own figures: its state is written as the operator writes it, and
    # amounts in digits alone have one reading.
    if len(cells) != len(COLUMNS) or cells[STATUS_AT] not in STATUSES:
        return False
    debit, credit = cells[DEBIT_AT], cells[CREDIT_AT]
    return (not debit or debit.isdigit()) and (not credit or credit.isdigit())


def _label(row: Row) -> str | None:
    # The number of an operation is no label: nothing else of nearly every row need be looked at.
    return find_label(row.cells[0], _LABELS) if not row.cells[0].isdigit() and _is_short(row) else None


def _is_short(row: Row) -> bool:
    # A spreadsheet fills every row up to the longest one; an operation has more than a name and a value.
    beginning = row.cells[: LABEL_CELLS_MAX + 1]
    if len(beginning) > LABEL_CELLS_MAX and all(map(str.strip, beginning)):
        return False
    filled = (cell for cell in row.cells if cell and not cell.isspace())
    return next(islice(filled, LABEL_CELLS_MAX, None), None) is None


def _keep_label(frame: _Frame, label: str, row: Row) -> None:
    values = [cell for cell in row.cells[1:] if cell.strip()]
    before = frame.labelled.get(label)
    if len(values) > 1 or (before is not None and before[1] != "".join(values)):
        raise rejected(DetailCode.FILE_LABEL_VALUES, row.number, label=label)
    frame.labelled[label] = (row.number, "".join(values))


def _columns_at(row: Row) -> int | None:
    found = [find_label(cell, _COLUMN_LABELS) for cell in row.cells]
    if sum(label is not None for label in found) <= len(COLUMNS) // 2:
        return None
    if tuple(found[1 : len(COLUMNS)]) != _NAMED_COLUMNS or any(cell.strip() for cell in row.cells[len(COLUMNS) :]):
        raise rejected(DetailCode.FILE_COLUMNS_UNKNOWN, row.number)
    return row.number


def _account(frame: _Frame) -> str:
    number, written = frame.required("Compte")
    account = identity.without_marks(written)
    if identity.is_cut(account):
        raise rejected(DetailCode.FILE_ACCOUNT_CUT, number, account=account[:20])
    if _ACCOUNT.fullmatch(account) is None:
        raise rejected(DetailCode.FILE_ACCOUNT_MALFORMED, number)
    return account


def _period(frame: _Frame) -> tuple[datetime, datetime]:
    (start_at, start), (end_at, end) = (frame.required(label) for label in ("Période début", "Période fin"))
    for text in (start, end):
        frame.days.look(text)
    period_start = datetime.combine(frame.days.read(start, start_at), time(), UTC)
    # People print the last day of a period; we keep the first instant that is no longer in it.
    period_end = datetime.combine(frame.days.read(end, end_at), time(), UTC) + timedelta(days=1)
    if not period_start < period_end:
        raise rejected(DetailCode.FILE_PERIOD_REVERSED, end_at)
    return period_start, period_end


def _printed(frame: _Frame, three: ThreeDigits) -> tuple[int | None, StatementFooter]:
    """Read every figure that stands round the operations: the opening balance, and those below the lines."""
    totals = StatementTotals(
        line_count=_figure(frame, _LINES, three),
        collected_xof=_figure(frame, _COLLECTED, three),
        fees_xof=_figure(frame, _FEES, three),
    )
    opening_xof = _figure(frame, PREAMBLE[4], three, below_zero=True)
    closing_xof = _figure(frame, _CLOSING, three, below_zero=True)
    printed = {
        figure: Printed(label, frame.labelled[label][0]) for label, figure in FOOTER.items() if frame.value(label)
    }
    return opening_xof, StatementFooter(closing_xof, totals, printed)


def _figure(frame: _Frame, label: str, three: ThreeDigits, *, below_zero: bool = False) -> int | None:
    found = frame.value(label)
    if found is None:
        return None
    number, written = found
    try:
        if below_zero:
            return parse_written_balance(written, three=three)
        return parse_written_francs(written, max_xof=MAX_BALANCE_XOF, three=three)
    except AmountInvalid as error:
        raise rejected_amount(error, number, label) from error
