"""What an operator has not is never asked of it, and nothing that waits for it waits for ever."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.infra.database import Database
from gateway.jobs.deps import JobDeps
from gateway.jobs.submit import takers
from gateway.jobs.tick import until_quiet
from payments.observation import Observation, ObservedStatus, Provenance
from payments.operators.contract import OperatorClient, PushOrder, PushResult, QueryResult
from tests.fixed import CountedIds, TestClock
from tests.gateway.jobs.towns import asked_to_pay, states, token_of
from tests.invented_operators import (
    CAPABILITIES,
    MIL,
    InventedOperator,
    TwoOperators,
    event,
    message,
    open_two_operators,
    says,
)
from tests.world import WORD


@pytest.fixture
async def town(database: Database, clock: TestClock, ids: CountedIds) -> AsyncIterator[TwoOperators]:
    async with open_two_operators(database, clock, ids) as opened:
        await opened.world.work()
        yield opened


def with_only(town: TwoOperators, **has: bool) -> JobDeps:
    """Return the jobs beside an operator that has only so much; messages come to the world's own doors as ever."""
    deps = town.world.deps
    operator = InventedOperator(MIL, "Mil", signs=False, capabilities=replace(CAPABILITIES, **has))
    return replace(town.world.jobs, deps=replace(deps, operators={**deps.operators, MIL: operator}))


async def test_an_operator_that_answers_nothing_is_never_asked_and_its_requests_expire(town: TwoOperators) -> None:
    world, jobs = town.world, with_only(town, query_request=False, query_transaction=False)
    [reference] = await asked_to_pay(world, MIL)
    await until_quiet(jobs)
    assert await states(world) == {reference: "pending"}
    assert await town.tell(MIL, message(event("M1", 500)), await token_of(world, reference)) == 204
    for _ in range(3):
        world.clock.forward(seconds=CAPABILITIES.expires_after_s // 2)
        await until_quiet(jobs)
    assert (town.mil.sent, town.mil.asked) == ([reference], [])
    assert await states(world) == {reference: "expired"}
    assert await world.rows("SELECT next_attempt_at, parked_at FROM payment_request") == [(None, None)]
    assert await world.count("inquiry") == 0
    remark = "this operator cannot be asked; its statements will tell"
    assert await world.rows("SELECT handled_at IS NOT NULL, last_error FROM callback") == [(True, remark)]


async def test_an_operator_that_knows_its_own_transactions_only_is_asked_about_those(town: TwoOperators) -> None:
    world, jobs = town.world, with_only(town, query_request=False)
    [reference] = await asked_to_pay(world, MIL)
    await until_quiet(jobs)
    shown = Observation(
        MIL, Provenance.QUERY, ObservedStatus.SUCCEEDED, 500, our_reference=reference, operator_transaction_id="M1"
    )
    town.mil.answers["M1"] = says(shown)
    assert await town.tell(MIL, message(event("M1", 500)), await token_of(world, reference)) == 204
    await until_quiet(jobs)
    assert town.mil.asked == ["M1"]
    assert await states(world) == {reference: "succeeded"}


async def test_a_question_from_before_that_is_answered_no_more_is_left_to_people(town: TwoOperators) -> None:
    world = town.world
    assert await town.tell(MIL, message(event("M1", 500)), WORD) == 204
    await until_quiet(world.jobs)
    assert town.mil.asked == ["M1"]
    world.clock.forward(seconds=60)
    await until_quiet(with_only(town, query_transaction=False))
    assert town.mil.asked == ["M1"]
    why = "this operator answers no such question"
    assert await world.rows("SELECT parked_at IS NOT NULL, last_detail FROM inquiry") == [(True, why)]


async def test_only_an_operator_that_takes_requests_is_sent_any(town: TwoOperators) -> None:
    world, jobs = town.world, with_only(town, request_to_pay=False)
    await asked_to_pay(world, MIL)
    await until_quiet(jobs)
    assert MIL not in takers(jobs)
    assert town.mil.sent == []


async def test_a_client_inherits_what_its_operator_has_not(town: TwoOperators) -> None:
    class Silent(OperatorClient):
        """It has no call at all."""

    order = PushOrder("R1", town.world.ids.uuid(), 500, "+22370000001", "http://gateway.test/")
    assert (await Silent().request_to_pay(order)).result is PushResult.OUR_FAULT
    assert (await Silent().query(order)).result is QueryResult.OUR_FAULT
    assert (await Silent().query_transaction("M1")).result is QueryResult.OUR_FAULT
