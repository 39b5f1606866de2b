"""The figures that operators print below their lines, held against the lines as they pass."""

from dataclasses import dataclass
from typing import Final

from payments.detail import DetailCode
from payments.errors import StatementRejected
from payments.observation import LineKind
from payments.operators.contract import ControlFigure, StatementFooter, StatementHeader, StatementLine
from payments.rejection import rejected


@dataclass(slots=True)
class Sums:
    """What the lines of one account add up to so far.

    Units:   whole francs; a fee is above zero where the operator took it.
    """

    line_count: int = 0
    collected_xof: int = 0
    fees_xof: int = 0
    moved_xof: int = 0

    def add(self, kind: LineKind, moved_xof: int) -> None:
        """Count one line."""
        self.line_count += 1
        self.moved_xof += moved_xof
        if kind is LineKind.COLLECTION:
            self.collected_xof += moved_xof
        elif kind is LineKind.FEE:
            self.fees_xof -= moved_xof

    def plus(self, *others: "Sums") -> "Sums":
        """Return these sums and others, added up."""
        every = (self, *others)
        return Sums(
            sum(one.line_count for one in every),
            sum(one.collected_xof for one in every),
            sum(one.fees_xof for one in every),
            sum(one.moved_xof for one in every),
        )

    def counted(self, *, moved: bool) -> "Sums":
        """Return the same lines as if they had moved something, or nothing."""
        return self if moved else Sums(self.line_count)


#: In the order in which people read them.
_ORDER: Final = tuple(ControlFigure)


def disagreement(sums: Sums, opening_xof: int | None, footer: StatementFooter) -> StatementRejected | None:
    """Return why a file cannot be used whose printed figures the lines do not give; None when they do.

    Compared is what the footer says it printed; a file may print none.
    """
    totals = footer.totals
    ours = {
        ControlFigure.LINES: sums.line_count,
        ControlFigure.COLLECTED: sums.collected_xof,
        ControlFigure.FEES: sums.fees_xof,
        ControlFigure.CLOSING: None if opening_xof is None else opening_xof + sums.moved_xof,
    }
    theirs = {
        ControlFigure.LINES: totals.line_count,
        ControlFigure.COLLECTED: totals.collected_xof,
        ControlFigure.FEES: totals.fees_xof,
        ControlFigure.CLOSING: footer.closing_xof,
    }
    for figure in _ORDER:
        printed = footer.printed.get(figure)
        if printed is not None and ours[figure] is not None and ours[figure] != theirs[figure]:
            said = {"label": printed.label, "printed": theirs[figure], "counted": ours[figure]}
            return rejected(DetailCode.FILE_TOTAL_DIFFERS, printed.line_number, **said)
    return None


class ControlTotals:
    """Follows the one account of a statement from its header to its footer."""

    __slots__ = ("_began", "_header", "_sums")

    def __init__(self) -> None:
        """Wait for a header."""
        self._began = False
        self._header: StatementHeader | None = None
        self._sums = Sums()

    def begin(self, header: StatementHeader) -> None:
        """Begin the account.

        Errors:  StatementRejected where there was one before: a file is kept as the word on one account.
        """
        if self._began:
            raise rejected(DetailCode.FILE_SEVERAL_ACCOUNTS)
        self._began, self._header, self._sums = True, header, Sums()

    def add(self, line: StatementLine) -> None:
        """Count a line.

        Errors:  StatementRejected where no account has begun.
        """
        if self._header is None:
            raise rejected(DetailCode.FILE_LINE_ALONE, line.line_number)
        self._sums.add(line.kind, line.moved_xof)

    def end(self, footer: StatementFooter) -> None:
        """End an account.

        Errors:  StatementRejected where a printed figure is not what the lines give.
        """
        if self._header is None:
            raise rejected(DetailCode.FILE_TOTALS_ALONE)
        fault = disagreement(self._sums, self._header.opening_xof, footer)
        if fault is not None:
            raise fault
        self._header = None

    def require_ended(self) -> None:
        """Let a statement through whose account has begun and ended.

        Errors:  StatementRejected.
        """
        if self._header is not None or not self._began:
            raise rejected(DetailCode.FILE_TOTALS_MISSING)
