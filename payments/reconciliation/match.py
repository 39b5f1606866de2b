"""Which line and which payment are the same money; every line falls into exactly one bucket.

Everything that is said of one operation is judged together, whatever files said it and in whatever order they came: a
line that stands pairs with the payment, and each other movement, each payment that nothing names and each second word
is a difference. Whatever the lines and the payment are, what the lines moved on a day equals what we hold of that day
plus the differences found here, to the franc.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from payments.break_kind import BreakKind
from payments.detail import DetailCode
from payments.observation import LineKind
from payments.reconciliation import difference
from payments.reconciliation.difference import Difference
from payments.reconciliation.facts import Booked, Movement, OperatorRecord, Unit

#: Two lines of one operation that are further apart than this are never one line told twice.
SAME_MOMENT: Final = timedelta(minutes=1)


class Bucket(StrEnum):
    """Where a statement line ends."""

    MATCHED = "matched"
    RECOVERED = "recovered"
    SUSPENSE = "suspense"
    AMOUNT_DIFFERS = "amount_differs"
    STATUS_DIFFERS = "status_differs"
    COLLISION = "collision"
    DOUBLED = "doubled"
    REVERSAL = "reversal"
    UNKNOWN_SERVICE = "unknown_service"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"
    NOT_MONEY = "not_money"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Judged:
    """The bucket of each line, by its place, and everything that somebody must explain of one operation."""

    buckets: Mapping[tuple[int, int], Bucket]
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class _Collections:
    """What was collected for one operation, in time; compared whole, for a broken file gives all one reference.

    ``differ`` when they name several amounts or payers; ``have_several_forms`` when the reference was written in
    several ways.
    """

    lines: Sequence[OperatorRecord]
    differ: bool
    have_several_forms: bool

    def are_apart_from(self, line: OperatorRecord) -> bool:
        """Return whether one of them is another moment than this one."""
        earliest, latest = self.lines[0].counts_at, self.lines[-1].counts_at
        return max(line.counts_at - earliest, latest - line.counts_at) > SAME_MOMENT


#: What one line leads to: its bucket, and what must be explained.
_Word = tuple[Bucket, tuple[Difference, ...]]


def to_recover(unit: Unit) -> OperatorRecord | None:
    """Pick the record that we can credit and have not credited: the first word, whatever a later file made of it since.

    Returns: None where two forms of the reference name different money, for nobody can say which is the payment.
    """
    collected = _compared([line for line in _in_time(unit.lines) if line.is_bookable])
    if unit.payment is not None or not collected.lines or (collected.differ and collected.have_several_forms):
        return None
    return _first_word(collected.lines)


def judge(unit: Unit) -> Judged:
    """Put every line of an operation into exactly one bucket and name what differs.

    Returns: differences that add up, day by day, to what the lines that stand moved less the payment.
    """
    lines = _in_time(unit.lines)
    stated = [line for line in lines if line.stands and line.is_collected]
    collected = _compared([line for line in stated if not line.is_nothing] or stated)
    paired = _paired(collected.lines, unit.payment)
    repeated = _repeated(lines)
    buckets: dict[tuple[int, int], Bucket] = {}
    found: list[Difference] = []
    credited = _first_word([line for line in lines if line.is_bookable])
    for line in lines:
        if line.stands:
            bucket, differences = _judge(line, unit, paired, collected)
        else:
            bucket, differences = _superseded(unit.payment if line is credited else None), ()
        buckets[line.place] = Bucket.DUPLICATE if line.place in repeated else bucket
        found += differences
        if line.stands and line.is_misdated:
            found.append(difference.misdated(line))
    changes = _changes(lines)
    if unit.payment is not None and paired is None and unit.expected:
        missing = difference.missing_in_statement(_missing(unit, lines), unit, unit.payment)
        changes = [one for one in changes if one.kind is not missing.kind]
        found.append(missing)
    return Judged(buckets, difference.numbered(difference.told_once(found, changes)))


def _judge(line: OperatorRecord, unit: Unit, paired: OperatorRecord | None, collected: _Collections) -> _Word:
    if line.is_collected:
        return _collected(line, unit.payment, paired, collected)
    if line.kind is LineKind.COLLECTION:
        return _unsuccessful(line, unit.payment, paired)
    if line.kind is LineKind.REVERSAL and line.due_xof:
        why = difference.of_line(DetailCode.LINE_REVERSED, line, taken_xof=-line.due_xof, own_reference=line.reference)
        return Bucket.REVERSAL, (difference.uncredited(BreakKind.REVERSAL, line, why),)
    if line.due_xof:
        why = difference.of_line(DetailCode.LINE_UNKNOWN_SERVICE, line)
        return Bucket.UNKNOWN_SERVICE, (difference.uncredited(BreakKind.UNKNOWN_SERVICE, line, why),)
    return Bucket.NOT_MONEY, ()


def _collected(
    line: OperatorRecord, booked: Booked | None, paired: OperatorRecord | None, collected: _Collections
) -> _Word:
    if booked is not None and line is paired:
        return _booked(line, booked)
    if line.is_nothing:
        return Bucket.NOT_MONEY, ()
    if len(collected.lines) == 1:
        return Bucket.UNREADABLE, (difference.statement_only(line),)
    if collected.differ or collected.are_apart_from(line):
        why = difference.of_line(DetailCode.LINE_SEVERAL_OPERATIONS, line)
        return Bucket.COLLISION, (difference.uncredited(BreakKind.COLLISION, line, why),)
    if paired is None and line is collected.lines[0]:
        return Bucket.UNREADABLE, (difference.statement_only(line),)
    why = difference.of_line(DetailCode.LINE_MOVED_TWICE, line)
    return Bucket.DOUBLED, (difference.uncredited(BreakKind.DUPLICATE, line, why),)


def _booked(line: OperatorRecord, booked: Booked) -> _Word:
    found = difference.paired(line, booked)
    kinds = {one.kind for one in found}
    if BreakKind.COLLISION in kinds:
        return Bucket.COLLISION, found
    if BreakKind.AMOUNT in kinds:
        return Bucket.AMOUNT_DIFFERS, found
    return _recovered(booked) if booked.recovered else Bucket.MATCHED, found


def _superseded(booked: Booked | None) -> Bucket:
    return _recovered(booked) if booked is not None and booked.recovered else Bucket.SUPERSEDED


def _recovered(booked: Booked) -> Bucket:
    return Bucket.SUSPENSE if booked.party_id is None else Bucket.RECOVERED


def _first_word(lines: Sequence[OperatorRecord]) -> OperatorRecord | None:
    return min(lines, key=lambda line: line.place, default=None)


def _unsuccessful(line: OperatorRecord, booked: Booked | None, paired: OperatorRecord | None) -> _Word:
    found: tuple[Difference, ...] = ()
    if line.due_xof:
        why = difference.of_line(DetailCode.LINE_MOVED_WITHOUT_SUCCESS, line)
        found = (difference.uncredited(BreakKind.STATEMENT_ONLY, line, why),)
    if booked is None:
        return (Bucket.UNREADABLE if found else Bucket.NOT_MONEY), found
    if paired is not None:
        found = (*found, difference.contradiction(line, booked))
    return Bucket.STATUS_DIFFERS, found


def _missing(unit: Unit, lines: Sequence[OperatorRecord]) -> BreakKind:
    if any(line.is_collected for line in lines):
        return BreakKind.DROPPED
    named = any(line.kind is LineKind.COLLECTION for line in unit.lines)
    return BreakKind.STATUS if named else BreakKind.LEDGER_ONLY


def _compared(collected: Sequence[OperatorRecord]) -> _Collections:
    # A payer that is not known is no other payer.
    payers = {line.observation.payer_msisdn for line in collected} - {None}
    figures = {(line.observation.amount_xof, line.due_xof) for line in collected}
    forms = {line.observation.raw_transaction_id for line in collected}
    return _Collections(collected, len(payers) > 1 or len(figures) > 1, len(forms) > 1)


def _paired(collected: Sequence[OperatorRecord], booked: Booked | None) -> OperatorRecord | None:
    if booked is None:
        return None

    def distance(line: OperatorRecord) -> tuple[bool, bool, timedelta]:
        said = line.observation
        other_payer = difference.other_payer(said.payer_msisdn, booked.payer_msisdn)
        return line.due_xof != booked.amount_xof, other_payer, abs(line.counts_at - booked.occurred_at)

    return min(collected, key=distance, default=None)


def _repeated(lines: Sequence[OperatorRecord]) -> set[tuple[int, int]]:
    """Pick the lines that stand and that an overlapping file had told before, each told once for each time."""
    by_file = Counter((line.movement, line.file_id) for line in lines if not line.stands)
    counts: dict[Movement, int] = {}
    for (movement, _), count in by_file.items():
        counts[movement] = max(counts.get(movement, 0), count)
    found = set()
    for line in lines:
        if line.stands and (line.is_collected or line.due_xof) and counts.get(line.movement, 0) > 0:
            counts[line.movement] -= 1
            found.add(line.place)
    return found


def _changes(lines: Sequence[OperatorRecord]) -> list[Difference]:
    """Compare the last word on each moment with the first, movement by movement."""
    moving = [line for line in lines if line.moved_xof]
    before = [line for line in moving if line.was_first]
    after = [line for line in moving if line.stands]
    dropped, added = _without(before, after), _without(after, before)
    return [difference.changed(dropped, added)] if dropped or added else []


def _without(lines: Sequence[OperatorRecord], others: Sequence[OperatorRecord]) -> list[OperatorRecord]:
    left = Counter(line.movement for line in others)
    found = []
    for line in lines:
        if left[line.movement] > 0:
            left[line.movement] -= 1
        else:
            found.append(line)
    return found


def _in_time(lines: Sequence[OperatorRecord]) -> list[OperatorRecord]:
    # By what they say before where they stand: a file written again names the same differences in the same way.
    return sorted(
        lines,
        key=lambda line: (
            line.counts_at,
            line.kind,
            line.moved_xof,
            line.reference or "",
            line.observation.payer_msisdn or "",
            line.place,
        ),
    )
