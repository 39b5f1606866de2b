"""Silence is asked about, on a schedule; late money is always booked."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import psycopg
import pytest

from gateway.infra.database import Database
from gateway.jobs.callbacks import read_callbacks
from gateway.jobs.deps import JobLimits
from gateway.jobs.inquire import inquire
from gateway.jobs.poll import poll
from sandbox_operator.model import Outage, Switches, UnaskedPayment
from tests.conftest import Urls, plain
from tests.gateway.jobs.wire import second_worker, state_of_the_request, watched
from tests.stories import answer, ask_to_pay, pushed
from tests.world import AMINATA, World, actions


async def next_moment(world: World) -> datetime | None:
    [(moment,)] = await world.rows("SELECT next_attempt_at FROM payment_request")
    assert moment is None or isinstance(moment, datetime)
    return moment


async def test_an_open_request_is_asked_about_at_the_moments_of_the_schedule(world: World) -> None:
    await pushed(world, AMINATA, "S1")
    waits = []
    for _ in range(10):
        due = await next_moment(world)
        assert due is not None
        waits.append(int((due - world.clock.now()).total_seconds()))
        with watched(world) as wire:
            world.clock.moment = due - timedelta(seconds=1)
            await world.work()
            assert wire.questions == []
            world.clock.moment = due
            await world.work()
            assert len(wire.questions) == 2
    assert waits == [15, 30, 60, 120, 300, 600, 1800, 3600, 3600, 3600]


async def test_expired_is_only_our_opinion_and_asking_goes_on_daily_for_a_month(world: World) -> None:
    prompt = await pushed(world, AMINATA, "S1")
    started = world.clock.now()
    world.clock.forward(hours=25)
    await world.work()
    assert await state_of_the_request(world) == "expired"
    asked = 0
    while (due := await next_moment(world)) is not None:
        world.clock.moment = due
        with watched(world) as wire:
            await world.work()
        asked += len(wire.questions) > 0
        assert asked < 100
    assert 27 <= asked <= 40
    assert world.clock.now() - started >= timedelta(days=30)
    answer(world, prompt)
    await world.deliver()
    await world.work()
    assert await state_of_the_request(world) == "succeeded"
    assert await world.count("payment") == 1


async def test_late_success_without_a_callback_is_found_after_expiry(world: World) -> None:
    prompt = await pushed(world, AMINATA, "S1")
    world.clock.forward(hours=25)
    await world.work()
    answer(world, prompt, callbacks=0)
    world.clock.forward(hours=25)
    await world.work()
    assert await state_of_the_request(world) == "succeeded"
    assert await world.rows("SELECT amount_xof, party_id FROM payment") == [(3000, 1)]
    [receipt] = await world.texts_to(AMINATA)
    assert "Quittance" in receipt


async def test_success_after_a_refusal_is_credited_and_told_to_finance(world: World) -> None:
    answer(world, await pushed(world, AMINATA, "S1"), do="refuse")
    await world.deliver()
    await world.work()
    assert await state_of_the_request(world) == "failed"
    [(reference,)] = await world.rows("SELECT reference FROM payment_request")
    late = UnaskedPayment(payer_msisdn=AMINATA, amount_xof=3000, reference=str(reference))
    actions.pay_unasked(world.operator, late, world.clock.now())
    await world.deliver()
    await world.work()
    assert await state_of_the_request(world) == "succeeded"
    assert await world.rows("SELECT party_id, matched_by FROM payment") == [(1, "reference")]
    assert await world.rows("SELECT kind, subject FROM reconciliation_break") == [
        ("STATUS", f"{reference}:failed:succeeded")
    ]


@pytest.mark.parametrize("outage", [Outage.STATUS, Outage.ALL])
async def test_an_operator_that_does_not_answer_changes_nothing_but_the_next_moment(
    world: World, outage: Outage
) -> None:
    prompt = await pushed(world, AMINATA, "S1")
    answer(world, prompt, callbacks=0)
    world.operator.books.write(Switches(outage=outage))
    for _ in range(5):
        world.clock.forward(minutes=10)
        await world.work()
    assert await state_of_the_request(world) == "pending"
    assert await world.count("payment") == 0
    world.operator.books.write(Switches())
    world.clock.forward(hours=1)
    await world.work()
    assert await state_of_the_request(world) == "succeeded"


async def test_a_reversal_told_by_a_callback_waits_for_finance_even_of_money_nobody_asked_for(world: World) -> None:
    paid = actions.pay_unasked(world.operator, UnaskedPayment(payer_msisdn=AMINATA, amount_xof=1500), world.clock.now())
    await world.deliver()
    await world.work()
    actions.reverse(world.operator, paid.reference, 1, world.clock.now())
    await world.deliver()
    await world.work()
    assert await world.count("payment") == 1
    assert await world.rows("SELECT kind, subject, difference_xof FROM reconciliation_break") == [
        ("REVERSAL", f"{paid.reference}:reversed", 0)
    ]


async def blocked_by(observer: psycopg.AsyncConnection, blocker: int) -> int:
    found = await observer.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))", (blocker,)
    )
    row = await found.fetchone()
    assert row is not None
    return int(row[0])


async def test_a_callback_and_the_schedule_at_the_same_instant_credit_once(
    world: World, urls: Urls, other_database: Database
) -> None:
    """Both have heard the same success; both wait for the request's row; one credits, the other learns it."""
    answer(world, await pushed(world, AMINATA, "S1"))
    await world.deliver()
    now = world.clock.forward(seconds=15)
    holder = await psycopg.AsyncConnection.connect(plain(urls.superuser))
    observer = await psycopg.AsyncConnection.connect(plain(urls.superuser), autocommit=True)
    async with holder, observer:
        await holder.execute("SELECT 1 FROM payment_request FOR UPDATE")
        # SKIP LOCKED passes a held row by, so the schedule has claimed before: its answer is already in hand.
        reading = asyncio.create_task(read_callbacks(world.jobs, now))
        while await blocked_by(observer, holder.info.backend_pid) < 1:
            assert not reading.done()
        await holder.rollback()
        asked, read = await asyncio.gather(poll(second_worker(world, other_database), now), reading)
    assert read == 1
    assert asked in {0, 1}
    await world.work()
    assert await world.count("payment") == 1
    assert len(await world.texts_to(AMINATA)) == 1


