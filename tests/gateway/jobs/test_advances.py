"""A franc paid in advance counts from the day it was paid, whenever the job that opens its period comes by."""

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contributions.account import read_accounts
from gateway.contributions.advances import read_advances
from gateway.contributions.lots import Advance, held
from gateway.jobs.open_periods import open_periods
from gateway.members.account import load_account
from gateway.members.register import Registration, register
from gateway.money.messages import rights_said
from tests.fixed import START
from tests.stories import credited
from tests.world import World

MONTHLY_XOF = 3000
#: Twelve months may be paid ahead of the one that is due.
AHEAD = 13
HOUSEHOLDS = 10
PERIODS = 18


async def enrolled(world: World, number: int) -> tuple[int, str]:
    msisdn = f"+2237900{number:04d}"
    scheme = world.jobs.catalog.get("ARTISAN", 1)
    person = Registration(msisdn, f"Awa {number}", "commerce", "0201", 3)
    return (await world.database.transact(lambda connection: register(connection, person, scheme, START))).id, msisdn


def oldest_first(paid: list[tuple[date, int]], periods: int) -> list[tuple[int, date, int]]:
    """Fill one period after the other with francs in the order of their days: an oracle that knows no job."""
    filled: Counter[tuple[int, date]] = Counter()
    period, room_xof = 0, MONTHLY_XOF
    for day, amount_xof in sorted(paid):
        left_xof = amount_xof
        while left_xof and period < periods:
            part_xof = min(left_xof, room_xof)
            filled[period, day] += part_xof
            left_xof, room_xof = left_xof - part_xof, room_xof - part_xof
            if room_xof == 0:
                period, room_xof = period + 1, MONTHLY_XOF
    return sorted((number, day, amount_xof) for (number, day), amount_xof in filled.items())


async def test_however_late_the_job_comes_each_franc_pays_on_its_own_day(world: World) -> None:
    dice = random.Random(20_261_126)  # noqa: S311 - a sample, the same at every run
    people = [await enrolled(world, number) for number in range(HOUSEHOLDS)]
    paid: dict[int, list[tuple[date, int]]] = {household_id: [] for household_id, _ in people}
    reached: Counter[str] = Counter()
    for month in range(PERIODS):
        for number, (household_id, msisdn) in enumerate(people):
            if month < 2 or dice.random() < 0.06:
                amount_xof = dice.choice([AHEAD * MONTHLY_XOF, AHEAD * MONTHLY_XOF, 7_500, 4_100])
                await credited(world, msisdn, amount_xof, f"T{number}-{month}")
                paid[household_id].append((world.clock.now().date(), amount_xof))
        if dice.random() < 0.3:
            await open_periods(world.jobs, world.clock.now())
            reached["the job came"] += 1
        world.clock.forward(days=dice.randint(20, 35))
    for _ in range(4):
        world.clock.forward(days=dice.randint(20, 120))
        await world.work()
    for household_id, _ in people:
        rows = await world.rows(
            "SELECT charge.id, allocated_on, sum(allocation.amount_xof)::bigint FROM allocation"
            " JOIN charge ON charge.id = charge_id WHERE payer_party_id = :id"
            " GROUP BY 1, 2, period_start ORDER BY period_start, 2",
            id=household_id,
        )
        order = list(dict.fromkeys(item_id for item_id, _, _ in rows))
        found = [(order.index(item_id), day, amount_xof) for item_id, day, amount_xof in rows]
        assert found == oldest_first(paid[household_id], len(order))
        reached["paid by two days"] += sum(1 for item_id in order if sum(row[0] == item_id for row in rows) > 1)
    spent = await world.rows("SELECT actor, count(*) FROM ledger_txn WHERE kind = 'advance_spent' GROUP BY 1")
    reached.update({str(actor): int(str(count)) for actor, count in spent})
    async with world.database.unit_of_work() as connection:
        advances = await read_advances(connection, [household_id for household_id, _ in people])
    balances = await world.rows(
        "SELECT party_id, -sum(amount_xof)::bigint FROM ledger_entry WHERE account = 'advances'"
        " GROUP BY 1 HAVING sum(amount_xof) <> 0"
    )
    assert {household_id: sum(lot.amount_xof for lot in lots) for household_id, lots in advances.items()} == dict(
        balances  # type: ignore[arg-type]
    )
    assert reached["paid by two days"] >= 5, reached
    assert reached["job/open_periods"] >= 3, reached
    assert reached["job/credit"] >= 1, reached


