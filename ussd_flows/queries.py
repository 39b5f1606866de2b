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


@dataclass(frozen=True, slots=True)
class PlacesNear:
    """Ask which places somebody may have meant by a name that none begins with."""

    typed: str


@dataclass(frozen=True, slots=True)
class NearPlaces:
    """The codes of the places whose names are most like what was typed, the likest first."""

    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HowPeopleCount:
    """Ask how the people of a household count in what it pays: for an activity, or the caller's own without one."""

    activity: str = ""


@dataclass(frozen=True, slots=True)
class PeopleRule:
    """Whether children cost something else than adults, so that they are counted apart."""

    children_apart: bool


@dataclass(frozen=True, slots=True)
class WhatItCosts:
    """Ask what a household of an activity would pay for each period."""

    activity: str
    people_count: int
    children_count: int


@dataclass(frozen=True, slots=True)
class HouseholdPrice:
    """What a household pays for each period, how long one is, and what the first one costs whoever joins now.

    Units: whole francs CFA; months.
    """

    amount_xof: int
    months: int
    first_xof: int


@dataclass(frozen=True, slots=True)
class WhatCorrectionChanges:
    """Ask what the caller's household would owe if it had so many people from now on."""

    people_count: int
    children_count: int


@dataclass(frozen=True, slots=True)
class CorrectionForecast:
    """What is to pay now before and after a correction, and the price of periods to come.

    ``keeps_price`` says that a period was begun to be paid, and so keeps the price it had.

    Units: whole francs CFA.
    """

    before_xof: int
    after_xof: int
    price: HouseholdPrice
    keeps_price: bool


Query = WhatPaymentBuys | PlacesNear | HowPeopleCount | WhatItCosts | WhatCorrectionChanges
Answer = PaymentForecast | NearPlaces | PeopleRule | HouseholdPrice | CorrectionForecast
