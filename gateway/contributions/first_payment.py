"""When periods begin that are counted from the first payment: it follows from the days on which money was paid.

No day of such a period is kept with what is charged for it. Money that is found later with an earlier day, or is taken
back, moves them, and they follow from what is left.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from gateway.contributions.item_on_account import ItemOnAccount
from gateway.contributions.lots import Advance, held
from gateway.contributions.scheme import Scheme


def in_order_of_days(
    items: Sequence[ItemOnAccount], advances: Sequence[Advance]
) -> tuple[tuple[ItemOnAccount, ...], tuple[Advance, ...]]:
    """Return what was paid as if it had come in the order of its days: the oldest francs to the oldest periods.

    Each period keeps what was allocated to it, and what is held in advance keeps its sum.
    """
    lots = list(held(_by_day(items, advances)))
    dealt = []
    for item in items:
        parts, lots = _taken(lots, item.paid_xof)
        dealt.append(replace(item, paid=parts))
    return tuple(dealt), tuple(lots)


def begins_on(
    items: Sequence[ItemOnAccount], advances: Sequence[Advance], calendar: Scheme, registered_on: date
) -> date | None:
    """Return the day on which the first period begins; None until enough is paid to open rights.

    Money of a day before the registration waited for it: no period begins before the wait after that.
    """
    if not items:
        return None
    wait, left_xof = timedelta(days=calendar.rights.waiting_days_new), items[0].opens_at_xof
    if left_xof <= 0:
        return registered_on + wait
    for lot in held(_by_day(items, advances)):
        left_xof -= lot.amount_xof
        if left_xof <= 0:
            return max(lot.paid_on, registered_on) + wait
    return None


def _by_day(items: Sequence[ItemOnAccount], advances: Sequence[Advance]) -> Counter[date]:
    by_day: Counter[date] = Counter()
    for item in items:
        for day, amount_xof in item.paid:
            by_day[day] += amount_xof
    for lot in advances:
        by_day[lot.paid_on] += lot.amount_xof
    return by_day


def _taken(lots: list[Advance], amount_xof: int) -> tuple[tuple[tuple[date, int], ...], list[Advance]]:
    parts: list[tuple[date, int]] = []
    for number, lot in enumerate(lots):
        if amount_xof <= 0:
            return tuple(parts), lots[number:]
        part_xof = min(amount_xof, lot.amount_xof)
        parts.append((lot.paid_on, part_xof))
        amount_xof -= part_xof
        if part_xof < lot.amount_xof:
            return tuple(parts), [Advance(lot.paid_on, lot.amount_xof - part_xof), *lots[number + 1 :]]
    return tuple(parts), []
