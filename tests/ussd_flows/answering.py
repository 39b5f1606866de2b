"""The steps as the gateway takes them: again, with an answer, for as long as a menu needs one."""

from dataclasses import replace
from datetime import date
from typing import Final

from ussd_flows import step as pure
from ussd_flows.facts import Facts
from ussd_flows.menu import Need
from ussd_flows.queries import PaidPeriod, PaymentForecast
from ussd_flows.state import FlowState
from ussd_flows.step import Step

NEEDS_MAX: Final = 8
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


def knowing(facts: Facts, need: Need) -> Facts:
    """Return the facts with the answer to a need."""
    return facts.knowing(need.query, forecast_of(need.query.amount_xof))


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
