"""What the file's own figures tell of lines whose state is in doubt."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations
from typing import Final

from payments.detail import DetailCode
from payments.errors import StatementRejected
from payments.money import ThreeDigits
from payments.observation import ObservedStatus
from payments.operators.contract import StatementFooter, StatementLine
from payments.operators.control_totals import Sums, disagreement
from payments.operators.sandbox.statement_line import SheetEntry
from payments.rejection import rejected
from payments.remarks import Remark

#: More words in doubt than this cannot be told apart by four figures.
MAX_DOUBTS: Final = 6

#: No operator has so many words for a state; each would have to be remembered.
MAX_WORDS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Course:
    """What a file leaves open, decided: what three digits mean, and which words in doubt moved something.

    ``moving`` is None where every line did what its word lets us presume.
    """

    three: ThreeDigits
    moving: frozenset[str] | None = None


def proved_course(
    entries: Iterable[SheetEntry], three: ThreeDigits, opening_xof: int | None, footer: StatementFooter
) -> Course:
    """Let the figures that are printed say whether lines in doubt moved anything.

    Returns: lines in doubt did what their word lets us presume, unless only another course leads to what is printed.
    Errors:  StatementRejected when nothing leads there, or two things do.
    Source:  closing = opening + what every line moved; a word in doubt is judged by what it did, never by its sound.
    """
    sure, doubts, presumed = Sums(), dict[str, Sums](), set[str]()
    for entry in entries:
        sums = sure
        if entry.doubt is not None:
            presumed |= {entry.doubt} if entry.presumed else set()
            # What moves nothing either way is one line more, whatever its word.
            sums = doubts.setdefault(entry.doubt, Sums()) if entry.signed_xof else sure
            _require_few(doubts)
        sums.add(entry.line.kind, entry.signed_xof)

    def fault(moving: Iterable[str]) -> StatementRejected | None:
        whole = sure.plus(*(doubts[word].counted(moved=word in moving) for word in doubts))
        return disagreement(whole, opening_xof, footer)

    agreeing = []
    for otherwise in _choices(sorted(doubts)):
        moving = frozenset(presumed.symmetric_difference(otherwise))
        if fault(moving) is None:
            if not otherwise:
                return Course(three)
            agreeing.append(moving)
    if len(agreeing) == 1:
        return Course(three, agreeing[0])
    raise fault(presumed) or rejected(DetailCode.FILE_TOTALS_AMBIGUOUS)


def judged(entry: SheetEntry, course: Course) -> StatementLine:
    """Return the line of an entry as the figures decided; what then moved nothing is of unknown state."""
    if course.moving is None or entry.doubt is None or not entry.signed_xof:
        return entry.line
    if entry.doubt in course.moving:
        return replace(entry.line, moved_xof=entry.signed_xof)
    said = entry.line.observation
    remarks = tuple(dict.fromkeys((*said.remarks, Remark.STATUS_UNKNOWN)))
    unknown = replace(said, status=ObservedStatus.UNKNOWN, remarks=remarks)
    return replace(entry.line, observation=unknown, moved_xof=0)


def _choices(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    most = len(words) if len(words) <= MAX_DOUBTS else 1
    return chain.from_iterable(combinations(words, count) for count in range(most + 1))


def _require_few(doubts: dict[str, Sums]) -> None:
    if len(doubts) > MAX_WORDS:
        raise rejected(DetailCode.FILE_STATES_TOO_MANY, most=MAX_WORDS)
