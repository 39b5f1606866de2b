"""The kinds of rule by which a household's amount is found, as a scheme's document writes them."""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass as rule
from pydantic_core import PydanticCustomError

from gateway.contributions.rule_types import STRICT, AdultXof, AmountXof, ChildXof, People


@rule(frozen=True, slots=True, config=STRICT)
class Flat:
    """Every household owes the same."""

    amount_xof: AmountXof
    kind: Literal["FLAT"] = "FLAT"


@rule(frozen=True, slots=True, config=STRICT)
class PerPerson:
    """Each person counts, adults before children, up to a number of people charged."""

    adult_xof: AdultXof
    child_xof: ChildXof
    charged_max: People
    kind: Literal["PER_PERSON"] = "PER_PERSON"


@rule(frozen=True, slots=True, config=STRICT)
class Tier:
    """The amount for households of a size; the last tier has no upper end."""

    people_from: People
    people_to: People | None
    amount_xof: AmountXof


def _every_size_once(tiers: tuple[Tier, ...]) -> tuple[Tier, ...]:
    joined = all(lower.people_to == upper.people_from - 1 for lower, upper in pairwise(tiers))
    if not (joined and tiers[0].people_from == 1 and tiers[-1].people_to is None):
        raise PydanticCustomError("sizes", "must cover every household size once, from 1 upwards")
    return tiers


@rule(frozen=True, slots=True, config=STRICT)
class TieredHousehold:
    """The size of the household chooses one amount."""

    tiers: Annotated[tuple[Tier, ...], Field(min_length=1), AfterValidator(_every_size_once)]
    kind: Literal["TIERED_HOUSEHOLD"] = "TIERED_HOUSEHOLD"


AmountRule = Annotated[Flat | PerPerson | TieredHousehold, Field(discriminator="kind")]
