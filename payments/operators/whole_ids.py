"""A statement whose ids a spreadsheet has cut is refused whole: different operations would be one."""

from typing import Final

from payments import identity
from payments.detail import DetailCode, detail
from payments.errors import StatementRejected
from payments.operators.contract import StatementLine

#: So many are kept in all: more would not help whoever corrects the file, and a file may be long.
KEPT_LINES_MAX: Final = 1_000

#: Ids of other lines' operations that are told apart; two are as good a proof as a thousand.
TOLD_APART: Final = 4


class WholeIds:
    """Watches the ids of a file as they pass, and keeps of them only what its end needs to know.

    Source:  see identity.is_cut and identity.cut_together.
    """

    __slots__ = ("_all_zeros", "_cut", "_long", "_others", "_own")

    def __init__(self) -> None:
        """Begin a file."""
        self._cut, self._long = list[int](), list[int]()
        self._all_zeros = True
        # Long numbers so far, as long as every one of them ends in zeros: one for each line, and those of links.
        self._own: list[str] = []
        self._others: set[str] = set()

    def look(self, line: StatementLine) -> None:
        """Take note of the ids of one line."""
        own, about = line.reference, line.observation.operator_transaction_id
        # An id that begins with a letter was never a number to any spreadsheet.
        if (own is None or own[:1].isalpha()) and (about is None or own == about or about[:1].isalpha()):
            return
        ids = [one for one in dict.fromkeys((own, about)) if one]
        if any(identity.is_cut(one) for one in ids):
            _name(self._cut, line.line_number)
        long = [one for one in ids if identity.is_long_number(one)]
        if long:
            _name(self._long, line.line_number)
        for one in long if self._all_zeros else ():
            self._all_zeros = self._all_zeros and not one[identity.SPREADSHEET_DIGITS :].strip("0")
            if one != own:
                self._others |= {one} if len(self._others) < TOLD_APART else set()
            elif len(self._own) < TOLD_APART:
                self._own.append(one)

    def require(self) -> None:
        """Let a file through of which no id is a power of ten, and not all long ids end in zeros.

        Errors:  StatementRejected, which names the lines, up to KEPT_LINES_MAX.
        Source:  see the class.
        """
        named = self._cut
        if not named:
            together = [*self._own, *self._others.difference(self._own)]
            if not (self._all_zeros and identity.cut_together(together)):
                return
            named = self._long
        raise StatementRejected(detail(DetailCode.FILE_IDS_CUT), line_numbers=named)


def _name(numbers: list[int], number: int) -> None:
    if len(numbers) < KEPT_LINES_MAX:
        numbers.append(number)
