"""What a household owes first that registers when its season has begun: by hand, for every day, and by an oracle."""

import random
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest

from gateway.contributions.account import HouseholdAccount
from gateway.contributions.amount_rules import Flat
from gateway.contributions.document import SchemeInvalid, scheme_from
from gateway.contributions.forecast import forecast, with_advances_spent
from gateway.contributions.lots import Advance
from gateway.contributions.period_rules import (
    FirstPaymentPeriod,
    FixedPeriod,
    LateJoiner,
    RollingPeriod,
    are_same_periods,
)
from gateway.contributions.rights import covers
from gateway.contributions.rule_types import MonthDay
from gateway.contributions.schedule import Period, next_period, periods
from gateway.contributions.scheme import (
    AdvanceRules,
    DueAmount,
    HouseholdSize,
    PayerKind,
    Posting,
    Scheme,
    Share,
    amount_due,
)
from tests.gateway.contributions.season_oracle import Rules, Told, first_debt
from tests.schemes import illustrative

ONE_DAY = timedelta(days=1)
SEVEN = HouseholdSize(7)
COTON = scheme_from(illustrative("COTON-2"))
SEASON = (date(2027, 1, 1), date(2027, 12, 31))
#: By hand: 30 000 F a year for seven people, 2 500 F for each month that is left, of which the household bears 70 %.
SHARES_BY_MONTH = {
    1: (30_000, 21_000, 9_000),
    2: (27_500, 19_250, 8_250),
    3: (25_000, 17_500, 7_500),
    4: (22_500, 15_750, 6_750),
    5: (20_000, 14_000, 6_000),
    6: (17_500, 12_250, 5_250),
    7: (15_000, 10_500, 4_500),
    8: (12_500, 8_750, 3_750),
    9: (10_000, 7_000, 3_000),
    10: (7_500, 5_250, 2_250),
    11: (5_000, 3_500, 1_500),
    12: (2_500, 1_750, 750),
}


def of(period: FixedPeriod, **changed: object) -> Scheme:
    return replace(COTON, period=period, **changed)  # type: ignore[arg-type]


def account(scheme: Scheme, registered_on: date, size: HouseholdSize = SEVEN) -> HouseholdAccount:
    empty = HouseholdAccount(
        id=1,
        enrolment_id=1,
        ramu_number="0000000127",
        name="Awa",
        phones=(),
        scheme=scheme,
        cercle_code="0301",
        registered_on=registered_on,
        size=size,
        items=(),
    )
    return empty.with_opened(empty.fallen_due(registered_on))


def test_every_day_of_a_year_owes_the_months_that_are_left_of_it() -> None:
    reached: Counter[str] = Counter()
    for number in range(365):
        registered_on = date(2027, 1, 1) + timedelta(days=number)
        first = next_period(COTON, registered_on, date.min)
        if registered_on >= date(2027, 12, 2):
            # The wait of thirty days would end in January.
            assert first == Period(date(2028, 1, 1), date(2028, 12, 31), date(2028, 1, 1))
            reached["next season"] += 1
            continue
        assert first == Period(*SEASON, registered_on, registered_on.month - 1)
        gross_xof, member_xof, state_xof = SHARES_BY_MONTH[registered_on.month]
        assert amount_due(COTON, SEVEN, first.months_spared) == DueAmount(
            gross_xof, member_xof, ((PayerKind.STATE, state_xof),)
        )
        [item] = account(COTON, registered_on).items
        assert item.amount_xof == member_xof
        reached["this season"] += 1
    assert reached == {"this season": 335, "next season": 30}


@pytest.mark.parametrize(
    ("registered_on", "months_spared"),
    [
        (date(2027, 6, 15), 0),
        (date(2027, 7, 14), 0),
        (date(2027, 7, 15), 1),
        (date(2027, 8, 14), 1),
        (date(2027, 12, 31), 6),
        (date(2028, 1, 14), 6),
        (date(2028, 2, 29), 8),
        (date(2028, 3, 14), 8),
        (date(2028, 5, 15), 11),
    ],
)
def test_months_are_those_of_the_season_where_it_begins_in_the_middle_of_one(
    registered_on: date, months_spared: int
) -> None:
    harvest = of(FixedPeriod(12, MonthDay(6, 15), LateJoiner.PRO_RATA_MONTHS))
    assert next_period(harvest, registered_on, date.min) == Period(
        date(2027, 6, 15), date(2028, 6, 14), registered_on, months_spared
    )


