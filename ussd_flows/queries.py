"""What a menu may ask the gateway about something that was just typed, and what it gets to know."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class WhatPaymentBuys:
    """Ask what a payment of this amount would do for the caller's household, were it made now.

    Units: whole francs CFA.
    """

    amount_xof: int


@dataclass(frozen=True, slots=True)
class PaidPeriod:
    """A period that a payment reaches: with how much, what it would lack then, and whether it has yet to fall due.

    Units: whole francs CFA.
    """

    label: str
    amount_xof: int
    left_xof: int
    is_ahead: bool


@dataclass(frozen=True, slots=True)
class PaymentForecast:
    """What a payment would do: the periods it reaches, what no period takes, and the days of care that it adds.

    ``leads_to_days`` is how many days the periods it reaches could bring at all, were they paid in full today.

    Units: whole francs CFA; days of care without those of grace.
    """

    periods: tuple[PaidPeriod, ...]
    advance_xof: int
    days: int
    first_day: date | None
    last_day: date | None
    leads_to_days: int
    opens_with_xof: int | None = None


Query = WhatPaymentBuys
Answer = PaymentForecast
