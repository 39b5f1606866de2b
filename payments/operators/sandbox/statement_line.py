"""One row of operations as evidence: the money must be known, everything else is used where it is sure.

Source: the layout is the sandbox operator's own; see statement.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final, NamedTuple

from payments import identity
from payments.detail import DetailCode
from payments.errors import AmountAmbiguous, AmountFault, AmountInvalid, MsisdnInvalid, StatementRejected
from payments.moments import read_clock
from payments.money import MAX_AMOUNT_XOF, MAX_BALANCE_XOF, ThreeDigits, parse_written_francs
from payments.numbering import parse_msisdn
from payments.observation import Observation, ObservedStatus, Provenance
from payments.operators.contract import LineKind, StatementLine
from payments.operators.sandbox.gsma import IDENTITY, OPERATOR_NAME, ZONE
from payments.operators.sandbox.sheet import Row, find_label, label_table
from payments.operators.sandbox.statement_days import Days
from payments.rejection import rejected, rejected_amount
from payments.remarks import Remark

COLUMNS: Final = (
    "N°", "Date", "Heure", "Référence", "Service", "Statut",
    "Payeur", "Référence marchand", "Débit", "Crédit", "Référence liée",
)  # fmt: skip

KINDS: Final[Mapping[str, LineKind]] = {
    "Paiement marchand": LineKind.COLLECTION,
    "Annulation": LineKind.REVERSAL,
    "Commission": LineKind.FEE,
    "Virement": LineKind.TRANSFER,
}
STATUSES: Final[Mapping[str, ObservedStatus]] = {
    "Succès": ObservedStatus.SUCCEEDED,
    "Échec": ObservedStatus.FAILED,
    "Rejeté": ObservedStatus.FAILED,
    "En attente": ObservedStatus.PENDING,
    "Expiré": ObservedStatus.EXPIRED,
}
_KIND_LABELS, _STATUS_LABELS = label_table([*KINDS]), label_table([*STATUSES])

#: What a line in one of these states did to the balance: nothing, whatever amount it prints.
_STILL: Final = frozenset({ObservedStatus.FAILED, ObservedStatus.PENDING, ObservedStatus.EXPIRED})
#: On which side a service writes its amount; the others write on both.
_IN_OUR_FAVOUR: Final[Mapping[LineKind, bool]] = {
    LineKind.COLLECTION: True,
    LineKind.REVERSAL: False,
    LineKind.FEE: False,
}
_ABOUT_ANOTHER: Final = frozenset({LineKind.REVERSAL, LineKind.FEE})
# An empty column as spreadsheets in accounting style show it.
_DASHES: Final = "-\u2013\u2014"
# The merchant's reference is the one field that payers write themselves.
_WORDS_AT: Final = COLUMNS.index("Référence marchand")
STATUS_AT, DEBIT_AT, CREDIT_AT = (COLUMNS.index(label) for label in ("Statut", "Débit", "Crédit"))
_SHORTEST: Final = len(COLUMNS) - 2


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of the file before its rows; ``proved`` when its balances will prove every amount."""

    period_start: datetime
    period_end: datetime
    days: Days
    proved: bool
    three: ThreeDigits = ThreeDigits.UNKNOWN


class SheetEntry(NamedTuple):
    """A line and, where its state is in doubt, the word that says it.

    ``presumed`` is whether a line in doubt moved something as long as no balance says otherwise.
    Units:   signed_xof in whole francs: what the line moves if it moves anything.
    """

    line: StatementLine
    signed_xof: int
    doubt: str | None = None
    presumed: bool = True


@dataclass(slots=True)
class _Cells:
    remarks: list[Remark]
    day: str
    hour: str
    reference: str
    service: str
    status: str
    payer: str
    words: str
    debit: str
    credit: str
    linked: str


