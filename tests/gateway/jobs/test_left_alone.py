"""What a breaker or message does meanwhile never changes how an operator's answers are counted, or which are heard."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.infra.database import Database
from gateway.jobs.breaker import OPENS_AFTER
from gateway.jobs.callbacks import read_callbacks_of
from gateway.jobs.deps import JobDeps
from gateway.jobs.inquire import inquire_of
from gateway.jobs.poll import poll_operator
from gateway.jobs.submit import submit_to
from payments.observation import Observation, ObservedStatus, Provenance
from payments.operators.contract import PushResult, QueryResult
from payments.requests.dispatch import FAILURES_MAX
from tests.fixed import CountedIds, TestClock
from tests.gateway.jobs.towns import asked_to_pay, states, token_of
from tests.invented_operators import (
    CAPABILITIES,
    MIL,
    Gate,
    InventedOperator,
    TwoOperators,
    hangs,
    not_found,
    open_two_operators,
    raises,
    says,
    takes,
)

pytestmark = pytest.mark.database

FIRST_WAIT_S = CAPABILITIES.poll_after_s[0]


@pytest.fixture
async def town(database: Database, clock: TestClock, ids: CountedIds) -> AsyncIterator[TwoOperators]:
    async with open_two_operators(database, clock, ids) as opened:
        await opened.world.work()
        yield opened


def one_at_a_time(town: TwoOperators) -> JobDeps:
    deps = town.world.deps
    operator = InventedOperator(MIL, "Mil", signs=False, capabilities=replace(CAPABILITIES, calls_at_once=1))
    return replace(town.world.jobs, deps=replace(deps, operators={**deps.operators, MIL: operator}))


async def test_a_question_that_the_breaker_kept_back_is_no_step_of_the_schedule(town: TwoOperators) -> None:
    world, jobs = town.world, one_at_a_time(town)
    await asked_to_pay(world, MIL, 12)
    await submit_to(jobs, MIL, world.clock.now())
    town.mil.answer = not_found(QueryResult.UNREACHABLE)
    world.clock.forward(seconds=FIRST_WAIT_S)
    assert await poll_operator(jobs, MIL, world.clock.now()) == 12
    assert len(town.mil.asked) == OPENS_AFTER
    kept_back = await world.rows(
        "SELECT reference, next_attempt_at - CAST(:now AS timestamptz) FROM payment_request WHERE inquiries = 0",
        now=world.clock.now(),
    )
    assert len(kept_back) == 12 - OPENS_AFTER
    assert {wait for _, wait in kept_back} == {timedelta(seconds=FIRST_WAIT_S)}
    assert not {reference for reference, _ in kept_back} & set(town.mil.asked)


async def test_a_request_whose_answer_raises_is_set_aside_however_often_the_breaker_keeps_it_back(
    town: TwoOperators,
) -> None:
    world, jobs = town.world, one_at_a_time(town)
    references = await asked_to_pay(world, MIL, OPENS_AFTER + 3)
    await submit_to(jobs, MIL, world.clock.now())
    town.mil.answer = raises(ZeroDivisionError("a fault of our reader"))
    for _ in range(20 * FAILURES_MAX):
        world.clock.forward(minutes=90)
        await poll_operator(jobs, MIL, world.clock.now())
    assert {town.mil.asked.count(reference) for reference in references} == {FAILURES_MAX}
    rows = await world.rows("SELECT count(*) FROM payment_request WHERE parked_at IS NOT NULL")
    assert rows == [(len(references),)]


@pytest.mark.parametrize("said", [ObservedStatus.FAILED, ObservedStatus.SUCCEEDED])
async def test_a_knock_while_the_question_is_on_its_way_is_asked_about_once_more(
    town: TwoOperators, said: ObservedStatus
) -> None:
    """The operator says no, then takes the money and tells us, while its first answer is still on the wire."""
    world, gate = town.world, Gate()
    [reference] = await asked_to_pay(world, MIL)
    town.mil.push = takes(PushResult.REFUSED)
    await world.work()
    token = await token_of(world, reference)
    first = Observation(MIL, Provenance.QUERY, ObservedStatus.FAILED, our_reference=reference)
    town.mil.answer = hangs(gate, says(first))
    await town.tell(MIL, b"first", token)
    await read_callbacks_of(world.jobs, MIL, world.clock.now())
    asking = asyncio.create_task(inquire_of(world.jobs, MIL, world.clock.now()))
    await gate.reached.wait()
    await town.tell(MIL, b"second", token)
    await read_callbacks_of(world.jobs, MIL, world.clock.now())
    later = replace(first, status=said, amount_xof=500, operator_transaction_id="late")
    town.mil.answer = says(later)
    gate.opened.set()
    await asking
    assert await world.rows("SELECT count(*) FROM inquiry WHERE closed_at IS NULL") == [(1,)]
    await world.work()
    assert await states(world) == {reference: "succeeded" if said is ObservedStatus.SUCCEEDED else "failed"}
    assert await world.rows("SELECT count(*) FROM inquiry WHERE closed_at IS NULL") == [(0,)]
    assert town.mil.asked == [reference] * 2
