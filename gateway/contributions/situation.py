"""What a household sees of its contributions: what is due, what is paid, and which amounts to offer it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from gateway.contributions.allocation import OwedItem
from gateway.contributions.schedule import next_period
from gateway.contributions.scheme import Scheme


@dataclass(frozen=True, slots=True)
class Situation:
    """The current period and the arrears in three sums, how many periods still lack something, and what comes next."""

    due_xof: int
    paid_xof: int
    remaining_xof: int
    next_due_on: date
    unpaid: tuple[date, ...]


def situation(
    scheme: Scheme, registered_on: date, items: Sequence[OwedItem], today: date, *, begins_on: date | None = None
) -> Situation:
    """Sum up what has fallen due by a day; old periods paid in full are left out.

    ``unpaid`` are the last days of those that lack something, in order.
    """
    in_order = sorted(items, key=lambda item: item.period_start)
    shown = [item for item in _due(in_order, today) if item.remaining_xof > 0 or item.period_end >= today]
    following = next_period(
        scheme, registered_on, in_order[-1].period_end if in_order else date.min, begins_on=begins_on
    )
    to_come = (item.due_on for item in in_order if item.remaining_xof > 0 and item.due_on > today)
    return Situation(
        due_xof=sum(item.amount_xof for item in shown),
        paid_xof=sum(min(item.paid_xof, item.amount_xof) for item in shown),
        remaining_xof=sum(item.remaining_xof for item in shown),
        next_due_on=next(to_come, following.due_on),
        unpaid=tuple(item.period_end for item in shown if item.remaining_xof > 0),
    )


def minimum_xof(scheme: Scheme, payable_max_xof: int) -> int:
    """Return the smallest payment to accept: the scheme's, or less where less is all that can be paid."""
    return (
        min(scheme.instalments.minimum_xof, payable_max_xof) if payable_max_xof > 0 else scheme.instalments.minimum_xof
    )


def suggested_amounts(
    scheme: Scheme, remaining_xof: int, period_amount_xof: int, payable_max_xof: int
) -> tuple[int, ...]:
    """Offer at most two different amounts: one instalment, and everything that is due."""
    instalment_xof = -(-period_amount_xof // scheme.instalments.suggested_count)
    wished = (min(instalment_xof, remaining_xof), remaining_xof) if remaining_xof > 0 else (instalment_xof,)
    least_xof = minimum_xof(scheme, payable_max_xof)
    offered = dict.fromkeys(max(xof, least_xof) for xof in wished)
    return tuple(xof for xof in offered if xof <= payable_max_xof)


def _due(in_order: Sequence[OwedItem], today: date) -> list[OwedItem]:
    return [item for item in in_order if item.due_on <= today]