def test_every_day_of_a_season_of_three_months_that_begins_on_a_last_day() -> None:
    quarter = of(FixedPeriod(3, MonthDay(1, 31), LateJoiner.PRO_RATA_MONTHS))
    at_once = replace(quarter, rights=replace(quarter.rights, waiting_days_new=0))
    begun = {0: date(2027, 1, 31), 1: date(2027, 2, 28), 2: date(2027, 3, 31)}
    seen: Counter[int] = Counter()
    for number in range(89):
        registered_on = date(2027, 1, 31) + timedelta(days=number)
        spared = max(months for months, start in begun.items() if start <= registered_on)
        assert next_period(at_once, registered_on, date.min) == Period(
            date(2027, 1, 31), date(2027, 4, 29), registered_on, spared
        )
        seen[spared] += 1
    assert seen == {0: 28, 1: 31, 2: 30}
    # With a wait of thirty days the thirtieth of March is the last on which one may still come in time.
    assert next_period(quarter, date(2027, 3, 30), date.min).start == date(2027, 1, 31)
    assert next_period(quarter, date(2027, 3, 31), date.min).start == date(2027, 4, 30)


@pytest.mark.parametrize(
    ("gross_xof", "months_spared", "expected"),
    [
        # 1 001 F * 7 / 12 is 583,9: 584 F, of which the half is 292, up to the tenth 526 and so 234 and 58.
        (1_001, 5, (584, 292, 234, 58)),
        (1_001, 0, (1_001, 501, 400, 100)),
        (1, 11, (1, 1, 0, 0)),
        (13, 1, (12, 6, 5, 1)),
        (999_999_999, 11, (83_333_334, 41_666_667, 33_333_334, 8_333_333)),
    ],
)
def test_an_amount_for_some_months_is_rounded_up_once_and_shared_to_the_franc(
    gross_xof: int, months_spared: int, expected: tuple[int, ...]
) -> None:
    parts = ((PayerKind.MEMBER, 5_000), (PayerKind.STATE, 4_000), (PayerKind.COLLECTIVITE, 1_000))
    three = replace(
        COTON, amount_rule=Flat(gross_xof), shares=tuple(Share(kind, bp, Posting.WHEN_PAID) for kind, bp in parts)
    )
    due = amount_due(three, SEVEN, months_spared)
    assert (due.gross_xof, due.member_xof, *(xof for _, xof in due.others)) == expected
    assert sum(expected[1:]) == expected[0]


def test_who_registers_on_the_last_day_in_time_and_pays_at_once_is_cared_for_on_the_last_day_of_the_season() -> None:
    registered_on = date(2027, 12, 1)
    after = forecast(account(COTON, registered_on), 1_750, registered_on)
    assert after.days_bought == {date(2027, 12, 31)}


def test_whose_first_season_is_the_next_owes_nothing_until_it_begins_and_may_pay_it_ahead() -> None:
    registered_on = date(2027, 12, 2)
    household = account(COTON, registered_on)
    assert household.items == ()
    assert household.timetable.next_due_on(()) == date(2028, 1, 1)
    assert household.as_of(date(2027, 12, 31)).items == ()
    assert [(item.period_start, item.amount_xof) for item in household.as_of(date(2028, 1, 1)).items] == [
        (date(2028, 1, 1), 21_000)
    ]
    # Paid at once, the wait ends before the season begins.
    after = forecast(household, 21_000, registered_on)
    assert (min(after.days_bought), max(after.days_bought)) == (date(2028, 1, 1), date(2028, 12, 31))
    # Where nothing may be paid ahead, money waits for the season, with the day on which it was paid.
    strict = replace(household, scheme=replace(COTON, advance=AdvanceRules(allowed=False, max_periods=0)))
    kept = forecast(strict, 21_000, registered_on)
    assert (kept.allocation.lines, kept.allocation.advance_xof) == ((), 21_000)
    later = replace(strict, advances=(Advance(registered_on, 21_000),)).as_of(date(2028, 1, 1))
    assert covers(later.scheme.rights, later.covered_items())[0].start == date(2028, 1, 1)


def test_who_waits_for_the_next_season_is_late_on_every_day_but_the_first() -> None:
    patient = of(FixedPeriod(12, MonthDay(1, 1), LateJoiner.NEXT_SEASON))
    for number in range(365):
        registered_on = date(2027, 1, 1) + timedelta(days=number)
        found = list(periods(patient, registered_on, date(2028, 12, 31)))
        if number == 0:
            assert found[0] == Period(*SEASON, registered_on)
        else:
            assert found == [Period(date(2028, 1, 1), date(2028, 12, 31), date(2028, 1, 1))]


def test_what_the_first_version_says_of_late_joiners_is_what_it_meant(coton: Scheme) -> None:
    assert coton.period == FixedPeriod(12, MonthDay(1, 1), LateJoiner.FULL)
    for number in range(365):
        registered_on = date(2027, 1, 1) + timedelta(days=number)
        assert next_period(coton, registered_on, date.min) == Period(*SEASON, registered_on)


def test_versions_share_length_and_season_and_nothing_else_of_their_periods(coton: Scheme, artisan: Scheme) -> None:
    assert are_same_periods(coton.period, COTON.period)
    assert not are_same_periods(coton.period, FixedPeriod(12, MonthDay(1, 2)))
    assert not are_same_periods(coton.period, FixedPeriod(6, MonthDay(1, 1)))
    assert not are_same_periods(artisan.period, FixedPeriod(1, MonthDay(1, 1)))
    assert not are_same_periods(artisan.period, RollingPeriod(3))
    assert are_same_periods(artisan.period, FirstPaymentPeriod(1))
    assert not are_same_periods(FirstPaymentPeriod(1), FixedPeriod(1, MonthDay(1, 1)))


