"""The file's own totals and balances against its lines, and what they tell of lines whose state is in doubt."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations
from typing import Final

from payments.errors import RejectedFor, StatementRejected
from payments.observation import ObservedStatus
from payments.operators.contract import LineKind, StatementLine, StatementTotals
from payments.operators.sandbox.statement_line import Entry
from payments.remarks import Remark

FOOTER: Final = ("Total lignes", "Total encaissements", "Total frais", "Solde clôture")

#: More words in doubt than this cannot be told apart by four figures.
MAX_DOUBTS: Final = 6


@dataclass(frozen=True, slots=True)
class Printed:
    """What the operator printed, with the line of each figure; None where it printed none.

    Units:   balances in whole francs.
    """

    totals: StatementTotals
    opening_xof: int | None
    closing_xof: int | None
    line_numbers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Sums:
    collected_xof: int = 0
    fees_xof: int = 0
    moved_xof: int = 0

    def __add__(self, other: "_Sums") -> "_Sums":
        return _Sums(
            self.collected_xof + other.collected_xof,
            self.fees_xof + other.fees_xof,
            self.moved_xof + other.moved_xof,
        )


def proved_lines(entries: Sequence[Entry], printed: Printed) -> list[StatementLine]:
    """Compare every figure that is printed, and let the balances say whether lines in doubt moved anything.

    Returns: the lines; those in doubt did what their word lets us presume, unless only another course leads to what
             is printed; what then moved nothing is of unknown state.
    Errors:  StatementRejected when nothing leads there, or two things do.
    Source:  closing = opening + what every line moved; a word in doubt is judged by what it did, never by its sound.
    """
    sure = _sums(entry for entry in entries if entry.doubt is None)
    doubts = {word: _sums(entry for entry in entries if entry.doubt == word) for word in _doubts(entries)}
    presumed = frozenset(entry.doubt for entry in entries if entry.doubt is not None and entry.presumed)
    agreeing = []
    for otherwise in _choices([*doubts]):
        moving = presumed.symmetric_difference(otherwise)
        fault = _fault(len(entries), sum((doubts[word] for word in doubts if word in moving), sure), printed)
        if fault is None and not otherwise:
            return [entry.line for entry in entries]
        if fault is None:
            agreeing.append(moving)
    if len(agreeing) == 1:
        return [_judged(entry, agreeing[0]) for entry in entries]
    presumably = sum((doubts[word] for word in doubts if word in presumed), sure)
    fault = _fault(len(entries), presumably, printed)
    raise fault or StatementRejected("les totaux ne se lisent pas", code=RejectedFor.TOTALS)


def _doubts(entries: Iterable[Entry]) -> list[str]:
    return sorted({entry.doubt for entry in entries if entry.doubt is not None and entry.signed_xof})


def _choices(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    most = len(words) if len(words) <= MAX_DOUBTS else 1
    return chain.from_iterable(combinations(words, count) for count in range(most + 1))


def _judged(entry: Entry, moving: frozenset[str]) -> StatementLine:
    if entry.doubt is None or not entry.signed_xof:
        return entry.line
    if entry.doubt in moving:
        return replace(entry.line, moved_xof=entry.signed_xof)
    said = entry.line.observation
    remarks = tuple(dict.fromkeys((*said.remarks, Remark.STATUS_UNKNOWN)))
    unknown = replace(said, status=ObservedStatus.UNKNOWN, remarks=remarks)
    return replace(entry.line, observation=unknown, moved_xof=0)


def _sums(entries: Iterable[Entry]) -> _Sums:
    collected_xof = fees_xof = moved_xof = 0
    for entry in entries:
        moved_xof += entry.signed_xof
        collected_xof += entry.signed_xof if entry.line.kind is LineKind.COLLECTION else 0
        fees_xof -= entry.signed_xof if entry.line.kind is LineKind.FEE else 0
    return _Sums(collected_xof, fees_xof, moved_xof)


def _fault(count: int, sums: _Sums, printed: Printed) -> StatementRejected | None:
    totals = printed.totals
    closing_xof = None if printed.opening_xof is None else printed.opening_xof + sums.moved_xof
    found = (count, sums.collected_xof, sums.fees_xof, closing_xof)
    theirs = (totals.line_count, totals.collected_xof, totals.fees_xof, printed.closing_xof)
    for label, ours, said in zip(FOOTER, found, theirs, strict=True):
        if ours is not None and said is not None and ours != said:
            why = f"« {label} » dit {said}, mais les lignes donnent {ours}"
            return StatementRejected(why, printed.line_numbers[label], code=RejectedFor.TOTALS)
    return None
