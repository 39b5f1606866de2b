"""When a household may be cared for: rights computed from what was paid and when, never stored by hand."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Protocol, assert_never

from gateway.contributions.rule_types import ALL_BP
from gateway.contributions.scheme import GraceDays, GraceUntil, RightsRule, Scheme

ONE_DAY = timedelta(days=1)


class CoverageState(StrEnum):
    """Where a household's right to care stands."""

    OPEN = "open"
    WAITING = "waiting"
    GRACE = "grace"
    CLOSED = "closed"


class Covered(Protocol):
    """What rights must know of a due item; ``rule`` is that of its version, None where the one that is asked holds."""

    @property
    def period_start(self) -> date:
        """Return its first day."""

    @property
    def period_end(self) -> date:
        """Return its last day."""

    @property
    def amount_xof(self) -> int:
        """Return what is asked for it."""

    @property
    def paid_xof(self) -> int:
        """Return what was paid for it."""

    @property
    def threshold_reached_on(self) -> date | None:
        """Return the day on which enough was paid to open rights."""

    @property
    def rule(self) -> RightsRule | None:
        """Return the rule of rights that it was charged by."""


@dataclass(frozen=True, slots=True)
class CoveredItem:
    """A due item as rights see it; the day its threshold was reached is kept when it happens."""

    period_start: date
    period_end: date
    amount_xof: int
    paid_xof: int
    threshold_reached_on: date | None
    #: The rule of the version that it was charged by; without one, the rule that is asked about.
    rule: RightsRule | None = None


@dataclass(frozen=True, slots=True)
class Rights:
    """The rights of a household on a day, with the days that bound them; both ends included."""

    state: CoverageState
    open_from: date | None = None
    open_until: date | None = None


class CoverReason(StrEnum):
    """Why a household is cared for."""

    CONTRIBUTION = "contribution"
    EXEMPTION = "exemption"
    GRACE = "grace"


@dataclass(frozen=True, slots=True)
class Cover:
    """A stretch of days with rights, both ends included."""

    start: date
    end: date


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of days on which a household is cared for, both ends included, and why."""

    start: date
    end: date
    reason: CoverReason


def threshold_xof(amount_xof: int, threshold_bp: int) -> int:
    """Return the payment from which a period opens rights, rounded up to the franc."""
    return -(-amount_xof * threshold_bp // ALL_BP)


def rights(scheme: Scheme, items: Sequence[Covered], today: date) -> Rights:
    """Return where a household stands on a day, from what it has paid so far."""
    runs = _runs(scheme.rights, items)
    for run, _ in runs:
        if run.start <= today <= run.end:
            return Rights(CoverageState.OPEN, run.start, run.end)
    for run, rule in reversed(runs):
        grace_end = _grace_end(rule, run.end)
        if run.end < today <= grace_end:
            return Rights(CoverageState.GRACE, run.start, grace_end)
    for run, _ in runs:
        if run.start > today:
            return Rights(CoverageState.WAITING, run.start, run.end)
    return Rights(CoverageState.CLOSED)


def covers(rule: RightsRule, items: Sequence[Covered]) -> tuple[Cover, ...]:
    """Return the stretches of rights that payments have opened, in order, consecutive periods joined."""
    return tuple(run for run, _ in _runs(rule, items))


def stretches(rule: RightsRule, items: Sequence[Covered]) -> tuple[Stretch, ...]:
    """Return every day on which somebody is cared for, in order, as stretches of one reason each.

    They follow from what was asked and paid, whatever day it is: ``rights`` says of any one day what they say of it.
    """
    told: list[Stretch] = []
    for start, end, item in _opened(rule, items):
        reason = CoverReason.CONTRIBUTION if item.amount_xof else CoverReason.EXEMPTION
        if told and told[-1].reason is reason and start <= told[-1].end + ONE_DAY:
            told[-1] = Stretch(told[-1].start, end, reason)
        else:
            told.append(Stretch(start, end, reason))
    runs = _runs(rule, items)
    until = [run.start - ONE_DAY for run, _ in runs[1:]] + [date.max]
    for (run, own), last in zip(runs, until[: len(runs)], strict=True):
        grace = Stretch(run.end + ONE_DAY, min(_grace_end(own, run.end), last), CoverReason.GRACE)
        if grace.start <= grace.end:
            told.append(grace)
    return tuple(sorted(told, key=lambda stretch: stretch.start))


def _runs(asked: RightsRule, items: Sequence[Covered]) -> list[tuple[Cover, RightsRule]]:
    """Return the stretches of rights, each with the rule of its last period, which says how long they outlive it."""
    joined: list[tuple[date, date, RightsRule]] = []
    for start, end, item in _opened(asked, items):
        rule = item.rule or asked
        if joined and start <= joined[-1][1] + ONE_DAY:
            joined[-1] = (joined[-1][0], end, rule)
        else:
            joined.append((start, end, rule))
    return [(Cover(start, end), rule) for start, end, rule in joined]


def _opened(asked: RightsRule, items: Sequence[Covered]) -> Iterator[tuple[date, date, Covered]]:
    ready_on = date.min
    last_end: date | None = None
    for item in sorted(items, key=lambda item: item.period_start):
        rule = item.rule or asked
        reached_on = item.threshold_reached_on
        if reached_on is None or item.paid_xof < threshold_xof(item.amount_xof, rule.open_threshold_bp):
            continue
        begins = max(item.period_start, reached_on)
        # A wait once begun is served to its end, also by the periods paid meanwhile: hence the maximum. A lapse is
        # measured from the end of the period paid before, not from its payment: so paying more never shortens rights.
        if last_end is None:
            ready_on = reached_on + timedelta(days=rule.waiting_days_new)
        elif (begins - last_end - ONE_DAY).days > rule.lapse_after_days:
            ready_on = max(ready_on, reached_on + timedelta(days=rule.waiting_days_after_lapse))
        last_end = item.period_end
        opens = max(begins, ready_on)
        if opens <= item.period_end:
            yield opens, item.period_end, item


def _grace_end(rule: RightsRule, cover_end: date) -> date:
    match rule.grace:
        case GraceDays(days):
            return cover_end + timedelta(days=days)
        case GraceUntil(day):
            this_year = day.in_year(cover_end.year)
            return this_year if this_year >= cover_end else day.in_year(cover_end.year + 1)
        case _:
            assert_never(rule.grace)