def test_only_a_season_has_late_joiners_and_only_three_rules_for_them() -> None:
    for code, word in (("COTON-2", "HALF"), ("ARTISAN-2", "FULL")):
        rules = illustrative(code)
        with pytest.raises(SchemeInvalid, match=r"period\.late_joiner"):
            scheme_from({**rules, "period": {**rules["period"], "late_joiner": word}})  # type: ignore[dict-item]


def drawn(dice: random.Random) -> tuple[Scheme, Rules]:
    """Return a scheme and the same rules as the oracle reads them."""
    rules = Rules(
        months=dice.choice((1, 3, 6, 12, 12, 12)),
        starts_month=dice.randint(1, 12),
        starts_day=dice.choice((1, 1, 15, 28)),
        late_joiner=dice.choice(("FULL", "PRO_RATA_MONTHS", "PRO_RATA_MONTHS", "NEXT_SEASON")),
        waiting_days=dice.choice((0, 14, 30, 30, 400)),
        gross_xof=dice.choice((1, 997, 18_000, 30_001, 42_000)),
        shares_bp=(7_000, 2_333, 667),
        periods_ahead=dice.randint(0, 2),
    )
    kinds = (PayerKind.MEMBER, PayerKind.STATE, PayerKind.COLLECTIVITE)
    scheme = replace(
        COTON,
        amount_rule=Flat(rules.gross_xof),
        period=FixedPeriod(rules.months, MonthDay(rules.starts_month, rules.starts_day), LateJoiner(rules.late_joiner)),
        advance=AdvanceRules(allowed=rules.periods_ahead > 0, max_periods=rules.periods_ahead),
        rights=replace(COTON.rights, waiting_days_new=rules.waiting_days),
        shares=tuple(
            Share(kind, share_bp, Posting.WHEN_PAID) for kind, share_bp in zip(kinds, rules.shares_bp, strict=True)
        ),
    )
    return scheme, rules


def test_random_histories_owe_and_pay_what_the_oracle_says() -> None:
    reached: Counter[str] = Counter()
    for seed in range(400):
        dice = random.Random(seed)  # noqa: S311 - the dice of a test, not a secret
        scheme, rules = drawn(dice)
        today = registered_on = date(2026, 1, 1) + timedelta(days=dice.randrange(1_500))
        household, told = account(scheme, registered_on), Told(rules, registered_on)
        for _ in range(dice.randint(1, 6)):
            today += timedelta(days=dice.randrange(150))
            told.live_until(today)
            household = household.as_of(today)
            amount_xof = dice.randint(1, 2 * rules.gross_xof)
            told.pay(amount_xof)
            done = forecast(household, amount_xof, today)
            left_xof = done.allocation.advance_xof
            household = replace(
                done.after, advances=(*done.after.advances, *([Advance(today, left_xof)] if left_xof else []))
            )
            assert [(i.period_start, i.period_end, i.due_on, i.amount_xof, i.paid_xof) for i in household.items] == [
                (debt.start, debt.end, debt.due_on, debt.shares_xof[0], debt.paid_xof) for debt in told.debts
            ]
            assert sum(lot.amount_xof for lot in household.advances) == told.purse_xof
            assert household.timetable.next_due_on(()) > today
            reached["held in advance"] += told.purse_xof > 0
        first = first_debt(rules, registered_on)
        period = next_period(scheme, registered_on, date.min)
        due = amount_due(scheme, SEVEN, period.months_spared)
        assert (due.member_xof, *(xof for _, xof in due.others)) == first.shares_xof
        reached["months spared"] += period.months_spared > 0
        reached["next season"] += period.start > registered_on
        reached["rounded up"] += rules.gross_xof * (rules.months - period.months_spared) % rules.months > 0
        # Who pays at once what is asked of her is cared for in her first season, or has a longer wait than a season.
        paid_at_once = forecast(account(scheme, registered_on), max(1, due.member_xof), registered_on)
        is_cared_for = any(day <= period.end for day in paid_at_once.days_bought)
        if rules.late_joiner == "PRO_RATA_MONTHS" and rules.waiting_days < 31 and period.start <= registered_on:
            assert is_cared_for
            reached["cared for"] += 1
    assert min(reached.values()) > 30, reached
    assert len(reached) == 5, reached


def test_an_advance_is_spent_before_new_money_in_the_first_season_too() -> None:
    household = replace(account(COTON, date(2027, 6, 1)), advances=(Advance(date(2027, 6, 1), 12_250),))
    spent = with_advances_spent(household, date(2027, 6, 1))
    assert [(item.amount_xof, item.paid_xof) for item in spent.items] == [(12_250, 12_250)]
