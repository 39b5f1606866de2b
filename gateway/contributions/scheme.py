"""What a contribution scheme is: one version of dated rules, and the amount a household owes under them.

The classes are the document: ``gateway.contributions.document`` reads one into them.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, assert_never

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass as rule
from pydantic_core import PydanticCustomError

from gateway.contributions.amount_rules import AmountRule, Flat, PerPerson, TieredHousehold
from gateway.contributions.period_rules import PeriodRule
from gateway.contributions.rule_types import (
    ALL_BP,
    PEOPLE_MAX,
    STRICT,
    Activities,
    AmountXof,
    Code,
    Day,
    Days,
    Label,
    LapseDays,
    Note,
    Parts,
    PeriodsAhead,
    SeasonBp,
    SeasonCode,
    ShareBp,
    Version,
    YearDay,
)


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


class Posting(StrEnum):
    """When a share enters the books: as a receivable when it is charged, or as income when it is paid."""

    WHEN_CHARGED = "WHEN_CHARGED"
    WHEN_PAID = "WHEN_PAID"


@rule(frozen=True, slots=True, config=STRICT)
class Legal:
    """Where the rules come from."""

    status: LegalStatus
    reference: Note
    note: Note

    @field_validator("reference")
    @classmethod
    def _law_has_a_reference(cls, reference: str, info: ValidationInfo) -> str:
        if not reference and info.data.get("status") in (LegalStatus.LEGAL, LegalStatus.DERIVED):
            raise PydanticCustomError("no_reference", "must name the text, unless the scheme is an illustration")
        return reference


@rule(frozen=True, slots=True, config=STRICT)
class Instalments:
    """The smallest payment accepted, and into how many equal parts a period is suggested to be cut."""

    minimum_xof: AmountXof
    suggested_count: Parts


@rule(frozen=True, slots=True, config=STRICT)
class AdvanceRules:
    """Whether, and how many periods ahead of their due date, money may pay."""

    allowed: bool
    max_periods: PeriodsAhead

    @field_validator("max_periods")
    @classmethod
    def _ahead_only_when_allowed(cls, max_periods: int, info: ValidationInfo) -> int:
        if "allowed" in info.data and info.data["allowed"] != (max_periods > 0):
            raise PydanticCustomError("advance", "must be above 0 exactly when allowed")
        return max_periods


@rule(frozen=True, slots=True, config=STRICT)
class GraceDays:
    """Rights are kept this many days after the cover ended."""

    days: Days
    kind: Literal["DAYS"] = "DAYS"


@rule(frozen=True, slots=True, config=STRICT)
class GraceUntil:
    """Rights are kept until this day of the year comes, the day on which the cover ends included."""

    day: YearDay
    kind: Literal["UNTIL"] = "UNTIL"


@rule(frozen=True, slots=True, config=STRICT)
class RightsRule:
    """When money opens rights, after which wait, and how long they outlive the cover.

    ``warn_below_days`` moves no right: a payment that can bring fewer days than these is warned of before it is made.
    """

    open_threshold_bp: ShareBp
    waiting_days_new: Days
    waiting_days_after_lapse: Days
    lapse_after_days: LapseDays
    grace: Annotated[GraceDays | GraceUntil, Field(discriminator="kind")]
    warn_below_days: Days = 0


@rule(frozen=True, slots=True, config=STRICT)
class Share:
    """The part of a contribution that one payer bears."""

    payer_kind: PayerKind
    share_bp: ShareBp
    posted: Posting

    @field_validator("posted")
    @classmethod
    def _voluntary_is_no_debt(cls, posted: Posting, info: ValidationInfo) -> Posting:
        if posted is Posting.WHEN_CHARGED and info.data.get("payer_kind") is PayerKind.MEMBER:
            raise PydanticCustomError("voluntary", "a member's contribution is no debt: it is posted when it is paid")
        return posted


@rule(frozen=True, slots=True, config=STRICT)
class Season:
    """A window of the year in which a share of the money is expected, or nobody is reminded."""

    code: SeasonCode
    label: Label
    starts_on: YearDay
    ends_on: YearDay
    expected_share_bp: SeasonBp
    reminder: bool


def _whole_once(shares: tuple[Share, ...]) -> tuple[Share, ...]:
    if len({share.payer_kind for share in shares}) != len(shares):
        raise PydanticCustomError("payer_twice", "must name each payer once")
    if sum(share.share_bp for share in shares) != ALL_BP:
        raise PydanticCustomError("shares_sum", "must sum to {all_bp}", {"all_bp": ALL_BP})
    return shares


def _seasons_once(seasons: tuple[Season, ...]) -> tuple[Season, ...]:
    if len({season.code for season in seasons}) != len(seasons):
        raise PydanticCustomError("season_twice", "must name each season once")
    if sum(season.expected_share_bp for season in seasons) > ALL_BP:
        raise PydanticCustomError("seasons_sum", "must expect {all_bp} at most", {"all_bp": ALL_BP})
    return seasons


@rule(frozen=True, slots=True, config=STRICT)
class Scheme:
    """One version of the rules of contribution for some activities."""

    code: Code
    version: Version
    label: Label
    legal: Legal
    valid_from: Day
    valid_to: Day | None
    sectors: Activities
    amount_rule: AmountRule
    period: PeriodRule
    instalments: Instalments
    advance: AdvanceRules
    rights: RightsRule
    shares: Annotated[tuple[Share, ...], Field(min_length=1), AfterValidator(_whole_once)]
    seasons: Annotated[tuple[Season, ...], AfterValidator(_seasons_once)] = ()

    @field_validator("valid_to")
    @classmethod
    def _ends_after_it_begins(cls, valid_to: date | None, info: ValidationInfo) -> date | None:
        if valid_to is not None and "valid_from" in info.data and valid_to < info.data["valid_from"]:
            raise PydanticCustomError("ends_first", "ends before it begins")
        return valid_to


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


def receivable_kinds(scheme: Scheme) -> frozenset[PayerKind]:
    """Return the payers whose shares are owed, and posted, from the day on which they are charged."""
    return frozenset(share.payer_kind for share in scheme.shares if share.posted is Posting.WHEN_CHARGED)


def serves(scheme: Scheme, activity: str, on: date) -> bool:
    """Return whether a scheme is in force for an activity on a day."""
    ended = scheme.valid_to is not None and on > scheme.valid_to
    return activity in scheme.sectors and scheme.valid_from <= on and not ended


def counts_children_apart(scheme: Scheme) -> bool:
    """Return whether a child costs something else than an adult, so that both must be counted."""
    rule = scheme.amount_rule
    return isinstance(rule, PerPerson) and rule.adult_xof != rule.child_xof


def amount_due(scheme: Scheme, household: HouseholdSize, months_spared: int = 0) -> DueAmount:
    """Compute what a household owes for one period, to the franc, whoever bears which share.

    Months that are spared, because it came after them, lower the whole amount, of which each bears the usual share.
    """
    months = scheme.period.months
    gross_xof = -(-_gross_xof(scheme.amount_rule, household) * (months - months_spared) // months)
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
