"""What a statement and our books differ by: a day, two figures, and what whoever explains it must know."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from payments.break_kind import BreakKind
from payments.detail import Detail, DetailCode, Value, detail
from payments.money import MAX_AMOUNT_XOF
from payments.msisdn import mask
from payments.reconciliation.coverage import utc_day
from payments.reconciliation.facts import Booked, OperatorRecord, Unit


@dataclass(frozen=True, slots=True)
class Difference:
    """A break to be kept once per (kind, operator, account, subject) while it stands.

    ``about`` is the operation, or the part of a statement, whose differences are always found all together.
    Units:   difference_xof is what the operator says less what we say on that day; 0 where it only informs.
    """

    kind: BreakKind
    account: str
    subject: str
    about: str
    day: date
    operator_amount_xof: int | None
    ledger_amount_xof: int | None
    difference_xof: int
    detail: Detail


def uncredited(kind: BreakKind, line: OperatorRecord, said: Detail) -> Difference:
    """Open what a line moved and no money of ours explains."""
    return _of(line, kind, (line.due_xof, 0, line.due_xof), said)


def statement_only(line: OperatorRecord) -> Difference:
    """Open what the operator collected and nobody could credit."""
    found = uncredited(BreakKind.STATEMENT_ONLY, line, _flaw(line))
    return replace(found, operator_amount_xof=line.observation.amount_xof)


def missing_in_statement(kind: BreakKind, unit: Unit, booked: Booked) -> Difference:
    """Open what we credited and no successful line covers."""
    code = {BreakKind.STATUS: DetailCode.FAILED_AT_OPERATOR, BreakKind.DROPPED: DetailCode.NO_LONGER_IN_STATEMENT}
    return Difference(
        kind=kind,
        account=unit.account,
        subject=unit.subject,
        about=unit.subject,
        day=utc_day(booked.occurred_at),
        operator_amount_xof=0,
        ledger_amount_xof=booked.amount_xof,
        difference_xof=-booked.amount_xof,
        detail=detail(code.get(kind, DetailCode.IN_NO_STATEMENT)),
    )


def paired(line: OperatorRecord, booked: Booked) -> tuple[Difference, ...]:
    """Open what a line and the payment it names differ by: amount, payer, day, or a household that nobody knows."""
    found = list(_timing(line, booked))
    rest_xof = line.due_xof - booked.amount_xof
    if other_payer(line.observation.payer_msisdn, booked.payer_msisdn):
        said = of_line(DetailCode.LINE_OTHER_PAYER, line, stated_payer=_payer(line))
        found.append(_of(line, BreakKind.COLLISION, (line.due_xof, booked.amount_xof, rest_xof), said))
    elif rest_xof or line.observation.amount_xof != booked.amount_xof:
        said = of_line(
            DetailCode.LINE_OTHER_AMOUNT,
            line,
            stated_xof=line.observation.amount_xof,
            moved_xof=line.moved_xof,
            booked_xof=booked.amount_xof,
        )
        found.append(_of(line, BreakKind.AMOUNT, (line.due_xof, booked.amount_xof, rest_xof), said))
    if booked.party_id is None:
        found.append(information(BreakKind.UNIDENTIFIED, line, booked))
    return tuple(found)


def information(kind: BreakKind, line: OperatorRecord, booked: Booked | None) -> Difference:
    """Open what somebody should know and what changes no sum."""
    observed = line.observation
    said = of_line(DetailCode.LINE_STATUS, line, status=observed.status)
    return _of(line, kind, (observed.amount_xof, booked.amount_xof if booked else None, 0), said)


def contradiction(line: OperatorRecord, booked: Booked) -> Difference:
    """Open what a statement calls successful on one line and not on another."""
    found = information(BreakKind.STATUS, line, booked)
    return replace(found, subject=f"{line.subject}:{line.observation.status}")


def misdated(line: OperatorRecord) -> Difference:
    """Open a date that its statement's period does not hold; the line counts on the nearest day that is in it."""
    stated_at, counted_day = line.observation.occurred_at, utc_day(line.counts_at)
    said = of_line(
        DetailCode.LINE_OUTSIDE_PERIOD,
        line,
        stated_at=stated_at.isoformat() if stated_at else None,
        counted_day=counted_day.isoformat(),
    )
    return _of(line, BreakKind.DATE, (line.due_xof, line.due_xof, 0), said)


