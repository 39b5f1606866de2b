"""Money held in advance, as lots that each keep the day on which they were paid."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Advance:
    """Francs that one household paid in advance on one day and that no due item has taken yet."""

    paid_on: date
    amount_xof: int


def total_xof(lots: Iterable[Advance]) -> int:
    """Return all that is held."""
    return sum(lot.amount_xof for lot in lots)


def held(by_day: Mapping[date, int]) -> tuple[Advance, ...]:
    """Return what is left of each day, oldest first; what a day lacks is taken from the youngest francs."""
    missing_xof = -sum(amount_xof for amount_xof in by_day.values() if amount_xof < 0)
    left: list[Advance] = []
    for day in sorted(by_day, reverse=True):
        taken_xof = min(missing_xof, max(0, by_day[day]))
        missing_xof -= taken_xof
        if by_day[day] > taken_xof:
            left.append(Advance(day, by_day[day] - taken_xof))
    return tuple(reversed(left))
