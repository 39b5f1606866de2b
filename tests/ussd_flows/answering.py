"""The steps as the gateway takes them: again, with an answer, for as long as a menu needs one."""

from dataclasses import replace
from datetime import date
from typing import Final, assert_never

from gateway.members.near_places import near_places
from ussd_flows import step as pure
from ussd_flows.facts import Facts
from ussd_flows.menu import Need
from ussd_flows.people import PEOPLE_MAX
from ussd_flows.queries import (
    Answer,
    CorrectionForecast,
    HouseholdPrice,
    HowPeopleCount,
    NearPlaces,
    PaidPeriod,
    PaymentForecast,
    PeopleRule,
    PlacesNear,
    Query,
    WhatCorrectionChanges,
    WhatItCosts,
    WhatPaymentBuys,
)
from ussd_flows.state import FlowState
from ussd_flows.step import Step

NEEDS_MAX: Final = 8
#: So many people pay less for their first period.
FIRST_COSTS_LESS: Final = 19
_LABEL: Final = "septembre à déc. 2026"
_BOUGHT: Final = PaymentForecast(
    periods=(PaidPeriod("année 2026", 12_000, 0, is_ahead=False),),
    advance_xof=0,
    days=297,
    first_day=date(2026, 3, 10),
    last_day=date(2026, 12, 31),
    leads_to_days=297,
)
_NOTHING: Final = replace(_BOUGHT, days=0, first_day=None, last_day=None)


def forecast_of(amount_xof: int) -> PaymentForecast:
    """Forecast by the last digit of the amount: every kind of answer, round amounts the ordinary one."""
    due = PaidPeriod(_LABEL, amount_xof, 999_999, is_ahead=False)
    ahead = replace(due, is_ahead=True)
    kinds = {
        9: replace(_NOTHING, periods=(due,), leads_to_days=0, opens_with_xof=amount_xof - 1),
        8: replace(_BOUGHT, periods=(replace(due, left_xof=0), ahead), first_day=date(2025, 12, 25)),
        7: replace(_NOTHING, periods=(due,), opens_with_xof=amount_xof + 1),
        6: replace(_NOTHING, periods=(due, due, ahead), advance_xof=amount_xof),
        5: replace(_NOTHING, periods=(ahead,), leads_to_days=9),
        4: replace(_NOTHING, periods=(), advance_xof=amount_xof),
        3: replace(_BOUGHT, days=3, leads_to_days=3),
        2: replace(_BOUGHT, periods=(due,), advance_xof=5),
        1: replace(_NOTHING, periods=(due,), leads_to_days=0),
    }
    return kinds.get(amount_xof % 10, _BOUGHT)


def price_of(people_count: int, children_count: int) -> HouseholdPrice:
    """Price by the people: 1 000 F for each, half of it for children; the largest household the largest of prices."""
    if people_count == PEOPLE_MAX:
        return HouseholdPrice(999_999_999, 3, 999_999_998)
    price_xof = 1_000 * people_count - 500 * children_count
    return HouseholdPrice(price_xof, 1, 700 if people_count == FIRST_COSTS_LESS else price_xof)


def correction_of(people_count: int, children_count: int) -> CorrectionForecast:
    """Foresee by the people: more of them owe more, the largest household everything, few of them no change."""
    price = price_of(people_count, children_count)
    if people_count == PEOPLE_MAX:
        return CorrectionForecast(999_999_998, 999_999_999, price, keeps_price=True)
    after_xof = 41_600 + 1_000 * max(0, people_count - 6)
    return CorrectionForecast(41_600, after_xof, price, keeps_price=people_count % 2 == 0)


def answer_to(query: Query) -> Answer:
    """Answer as the gateway does, with figures of the tests; children count apart for artisans and those registered."""
    match query:
        case WhatPaymentBuys(amount_xof):
            return forecast_of(amount_xof)
        case PlacesNear(typed):
            return NearPlaces(near_places(typed))
        case HowPeopleCount(activity):
            return PeopleRule(children_apart=activity in {"artisan", ""})
        case WhatItCosts(_, people_count, children_count):
            return price_of(people_count, children_count)
        case WhatCorrectionChanges(people_count, children_count):
            return correction_of(people_count, children_count)
        case _:
            assert_never(query)


def knowing(facts: Facts, need: Need) -> Facts:
    """Return the facts with the answer to a need."""
    return facts.knowing(need.query, answer_to(need.query))


def start(facts: Facts, tail: str = "") -> Step:
    for _ in range(NEEDS_MAX):
        taken = pure.start(facts, tail)
        if isinstance(taken, Step):
            return taken
        facts = knowing(facts, taken)
    raise AssertionError("a menu asks without end")


def step(state: FlowState, text: str, facts: Facts) -> Step:
    for _ in range(NEEDS_MAX):
        taken = pure.step(state, text, facts)
        if isinstance(taken, Step):
            return taken
        facts = knowing(facts, taken)
    raise AssertionError("a menu asks without end")
