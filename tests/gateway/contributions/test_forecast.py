"""What a payment is said to do: what crediting then does, to the franc and to the day."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta

import pytest

from gateway.contributions.account import HouseholdAccount
from gateway.contributions.forecast import (
    Forecast,
    ahead_xof,
    applied_to,
    as_told,
    forecast,
    has_more_days,
    opens_with_xof,
)
from gateway.contributions.lots import Advance
from gateway.contributions.rights import Cover, CoverageState, covers
from gateway.contributions.scheme import HouseholdSize, Scheme, amount_due

REGISTERED_ON = date(2026, 1, 5)
MOST_XOF = 10_000_000

Of = Callable[[Scheme, date], HouseholdAccount]


def household(scheme: Scheme, registered_on: date = REGISTERED_ON) -> HouseholdAccount:
    empty = HouseholdAccount(
        id=1,
        enrolment_id=1,
        ramu_number="0000000127",
        name="Awa",
        phones=(),
        scheme=scheme,
        cercle_code="1201",
        registered_on=registered_on,
        size=HouseholdSize(5),
        items=(),
    )
    return empty.with_opened(empty.fallen_due(registered_on))


def paid(account: HouseholdAccount, amount_xof: int, today: date) -> HouseholdAccount:
    return forecast(account, amount_xof, today).after


def covered_days(account: HouseholdAccount) -> set[date]:
    return days_of(list(covers(account.scheme.rights, account.covered_items())))


def test_the_forecast_names_the_period_that_the_money_goes_to_and_not_the_running_one(artisan: Scheme) -> None:
    account = paid(household(artisan), 5_000, REGISTERED_ON)
    told = forecast(account, 5_000, REGISTERED_ON)
    assert [line.item.period_start for line in told.allocation.lines] == [date(2026, 3, 4)]
    assert (min(told.days_bought), max(told.days_bought)) == (date(2026, 3, 4), date(2026, 4, 3))


def test_money_that_waits_in_advance_is_spent_first_as_it_is_when_a_payment_is_credited(artisan: Scheme) -> None:
    account = household(artisan)
    told = forecast(account, 5_000, REGISTERED_ON)
    held = HouseholdAccount(**{name: getattr(account, name) for name in HouseholdAccount.__dataclass_fields__} | {
        "advances": (Advance(REGISTERED_ON, 5_000),)
    })  # fmt: skip
    after_advance = forecast(held, 5_000, REGISTERED_ON)
    assert told.allocation.lines[0].item.period_start == date(2026, 2, 4)
    assert after_advance.allocation.lines[0].item.period_start == date(2026, 3, 4)
    assert ahead_xof(after_advance.after, REGISTERED_ON) == 5_000


@pytest.mark.parametrize("code", ["artisan", "coton"])
def test_what_is_said_to_open_rights_opens_them_on_every_day_of_a_year(
    code: str, request: pytest.FixtureRequest
) -> None:
    scheme: Scheme = request.getfixturevalue(code)
    reached: Counter[str] = Counter()
    for number in range(1, 366):
        today = REGISTERED_ON + timedelta(days=number)
        for account in (household(scheme), paid(household(scheme), 5_000, REGISTERED_ON)):
            told = as_told(account, today)
            if told.rights_on(today).state is not CoverageState.CLOSED:
                continue
            opens_xof = opens_with_xof(account, today, MOST_XOF)
            if opens_xof is None:
                reached["nothing opens"] += 1
                continue
            after = paid(account, opens_xof, today)
            assert after.rights_on(today).state is not CoverageState.CLOSED
            assert not forecast(account, opens_xof - 1, today).days_bought
            reached["opens"] += 1
    assert reached["opens"] > 300, reached


def test_more_money_never_buys_fewer_days_and_every_day_said_is_a_day_of_care(artisan: Scheme, coton: Scheme) -> None:
    reached: Counter[str] = Counter()
    for seed in range(300):
        dice = random.Random(seed)  # noqa: S311 - the dice of a test, not a secret
        scheme = dice.choice((artisan, coton))
        account = household(scheme, date(2026, 1, 1) + timedelta(days=dice.randrange(365)))
        today = account.registered_on
        for _ in range(dice.randrange(5)):
            today += timedelta(days=dice.randrange(120))
            account = paid(account, dice.choice((200, 1_000, 5_000, 12_600, 40_000)), today)
        today += timedelta(days=dice.randrange(200))
        before = covered_days(as_told(account, today))
        last: Forecast | None = None
        for amount_xof in sorted(dice.sample(range(200, 60_000, 100), 6)):
            told = forecast(account, amount_xof, today)
            assert told.days_bought == {day for day in covered_days(told.after) - before if day >= today}
            assert last is None or told.days_bought >= last.days_bought
            assert told.days_within_reach >= len(told.days_bought)
            assert sum(line.amount_xof for line in told.allocation.lines) + told.allocation.advance_xof == amount_xof
            reached["days" if told.days_bought else "no days"] += 1
            reached["advance left"] += told.allocation.advance_xof > 0
            last = told
    assert min(reached.values()) > 50, reached
    assert len(reached) == 3, reached


def test_an_instalment_leads_to_days_and_money_paid_too_late_leads_to_none(artisan: Scheme) -> None:
    early = forecast(household(artisan), 1_000, REGISTERED_ON)
    assert (len(early.days_bought), early.days_within_reach) == (0, 28)
    late = forecast(household(artisan), 5_000, date(2026, 2, 10))
    assert (len(late.days_bought), late.days_within_reach) == (0, 0)
    assert opens_with_xof(household(artisan), date(2026, 2, 10), MOST_XOF) == 10_000


def test_money_ahead_counts_whether_its_period_is_charged_or_not(artisan: Scheme) -> None:
    account = paid(household(artisan), 7_000, REGISTERED_ON)
    assert ahead_xof(account, REGISTERED_ON) == 2_000
    assert ahead_xof(account, date(2026, 3, 4)) == 0
    allocation, much = applied_to(household(artisan), 14 * 5_000, REGISTERED_ON, REGISTERED_ON)
    assert allocation.advance_xof == 5_000
    assert ahead_xof(much, REGISTERED_ON) == 12 * 5_000
    assert amount_due(artisan, account.size).member_xof == 5_000


def test_whether_days_came_is_said_of_stretches_as_it_would_be_of_their_days() -> None:
    reached: Counter[bool] = Counter()
    for seed in range(2_000):
        dice = random.Random(seed)  # noqa: S311 - the dice of a test, not a secret
        before, after_ = drawn_covers(dice), drawn_covers(dice)
        today = REGISTERED_ON + timedelta(days=dice.randrange(12))
        came = {day for day in days_of(after_) - days_of(before) if day >= today}
        assert has_more_days(before, after_, today) == bool(came), (before, after_, today)
        reached[bool(came)] += 1
    assert min(reached[True], reached[False]) > 200, reached


def drawn_covers(dice: random.Random) -> list[Cover]:
    """Draw up to three stretches in order, next to each other or apart."""
    ends = sorted(dice.sample(range(14), 2 * dice.randrange(4)))
    days = [REGISTERED_ON + timedelta(days=number) for number in ends]
    return [Cover(*pair) for pair in zip(days[::2], days[1::2], strict=True)]


def days_of(stretches: list[Cover]) -> set[date]:
    return {
        cover.start + timedelta(days=number)
        for cover in stretches
        for number in range((cover.end - cover.start).days + 1)
    }
