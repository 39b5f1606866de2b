"""Everything that can go wrong with money, one class per thing a caller would do differently."""

from collections.abc import Sequence
from enum import StrEnum


class PaymentsError(Exception):
    """The root of this package's errors; ``str()`` is a sentence fit for a log and for finance."""


class AmountInvalid(PaymentsError):
    """A text that is not a whole number of francs as operators write them."""

    def __init__(self, text: str, why: str) -> None:
        self.text = text[:40]
        self.why = why
        super().__init__(f"montant « {self.text} » refusé : {why}")


class AmountAmbiguous(AmountInvalid):
    """An amount that can be read in two ways, so that only the rest of its file can tell."""


class MsisdnInvalid(PaymentsError):
    """A text that is not a telephone number we can write in E.164."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"telephone number refused: {why}")


class IllegalTransition(PaymentsError):
    """A payment request was told something that its table of states has no row for."""

    def __init__(self, state: str, event: str) -> None:
        self.state = state
        self.event = event
        super().__init__(f"no transition from {state} on {event}")


class UnbalancedEntry(PaymentsError):
    """Entries whose amounts do not add up to zero."""

    def __init__(self, difference_xof: int) -> None:
        self.difference_xof = difference_xof
        super().__init__(f"entries are out of balance by {difference_xof} F")


class OperatorUnknown(PaymentsError):
    """No operator of that name is configured."""

    def __init__(self, name: str) -> None:
        self.name = name[:40]
        super().__init__(f"no operator named {self.name!r}")


class CallbackMalformed(PaymentsError):
    """A stored callback whose body cannot be read; it is kept, counted and shown to finance."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"callback not readable: {why}")


class RejectedFor(StrEnum):
    """Why a statement file cannot be used, for whoever counts or sorts them."""

    UNREADABLE = "unreadable"
    NOT_A_STATEMENT = "not_a_statement"
    AMOUNT = "amount"
    AMOUNT_AMBIGUOUS = "amount_ambiguous"
    DATE = "date"
    TOTALS = "totals"
    SAVED_AGAIN = "saved_again"
    NOT_OURS = "not_ours"


class StatementRejected(PaymentsError):
    """A statement file that cannot be trusted as it stands; nothing of it was used.

    ``line_numbers`` are all the lines that say so, ``line_number`` the first of them.
    """

    def __init__(
        self,
        why: str,
        line_number: int | None = None,
        *,
        code: RejectedFor = RejectedFor.UNREADABLE,
        line_numbers: Sequence[int] = (),
    ) -> None:
        self.why = why
        self.code = code
        self.line_numbers = tuple(line_numbers) if line_number is None else (line_number, *line_numbers)
        self.line_number = self.line_numbers[0] if self.line_numbers else None
        place = f", ligne {self.line_number}" if self.line_number is not None else ""
        super().__init__(f"relevé refusé{place} : {why}")


class SecretsInvalid(PaymentsError):
    """The secrets shared with an operator cannot be read; ``why`` repeats none of them."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)