async def test_two_workers_that_heard_the_same_success_credit_once(
    world: World, urls: Urls, other_database: Database
) -> None:
    answer(world, await pushed(world, AMINATA, "S1"))
    await world.deliver()
    [(token,)] = await world.rows("SELECT callback_token FROM payment_request")
    await world.wire.put(f"/webhooks/sandbox/{token}", content=b"{", headers={"content-type": "application/json"})
    now = world.clock.now()
    one = replace(world.jobs, limits=JobLimits(batch=1))
    two = second_worker(world, other_database)
    assert await read_callbacks(two, now) == 2
    holder = await psycopg.AsyncConnection.connect(plain(urls.superuser))
    observer = await psycopg.AsyncConnection.connect(plain(urls.superuser), autocommit=True)
    async with holder, observer:
        await holder.execute("SELECT ramu_lock_parties(ARRAY[1::bigint])")
        first = asyncio.create_task(inquire(one, now))
        while await blocked_by(observer, holder.info.backend_pid) < 1:
            assert not first.done()
        # The first stands inside its transaction with the payment written; the second was pointed at the same request.
        second = asyncio.create_task(inquire(two, now))
        while await waiting(observer) < 2:
            assert not second.done()
        await holder.rollback()
        assert await asyncio.gather(first, second) == [1, 1]
    await world.work()
    assert await world.count("payment") == 1
    assert len(await world.texts_to(AMINATA)) == 1


async def waiting(observer: psycopg.AsyncConnection) -> int:
    found = await observer.execute("SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0")
    row = await found.fetchone()
    assert row is not None
    return int(row[0])


async def test_who_got_no_prompt_puts_her_question_first_and_reads_the_answer(world: World) -> None:
    prompt = await pushed(world, AMINATA, "S1")
    for _ in range(4):
        world.clock.moment = (await next_moment(world)) or world.clock.now()
        await world.work()
    assert ((await next_moment(world)) or world.clock.now()) - world.clock.now() >= timedelta(seconds=100)
    assert "encore 7 min" in await world.dial(AMINATA, "S2", "1")
    asked = await world.dial(AMINATA, "S2", "1*2")
    assert asked.startswith("CON Opérateur interrogé: SMS suivra.")
    assert await world.dial(AMINATA, "S2", "1*2") == asked
    assert (await next_moment(world)) == world.clock.now() - timedelta(seconds=225)
    answer(world, prompt, do="refuse", callbacks=0)
    with watched(world) as wire:
        await world.work()
    assert len(wire.questions) == 2
    assert await state_of_the_request(world) == "failed"
    [refused] = [told for told in await world.texts_to(AMINATA) if "non abouti" in told]
    assert "Aucun versement enregistré" in refused
    # She may ask anew at once.
    await pushed(world, AMINATA, "S3")
    assert await world.rows("SELECT count(*) FROM payment_request") == [(2,)]


async def test_a_request_that_the_operator_never_saw_goes_out_once_more_when_its_owner_asks(world: World) -> None:
    await ask_to_pay(world, AMINATA, "S1")
    world.clock.forward(seconds=5)
    with watched(world, lose_orders=1):
        await world.work()
    before = await world.rows("SELECT reference, correlation_id, submissions FROM payment_request")
    world.clock.forward(seconds=61)
    await world.dial(AMINATA, "S2", "1*2")
    await world.work()
    await world.work()
    [(reference, correlation_id, submissions)] = await world.rows(
        "SELECT reference, correlation_id, submissions FROM payment_request"
    )
    assert before == [(reference, correlation_id, 1)]
    assert submissions == 2
    assert [prompt.payer for prompt in world.prompts()] == [AMINATA]
