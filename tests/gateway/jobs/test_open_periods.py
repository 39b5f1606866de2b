"""Periods fall due at midnight, once, and money paid in advance pays for them."""

import asyncio
from datetime import UTC, datetime

from gateway.infra.database import Database
from gateway.jobs.open_periods import open_periods
from sandbox_operator.model import UnaskedPayment
from tests.gateway.jobs.wire import second_worker
from tests.world import AMINATA, World, actions

#: Aminata's second period begins a month after the first, which began when the waiting time ended.
SECOND = datetime(2027, 1, 23, tzinfo=UTC)
#: Everything that the scheme takes ahead: what is due now and twelve months more.
THIRTEEN_MONTHS_XOF = 39_000
FOURTEENTH = datetime(2028, 1, 23, tzinfo=UTC)


async def items(world: World) -> list[tuple[object, ...]]:
    return await world.rows(
        "SELECT period_start::text, amount_xof FROM charge WHERE payer_party_id = 1 ORDER BY period_start"
    )


async def held(world: World) -> dict[object, object]:
    rows = await world.rows("SELECT account, sum(amount_xof)::bigint FROM ledger_entry WHERE party_id = 1 GROUP BY 1")
    return dict(rows)  # type: ignore[arg-type]


async def pay(world: World, amount_xof: int) -> None:
    actions.pay_unasked(world.operator, UnaskedPayment(payer_msisdn=AMINATA, amount_xof=amount_xof), world.clock.now())
    await world.deliver()
    await world.work()


async def test_a_period_opens_at_midnight_and_not_a_second_before(world: World) -> None:
    world.clock.moment = SECOND
    world.clock.forward(seconds=-1)
    await world.work()
    assert await items(world) == [("2026-12-23", 3000)]
    world.clock.forward(seconds=1)
    await world.work()
    assert await items(world) == [("2026-12-23", 3000), ("2027-01-23", 3000)]
    await world.work()
    assert len(await items(world)) == 2


async def test_months_without_a_worker_are_made_up_in_one_go(world: World) -> None:
    world.clock.moment = datetime(2027, 4, 1, tzinfo=UTC)
    await world.work()
    assert [start for start, _ in await items(world)] == ["2026-12-23", "2027-01-23", "2027-02-23", "2027-03-23"]
    [(upcoming,)] = await world.rows("SELECT next_period_on::text FROM household WHERE id = 1")
    assert upcoming == "2027-04-23"


async def test_money_beyond_every_period_is_an_advance_and_pays_the_next_one_that_opens(world: World) -> None:
    await pay(world, THIRTEEN_MONTHS_XOF + 1000)
    assert len(await items(world)) == 13
    assert await held(world) == {"contributions": -THIRTEEN_MONTHS_XOF, "advances": -1000}
    world.clock.moment = FOURTEENTH
    await world.work()
    assert len(await items(world)) == 14
    assert await held(world) == {"contributions": -THIRTEEN_MONTHS_XOF - 1000, "advances": 0}
    assert await world.rows("SELECT actor, reason FROM ledger_txn WHERE kind = 'advance_spent'") == [
        ("job/open_periods", "period of 2028-01-23 opened, paid on 2026-11-23")
    ]
    [(paid_xof, allocated_xof)] = await world.rows(
        "SELECT (SELECT sum(amount_xof)::bigint FROM payment), (SELECT sum(amount_xof)::bigint FROM allocation)"
    )
    assert paid_xof == allocated_xof == THIRTEEN_MONTHS_XOF + 1000


async def test_an_advance_larger_than_a_period_is_spent_period_by_period(world: World) -> None:
    await pay(world, THIRTEEN_MONTHS_XOF + 4000)
    world.clock.moment = FOURTEENTH
    await world.work()
    assert (await held(world))["advances"] == -1000
    world.clock.moment = datetime(2028, 2, 23, tzinfo=UTC)
    await world.work()
    assert (await held(world))["advances"] == 0
    assert await world.rows("SELECT count(*) FROM ledger_txn WHERE kind = 'advance_spent'") == [(2,)]


async def test_two_workers_open_a_period_and_spend_an_advance_once(world: World, other_database: Database) -> None:
    await pay(world, THIRTEEN_MONTHS_XOF + 1000)
    world.clock.moment = FOURTEENTH
    now = world.clock.now()
    other = second_worker(world, other_database)
    looked_after = await asyncio.gather(*(open_periods(jobs, now) for jobs in (world.jobs, other, world.jobs, other)))
    assert sum(looked_after) == 2
    assert len(await items(world)) == 14
    assert await world.rows("SELECT count(*) FROM ledger_txn WHERE kind = 'advance_spent'") == [(1,)]


async def test_a_payment_at_midnight_beside_the_job_opens_the_period_once(
    world: World, other_database: Database
) -> None:
    await pay(world, 3000)
    world.clock.moment = SECOND
    actions.pay_unasked(world.operator, UnaskedPayment(payer_msisdn=AMINATA, amount_xof=3000), world.clock.now())
    await world.deliver()
    await asyncio.gather(world.work(), open_periods(second_worker(world, other_database), world.clock.now()))
    await world.work()
    assert await items(world) == [("2026-12-23", 3000), ("2027-01-23", 3000)]
    assert (await held(world)) == {"contributions": -6000}
