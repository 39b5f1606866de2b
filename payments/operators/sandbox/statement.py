"""The daily statement of the sandbox operator: read whole, or refused with the line that is wrong.

Source: the layout is the sandbox operator's own; it keeps traps seen in real statements of the region: a preamble,
accents in two encodings, failed lines that carry an amount, fees on lines of their own, a last day that is included.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from payments.errors import AmountInvalid, MsisdnInvalid, StatementRejected
from payments.identity import MAX_TEXT_CHARS
from payments.money import MAX_BALANCE_XOF, parse_balance, parse_francs
from payments.msisdn import parse_msisdn
from payments.observation import Observation, ObservedStatus, Provenance
from payments.operators.contract import LineKind, Statement, StatementLine, StatementTotals
from payments.operators.sandbox.gsma import OPERATOR_NAME

#: Above any real day: about a million lines.
MAX_FILE_BYTES: Final = 200 * 1024 * 1024

PREAMBLE: Final = ("Opérateur", "Compte", "Période début", "Période fin", "Solde ouverture")
COLUMNS: Final = (
    "N°", "Date", "Heure", "Référence", "Service", "Statut",
    "Payeur", "Référence marchand", "Débit", "Crédit", "Référence liée",
)  # fmt: skip
FOOTER: Final = ("Total lignes", "Total encaissements", "Total frais", "Solde clôture")

KINDS: Final[Mapping[str, LineKind]] = {
    "Paiement marchand": LineKind.COLLECTION,
    "Annulation": LineKind.REVERSAL,
    "Commission": LineKind.FEE,
    "Virement": LineKind.TRANSFER,
}
STATUSES: Final[Mapping[str, ObservedStatus]] = {
    "Succès": ObservedStatus.SUCCEEDED,
    "Échec": ObservedStatus.FAILED,
}

_ACCOUNT = re.compile(r"[A-Z0-9]{3,20}")
_SIGNATURES: Final[Mapping[bytes, str]] = {
    b"PK\x03\x04": "une archive ZIP ou un classeur de tableur",
    b"%PDF": "un document PDF",
    b"\x89PNG": "une image",
    b"\xff\xd8\xff": "une image",
    b"GIF8": "une image",
    b"\xd0\xcf\x11\xe0": "un ancien classeur de tableur",
    b"\x1f\x8b": "un fichier compressé",
}
_UTF8_BOM = b"\xef\xbb\xbf"
_FIRST_ENTRY_ROW = len(PREAMBLE) + 1


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    cells: Sequence[str]
    raw: str


@dataclass(frozen=True, slots=True)
class _Head:
    account: str
    period_start: datetime
    period_end: datetime
    opening_xof: int


@dataclass(frozen=True, slots=True)
class _Entry:
    line: StatementLine
    movement_xof: int


def parse(content: bytes, filename: str) -> Statement:
    """Read a statement whole; every control total of the file has been compared with its lines.

    Returns: lines numbered as in the file; a reversal names the transaction it undoes, a fee the one it was taken for.
    Errors:  StatementRejected.
    Source:  see the module.
    """
    rows = list(_rows(_text(content, filename)))
    if len(rows) < _FIRST_ENTRY_ROW + len(FOOTER):
        raise StatementRejected("le fichier est plus court qu'un relevé sans opération")
    head = _head(rows[: len(PREAMBLE)])
    columns, footer = rows[len(PREAMBLE)], rows[-len(FOOTER) :]
    if tuple(columns.cells) != COLUMNS:
        raise StatementRejected("les colonnes ne sont pas celles de cet opérateur", columns.number)
    entries = [_entry(row, head) for row in rows[_FIRST_ENTRY_ROW : -len(FOOTER)]]
    totals, closing_xof = _checked_totals(footer, head, entries)
    return Statement(
        operator=OPERATOR_NAME,
        account=head.account,
        period_start=head.period_start,
        period_end=head.period_end,
        opening_xof=head.opening_xof,
        closing_xof=closing_xof,
        lines=[entry.line for entry in entries],
        totals=totals,
    )


def _text(content: bytes, filename: str) -> str:
    if not content.strip():
        raise StatementRejected(f"le fichier « {filename[:80]} » est vide")
    if len(content) > MAX_FILE_BYTES:
        raise StatementRejected(f"le fichier dépasse {MAX_FILE_BYTES // 1024 // 1024} Mo")
    for signature, what in _SIGNATURES.items():
        if content.startswith(signature):
            raise StatementRejected(f"c'est {what}, pas un relevé en CSV")
    if b"\x00" in content:
        raise StatementRejected("le fichier contient des octets nuls (NUL) : ce n'est pas un relevé en CSV")
    try:
        return content.removeprefix(_UTF8_BOM).decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError as error:
        raise StatementRejected("le texte n'est ni en UTF-8 ni en Windows-1252") from error


def _rows(text: str) -> Iterator[_Row]:
    # Split by hand: splitlines() would also break on characters that may stand inside a field.
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    reader = csv.reader(lines, delimiter=";", strict=True)
    before = 0
    try:
        for cells in reader:
            if reader.line_num != before + 1:
                raise StatementRejected("un champ entre guillemets dépasse la fin de la ligne", before + 1)
            before = reader.line_num
            if cells:
                yield _Row(before, cells, lines[before - 1])
    except csv.Error as error:
        raise StatementRejected(
            "les guillemets ou les séparateurs de cette ligne ne se lisent pas en CSV", before + 1
        ) from error


def _head(rows: Sequence[_Row]) -> _Head:
    _, account, start, end, opening = (_labelled(row, label) for row, label in zip(rows, PREAMBLE, strict=True))
    if _ACCOUNT.fullmatch(account) is None:
        raise StatementRejected("le compte doit s'écrire en 3 à 20 majuscules et chiffres", rows[1].number)
    # People print the last day of a period; we keep the first instant that is no longer in it.
    period_start = _midnight(start, rows[2].number)
    period_end = _midnight(end, rows[3].number) + timedelta(days=1)
    if not period_start < period_end:
        raise StatementRejected("la période finit avant de commencer", rows[3].number)
    return _Head(account, period_start, period_end, _balance(opening, rows[4].number))


def _labelled(row: _Row, label: str) -> str:
    match list(row.cells):
        case [found, value] if found == label:
            return value
        case _:
            raise StatementRejected(f"« {label} » et sa valeur sont attendus ici", row.number)


def _midnight(written: str, line_number: int) -> datetime:
    try:
        day = date.fromisoformat(written)
    except ValueError as error:
        raise StatementRejected("la date ne s'écrit pas AAAA-MM-JJ", line_number) from error
    # Other ISO writings exist, and the last day of all has no day after it.
    if str(day) != written or day == date.max:
        raise StatementRejected("la date ne s'écrit pas AAAA-MM-JJ", line_number)
    return datetime.combine(day, time(), UTC)


def _entry(row: _Row, head: _Head) -> _Entry:
    if len(row.cells) != len(COLUMNS):
        raise StatementRejected(f"{len(row.cells)} champs au lieu de {len(COLUMNS)}", row.number)
    _, day, hour, reference, service, written_status, payer, our_reference, debit, credit, linked = row.cells
    kind, status = KINDS.get(service, LineKind.OTHER), STATUSES.get(written_status)
    if status is None:
        raise StatementRejected(f"statut inconnu « {written_status[:40]} »", row.number)
    # A short line has no long field: the costly question is asked of few.
    too_long = len(row.raw) > MAX_TEXT_CHARS and any(len(cell) > MAX_TEXT_CHARS for cell in row.cells)
    if not reference or too_long or not row.raw.isprintable():
        raise StatementRejected("la référence manque, ou un champ est trop long ou non imprimable", row.number)
    amount_xof = _one_amount(kind, debit, credit, row.number)
    if kind is LineKind.REVERSAL and status is ObservedStatus.SUCCEEDED:
        status = ObservedStatus.REVERSED
    if kind in {LineKind.REVERSAL, LineKind.FEE} and not linked:
        raise StatementRejected("une annulation ou une commission ne nomme aucune opération", row.number)
    moved_xof = amount_xof if status is not ObservedStatus.FAILED else 0
    observation = Observation(
        operator=OPERATOR_NAME,
        provenance=Provenance.STATEMENT,
        status=status,
        amount_xof=None if kind is LineKind.FEE else amount_xof,
        fee_xof=amount_xof if kind is LineKind.FEE else None,
        payer_msisdn=_payer(payer),
        our_reference=our_reference or None,
        operator_transaction_id=linked if kind in {LineKind.REVERSAL, LineKind.FEE} else reference,
        occurred_at=_instant(day, hour, head, row.number),
        raw_transaction_id=linked if kind in {LineKind.REVERSAL, LineKind.FEE} else reference,
    )
    movement_xof = moved_xof if credit else -moved_xof
    return _Entry(StatementLine(row.number, kind, observation, row.raw, movement_xof, reference), movement_xof)


def _one_amount(kind: LineKind, debit: str, credit: str, line_number: int) -> int:
    if bool(debit) == bool(credit):
        raise StatementRejected("un seul du débit et du crédit doit être rempli", line_number)
    if kind is not LineKind.OTHER and bool(credit) != (kind is LineKind.COLLECTION):
        raise StatementRejected("pour ce service, le montant est du mauvais côté (débit ou crédit)", line_number)
    try:
        amount_xof = parse_francs(debit or credit)
    except AmountInvalid as error:
        raise StatementRejected(str(error), line_number) from error
    if amount_xof == 0:
        raise StatementRejected("une opération de zéro franc", line_number)
    return amount_xof


def _payer(written: str) -> str | None:
    try:
        return parse_msisdn(written) if written else None
    except MsisdnInvalid:
        # A masked or mangled payer does not make the money less real; the raw line is kept.
        return None


def _instant(day: str, hour: str, head: _Head, line_number: int) -> datetime:
    try:
        instant = datetime.fromisoformat(f"{day}T{hour}+00:00")
    except ValueError as error:
        raise StatementRejected("la date ou l'heure ne se lit pas", line_number) from error
    if not head.period_start <= instant < head.period_end:
        raise StatementRejected("l'opération est hors de la période du relevé", line_number)
    return instant


def _checked_totals(footer: Sequence[_Row], head: _Head, entries: Sequence[_Entry]) -> tuple[StatementTotals, int]:
    count, collected, fees, closing = (_labelled(row, label) for row, label in zip(footer, FOOTER, strict=True))
    numbers = [row.number for row in footer]
    totals = StatementTotals(
        line_count=_total(count, numbers[0]),
        collected_xof=_total(collected, numbers[1]),
        fees_xof=_total(fees, numbers[2]),
    )
    closing_xof = _balance(closing, numbers[3])
    found = (
        len(entries),
        sum(entry.movement_xof for entry in entries if entry.line.kind is LineKind.COLLECTION),
        -sum(entry.movement_xof for entry in entries if entry.line.kind is LineKind.FEE),
        head.opening_xof + sum(entry.movement_xof for entry in entries),
    )
    printed = (totals.line_count, totals.collected_xof, totals.fees_xof, closing_xof)
    for label, number, ours, theirs in zip(FOOTER, numbers, found, printed, strict=True):
        if ours != theirs:
            raise StatementRejected(f"« {label} » dit {theirs}, mais les lignes donnent {ours}", number)
    return totals, closing_xof


def _total(written: str, line_number: int) -> int:
    try:
        return parse_francs(written, max_xof=MAX_BALANCE_XOF)
    except AmountInvalid as error:
        raise StatementRejected(str(error), line_number) from error


def _balance(written: str, line_number: int) -> int:
    try:
        return parse_balance(written)
    except AmountInvalid as error:
        raise StatementRejected(str(error), line_number) from error
