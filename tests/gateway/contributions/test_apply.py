"""Money reaches due items oldest first, to the franc, and two hands never apply to the same franc owed."""

import asyncio
import random
from collections import Counter
from datetime import date

import psycopg
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.account import read_accounts
from gateway.contributions.apply import AllocationRequest, Applied, plan, write
from payments.ledger import chart
from payments.ledger.entry import Entry, LedgerTxn, movement
from payments.ledger.post import post, reserve_ids
from tests.conftest import Urls, plain
from tests.world import World

AMINATA_ID, MOUSSA_ID = 1, 2
#: Aminata owes 3 000 F a month and may pay twelve months ahead; Moussa 21 000 F a year and one year ahead.
ROOM_XOF = {AMINATA_ID: 39_000, MOUSSA_ID: 42_000}


async def apply_all(
    connection: AsyncConnection, world: World, amounts: list[tuple[int, int]], *, ahead: bool = True
) -> tuple[Applied, ...]:
    """Apply amounts to households in one plan, posted as crediting does."""
    now = world.clock.now()
    txn_ids = await reserve_ids(connection, len(amounts))
    monies = [
        AllocationRequest(household_id, txn_id, amount_xof, now.date())
        for (household_id, amount_xof), txn_id in zip(amounts, txn_ids, strict=True)
    ]
    decided = await plan(connection, world.jobs.catalog, monies, now, ahead=ahead)
    posted = []
    for one in decided.applied:
        money, advance_xof = one.money, one.allocation.advance_xof
        credits_ = [
            Entry(chart.CONTRIBUTIONS, advance_xof - money.amount_xof, money.household_id),
            Entry(chart.ADVANCES, -advance_xof, money.household_id),
        ]
        entries = movement(Entry(chart.suspense("sandbox"), money.amount_xof), credits_)
        txn = LedgerTxn(f"test/{money.ledger_txn_id}", "test", now, "test", "test", entries)
        posted.append((money.ledger_txn_id, txn))
    await post(connection, posted, now)
    await write(connection, decided, now)
    return decided.applied


async def paid_by_period(world: World, household_id: int) -> list[tuple[object, ...]]:
    return await world.rows(
        "SELECT charge.period_start, sum(allocation.amount_xof)::bigint FROM charge JOIN allocation"
        " ON charge_id = charge.id WHERE payer_party_id = :id GROUP BY 1 ORDER BY 1",
        id=household_id,
    )


async def test_two_amounts_in_one_plan_follow_each_other(world: World) -> None:
    first, second = await world.database.transact(
        lambda connection: apply_all(connection, world, [(AMINATA_ID, 2000), (AMINATA_ID, 2000)])
    )
    assert [line.amount_xof for line in first.allocation.lines] == [2000]
    assert [line.amount_xof for line in second.allocation.lines] == [1000, 1000]
    assert await paid_by_period(world, AMINATA_ID) == [(date(2026, 12, 23), 3000), (date(2027, 1, 23), 1000)]


async def test_a_period_opened_for_the_first_amount_is_paid_on_by_the_second(world: World) -> None:
    amounts = [(AMINATA_ID, 4000), (AMINATA_ID, 500), (AMINATA_ID, 2500)]
    await world.database.transact(lambda connection: apply_all(connection, world, amounts))
    assert await paid_by_period(world, AMINATA_ID) == [
        (date(2026, 12, 23), 3000),
        (date(2027, 1, 23), 3000),
        (date(2027, 2, 23), 1000),
    ]


async def test_without_looking_ahead_only_what_is_due_is_paid(world: World) -> None:
    [applied] = await world.database.transact(
        lambda connection: apply_all(connection, world, [(AMINATA_ID, 5000)], ahead=False)
    )
    assert applied.allocation.advance_xof == 2000
    assert await paid_by_period(world, AMINATA_ID) == [(date(2026, 12, 23), 3000)]


async def test_what_the_plan_says_of_the_account_is_what_is_read_afterwards(world: World) -> None:
    [applied] = await world.database.transact(lambda connection: apply_all(connection, world, [(AMINATA_ID, 7500)]))
    async with world.database.unit_of_work() as connection:
        read = (await read_accounts(connection, world.jobs.catalog, [AMINATA_ID])).readable[AMINATA_ID]
    assert read.rights_on(world.clock.now().date()) == applied.account.rights_on(world.clock.now().date())
    assert [(item.period_start, item.paid) for item in read.items] == [
        (item.period_start, item.paid) for item in applied.account.items
    ]


async def test_not_a_franc_is_lost_or_found_whatever_is_paid(world: World) -> None:
    dice = random.Random(11)  # noqa: S311 - a seed, not a secret
    reached: Counter[str] = Counter()
    given: Counter[int] = Counter()
    for _ in range(25):
        amounts = [
            (dice.choice([AMINATA_ID, MOUSSA_ID]), dice.choice([1, 199, 500, 3000, 3001, 7777, 21_000]))
            for _ in range(dice.randint(1, 4))
        ]
        applied = await world.database.transact(lambda connection, rows=amounts: apply_all(connection, world, rows))  # type: ignore[misc]
        for one in applied:
            parts_xof = sum(line.amount_xof for line in one.allocation.lines)
            assert parts_xof + one.allocation.advance_xof == one.money.amount_xof
            reached["in advance"] += one.allocation.advance_xof > 0
            reached["over several periods"] += len(one.allocation.lines) > 1
        given.update({household_id: 0 for household_id, _ in amounts})
        for household_id, amount_xof in amounts:
            given[household_id] += amount_xof
    for household_id, amount_xof in given.items():
        allocated_xof = sum(int(str(paid_xof)) for _, paid_xof in await paid_by_period(world, household_id))
        assert allocated_xof == min(amount_xof, ROOM_XOF[household_id])
        held = await world.rows(
            "SELECT coalesce(-sum(amount_xof), 0)::bigint FROM ledger_entry WHERE account = 'advances'"
            " AND party_id = :id",
            id=household_id,
        )
        assert held == [(amount_xof - allocated_xof,)]
    assert reached["in advance"] >= 5, reached
    assert reached["over several periods"] >= 5, reached


async def test_the_second_hand_waits_for_the_household_and_sees_what_the_first_paid(world: World, urls: Urls) -> None:
    observer = await psycopg.AsyncConnection.connect(plain(urls.superuser), autocommit=True)
    async with observer:
        async with world.database.unit_of_work() as first:
            await apply_all(first, world, [(AMINATA_ID, 3000)])
            second = asyncio.create_task(
                world.database.transact(lambda connection: apply_all(connection, world, [(AMINATA_ID, 3000)]))
            )
            waiting = (0,)
            while waiting == (0,):
                found = await observer.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0"
                )
                row = await found.fetchone()
                assert row is not None
                waiting = (int(row[0]),)
                assert not second.done()
        await second
    assert await paid_by_period(world, AMINATA_ID) == [(date(2026, 12, 23), 3000), (date(2027, 1, 23), 3000)]