def changed(dropped: Sequence[OperatorRecord], added: Sequence[OperatorRecord]) -> Difference:
    """Open what the last file of a moment says otherwise than the first did; what it changes of our books stands apart.

    Units:   ``operator_amount_xof`` is what the last file moved, ``ledger_amount_xof`` what the first had.
    """
    kind = BreakKind.CORRECTED if dropped and added else BreakKind.ADDED if added else BreakKind.DROPPED
    code = {
        BreakKind.CORRECTED: DetailCode.LINE_CORRECTED,
        BreakKind.ADDED: DetailCode.LINE_ADDED,
        BreakKind.DROPPED: DetailCode.LINE_DROPPED,
    }[kind]
    line = (*added, *dropped)[0]
    return _of(line, kind, (_moved(added), _moved(dropped), 0), of_line(code, line))


def told_once(found: Sequence[Difference], changes: Sequence[Difference]) -> tuple[Difference, ...]:
    """Return every event once: a file that corrects another and so departs from our books is one correction.

    It says what the last file and our books say, and by how much they differ.
    """
    corrected = next((one for one in changes if one.kind is BreakKind.CORRECTED), None)
    departing = [one for one in found if one.kind is BreakKind.AMOUNT] if corrected is not None else []
    if corrected is None or len(departing) != 1:
        return (*found, *changes)
    (amount,) = departing
    # The day of the money, not that of the line which happens to be the first of those that changed.
    said = replace(amount, kind=corrected.kind, detail=corrected.detail)
    return (*(one for one in found if one is not amount), *(said if one is corrected else one for one in changes))


def other_payer(one: str | None, other: str | None) -> bool:
    """Return whether two payers are known and not the same."""
    return one is not None and other is not None and one != other


def numbered(found: Iterable[Difference]) -> tuple[Difference, ...]:
    """Return a name of its own to each difference of one kind and subject."""
    taken: dict[tuple[BreakKind, str], int] = {}
    named = []
    for one in found:
        count = taken[one.kind, one.subject] = taken.get((one.kind, one.subject), 0) + 1
        named.append(one if count == 1 else replace(one, subject=f"{one.subject}:{count}"))
    return tuple(named)


def _timing(line: OperatorRecord, booked: Booked) -> tuple[Difference, ...]:
    """Open what crosses midnight: the same money, counted on one day by the operator and on another by us."""
    stated_at, booked_at, booked_xof = line.counts_at, booked.occurred_at, booked.amount_xof
    if utc_day(stated_at) == utc_day(booked_at):
        return ()
    said = of_line(DetailCode.LINE_OTHER_DAY, line, stated_at=stated_at.isoformat(), booked_at=booked_at.isoformat())
    ours = _of(line, BreakKind.TIMING_BOOKED, (0, booked_xof, -booked_xof), said)
    return _of(line, BreakKind.TIMING, (booked_xof, 0, booked_xof), said), replace(ours, day=utc_day(booked_at))


def _of(line: OperatorRecord, kind: BreakKind, figures: tuple[int | None, int | None, int], said: Detail) -> Difference:
    theirs_xof, ours_xof, difference_xof = figures
    return Difference(
        kind=kind,
        account=line.account,
        subject=line.subject,
        about=line.subject,
        day=utc_day(line.counts_at),
        operator_amount_xof=theirs_xof,
        ledger_amount_xof=ours_xof,
        difference_xof=difference_xof,
        detail=said,
    )


def of_line(code: DetailCode, line: OperatorRecord, **values: Value) -> Detail:
    """Return a detail that names the line which it is about."""
    return detail(code, line_number=line.line_number, file_id=line.file_id, **values)


def _payer(line: OperatorRecord) -> str | None:
    return mask(line.observation.payer_msisdn) if line.observation.payer_msisdn else None


def _moved(lines: Sequence[OperatorRecord]) -> int:
    return sum(line.moved_xof for line in lines)


def _flaw(line: OperatorRecord) -> Detail:
    said = line.observation
    if said.operator_transaction_id is None:
        return of_line(DetailCode.LINE_WITHOUT_REFERENCE, line)
    if said.amount_xof is None:
        return of_line(DetailCode.LINE_WITHOUT_AMOUNT, line)
    if not 0 < said.amount_xof <= MAX_AMOUNT_XOF:
        return of_line(
            DetailCode.LINE_AMOUNT_OUT_OF_RANGE, line, amount_xof=said.amount_xof, largest_xof=MAX_AMOUNT_XOF
        )
    return of_line(DetailCode.LINE_NOT_CREDITABLE, line, status=said.status)
