"""The daily statement of the sandbox operator: read whole, or refused with the line that is wrong.

A file is refused only when its money cannot be known; what else is odd is kept, remarked and used as far as it is sure.

Source: the layout is the sandbox operator's own; it keeps traps seen in real statements of the region: a preamble,
accents in two encodings, failed lines that carry an amount, fees on lines of their own, a last day that is included.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from typing import Final

from payments import identity
from payments.errors import AmountAmbiguous, AmountInvalid, RejectedFor, StatementRejected
from payments.money import MAX_BALANCE_XOF, ThreeDigits, parse_written_balance, parse_written_francs
from payments.operators.contract import Statement, StatementTotals
from payments.operators.sandbox.gsma import OPERATOR_NAME
from payments.operators.sandbox.sheet import Row, find_label, label_table, rows
from payments.operators.sandbox.statement_days import Days
from payments.operators.sandbox.statement_line import COLUMNS, Reading, read_entry
from payments.operators.sandbox.statement_totals import FOOTER, Printed, proved_lines
from payments.operators.whole_ids import require_whole_ids

PREAMBLE: Final = ("Opérateur", "Compte", "Période début", "Période fin", "Solde ouverture")

#: A name, its value, and a value too many, which is told; an operation has more.
LABEL_CELLS_MAX: Final = 3

_ACCOUNT = re.compile(r"[A-Z0-9]{3,20}")
_LANDMARK: Final = PREAMBLE[0].casefold()
_LABELS = label_table([*PREAMBLE, *FOOTER])
_COLUMN_LABELS = label_table(COLUMNS)
# The first column is a number sign, of which encodings leave little.
_NAMED_COLUMNS: Final = COLUMNS[1:]


@dataclass(slots=True)
class _Sheet:
    """The rows of a file by what they are."""

    labelled: dict[str, tuple[int, str]] = field(default_factory=dict)
    columns_at: int | None = None
    entries: list[Row] = field(default_factory=list)

    def value(self, label: str) -> tuple[int, str] | None:
        found = self.labelled.get(label)
        return found if found is not None and found[1].strip() else None

    def required(self, label: str) -> tuple[int, str]:
        found = self.value(label)
        if found is None:
            at = self.labelled[label][0] if label in self.labelled else self.columns_at
            raise StatementRejected(f"« {label} » et sa valeur manquent", at, code=RejectedFor.NOT_A_STATEMENT)
        return found


def parse(content: bytes, filename: str) -> Statement:
    """Read a statement whole; every control total that the file prints has been compared with its lines.

    Returns: lines numbered as in the file; a reversal names the transaction it undoes, a fee the one it was taken for.
    Errors:  StatementRejected.
    Source:  see the module.
    """
    sheet = _sheet(content, filename)
    try:
        return _statement(sheet, ThreeDigits.UNKNOWN)
    except StatementRejected as rejected:
        if rejected.code is not RejectedFor.AMOUNT_AMBIGUOUS:
            raise
        # "15.000" is read as the rest of the file proves it, and only when it proves one reading alone.
        proved = [one for one in map(_attempt, (sheet, sheet), (ThreeDigits.THOUSANDS, ThreeDigits.DECIMALS)) if one]
        if len(proved) != 1:
            raise
        return proved[0]


def _attempt(sheet: _Sheet, three: ThreeDigits) -> Statement | None:
    try:
        return _statement(sheet, three)
    except StatementRejected:
        return None


def _statement(sheet: _Sheet, three: ThreeDigits) -> Statement:
    account = _account(sheet)
    days = Days([*(row.cells[1] for row in sheet.entries if len(row.cells) > 1), *_period_texts(sheet)])
    period_start, period_end = _period(sheet, days)
    days.within(period_start.date(), (period_end - timedelta(days=1)).date())
    printed = _printed(sheet, three)
    proved = printed.opening_xof is not None and printed.closing_xof is not None
    reading = Reading(period_start, period_end, days, proved, three)
    entries = [read_entry(row, reading) for row in sheet.entries]
    require_whole_ids([entry.line for entry in entries])
    return Statement(
        operator=OPERATOR_NAME,
        account=account,
        period_start=period_start,
        period_end=period_end,
        opening_xof=printed.opening_xof,
        closing_xof=printed.closing_xof,
        lines=proved_lines(entries, printed),
        totals=printed.totals,
    )


def _sheet(content: bytes, filename: str) -> _Sheet:
    sheet, footer, count = _Sheet(), False, 0
    columns: tuple[str, ...] = ()
    for row in rows(content, filename, COLUMNS, _LANDMARK):
        count += 1
        label = _label(row)
        if label is not None:
            _keep_label(sheet, label, row)
            footer = footer or label in FOOTER
        elif sheet.columns_at is None:
            sheet.columns_at = _columns_at(row)
            columns = tuple(row.cells)
        elif tuple(row.cells) == columns:
            # Printed once more at the head of each page.
            continue
        elif not footer:
            sheet.entries.append(row)
        elif not _is_short(row):
            raise StatementRejected("une opération suit les totaux du fichier", row.number)
    if sheet.columns_at is None:
        why = "les colonnes ne sont pas celles de cet opérateur"
        if count < len(PREAMBLE) + 1:
            why = "le fichier est plus court qu'un relevé sans opération"
        raise StatementRejected(why, code=RejectedFor.NOT_A_STATEMENT)
    sheet.required(PREAMBLE[0])
    return sheet


def _label(row: Row) -> str | None:
    return find_label(row.cells[0], _LABELS) if _is_short(row) else None


def _is_short(row: Row) -> bool:
    # A spreadsheet fills every row up to the longest one; an operation has more than a name and a value.
    beginning = row.cells[: LABEL_CELLS_MAX + 1]
    if len(beginning) > LABEL_CELLS_MAX and all(map(str.strip, beginning)):
        return False
    filled = (cell for cell in row.cells if cell and not cell.isspace())
    return next(islice(filled, LABEL_CELLS_MAX, None), None) is None


def _keep_label(sheet: _Sheet, label: str, row: Row) -> None:
    values = [cell for cell in row.cells[1:] if cell.strip()]
    before = sheet.labelled.get(label)
    if len(values) > 1 or (before is not None and before[1] != "".join(values)):
        raise StatementRejected(f"« {label} » doit avoir une valeur, et une seule", row.number)
    sheet.labelled[label] = (row.number, "".join(values))


def _columns_at(row: Row) -> int | None:
    found = [find_label(cell, _COLUMN_LABELS) for cell in row.cells]
    if sum(label is not None for label in found) <= len(COLUMNS) // 2:
        return None
    if tuple(found[1 : len(COLUMNS)]) != _NAMED_COLUMNS or any(cell.strip() for cell in row.cells[len(COLUMNS) :]):
        raise StatementRejected(
            "les colonnes ne sont pas celles de cet opérateur", row.number, code=RejectedFor.NOT_A_STATEMENT
        )
    return row.number


def _account(sheet: _Sheet) -> str:
    number, written = sheet.required("Compte")
    account = identity.without_marks(written)
    if identity.is_cut(account):
        why = f"le compte « {account[:20]} » a été coupé : le fichier a été enregistré de nouveau par un tableur"
        raise StatementRejected(why, number, code=RejectedFor.SAVED_AGAIN)
    if _ACCOUNT.fullmatch(account) is None:
        raise StatementRejected("le compte doit s'écrire en 3 à 20 majuscules et chiffres", number)
    return account


def _period_texts(sheet: _Sheet) -> list[str]:
    return [sheet.required(label)[1] for label in ("Période début", "Période fin")]


def _period(sheet: _Sheet, days: Days) -> tuple[datetime, datetime]:
    (start_at, start), (end_at, end) = sheet.required("Période début"), sheet.required("Période fin")
    period_start = datetime.combine(days.read(start, start_at), time(), UTC)
    # People print the last day of a period; we keep the first instant that is no longer in it.
    period_end = datetime.combine(days.read(end, end_at), time(), UTC) + timedelta(days=1)
    if not period_start < period_end:
        raise StatementRejected("la période finit avant de commencer", end_at, code=RejectedFor.DATE)
    return period_start, period_end


def _printed(sheet: _Sheet, three: ThreeDigits) -> Printed:
    return Printed(
        totals=StatementTotals(
            line_count=_figure(sheet, FOOTER[0], three),
            collected_xof=_figure(sheet, FOOTER[1], three),
            fees_xof=_figure(sheet, FOOTER[2], three),
        ),
        opening_xof=_figure(sheet, PREAMBLE[4], three, below_zero=True),
        closing_xof=_figure(sheet, FOOTER[3], three, below_zero=True),
        line_numbers={label: number for label, (number, _) in sheet.labelled.items()},
    )


def _figure(sheet: _Sheet, label: str, three: ThreeDigits, *, below_zero: bool = False) -> int | None:
    found = sheet.value(label)
    if found is None:
        return None
    number, written = found
    try:
        if below_zero:
            return parse_written_balance(written, three=three)
        return parse_written_francs(written, max_xof=MAX_BALANCE_XOF, three=three)
    except AmountInvalid as error:
        code = RejectedFor.AMOUNT_AMBIGUOUS if isinstance(error, AmountAmbiguous) else RejectedFor.AMOUNT
        raise StatementRejected(f"« {label} » : {error}", number, code=code) from error
