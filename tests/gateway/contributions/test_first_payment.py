"""Periods that run from the first payment: no month is lost before it, and its days follow from the days of money."""

import random
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

from gateway.contributions.account import HouseholdAccount
from gateway.contributions.amount_rules import Flat
from gateway.contributions.document import scheme_from
from gateway.contributions.first_payment import begins_on, in_order_of_days
from gateway.contributions.forecast import applied_to, forecast, opens_with_xof, with_advances_spent
from gateway.contributions.item_on_account import ItemOnAccount
from gateway.contributions.lots import Advance, total_xof
from gateway.contributions.period_rules import FirstPaymentPeriod
from gateway.contributions.rights import CoverageState, covers, threshold_xof
from gateway.contributions.scheme import AdvanceRules, HouseholdSize, Scheme
from gateway.contributions.timetable import NEVER
from tests.gateway.contributions.first_payment_oracle import History, Terms
from tests.schemes import illustrative

ARTISAN = scheme_from(illustrative("ARTISAN-2"))
REGISTERED_ON = date(2027, 1, 5)
MOST_XOF = 10_000_000


def household(scheme: Scheme = ARTISAN, registered_on: date = REGISTERED_ON) -> HouseholdAccount:
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
    return empty.with_opened(empty.fallen_due(registered_on)).with_days(registered_on)


def paid(account: HouseholdAccount, amount_xof: int, today: date, paid_on: date | None = None) -> HouseholdAccount:
    before = with_advances_spent(account.as_of(today), today)
    allocation, after = applied_to(before, amount_xof, paid_on or today, today)
    left = (Advance(paid_on or today, allocation.advance_xof),) if allocation.advance_xof else ()
    return replace(after, advances=(*after.advances, *left)).with_days(today)


def test_until_the_threshold_is_reached_one_period_is_owed_and_nothing_grows() -> None:
    account = household()
    for days in range(800):
        today = REGISTERED_ON + timedelta(days=days)
        told = account.as_of(today)
        assert [(item.number, item.amount_xof, item.due_on) for item in told.items] == [(1, 5_000, REGISTERED_ON)]
        assert (told.has_begun, told.timetable.next_due_on(())) == (False, NEVER)
        assert told.rights_on(today).state is CoverageState.CLOSED
    part = paid(account, 4_999, date(2028, 3, 1)).as_of(date(2029, 1, 1))
    assert [(item.number, item.paid_xof) for item in part.items] == [(1, 4_999)]
    assert not part.has_begun


def test_whatever_the_day_of_the_first_payment_it_buys_a_whole_period() -> None:
    account = household()
    for days in range(366):
        today = REGISTERED_ON + timedelta(days=days)
        assert opens_with_xof(account, today, MOST_XOF) == 5_000
        told = forecast(account, 5_000, today)
        begins = today + timedelta(days=30)
        assert (min(told.days_bought), len(told.days_bought)) == (begins, told.days_within_reach)
        assert len(told.days_bought) in (28, 29, 30, 31)
        assert (told.after.begins_on, told.after.has_begun) == (begins, True)
        assert not forecast(account, 4_999, today).days_bought


def test_the_months_after_the_first_are_counted_from_it_by_hand() -> None:
    # Paid on 1 March, opened on the 31st: months end where the calendar ends them.
    account = paid(household(), 15_000, date(2027, 3, 1))
    assert [(item.number, item.period_start, item.period_end) for item in account.items] == [
        (1, date(2027, 3, 31), date(2027, 4, 29)),
        (2, date(2027, 4, 30), date(2027, 5, 30)),
        (3, date(2027, 5, 31), date(2027, 6, 29)),
    ]
    assert account.timetable.next_due_on(()) == date(2027, 6, 30)
    [cover] = covers(account.scheme.rights, account.covered_items())
    assert (cover.start, cover.end) == (date(2027, 3, 31), date(2027, 6, 29))
    later = account.as_of(date(2027, 8, 1))
    assert [(item.number, item.due_on) for item in later.items[3:]] == [(4, date(2027, 6, 30)), (5, date(2027, 7, 31))]


