"""What it changes of what a household owes that its people are counted anew.

A period that is over stays as it was asked, and so does one for which anything was paid: its price was agreed to. Every
other one, and all that are still to come, costs what the new number of people costs.
"""

from dataclasses import dataclass, replace
from datetime import date

from gateway.contributions.account import HouseholdAccount
from gateway.contributions.forecast import as_told
from gateway.contributions.item_on_account import ItemOnAccount
from gateway.contributions.schedule import next_period
from gateway.contributions.scheme import HouseholdSize, PayerKind, amount_due
from gateway.contributions.situation import situation


@dataclass(frozen=True, slots=True)
class RecountForecast:
    """What is to pay now, before and after, what a period costs from then on, and whether one keeps its price.

    Units: whole francs CFA.
    """

    before_xof: int
    after_xof: int
    period_xof: int
    keeps_price: bool


def recounted(account: HouseholdAccount, size: HouseholdSize, today: date) -> HouseholdAccount:
    """Return the account with its people counted anew today."""
    items = tuple(
        replace(item, amount_xof=_price_xof(account, item, size)) if is_recounted(item, today) else item
        for item in account.with_days(today).items
    )
    return replace(account, size=size, items=items)


def recount_forecast(account: HouseholdAccount, size: HouseholdSize, today: date) -> RecountForecast:
    """Return what counting the people anew today would change, as the household is told of its account."""
    told = as_told(account, today)
    after = recounted(told, size, today)
    kept = (item for item in told.items if item.paid_xof > 0 and item.period_end >= today)
    return RecountForecast(
        before_xof=_remaining_xof(told, today),
        after_xof=_remaining_xof(after, today),
        period_xof=amount_due(after.scheme, size).member_xof,
        keeps_price=any(item.amount_xof != _price_xof(told, item, size) for item in kept),
    )


def is_recounted(item: ItemOnAccount, today: date) -> bool:
    """Return whether a period that was charged costs another price once the people are counted anew."""
    return item.paid_xof == 0 and item.period_end >= today


def shares(account: HouseholdAccount, item: ItemOnAccount, size: HouseholdSize) -> tuple[tuple[PayerKind, int], ...]:
    """Return what each payer bears of a period for so many people: the household's own share, and those of others.

    Months of its first period that were over when the household came stay spared.
    """
    first = next_period(account.calendar, account.registered_on, date.min)
    spared = first.months_spared if item.period_start == first.start else 0
    due = amount_due(item.scheme, size, spared)
    return ((PayerKind.MEMBER, due.member_xof), *due.others)


def _price_xof(account: HouseholdAccount, item: ItemOnAccount, size: HouseholdSize) -> int:
    return dict(shares(account, item, size))[PayerKind.MEMBER]


def _remaining_xof(account: HouseholdAccount, today: date) -> int:
    items, begins_on = account.due_items(), account.expected_on
    return situation(account.calendar, account.registered_on, items, today, begins_on=begins_on).remaining_xof
