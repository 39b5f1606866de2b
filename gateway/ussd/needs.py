"""Answers what a menu must know about something that was just typed, from the account and the schemes alone."""

from dataclasses import dataclass
from datetime import date
from typing import Final, assert_never

from gateway.contributions.account import HouseholdAccount
from gateway.contributions.allocation import OwedItem
from gateway.contributions.forecast import forecast, opens_with_xof
from gateway.contributions.schedule import first_label, label
from payments.money import MAX_AMOUNT_XOF
from ussd_flows.queries import Answer, PaidPeriod, PaymentForecast, Query, WhatPaymentBuys

#: A menu asks one or two things; more than these is a menu that asks without end.
NEEDS_MAX: Final = 8


class MenuAsksTooMuch(Exception):
    """A menu asks again and again: a fault of ours, which must not hold a turn for ever."""


class NobodyToAnswerFor(Exception):
    """A menu for households asks about a caller who has none: a fault of ours."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, and on which day."""

    household: HouseholdAccount | None
    today: date

    def answer(self, query: Query) -> Answer:
        """Return what a menu asked for."""
        match query:
            case WhatPaymentBuys(amount_xof):
                return _payment(self._known(), amount_xof, self.today)
            case _:
                assert_never(query)

    def _known(self) -> HouseholdAccount:
        if self.household is None:
            raise NobodyToAnswerFor
        return self.household


def _payment(household: HouseholdAccount, amount_xof: int, today: date) -> PaymentForecast:
    told = forecast(household, amount_xof, today)
    days = sorted(told.days_bought)
    after = {item.key: item for item in told.after.due_items()}
    return PaymentForecast(
        periods=tuple(
            PaidPeriod(
                label=_label(told.after, after[line.item.key]),
                amount_xof=line.amount_xof,
                left_xof=after[line.item.key].remaining_xof,
                is_ahead=line.item.due_on > today,
            )
            for line in told.allocation.lines
        ),
        advance_xof=told.allocation.advance_xof,
        days=len(days),
        first_day=days[0] if days else None,
        last_day=days[-1] if days else None,
        leads_to_days=told.days_within_reach,
        opens_with_xof=None if days else opens_with_xof(household, today, MAX_AMOUNT_XOF),
    )


def _label(after: HouseholdAccount, item: OwedItem) -> str:
    months = after.scheme.period.months
    return label(months, item.period_start) if after.has_begun else first_label(months)
