"""One request for one cause, one prompt on one phone, and a request told only what its state allows."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.infra.database import Database
from payments.errors import IllegalTransition
from payments.operators.contract import Capabilities
from payments.requests.dispatch import (
    Lease,
    LeasedRequest,
    lease_to_poll,
    lease_to_submit,
)
from payments.requests.lifecycle import Event, State
from payments.requests.store import (
    NewPaymentRequest,
    PromptAlreadyOpen,
    Requested,
    apply_events,
    release,
    request_payment,
)
from payments.requests.timetable import next_inquiry_at

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
LIFETIME_S = 600
PLAN = Capabilities(request_to_pay=True, query_request=True, query_transaction=True, refund=False, statement=True)


def new(number: int = 1, key: str = "", payer: str = "+22370000001", at: datetime = NOW) -> NewPaymentRequest:
    return NewPaymentRequest(
        "sandbox", f"R{number}", UUID(int=number), f"t{number}", key or f"k{number}", 1, payer, 500, at, at
    )


async def ask(database: Database, wanted: NewPaymentRequest) -> Requested | PromptAlreadyOpen:
    return await database.transact(lambda connection: request_payment(connection, wanted, LIFETIME_S))


async def states(database: Database) -> list[str]:
    async with database.single() as connection:
        return list((await connection.execute(text("SELECT state FROM payment_request ORDER BY id"))).scalars())


async def test_the_same_cause_twice_is_one_request_under_its_first_name(database: Database) -> None:
    assert await ask(database, new(1, "turn")) == Requested("R1", created=True)
    assert await ask(database, new(2, "turn")) == Requested("R1", created=False)
    assert await states(database) == ["created"]


async def test_the_same_cause_on_eight_connections_at_once_is_one_request(database: Database) -> None:
    asked = await asyncio.gather(*(ask(database, new(number, "turn")) for number in range(1, 25)))
    assert sum(isinstance(one, Requested) and one.created for one in asked) == 1
    assert len({one.reference for one in asked}) == 1
    assert await states(database) == ["created"]


async def test_two_causes_for_one_phone_at_once_open_one_prompt(database: Database) -> None:
    asked = await asyncio.gather(*(ask(database, new(number)) for number in range(1, 17)))
    assert sum(isinstance(one, Requested) for one in asked) == 1
    assert sum(isinstance(one, PromptAlreadyOpen) for one in asked) == 15


async def test_another_phone_and_a_later_hour_may_ask_again(database: Database) -> None:
    later = NOW + timedelta(seconds=LIFETIME_S)
    await ask(database, new(1))
    assert isinstance(await ask(database, new(2, payer="+22376000002")), Requested)
    assert await ask(database, new(3, at=later - timedelta(seconds=1))) == PromptAlreadyOpen("R1")
    assert isinstance(await ask(database, new(4, at=later)), Requested)


async def test_a_settled_request_holds_no_prompt_open(database: Database) -> None:
    await ask(database, new(1))
    await database.transact(lambda connection: apply_events(connection, [(1, Event.OPERATOR_FAILED)], NOW))
    assert await ask(database, new(2)) == Requested("R2", created=True)


async def test_a_request_is_sent_when_its_dialogue_ends_and_not_before(database: Database) -> None:
    await ask(database, replace(new(1), next_attempt_at=NOW + timedelta(seconds=90)))

    async def leased(connection: AsyncConnection) -> int:
        return len(await lease_to_submit(connection, Lease("sandbox", NOW, 60, 10), LIFETIME_S))

    assert await database.transact(leased) == 0
    await database.transact(lambda connection: release(connection, "+22376000002", NOW))
    assert await database.transact(leased) == 0
    await database.transact(lambda connection: release(connection, "+22370000001", NOW))
    assert await database.transact(leased) == 1
    assert await states(database) == ["submitted"]


async def test_a_claim_takes_only_the_operators_own_and_only_what_no_other_holds(database: Database) -> None:
    for number in range(1, 5):
        await ask(database, new(number, payer=f"+2237000000{number}"))
    async with database.unit_of_work() as held:
        mine = await lease_to_submit(held, Lease("sandbox", NOW, 60, 2), LIFETIME_S)
        others = await database.transact(
            lambda connection: lease_to_submit(connection, Lease("sandbox", NOW, 60, 9), LIFETIME_S)
        )
        elsewhere = await database.transact(
            lambda connection: lease_to_submit(connection, Lease("other", NOW, 60, 9), LIFETIME_S)
        )
    assert [leased.id for leased in (*mine, *others)] == [1, 2, 3, 4]
    assert elsewhere == []
    assert {leased.state for leased in mine} == {State.SUBMITTED}
    after_lease = NOW + timedelta(seconds=60)
    asked = await database.transact(lambda connection: lease_to_poll(connection, Lease("sandbox", after_lease, 60, 9)))
    assert [(leased.id, leased.inquiries) for leased in asked] == [(1, 1), (2, 1), (3, 1), (4, 1)]


async def test_an_event_without_a_row_changes_nothing_of_its_batch(database: Database) -> None:
    await ask(database, new(1))
    await ask(database, new(2, payer="+22376000002"))
    batch = [(1, Event.OPERATOR_PENDING), (2, Event.OPERATOR_SUCCEEDED), (2, Event.SUBMISSION_STARTED)]
    with pytest.raises(IllegalTransition):
        await database.transact(lambda connection: apply_events(connection, batch, NOW))
    assert await states(database) == ["created", "created"]


def leased(inquiries: int, state: State = State.PENDING) -> LeasedRequest:
    return LeasedRequest(
        1, "sandbox", "R1", UUID(int=1), "t", "+22370000001", 500, state, 1, inquiries, NOW, NOW, NOW, None, None
    )


@pytest.mark.parametrize(
    ("inquiries", "state", "wait_s"),
    [
        (0, State.SUBMITTED, 15),
        (1, State.UNKNOWN, 30),
        (7, State.PENDING, 3600),
        (8, State.PENDING, 3600),
        (50, State.PENDING, 3600),
        (50, State.EXPIRED, 86_400),
    ],
)
def test_the_wait_grows_with_the_questions_asked(inquiries: int, state: State, wait_s: int) -> None:
    assert next_inquiry_at(leased(inquiries, state), PLAN, NOW) == NOW + timedelta(seconds=wait_s)


def test_after_thirty_days_nobody_asks_any_more() -> None:
    end = NOW + timedelta(seconds=PLAN.poll_until_s)
    assert next_inquiry_at(leased(50), PLAN, end - timedelta(seconds=1)) is not None
    assert next_inquiry_at(leased(50), PLAN, end) is None
