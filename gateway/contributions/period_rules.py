"""When periods begin and what the first one asks of whoever comes late, as a scheme's document writes it."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass as rule

from gateway.contributions.rule_types import STRICT, MonthDay, Months, YearDay


class LateJoiner(StrEnum):
    """What a household owes first that registers when its season has begun."""

    FULL = "FULL"
    PRO_RATA_MONTHS = "PRO_RATA_MONTHS"
    NEXT_SEASON = "NEXT_SEASON"


@rule(frozen=True, slots=True, config=STRICT)
class RollingPeriod:
    """Periods run from the household's own start."""

    months: Months
    anchor: Literal["ROLLING"] = "ROLLING"


@rule(frozen=True, slots=True, config=STRICT)
class FixedPeriod:
    """Periods run from a day of the year, the same for every household."""

    months: Months
    starts_on: YearDay
    late_joiner: LateJoiner = LateJoiner.FULL
    anchor: Literal["FIXED"] = "FIXED"


@rule(frozen=True, slots=True, config=STRICT)
class FirstPaymentPeriod:
    """Periods run from the end of the wait after the payment that first reaches the threshold."""

    months: Months
    anchor: Literal["FIRST_PAYMENT"] = "FIRST_PAYMENT"


PeriodRule = Annotated[RollingPeriod | FixedPeriod | FirstPaymentPeriod, Field(discriminator="anchor")]


def are_same_periods(one: PeriodRule, other: PeriodRule) -> bool:
    """Return whether a household goes from one rule to the other without a gap: of one length, in the same seasons.

    What only concerns first periods may differ: it holds for whoever enrols under its version.
    """
    return (one.months, _season_start(one)) == (other.months, _season_start(other))


def _season_start(period: PeriodRule) -> MonthDay | None:
    return period.starts_on if isinstance(period, FixedPeriod) else None
