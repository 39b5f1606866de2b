"""What no job here can do is put aside where people see it, and not before others had an hour to do it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from functools import partial

import pytest

from gateway.database import Database
from gateway.jobs.deps import JobDeps
from gateway.jobs.strangers import LEFT_TO_OTHERS, set_strangers_aside
from gateway.reports.waiting import parked
from payments import dispatch, inquiries
from payments.observation import Observation, ObservedStatus, Provenance
from tests.conftest import Urls
from tests.fixed import CountedIds, TestClock
from tests.gateway.jobs.towns import asked_to_pay, states
from tests.invented_operators import MIL, TwoOperators, open_two_operators, says, takes
from tests.payments.books import hand

pytestmark = pytest.mark.database

GONE = "gone"

ASKED = """
    INSERT INTO inquiry (operator, operator_transaction_id, attempts, opened_at, next_attempt_at)
    VALUES (%(operator)s, 'T1', 0, %(at)s, %(at)s)
"""
TOLD = """
    INSERT INTO callback (operator, method, headers, body, verdict, reason, received_at, attempts, next_attempt_at)
    VALUES (%(operator)s, 'PUT', '{}', 'x', 'accept_unbound', 'test', %(at)s, 0, %(at)s)
"""


@pytest.fixture
async def town(database: Database, clock: TestClock, ids: CountedIds) -> AsyncIterator[TwoOperators]:
    async with open_two_operators(database, clock, ids) as opened:
        await opened.world.work()
        yield opened


def left_behind(urls: Urls, operator: str, at: datetime) -> None:
    """Leave a message, a question and a sent request of an operator."""
    with hand(urls.app) as connection:
        for statement in (ASKED, TOLD):
            connection.execute(statement, {"operator": operator, "at": at})
        connection.execute("UPDATE payment_request SET state = 'submitted', submissions = 1")


async def names(town: TwoOperators) -> list[str]:
    async with town.world.database.single() as connection:
        return sorted(row.name for row in await parked(connection, 50))


async def test_whatever_an_operator_that_has_gone_left_behind_is_put_before_people(
    town: TwoOperators, urls: Urls
) -> None:
    world = town.world
    [reference] = await asked_to_pay(world, GONE)
    left_behind(urls, GONE, world.clock.now())
    await world.work()
    assert await names(town) == []
    world.clock.forward(seconds=int(LEFT_TO_OTHERS.total_seconds()) - 1)
    assert await set_strangers_aside(world.jobs, world.clock.now()) == 0
    world.clock.forward(seconds=1)
    await world.work()
    assert await names(town) == ["A1", "D1", "Q1"]
    assert await states(world) == {reference: "submitted"}
    assert await world.rows("SELECT count(*) FROM payment_request WHERE next_attempt_at IS NOT NULL") == [(0,)]


async def test_a_worker_that_does_not_know_an_operator_yet_leaves_its_work_to_those_that_do(
    town: TwoOperators, urls: Urls
) -> None:
    world, now = town.world, town.world.clock.now
    left_behind(urls, MIL, now())
    older = partial(set_strangers_aside, _without(town, MIL))
    assert await older(now()) == 0
    town.mil.answer = says(Observation(MIL, Provenance.QUERY, ObservedStatus.FAILED, operator_transaction_id="T1"))
    await world.work()
    world.clock.forward(hours=2)
    assert await older(now()) == 0


async def test_what_was_put_aside_goes_on_once_the_operator_is_back(town: TwoOperators, urls: Urls) -> None:
    world = town.world
    town.mil.push = takes()
    [reference] = await asked_to_pay(world, MIL)
    left_behind(urls, MIL, world.clock.now())
    world.clock.forward(hours=2)
    assert await set_strangers_aside(_without(town, MIL), world.clock.now()) == 3
    assert await names(town) == ["A1", "D1", "Q1"]
    town.mil.answers[reference] = says(
        Observation(MIL, Provenance.QUERY, ObservedStatus.SUCCEEDED, 500, operator_transaction_id="m1")
    )
    for retry in (dispatch.retry, inquiries.retry):
        assert await world.database.transact(lambda connection, retry=retry: retry(connection, 1, world.clock.now()))  # type: ignore[misc]
    await world.work()
    assert await states(world) == {reference: "succeeded"}
    assert await names(town) == ["A1"]


def _without(town: TwoOperators, gone: str) -> JobDeps:
    deps = town.world.deps
    operators = {name: operator for name, operator in deps.operators.items() if name != gone}
    clients = {name: client for name, client in deps.clients.items() if name != gone}
    return replace(town.world.jobs, deps=replace(deps, operators=operators, clients=clients))