def read_entry(row: Row, reading: Reading) -> SheetEntry:
    """Read one operation.

    Returns: an entry that moved what a known state says; a state in doubt is left to the balances.
    Errors:  StatementRejected where the money of this row cannot be known.
    Source:  see the module.
    """
    cells = _cells(row, reading)
    status, doubt = _status(cells)
    amount_xof, in_our_favour = _amount(cells, row, reading, status)
    kind = _kind(cells, amount_xof, in_our_favour=in_our_favour)
    if amount_xof is not None and amount_xof > MAX_AMOUNT_XOF and kind in _IN_OUR_FAVOUR:
        raise rejected(DetailCode.FILE_AMOUNT_TOO_LARGE, row.number, amount_xof=amount_xof, largest_xof=MAX_AMOUNT_XOF)
    if kind is LineKind.REVERSAL and status is ObservedStatus.SUCCEEDED:
        status = ObservedStatus.REVERSED
    signed_xof = 0 if status in _STILL else (amount_xof or 0) * (1 if in_our_favour else -1)
    own = _id(cells.reference, cells, Remark.ID_MISSING)
    about, raw_id = own, cells.reference
    if kind in _ABOUT_ANOTHER:
        about, raw_id = _id(cells.linked, cells, Remark.LINK_MISSING), cells.linked
    observation = Observation(
        operator=OPERATOR_NAME,
        provenance=Provenance.STATEMENT,
        status=status,
        amount_xof=None if kind is LineKind.FEE else amount_xof,
        fee_xof=amount_xof if kind is LineKind.FEE else None,
        payer_msisdn=_payer(cells),
        our_reference=_words(cells),
        operator_transaction_id=about,
        occurred_at=_moment(cells, row, reading, moves=signed_xof != 0),
        raw_transaction_id=identity.storable(raw_id) or None,
        remarks=tuple(dict.fromkeys(cells.remarks)) if cells.remarks else (),
    )
    presumed = status is not ObservedStatus.UNKNOWN
    line = StatementLine(row.number, kind, observation, row.raw, signed_xof if presumed else 0, own)
    return SheetEntry(line, signed_xof, doubt, presumed)


def _cells(row: Row, reading: Reading) -> _Cells:
    if len(row.cells) == len(COLUMNS) and not row.odd_quotes:
        return _Cells([], *row.cells[1:])
    cells, remarks = list(row.cells), [Remark.QUOTES_ODD] if row.odd_quotes else []
    extra = _extra_fields(cells, reading) if len(cells) > len(COLUMNS) else 0
    if extra:
        # Somebody's words held the separator; the balances prove that the amounts are where we take them.
        words = ";".join(cells[_WORDS_AT : _WORDS_AT + extra + 1])
        cells = [*cells[:_WORDS_AT], words, *cells[_WORDS_AT + extra + 1 :]]
        remarks.append(Remark.FIELDS_JOINED)
    while len(cells) > len(COLUMNS) and not cells[-1].strip():
        cells.pop()
    if _SHORTEST <= len(cells) < len(COLUMNS) and reading.proved:
        cells += [""] * (len(COLUMNS) - len(cells))
    if len(cells) != len(COLUMNS):
        raise rejected(DetailCode.FILE_FIELD_COUNT, row.number, count=len(cells), expected=len(COLUMNS))
    return _Cells(remarks, *cells[1:])


def _extra_fields(cells: Sequence[str], reading: Reading) -> int:
    """Return how many fields the merchant's reference fell into: the fewest that leave amounts where amounts stand."""
    most = len(cells) - len(COLUMNS) if reading.proved else 0
    for extra in range(most + 1):
        debit, credit = cells[_WORDS_AT + extra + 1 : _WORDS_AT + extra + 3]
        if not any(cell.strip() for cell in cells[len(COLUMNS) + extra :]) and _are_amounts(debit, credit, reading):
            return extra
    return 0


def _are_amounts(debit: str, credit: str, reading: Reading) -> bool:
    try:
        return _one_side(debit, credit, reading)[0] >= 0
    except AmountInvalid as error:
        return isinstance(error, AmountAmbiguous)


def _status(cells: _Cells) -> tuple[ObservedStatus, str | None]:
    label = find_label(cells.status, _STATUS_LABELS)
    if label == cells.status or (label is not None and STATUSES[label] in _STILL):
        return STATUSES[label], None
    # Not the operator's own spelling: the balances are asked what the line did.
    doubt = (identity.words(cells.status) or "").casefold()
    if label is not None:
        return STATUSES[label], doubt
    cells.remarks.append(Remark.STATUS_UNKNOWN)
    return ObservedStatus.UNKNOWN, doubt


