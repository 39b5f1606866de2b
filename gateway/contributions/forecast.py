"""What money does to an account: the one function that books it, and what is told of it beforehand."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from gateway.contributions.account import HouseholdAccount
from gateway.contributions.allocation import Allocation, NewDueItem, allocate
from gateway.contributions.lots import Advance, total_xof
from gateway.contributions.rights import Cover, covers

ONE_DAY = timedelta(days=1)
#: Before what opens rights is looked for by halving.
TRIES_NEARBY = 2


def applied_to(
    account: HouseholdAccount, amount_xof: int, paid_on: date, today: date, *, ahead: bool = True
) -> tuple[Allocation, HouseholdAccount]:
    """Return where money goes that is booked today, and how the account stands after it.

    With ``ahead`` it may pay periods that have not fallen due.
    """
    known = account.with_days(today)
    openable = known.openable(today) if ahead else known.fallen_due(today)
    allocation = allocate(amount_xof, known.due_items(), openable)
    return allocation, after(known, allocation, paid_on).with_days(today)


def after(account: HouseholdAccount, allocation: Allocation, paid_on: date) -> HouseholdAccount:
    """Return the account as it stands once an allocation is written."""
    items = {item.key: item for item in account.with_opened(allocation.opened).items}
    for line in allocation.lines:
        item = items[line.item.key]
        items[line.item.key] = replace(item, paid=(*item.paid, (paid_on, line.amount_xof)))
    return replace(account, items=tuple(sorted(items.values(), key=lambda item: item.period_start)))


def with_advances_spent(account: HouseholdAccount, today: date) -> HouseholdAccount:
    """Return the account once what it holds in advance has paid all that it may, as it does before new money."""
    account = account.with_days(today)
    if not account.advances:
        return account
    held = []
    for lot in account.advances:
        allocation, account = applied_to(account, lot.amount_xof, lot.paid_on, today)
        if allocation.advance_xof:
            held.append(Advance(lot.paid_on, allocation.advance_xof))
    return replace(account, advances=tuple(held))


def as_told(account: HouseholdAccount, today: date) -> HouseholdAccount:
    """Return the account as a household is told of it: everything due, and what it holds where it will go."""
    return with_advances_spent(account, today).as_of(today)


def ahead_xof(account: HouseholdAccount, today: date) -> int:
    """Return what is paid for periods that have not fallen due, whether they are charged already or not."""
    charged_xof = sum(min(item.paid_xof, item.amount_xof) for item in account.items if item.due_on > today)
    return total_xof(account.advances) + charged_xof


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a payment of today would do: where it would go, and the account before and after it."""

    allocation: Allocation
    before: HouseholdAccount
    after: HouseholdAccount
    today: date

    @property
    def days_bought(self) -> frozenset[date]:
        """Return the days of care, from today on, that were none before; days of grace are not bought."""
        return frozenset(_days(self.after, self.today) - _days(self.before, self.today))

    @property
    def days_within_reach(self) -> int:
        """Return how many days the periods that the money reaches would bring, were they paid in full today."""
        missing_xof = sum(
            item.remaining_xof
            for item in self.after.due_items()
            if any(line.item.key == item.key for line in self.allocation.lines) or item.due_on <= self.today
        )
        whole = self if missing_xof == 0 else forecast(self.after, missing_xof, self.today)
        return len(_days(whole.after, self.today) - _days(self.before, self.today))


def forecast(account: HouseholdAccount, amount_xof: int, today: date) -> Forecast:
    """Return what crediting would do with a payment of today, when nothing comes between."""
    before = with_advances_spent(account, today)
    allocation, booked = applied_to(before, amount_xof, today, today)
    return Forecast(allocation, before, booked, today)


def opens_with_xof(account: HouseholdAccount, today: date, limit_xof: int) -> int | None:
    """Return the least payment of today that buys a day of care; None where none up to the limit does.

    Paying more never shortens rights, so the amounts at which a period opens are halved, not tried one by one. Most
    often it is the oldest period that is not over, or the one after it: they are looked at first.
    """
    before = with_advances_spent(account, today)
    covered, owed, openable = _covers(before), before.due_items(), tuple(before.openable(today))
    opening = [one for one in _opening_amounts(before, openable) if 0 < one[0] <= limit_xof]
    low, high, tries = 0, len(opening), 0
    near = next((place for place, (_, end) in enumerate(opening) if end >= today), high - 1)
    while low < high:
        place = near if tries < TRIES_NEARBY and low <= near < high else (low + high) // 2
        booked = after(before, allocate(opening[place][0], owed, openable), today).with_days(today)
        if has_more_days(covered, _covers(booked), today):
            high, near = place, place - 1
        else:
            low = near = place + 1
        tries += 1
    return opening[low][0] if low < len(opening) else None


def has_more_days(before: Sequence[Cover], after: Sequence[Cover], today: date) -> bool:
    """Return whether ``after`` covers a day, from today on, that ``before`` does not; each is in order and apart."""
    for cover in after:
        day = max(cover.start, today)
        for known in before:
            if known.start <= day <= known.end:
                day = known.end + ONE_DAY
        if day <= cover.end:
            return True
    return False


def _opening_amounts(account: HouseholdAccount, openable: Sequence[NewDueItem]) -> list[tuple[int, date]]:
    """Return, in order, the payments at which one period more reaches what opens it, each with that period's last day.

    The oldest is paid first.
    """
    amounts, owed_before_xof = [], 0
    for item in sorted(account.with_opened(openable).items, key=lambda item: item.period_start):
        amounts.append((owed_before_xof + max(0, item.opens_at_xof - item.paid_xof), item.period_end))
        owed_before_xof += max(0, item.amount_xof - item.paid_xof)
    return amounts


def _covers(account: HouseholdAccount) -> tuple[Cover, ...]:
    return covers(account.scheme.rights, account.covered_items())


def _days(account: HouseholdAccount, today: date) -> set[date]:
    return {day for cover in _covers(account) if cover.end >= today for day in _each(cover, today)}


def _each(cover: Cover, today: date) -> list[date]:
    start = max(cover.start, today)
    return [start + timedelta(days=number) for number in range((cover.end - start).days + 1)]