def test_instalments_open_on_the_day_that_completes_them() -> None:
    account = paid(household(), 2_000, date(2027, 2, 1))
    account = paid(account, 3_000, date(2027, 4, 10))
    assert account.begins_on == date(2027, 5, 10)
    assert covers(account.scheme.rights, account.covered_items())[0].start == date(2027, 5, 10)


def test_money_found_later_with_an_earlier_day_moves_every_period() -> None:
    account = paid(household(), 5_000, date(2027, 2, 20))
    assert account.begins_on == date(2027, 3, 22)
    found = paid(account, 5_000, date(2027, 3, 1), paid_on=date(2027, 1, 10))
    assert [(item.number, item.period_start, item.paid) for item in found.items] == [
        (1, date(2027, 2, 9), ((date(2027, 1, 10), 5_000),)),
        (2, date(2027, 3, 9), ((date(2027, 2, 20), 5_000),)),
    ]
    [cover] = covers(found.scheme.rights, found.covered_items())
    assert (cover.start, cover.end) == (date(2027, 2, 9), date(2027, 4, 8))


def test_money_that_is_taken_back_moves_them_too_or_leaves_them_without_days() -> None:
    account = paid(paid(household(), 5_000, date(2027, 1, 10)), 5_000, date(2027, 2, 20))
    [first, second] = account.items
    # Nothing posts such a reversal yet: it is a negative part of the day of what it takes back.
    back = replace(second, paid=(*second.paid, (date(2027, 1, 10), -5_000)))
    left = replace(account, items=(first, back)).with_days(date(2027, 3, 1))
    assert left.begins_on == date(2027, 3, 22)
    assert [item.paid for item in left.items] == [((date(2027, 2, 20), 5_000),), ()]
    nothing = replace(first, paid=(*first.paid, (date(2027, 1, 10), -5_000)))
    assert not replace(account, items=(nothing,)).with_days(date(2027, 3, 1)).has_begun


def test_money_of_a_day_before_the_registration_counts_from_it() -> None:
    account = paid(household(), 5_000, REGISTERED_ON, paid_on=date(2026, 10, 1))
    assert account.begins_on == REGISTERED_ON + timedelta(days=30)
    assert covers(account.scheme.rights, account.covered_items())[0].start == account.begins_on
    assert len(account.as_of(REGISTERED_ON).items) == 1


def test_after_a_lapse_money_for_arrears_that_opens_no_day_is_still_warned_of() -> None:
    account = paid(household(), 5_000, date(2027, 2, 1))
    late = date(2027, 12, 1)
    told = forecast(account, 5_000, late)
    assert (len(told.days_bought), told.after.begins_on) == (0, account.begins_on)
    assert [line.item.number for line in told.allocation.lines] == [2]
    owed_xof = sum(item.remaining_xof for item in account.as_of(late).due_items())
    assert owed_xof == 8 * 5_000
    # All that is owed is paid by 1 December: the wait after a lapse ends when the last month of it is over.
    assert told.days_within_reach == 0


def test_nothing_to_pay_begins_with_the_wait_after_registration() -> None:
    free = household(replace(ARTISAN, shares=tuple(replace(share, share_bp=10_000) for share in ARTISAN.shares)))
    free = replace(free, items=tuple(replace(item, amount_xof=0) for item in free.items)).with_days()
    assert free.begins_on == REGISTERED_ON + timedelta(days=30)


