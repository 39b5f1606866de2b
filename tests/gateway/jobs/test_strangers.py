"""What no job here can do is put aside where people see it, and not before others had an hour to do it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from io import BytesIO
from typing import BinaryIO

import pytest

from gateway.infra.database import Database
from gateway.jobs.deps import JobDeps
from gateway.jobs.strangers import LEFT_TO_OTHERS, set_strangers_aside
from gateway.jobs.tick import run_for_ever, until_quiet
from gateway.money.import_statement import READ_AT_ONCE, read_due, receive, resume
from gateway.reports.waiting import parked
from payments.evidence import inquiries
from payments.observation import Observation, ObservedStatus, Provenance
from payments.operators.contract import StatementPart
from payments.reconciliation.uploads import new_upload
from payments.requests import dispatch
from payments.requests.trouble import Trouble, TroubleKind, say
from tests.conftest import Urls
from tests.fixed import CountedIds, TestClock
from tests.gateway.jobs.towns import asked_to_pay, states
from tests.invented_operators import (
    CAURI,
    MIL,
    InventedOperator,
    TwoOperators,
    event,
    open_two_operators,
    raises,
    says,
    statement,
    takes,
)
from tests.payments.books import hand

pytestmark = pytest.mark.database

GONE = "gone"

ASKED = """
    INSERT INTO inquiry (operator, operator_transaction_id, attempts, opened_at, next_attempt_at)
    VALUES (%(operator)s, 'T1', 0, %(at)s, %(at)s)
"""
TOLD = """
    INSERT INTO callback (operator, method, path, query, headers, body, verdict, reason, received_at, attempts,
                          next_attempt_at)
    VALUES (%(operator)s, 'PUT', '/webhooks/gone', '', '{}', 'x', 'accept_unverified', 'test', %(at)s, 0, %(at)s)
"""


@pytest.fixture
async def town(database: Database, clock: TestClock, ids: CountedIds) -> AsyncIterator[TwoOperators]:
    async with open_two_operators(database, clock, ids) as opened:
        await opened.world.work()
        yield opened


def left_behind(urls: Urls, operator: str, at: datetime) -> None:
    """Leave a message, a question and a sent request of an operator."""
    with hand(urls.app) as connection:
        for left in (ASKED, TOLD):
            connection.execute(left, {"operator": operator, "at": at})
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


async def test_a_request_that_was_put_aside_is_no_longer_shown_as_waiting_after_a_day(
    town: TwoOperators, urls: Urls
) -> None:
    world = town.world
    [gone] = await asked_to_pay(world, GONE)
    left_behind(urls, GONE, world.clock.now())
    [broken] = await asked_to_pay(world, MIL)
    await world.work()
    town.mil.answer = raises(ZeroDivisionError("a fault of our reader"))
    for _ in range(22):
        world.clock.forward(hours=1)
        await world.work()
    assert await states(world) == {gone: "submitted", broken: "pending"}
    world.clock.forward(hours=2)
    await world.work()
    assert await states(world) == {gone: "expired", broken: "expired"}
    assert await names(town) == ["A1", "D1", "D2", "Q1"]


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


async def test_trouble_with_an_operator_that_has_gone_is_not_told_for_ever(town: TwoOperators) -> None:
    world = town.world
    trouble = Trouble(TroubleKind.REFUSES_US, "HTTP 401")
    for operator in (MIL, CAURI):
        await world.database.transact(
            lambda connection, operator=operator: say(connection, operator, "poll", trouble, world.clock.now())  # type: ignore[misc]
        )
    world.clock.forward(seconds=int(LEFT_TO_OTHERS.total_seconds()) - 1)
    await set_strangers_aside(_without(town, MIL), world.clock.now())
    assert await world.count("operator_trouble") == 2
    world.clock.forward(seconds=1)
    await set_strangers_aside(_without(town, MIL), world.clock.now())
    assert await world.rows("SELECT operator FROM operator_trouble") == [(CAURI,)]


async def hand_in(town: TwoOperators, operator: str, day: datetime) -> None:
    content = statement([event(f"S-{operator}", 500, at=day.isoformat())], day, day + timedelta(days=1))
    new = new_upload(operator, f"{operator}.csv", BytesIO(content), "staff/test")
    await receive(town.world.database, new, town.world.clock.now())


async def uploads(town: TwoOperators) -> list[tuple[object, ...]]:
    return await town.world.rows("SELECT operator, state FROM statement_upload ORDER BY operator")


async def test_a_file_whose_reading_lasts_delays_no_file_of_another_operator(town: TwoOperators) -> None:
    world, reached, over, stop = town.world, threading.Event(), threading.Event(), asyncio.Event()
    yesterday = world.clock.now().replace(hour=0) - timedelta(days=1)

    @dataclass(frozen=True, slots=True)
    class Slow(InventedOperator):
        def parse_statement(self, content: BinaryIO, filename: str) -> Iterator[StatementPart]:
            reached.set()
            over.wait()
            return InventedOperator.parse_statement(self, content, filename)

    operators = {**world.deps.operators, MIL: Slow(MIL, "Mil", signs=False)}
    jobs = replace(world.jobs, deps=replace(world.deps, operators=operators))
    await hand_in(town, MIL, yesterday)
    working = asyncio.create_task(run_for_ever(jobs, stop))
    async with asyncio.timeout(60):
        assert await asyncio.to_thread(reached.wait, 60)
        await hand_in(town, CAURI, yesterday)
        while await uploads(town) != [(CAURI, "matched"), (MIL, "reading")]:
            assert not working.done()
        over.set()
        stop.set()
        await working
    assert await world.rows("SELECT operator_transaction_id FROM payment") == [(f"S-{CAURI}",)]


async def test_files_of_an_operator_that_has_gone_are_put_aside_unread_or_matched_if_they_were_read(
    town: TwoOperators,
) -> None:
    world = town.world
    yesterday = world.clock.now().replace(hour=0) - timedelta(days=1)
    await hand_in(town, CAURI, yesterday)
    assert await read_due(world.jobs.reconciling) == 1
    await hand_in(town, MIL, yesterday)
    later = _without(town, MIL, CAURI)
    await until_quiet(later)
    assert await uploads(town) == [(CAURI, "matched"), (MIL, "received")]
    world.clock.forward(seconds=int(LEFT_TO_OTHERS.total_seconds()))
    await until_quiet(later)
    assert await uploads(town) == [(CAURI, "matched"), (MIL, "quarantined")]
    assert await world.rows("SELECT motive FROM statement_upload WHERE operator = 'mil'") == [
        ({"code": "file_operator_unknown", "operator": "mil"},)
    ]


async def test_a_closing_finishes_every_file_and_not_only_the_first_ones(town: TwoOperators) -> None:
    yesterday = town.world.clock.now().replace(hour=0) - timedelta(days=1)
    for passed in range(READ_AT_ONCE + 2):
        await hand_in(town, CAURI, yesterday - timedelta(days=passed))
    await resume(town.world.jobs.reconciling)
    assert {state for _, state in await uploads(town)} == {"matched"}


def _without(town: TwoOperators, *gone: str) -> JobDeps:
    deps = town.world.deps
    operators = {name: operator for name, operator in deps.operators.items() if name not in gone}
    clients = {name: client for name, client in deps.clients.items() if name not in gone}
    return replace(town.world.jobs, deps=replace(deps, operators=operators, clients=clients))
