"""What a confirmed step asks the gateway to do, as data."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RegisterHousehold:
    """Register the caller's household; the screen then waits for its RAMU number.

    Where no place is known by a code, ``place_words`` say where it lives.
    """

    name: str
    activity: str
    cercle_code: str
    people_count: int
    children_count: int = 0
    place_words: str = ""


@dataclass(frozen=True, slots=True)
class RequestPayment:
    """Ask the chosen wallet for this amount, once; the screen then waits for the reference."""

    household_id: int
    amount_xof: int
    wallet: str


@dataclass(frozen=True, slots=True)
class SendDetail:
    """Send the household's situation to the caller by SMS."""

    household_id: int


@dataclass(frozen=True, slots=True)
class AskAboutPayment:
    """Ask the operator at once what became of the payment that this phone waits for."""

    household_id: int


@dataclass(frozen=True, slots=True)
class HoldNumber:
    """Hold the link of the caller's number to this household: whoever calls says that it is not hers."""

    household_id: int


@dataclass(frozen=True, slots=True)
class CorrectName:
    """Write the name of the household's head anew."""

    household_id: int
    name: str


@dataclass(frozen=True, slots=True)
class CorrectPlace:
    """Write anew where the household lives: a place, or words where no place is known by a code."""

    household_id: int
    cercle_code: str
    place_words: str


@dataclass(frozen=True, slots=True)
class CorrectPeople:
    """Count the household's people anew, with what that changes of what it owes."""

    household_id: int
    people_count: int
    children_count: int


Correction = CorrectName | CorrectPlace | CorrectPeople
Effect = RegisterHousehold | RequestPayment | SendDetail | AskAboutPayment | HoldNumber | Correction