def test_francs_are_laid_out_in_the_order_of_their_days_and_none_is_lost() -> None:
    reached: Counter[str] = Counter()
    for seed in range(300):
        dice = random.Random(seed)  # noqa: S311 - the dice of a test, not a secret
        days = [REGISTERED_ON + timedelta(days=dice.randrange(60)) for _ in range(8)]
        items = [
            ItemOnAccount(
                number,
                *(date(2027, number, 1),) * 3,
                amount_xof=5_000,
                paid=tuple((dice.choice(days), dice.randint(1, 2_500)) for _ in range(dice.randrange(3))),
                scheme=ARTISAN,
                number=number,
            )
            for number in (1, 2, 3)
        ]
        advances = tuple(Advance(day, dice.randint(1, 900)) for day in sorted(set(days[: dice.randrange(3)])))
        dealt, left = in_order_of_days(items, advances)
        assert [item.paid_xof for item in dealt] == [item.paid_xof for item in items]
        assert total_xof(left) == total_xof(advances)
        order = [day for item in dealt for day, _ in item.paid] + [lot.paid_on for lot in left]
        assert order == sorted(order)
        assert in_order_of_days(dealt, left) == (dealt, left)
        begun = begins_on(dealt, left, ARTISAN, REGISTERED_ON)
        assert begun == begins_on(items, advances, ARTISAN, REGISTERED_ON)
        reached["begun" if begun else "not begun"] += 1
        reached["moved"] += [item.paid for item in dealt] != [item.paid for item in items]
    assert min(reached.values()) > 50, reached
    assert len(reached) == 3, reached


def drawn(dice: random.Random) -> tuple[Scheme, Terms]:
    months, price_xof, share_bp = dice.choice((1, 1, 3, 6)), dice.choice((997, 5_000)), dice.choice((5_000, 10_000))
    terms = Terms(
        months, price_xof, threshold_xof(price_xof, share_bp), dice.choice((0, 30, 45)), dice.choice((0, 1, 12))
    )
    scheme = replace(
        ARTISAN,
        amount_rule=Flat(price_xof),
        period=FirstPaymentPeriod(months),
        advance=AdvanceRules(allowed=terms.periods_ahead > 0, max_periods=terms.periods_ahead),
        rights=replace(ARTISAN.rights, waiting_days_new=terms.wait_days, open_threshold_bp=share_bp),
    )
    return scheme, terms


def test_random_histories_with_money_found_late_are_those_of_the_oracle() -> None:
    reached: Counter[str] = Counter()
    for seed in range(200):
        dice = random.Random(seed)  # noqa: S311 - the dice of a test, not a secret
        scheme, terms = drawn(dice)
        today = registered_on = date(2026, 1, 1) + timedelta(days=dice.randrange(800))
        account, told = household(scheme, registered_on), History(terms, registered_on)
        for _ in range(dice.randint(1, 7)):
            today += timedelta(days=dice.randrange(80))
            amount_xof = dice.randint(1, 4 * terms.price_xof)
            paid_on = today - timedelta(days=dice.choice((0, 0, dice.randrange((today - registered_on).days + 40))))
            before = account.begins_on
            told.come_to(today)
            told.pay(amount_xof, paid_on, today)
            told.come_to(today)
            account = paid(account, amount_xof, today, paid_on).as_of(today)
            begins, is_known = told.begins(today)
            assert (account.begins_on, account.has_begun) == (begins if is_known else None, is_known)
            assert [(item.number, item.period_start, item.period_end, item.due_on) for item in account.items] == [
                (number + 1, *told.days(number, today)) for number in range(len(told.periods_xof))
            ]
            assert [item.paid_xof for item in account.items] == told.periods_xof
            assert total_xof(account.advances) == told.purse_xof
            if is_known and account.items[0].threshold_reached_on is not None:
                # No day of the first period is lost, whenever it was paid.
                assert covers(scheme.rights, account.covered_items())[0].start == begins
            reached["moved"] += before not in (None, account.begins_on)
            reached["not begun"] += not is_known
            reached["held"] += told.purse_xof > 0
            reached["several"] += len(told.periods_xof) > 2
    assert min(reached.values()) > 30, reached
    assert len(reached) == 4, reached