def _amount(cells: _Cells, row: Row, reading: Reading, status: ObservedStatus) -> tuple[int | None, bool]:
    """Return the amount and whether it stands on our side; None where it cannot be known and nothing moved."""
    try:
        amount_xof, in_our_favour = _one_side(cells.debit, cells.credit, reading)
    except AmountInvalid as error:
        if status in _STILL:
            cells.remarks.append(Remark.AMOUNT_UNREADABLE)
            return None, True
        raise rejected_amount(error, row.number) from error
    if amount_xof == 0:
        cells.remarks.append(Remark.AMOUNT_ZERO)
    return amount_xof, in_our_favour


def _one_side(debit: str, credit: str, reading: Reading) -> tuple[int, bool]:
    debit_xof, credit_xof = _francs(debit, reading), _francs(credit, reading)
    if debit_xof and credit_xof:
        raise AmountInvalid(f"{debit} / {credit}", AmountFault.BOTH_SIDES)
    if debit_xof is None and credit_xof is None:
        raise AmountInvalid("", AmountFault.NO_SIDE)
    if debit_xof or credit_xof:
        return debit_xof or credit_xof or 0, bool(credit_xof)
    return 0, credit_xof is not None


def _francs(written: str, reading: Reading) -> int | None:
    if not written or (not written.isdigit() and not identity.without_marks(written).strip(_DASHES)):
        return None
    return parse_written_francs(written, max_xof=MAX_BALANCE_XOF, three=reading.three)


def _kind(cells: _Cells, amount_xof: int | None, *, in_our_favour: bool) -> LineKind:
    label = find_label(cells.service, _KIND_LABELS)
    if label is None:
        cells.remarks.append(Remark.SERVICE_UNKNOWN)
        return LineKind.OTHER
    kind = KINDS[label]
    if amount_xof and in_our_favour is not _IN_OUR_FAVOUR.get(kind, in_our_favour):
        # It moved the balance the other way, so it is not what this service otherwise does.
        cells.remarks.append(Remark.AMOUNT_OTHER_SIDE)
        return LineKind.OTHER
    return kind


def _id(written: str, cells: _Cells, missing: Remark) -> str | None:
    found = identity.transaction_id(written, IDENTITY)
    if found is None:
        cells.remarks.append(missing)
    elif found != written:
        cells.remarks.append(Remark.ID_CLEANED)
    return found


def _payer(cells: _Cells) -> str | None:
    if not cells.payer:
        return None
    try:
        return parse_msisdn(cells.payer)
    except MsisdnInvalid:
        bare = identity.transaction_id(cells.payer, IDENTITY) or ""
    try:
        return parse_msisdn(bare) if bare else None
    except MsisdnInvalid:
        # A masked or mangled payer does not make the money less real; the raw line is kept.
        cells.remarks.append(Remark.PAYER_CUT if identity.is_cut(bare) else Remark.PAYER_UNREADABLE)
        return None


def _words(cells: _Cells) -> str | None:
    found = identity.reference(cells.words)
    if found is not None and identity.is_cut(found):
        cells.remarks.append(Remark.REFERENCE_CUT)
    elif (found or "") != cells.words:
        cells.remarks.append(Remark.REFERENCE_CLEANED)
    return found


def _moment(cells: _Cells, row: Row, reading: Reading, *, moves: bool) -> datetime | None:
    day = _day(cells, row, reading, moves=moves)
    if day is None:
        return None
    hour = cells.hour.strip() or cells.day.strip().replace("T", " ", 1).partition(" ")[2]
    clock = read_clock(hour)
    if clock is None:
        # The day is enough for the books; spreadsheets write hours as fractions of it.
        cells.remarks.append(Remark.TIME_UNREADABLE if hour else Remark.TIME_MISSING)
        clock = time()
    moment = datetime.combine(day, clock, clock.tzinfo or ZONE)
    moment = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    if not reading.period_start <= moment < reading.period_end:
        cells.remarks.append(Remark.DATE_OUTSIDE_PERIOD)
    return moment


def _day(cells: _Cells, row: Row, reading: Reading, *, moves: bool) -> date | None:
    if not cells.day.strip():
        cells.remarks.append(Remark.DATE_MISSING)
        return None
    try:
        return reading.days.read(cells.day, row.number)
    except StatementRejected:
        if moves:
            raise
        cells.remarks.append(Remark.DATE_UNREADABLE)
        return None
