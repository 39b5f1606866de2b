"""Everything that can go wrong with money, one class per thing a caller would do differently."""

from collections.abc import Sequence
from enum import StrEnum

from payments.detail import Detail, DetailCode


class PaymentsError(Exception):
    """The root of this package's errors; ``str()`` is a sentence fit for a log."""


class AmountFault(StrEnum):
    """What is wrong with a text that should be a whole number of francs."""

    MISSING = "missing"
    NOT_TEXT = "not_text"
    NOT_DIGITS = "not_digits"
    NOT_FRANCS = "not_francs"
    NOT_STANDARD = "not_standard"
    CENTIMES = "centimes"
    POWER_OF_TEN = "power_of_ten"
    TOO_LARGE = "too_large"
    TWO_READINGS = "two_readings"
    BOTH_SIDES = "both_sides"
    NO_SIDE = "no_side"


class AmountInvalid(PaymentsError):
    """A text that is not a whole number of francs as operators write them; one that is too large says the largest."""

    def __init__(self, text: str, fault: AmountFault, largest_xof: int | None = None) -> None:
        self.text = text[:40]
        self.fault = fault
        self.largest_xof = largest_xof
        bound = "" if largest_xof is None else f", {largest_xof} at most"
        super().__init__(f"amount {self.text!r} refused: {fault}{bound}")


class AmountAmbiguous(AmountInvalid):
    """An amount that can be read in two ways, so that only its file can tell; ``whole_xof`` is the lesser."""

    def __init__(self, text: str, whole_xof: int) -> None:
        self.whole_xof = whole_xof
        super().__init__(text, AmountFault.TWO_READINGS)


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


class StatementRejected(PaymentsError):
    """A statement file that cannot be trusted as it stands; nothing of it was used.

    ``detail`` says why. ``line_numbers`` are all the lines that say so, ``line_number`` the first of them.
    """

    def __init__(self, found: Detail, line_number: int | None = None, *, line_numbers: Sequence[int] = ()) -> None:
        self.detail = found
        self.line_numbers = tuple(line_numbers) if line_number is None else (line_number, *line_numbers)
        self.line_number = self.line_numbers[0] if self.line_numbers else None
        place = f" at line {self.line_number}" if self.line_number is not None else ""
        super().__init__(f"statement refused{place}: {found.document()}")

    @property
    def code(self) -> DetailCode:
        """Return the code of the reason."""
        return self.detail.code


class SecretsInvalid(PaymentsError):
    """The secrets shared with an operator cannot be read; ``why`` repeats none of them."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)
