"""What payments are asked for by: what a search can mean, and the words of each filter."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Standing(StrEnum):
    """Where the money of a payment stands."""

    CREDITED = "credited"
    WAITING = "waiting"
    REVERSED = "reversed"


class Channel(StrEnum):
    """Whether we asked for the money, or it was paid at the operator by itself."""

    ASKED = "asked"
    UNASKED = "unasked"


class Matching(StrEnum):
    """How the household of a payment was found."""

    REFERENCE = "reference"
    PAYER = "payer"
    SUSPENSE = "suspense"


@dataclass(frozen=True, slots=True)
class Sought:
    """All that a text can mean; ``operator_ids`` are the ways in which an operator may have written its reference.

    Units: ``amount_xof`` in whole francs CFA.
    """

    text: str = ""
    receipt_number: str | None = None
    reference: str | None = None
    operator_ids: tuple[str, ...] = ()
    msisdn: str | None = None
    ramu_number: str | None = None
    name: str | None = None
    amount_xof: int | None = None

    @property
    def is_something(self) -> bool:
        """Return whether anything is looked for."""
        return bool(self.text)

    @property
    def names_one(self) -> bool:
        """Return whether it can name a payment or a household by itself, and not by its amount alone."""
        return any((self.receipt_number, self.reference, self.operator_ids, self.msisdn, self.ramu_number, self.name))


#: What an empty box asks for.
NOTHING: Final = Sought()
