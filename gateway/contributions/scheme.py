"""What a contribution scheme is: one version of dated rules, and the amount a household owes under them."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import assert_never

from gateway.contributions.fields import MonthDay

ACTIVITIES = ("commerce", "artisan", "coton", "culture", "elevage", "peche", "autre")
ALL_BP = 10_000
PEOPLE_MAX = 99


class LegalStatus(StrEnum):
    """How firmly a scheme stands in law."""

    LEGAL = "LEGAL"
    DERIVED = "DERIVED"
    ILLUSTRATIVE = "ILLUSTRATIVE"


class PayerKind(StrEnum):
    """Who bears a share of a contribution."""

    MEMBER = "MEMBER"
    STATE = "STATE"
    COLLECTIVITE = "COLLECTIVITE"
    DONOR = "DONOR"
    EMPLOYER = "EMPLOYER"
    GROUP = "GROUP"


@dataclass(frozen=True, slots=True)
class Legal:
    """Where the rules come from."""

    status: LegalStatus
    reference: str
    note: str


@dataclass(frozen=True, slots=True)
class Flat:
    """Every household owes the same."""

    amount_xof: int


@dataclass(frozen=True, slots=True)
class PerPerson:
    """Each person counts, adults before children, up to a number of people charged."""

    adult_xof: int
    child_xof: int
    charged_max: int


@dataclass(frozen=True, slots=True)
class Tier:
    """The amount for households of a size; the last tier has no upper end."""

    people_from: int
    people_to: int | None
    amount_xof: int


@dataclass(frozen=True, slots=True)
class TieredHousehold:
    """The size of the household chooses one amount."""

    tiers: tuple[Tier, ...]


AmountRule = Flat | PerPerson | TieredHousehold


@dataclass(frozen=True, slots=True)
class PeriodRule:
    """How long a period lasts; without a fixed day it runs from the household's own start."""

    months: int
    fixed_on: MonthDay | None


@dataclass(frozen=True, slots=True)
class Instalments:
    """The smallest payment accepted, and into how many equal parts a period is suggested to be cut."""

    minimum_xof: int
    suggested_count: int


@dataclass(frozen=True, slots=True)
class Advance:
    """Whether, and how many periods ahead of their due date, money may pay."""

    allowed: bool
    max_periods: int


@dataclass(frozen=True, slots=True)
class GraceDays:
    """Rights are kept this many days after the cover ended."""

    days: int


@dataclass(frozen=True, slots=True)
class GraceUntil:
    """Rights are kept until this day of the year comes, the day on which the cover ends included."""

    day: MonthDay


@dataclass(frozen=True, slots=True)
class RightsRule:
    """When money opens rights, after which wait, and how long they outlive the cover."""

    open_threshold_bp: int
    waiting_days_new: int
    waiting_days_after_lapse: int
    lapse_after_days: int
    grace: GraceDays | GraceUntil


@dataclass(frozen=True, slots=True)
class Share:
    """The part of a contribution that one payer bears."""

    payer_kind: PayerKind
    share_bp: int


@dataclass(frozen=True, slots=True)
class Season:
    """A window of the year in which a share of the money is expected, or nobody is reminded."""

    code: str
    label: str
    starts_on: MonthDay
    ends_on: MonthDay
    expected_share_bp: int
    reminder: bool


@dataclass(frozen=True, slots=True)
class Scheme:
    """One version of the rules of contribution for some activities."""

    code: str
    version: int
    label: str
    legal: Legal
    valid_from: date
    valid_to: date | None
    sectors: tuple[str, ...]
    amount_rule: AmountRule
    period: PeriodRule
    instalments: Instalments
    advance: Advance
    rights: RightsRule
    shares: tuple[Share, ...]
    seasons: tuple[Season, ...]


@dataclass(frozen=True, slots=True)
class HouseholdSize:
    """Who is counted: everybody, and how many of them are children."""

    people_count: int
    children_count: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.people_count <= PEOPLE_MAX or not 0 <= self.children_count <= self.people_count:
            raise ValueError(f"no such household: {self.people_count} people, {self.children_count} children")


@dataclass(frozen=True, slots=True)
class DueAmount:
    """What one period costs: in all, for the member, and for the others who bear a share."""

    gross_xof: int
    member_xof: int
    others: tuple[tuple[PayerKind, int], ...]


def serves(scheme: Scheme, activity: str, on: date) -> bool:
    """Say whether a scheme is in force for an activity on a day."""
    ended = scheme.valid_to is not None and on > scheme.valid_to
    return activity in scheme.sectors and scheme.valid_from <= on and not ended


def amount_due(scheme: Scheme, household: HouseholdSize) -> DueAmount:
    """Compute what a household owes for one period, to the franc, whoever bears which share."""
    gross_xof = _gross_xof(scheme.amount_rule, household)
    # Rounding the running total, not each share, keeps every share within a franc and their sum exact.
    parts: list[tuple[PayerKind, int]] = []
    reached_bp = reached_xof = 0
    for share in scheme.shares:
        reached_bp += share.share_bp
        upto_xof = (2 * gross_xof * reached_bp + ALL_BP) // (2 * ALL_BP)
        parts.append((share.payer_kind, upto_xof - reached_xof))
        reached_xof = upto_xof
    member_xof = sum(xof for kind, xof in parts if kind is PayerKind.MEMBER)
    return DueAmount(gross_xof, member_xof, tuple(part for part in parts if part[0] is not PayerKind.MEMBER))


def _gross_xof(rule: AmountRule, household: HouseholdSize) -> int:
    match rule:
        case Flat(amount_xof):
            return amount_xof
        case PerPerson(adult_xof, child_xof, charged_max):
            adults = min(household.people_count - household.children_count, charged_max)
            children = min(household.children_count, charged_max - adults)
            return adults * adult_xof + children * child_xof
        case TieredHousehold(tiers):
            return next(tier.amount_xof for tier in reversed(tiers) if tier.people_from <= household.people_count)
        case _:
            assert_never(rule)
