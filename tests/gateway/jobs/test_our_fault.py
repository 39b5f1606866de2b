"""An operator that refuses us has not refused the payer: nothing false is told, and nothing leaves too late."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus

import httpx
import pytest

from gateway.infra.database import Database
from gateway.infra.metrics import OPERATOR_TROUBLE
from gateway.jobs.tick import until_quiet
from payments.observation import Observation, ObservedStatus, Provenance
from payments.operators.contract import PushOrder, PushResult, QueryResult, Submitted
from tests.fixed import CountedIds, TestClock
from tests.gateway.jobs.towns import asked_to_pay, states, told
from tests.invented_operators import (
    MIL,
    InventedOperator,
    TwoOperators,
    not_found,
    open_two_operators,
    raises,
    refuses_us,
    says,
    takes,
)

LIFETIME_S = 600


@pytest.fixture
async def town(database: Database, clock: TestClock, ids: CountedIds) -> AsyncIterator[TwoOperators]:
    async with open_two_operators(database, clock, ids) as opened:
        yield opened


async def live(town: TwoOperators, seconds: int, step_s: int = 5) -> None:
    """Let time pass in small steps, working at each."""
    for _ in range(0, seconds, step_s):
        town.world.clock.forward(seconds=step_s)
        await town.world.work()


@pytest.mark.parametrize("status", [HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS])
async def test_a_key_of_ours_that_is_mended_in_time_lets_the_same_request_be_paid(
    town: TwoOperators, status: HTTPStatus
) -> None:
    [reference] = await asked_to_pay(town.world, MIL)
    town.mil.push = refuses_us(status)
    await live(town, 60)
    assert await states(town.world) == {reference: "created"}
    assert await told(town.world) == []
    refused = len(town.mil.sent)
    assert 1 < refused < 10
    town.mil.push = takes(PushResult.PENDING)
    await live(town, 120)
    assert await states(town.world) == {reference: "pending"}
    assert len(town.mil.sent) == refused + 1
    assert set(town.mil.sent) == {reference}


async def test_when_the_lifetime_ends_the_payer_is_told_once_that_nothing_left_and_nothing_was_taken(
    town: TwoOperators,
) -> None:
    asked_at = town.world.clock.now()
    [reference] = await asked_to_pay(town.world, MIL)
    town.mil.push = refuses_us(HTTPStatus.UNAUTHORIZED)
    await live(town, LIFETIME_S - 20, 20)
    await live(town, 15)
    assert await told(town.world) == []
    await live(town, 10)
    assert await states(town.world) == {reference: "expired"}
    [body] = await told(town.world)
    assert "non transmis à l'opérateur. Rien n'a été débité." in body
    assert "non abouti" not in body
    sent = len(town.mil.sent)
    await live(town, 3600, 300)
    assert len(town.mil.sent) == sent
    assert len(await told(town.world)) == 1
    assert town.world.clock.now() > asked_at + timedelta(seconds=LIFETIME_S)


async def test_an_operator_that_refuses_us_is_said_loudly_until_it_takes_us_again(town: TwoOperators) -> None:
    await asked_to_pay(town.world, MIL)
    town.mil.push = takes(PushResult.OUR_FAULT, "HTTP 401 clientAuthorisationError")
    await town.world.work()
    since = town.world.clock.now()
    assert await town.world.rows("SELECT operator, job, kind, detail, since FROM operator_trouble") == [
        (MIL, "submit", "refuses_us", "HTTP 401 clientAuthorisationError", since)
    ]
    assert OPERATOR_TROUBLE.labels(MIL, "submit")._value.get() == 1
    answered = await town.world.wire.get("/readyz")
    [line] = answered.json()["operators"]
    assert line.startswith(f"{MIL}: refuses_us (submit) since ")
    assert "clientAuthorisationError" in line
    town.mil.push = takes()
    await live(town, 60)
    assert await town.world.count("operator_trouble") == 0
    assert OPERATOR_TROUBLE.labels(MIL, "submit")._value.get() == 0
    assert (await town.world.wire.get("/readyz")).json()["operators"] == []


async def test_an_operator_in_trouble_is_a_line_and_no_reason_to_be_out(town: TwoOperators) -> None:
    before = await town.world.wire.get("/readyz")
    await asked_to_pay(town.world, MIL)
    town.mil.push = refuses_us(HTTPStatus.FORBIDDEN)
    await town.world.work()
    after = await town.world.wire.get("/readyz")
    assert (after.status_code, len(after.json()["faults"])) == (before.status_code, len(before.json()["faults"]))
    assert MIL not in str(after.json()["faults"])
    assert after.json()["operators"] != []


async def test_a_question_that_is_refused_to_us_changes_nothing_but_the_next_moment(town: TwoOperators) -> None:
    [reference] = await asked_to_pay(town.world, MIL)
    await town.world.work()
    town.mil.answer = not_found(QueryResult.OUR_FAULT, "HTTP 401")
    await live(town, 300, 20)
    assert await states(town.world) == {reference: "pending"}
    assert ("poll", "refuses_us") in await town.world.rows("SELECT job, kind FROM operator_trouble")
    paid = Observation(MIL, Provenance.QUERY, ObservedStatus.SUCCEEDED, 500, operator_transaction_id="aB1")
    town.mil.answer = says(paid)
    await live(town, 700, 60)
    assert await states(town.world) == {reference: "succeeded"}


async def test_what_may_have_arrived_is_never_told_as_unsent(town: TwoOperators) -> None:
    [reference] = await asked_to_pay(town.world, MIL)
    town.mil.push = takes(PushResult.UNKNOWN, "lost on the way back")
    await town.world.work()
    town.mil.push = refuses_us(HTTPStatus.UNAUTHORIZED)
    await live(town, LIFETIME_S + 60, 20)
    assert len(town.mil.sent) > 1
    assert (await states(town.world))[reference] in {"unknown", "pending"}
    assert await told(town.world) == []


async def test_the_payers_own_no_is_still_told_as_it_is(town: TwoOperators) -> None:
    [reference] = await asked_to_pay(town.world, MIL)
    town.mil.push = takes(PushResult.REFUSED, "insufficientFunds")
    await town.world.work()
    assert await states(town.world) == {reference: "failed"}
    [body] = await told(town.world)
    assert "non abouti" in body
    assert await town.world.count("operator_trouble") == 0


async def test_an_order_that_never_arrived_is_not_sent_again_by_a_worker_that_comes_back_too_late(
    town: TwoOperators,
) -> None:
    [reference] = await asked_to_pay(town.world, MIL)
    town.mil.push = takes(PushResult.UNKNOWN)
    await town.world.work()
    town.world.clock.forward(seconds=90)
    # Every worker dies between "never arrived" and sending again.
    await town.world.database.transact(
        lambda connection: connection.exec_driver_sql(
            "UPDATE payment_request SET state = 'unknown' WHERE state <> 'unknown'"
        )
    )
    await town.world.database.transact(
        lambda connection: connection.exec_driver_sql(
            "UPDATE payment_request SET state = 'created', next_attempt_at = created_at"
        )
    )
    town.world.clock.forward(hours=5)
    await town.world.work()
    assert town.mil.sent == [reference]
    assert await states(town.world) == {reference: "unknown"}
    assert await told(town.world) == []


async def test_an_order_that_waited_for_its_turn_past_its_lifetime_is_not_sent(town: TwoOperators) -> None:
    """Two are leased together; while the first is on its way, the lifetime of both ends."""
    first, second = await asked_to_pay(town.world, MIL, 2)
    taken = takes()

    async def slowly(order: PushOrder) -> Submitted:
        town.world.clock.forward(seconds=LIFETIME_S + 1)
        return await taken(order)

    town.mil.push = slowly
    mil = town.world.deps.operators[MIL]
    assert isinstance(mil, InventedOperator)
    one_at_a_time = replace(mil, capabilities=replace(mil.capabilities, calls_at_once=1))
    jobs = replace(
        town.world.jobs, deps=replace(town.world.deps, operators={**town.world.deps.operators, MIL: one_at_a_time})
    )
    await until_quiet(jobs)
    assert town.mil.sent == [first]
    assert (await states(town.world))[second] == "expired"
    [body] = await told(town.world)
    assert "non transmis" in body


async def test_requests_of_an_operator_that_has_gone_are_given_up_and_their_payers_told(town: TwoOperators) -> None:
    [reference] = await asked_to_pay(town.world, "gone")
    await town.world.work()
    assert await states(town.world) == {reference: "created"}
    await live(town, LIFETIME_S + 60, 60)
    assert await states(town.world) == {reference: "expired"}
    assert len(await told(town.world)) == 1


async def test_a_client_that_raises_leaves_its_order_to_be_asked_about(town: TwoOperators) -> None:
    broken, whole = await asked_to_pay(town.world, MIL, 2)
    town.mil.pushes[broken] = raises(ZeroDivisionError("a fault of ours"))
    await town.world.work()
    assert await states(town.world) == {broken: "unknown", whole: "pending"}
    assert await told(town.world) == []


async def test_end_to_end_an_expired_key_of_ours_tells_eight_payers_nothing_false(town: TwoOperators) -> None:
    """The whole way through the real client: eight requests, a wrong key, then the right one."""
    world = town.world
    references = await asked_to_pay(world, "sandbox", 8)
    client = world.deps.clients["sandbox"]
    right: httpx.AsyncClient = client.http  # type: ignore[attr-defined]
    refusal = {"errorCategory": "authorisation", "errorCode": "clientAuthorisationError"}
    refusing = httpx.MockTransport(lambda _request: httpx.Response(401, content=json.dumps(refusal).encode()))
    object.__setattr__(client, "http", httpx.AsyncClient(transport=refusing))
    await live(town, 60)
    assert set((await states(world)).values()) == {"created"}
    assert await told(world) == []
    object.__setattr__(client, "http", right)
    await live(town, 120)
    assert await states(world) == dict.fromkeys(references, "pending")
    assert len(world.prompts()) == 8
