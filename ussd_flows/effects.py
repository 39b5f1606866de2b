"""What a confirmed step asks the gateway to do, as data."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RegisterHousehold:
    """Register the caller's household; the screen then waits for its RAMU number."""

    name: str
    activity: str
    cercle_code: str
    people_count: int


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


Effect = RegisterHousehold | RequestPayment | SendDetail | AskAboutPayment | HoldNumber
