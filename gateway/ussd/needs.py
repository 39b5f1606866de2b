"""Answers what a menu must know about something that was just typed, from the account and the schemes alone."""

from dataclasses import dataclass, field
from datetime import date
from typing import Final, assert_never

from gateway.contributions.account import HouseholdAccount
from gateway.contributions.allocation import OwedItem
from gateway.contributions.forecast import forecast, opens_with_xof
from gateway.contributions.recount import recount_forecast
from gateway.contributions.schedule import first_label, label, next_period
from gateway.contributions.scheme import HouseholdSize, amount_due, counts_children_apart
from gateway.contributions.schemes import SchemeCatalog, scheme_for
from gateway.members.near_places import near_places
from payments.money import MAX_AMOUNT_XOF
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
    catalog: SchemeCatalog = field(default_factory=SchemeCatalog)

    def answer(self, query: Query) -> Answer:
        """Return what a menu asked for."""
        match query:
            case WhatPaymentBuys(amount_xof):
                return what_payment_buys(self._known(), amount_xof, self.today)
            case PlacesNear(typed):
                return NearPlaces(near_places(typed))
            case HowPeopleCount(activity):
                scheme = scheme_for(self.catalog, activity, self.today) if activity else self._known().scheme
                return PeopleRule(counts_children_apart(scheme))
            case WhatItCosts(activity, people_count, children_count):
                return self._price(activity, HouseholdSize(people_count, children_count))
            case WhatCorrectionChanges(people_count, children_count):
                return _recount(self._known(), HouseholdSize(people_count, children_count), self.today)
            case _:
                assert_never(query)

    def _price(self, activity: str, size: HouseholdSize) -> HouseholdPrice:
        scheme = scheme_for(self.catalog, activity, self.today)
        first = next_period(scheme, self.today, date.min)
        return HouseholdPrice(
            amount_due(scheme, size).member_xof,
            scheme.period.months,
            amount_due(scheme, size, first.months_spared).member_xof,
        )

    def _known(self) -> HouseholdAccount:
        if self.household is None:
            raise NobodyToAnswerFor
        return self.household


def what_payment_buys(household: HouseholdAccount, amount_xof: int, today: date) -> PaymentForecast:
    """Return what a payment of today would do for a household."""
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


def _recount(household: HouseholdAccount, size: HouseholdSize, today: date) -> CorrectionForecast:
    told = recount_forecast(household, size, today)
    price = HouseholdPrice(told.period_xof, household.scheme.period.months, told.period_xof)
    return CorrectionForecast(told.before_xof, told.after_xof, price, told.keeps_price)