@pytest.mark.parametrize("late", [0, 1, 30, 60])
async def test_the_job_a_day_a_month_or_a_season_late_gives_the_rights_of_the_job_in_time(
    world: World, late: int
) -> None:
    household_id, msisdn = await enrolled(world, 1)
    await credited(world, msisdn, (AHEAD + 1) * MONTHLY_XOF, "T1")
    opens = datetime(2028, 1, 23, tzinfo=UTC)
    world.clock.moment = opens + timedelta(days=late)
    async with world.database.unit_of_work() as connection:
        before = await load_account(connection, world.jobs.catalog, msisdn, world.clock.now())
    await world.work()
    async with world.database.unit_of_work() as connection:
        account = (await read_accounts(connection, world.jobs.catalog, [household_id])).readable[household_id]
    last = account.items[AHEAD]
    assert (last.period_start, last.paid) == (opens.date(), ((START.date(), MONTHLY_XOF),))
    assert before is not None
    assert before.household.as_of(opens.date()).items[AHEAD].paid == last.paid
    rights = account.rights_on(date(2028, 2, 1))
    assert before.household.as_of(opens.date()).rights_on(date(2028, 2, 1)) == rights
    assert (rights.state, rights.open_from, rights.open_until) == ("open", date(2026, 12, 23), date(2028, 2, 22))


async def test_money_held_in_advance_is_spent_once_however_often_somebody_looks(world: World) -> None:
    household_id, msisdn = await enrolled(world, 0)
    await credited(world, msisdn, AHEAD * MONTHLY_XOF + 1_000, "T1")
    world.clock.moment = datetime(2028, 3, 25, tzinfo=UTC)
    today = world.clock.now().date()
    async with world.database.unit_of_work() as connection:
        before = await load_account(connection, world.jobs.catalog, msisdn, world.clock.now())
    assert before is not None
    once = before.household.as_of(today)
    assert (once.as_of(today), once.advances) == (once, ())
    # Three months have begun since; 1,000 F of the first are paid, and nobody counts them again for the second.
    assert [item.amount_xof - item.paid_xof for item in once.items[AHEAD:]] == [2_000, 3_000, 3_000]
    assert rights_said(before.household, today) == rights_said(once, today)
    assert household_id == once.id


def test_what_is_held_adds_up_and_is_oldest_first_whatever_was_taken_back() -> None:
    reached: Counter[str] = Counter()

    days = st.integers(0, 40).map(lambda count: START.date() + timedelta(days=count))

    @given(st.dictionaries(days, st.integers(-5_000, 5_000), max_size=8))
    def adds_up(by_day: dict[date, int]) -> None:
        lots = held(by_day)
        assert sum(lot.amount_xof for lot in lots) == max(0, sum(by_day.values()))
        assert [lot.paid_on for lot in lots] == sorted({lot.paid_on for lot in lots})
        assert all(0 < lot.amount_xof <= by_day[lot.paid_on] for lot in lots)
        reached["taken back"] += bool(lots) and min(by_day.values()) < 0

    adds_up()
    assert reached["taken back"] >= 10, reached
    assert held({date(2026, 1, 1): 500, date(2026, 1, 2): 300}) == (
        Advance(date(2026, 1, 1), 500),
        Advance(date(2026, 1, 2), 300),
    )
