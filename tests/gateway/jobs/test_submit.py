"""A request leaves the house once; whatever is lost on the way is asked about, never sent as something new."""

import asyncio
from itertools import pairwise

import httpx
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.infra.database import Database
from gateway.jobs.submit import submit
from payments.requests.dispatch import Lease, lease_to_submit
from payments.requests.store import NewPaymentRequest, request_payment
from sandbox_operator.model import PromptState
from tests.gateway.jobs.wire import second_worker, state_of_the_request, watched
from tests.stories import answer, ask_to_pay, pushed
from tests.world import AMINATA, World


async def test_a_push_goes_out_after_the_session_and_once(world: World) -> None:
    with watched(world) as wire:
        await ask_to_pay(world, AMINATA, "S1")
        world.clock.forward(seconds=5)
        await world.work()
        await world.work()
    assert len(wire.orders) == 1
    assert await state_of_the_request(world) == "pending"


async def test_a_lost_answer_is_unknown_then_asked_and_never_sent_again(world: World) -> None:
    with watched(world, lose_answers=1) as wire:
        await ask_to_pay(world, AMINATA, "S1")
        world.clock.forward(seconds=5)
        await world.work()
        assert await state_of_the_request(world) == "unknown"
        world.clock.forward(seconds=15)
        await world.work()
        assert await state_of_the_request(world) == "pending"
        [prompt] = world.prompts()
        answer(world, prompt, callbacks=0)
        world.clock.forward(seconds=60)
        await world.work()
    assert len(wire.orders) == 1
    assert await state_of_the_request(world) == "succeeded"
    assert await world.count("payment") == 1


async def test_an_order_that_never_arrived_is_sent_again_after_a_minute_under_the_same_ids(world: World) -> None:
    with watched(world, lose_orders=2) as wire:
        await ask_to_pay(world, AMINATA, "S1")
        started = world.clock.forward(seconds=5)
        await world.work()
        sent_at = [0]
        while len(wire.orders) < 3 and (world.clock.now() - started).total_seconds() < 3600:
            world.clock.forward(seconds=5)
            before = len(wire.orders)
            await world.work()
            if len(wire.orders) > before:
                sent_at.append(int((world.clock.now() - started).total_seconds()))
    assert len(wire.orders) == 3
    assert len(set(wire.orders)) == 1
    assert all(later - earlier >= 60 for earlier, later in pairwise(sent_at)), sent_at
    assert len(world.prompts()) == 1
    assert await state_of_the_request(world) == "pending"
    [(submissions,)] = await world.rows("SELECT submissions FROM payment_request")
    assert submissions == 3


async def test_a_request_is_only_asked_about_once_its_prompt_would_come_too_late(world: World) -> None:
    lifetime_s = world.deps.operators["sandbox"].capabilities.prompt_lifetime_s
    sent_at = []
    with watched(world, lose_orders=99) as wire:
        await ask_to_pay(world, AMINATA, "S1")
        asked_at = world.clock.now()
        world.clock.forward(seconds=5)
        for _ in range(60):
            before = len(wire.orders)
            await world.work()
            sent_at += [(world.clock.now() - asked_at).total_seconds()] * (len(wire.orders) - before)
            world.clock.forward(seconds=30)
    assert 3 <= len(wire.orders) <= 5
    assert len(set(wire.orders)) == 1
    assert max(sent_at) < lifetime_s + 30
    assert await state_of_the_request(world) == "unknown"


async def test_a_worker_that_died_after_leasing_leaves_a_request_that_is_asked_before_it_is_sent(world: World) -> None:
    await ask_to_pay(world, AMINATA, "S1")
    now = world.clock.forward(seconds=5)
    await world.database.transact(lambda connection: lease_to_submit(connection, Lease("sandbox", now, 60, 10), 600))
    with watched(world) as wire:
        await world.work()
        assert (wire.orders, wire.questions) == ([], [])
        world.clock.forward(seconds=60)
        await world.work()
        assert wire.orders == []
        assert len(wire.questions) == 1
        assert await state_of_the_request(world) == "unknown"
        for _ in range(5):
            world.clock.forward(seconds=60)
            await world.work()
    assert len(wire.orders) == 1
    assert await state_of_the_request(world) == "pending"


def refusing(world: World, status: int, body: dict[str, str]) -> None:
    """Let the operator answer every order with this."""
    client = world.deps.clients["sandbox"]
    answering = httpx.MockTransport(lambda _request: httpx.Response(status, json=body))
    object.__setattr__(client, "http", httpx.AsyncClient(transport=answering))


async def test_a_clear_refusal_fails_the_request_and_tells_the_payer_once(world: World) -> None:
    refusing(world, 400, {"errorCategory": "businessRule", "errorCode": "insufficientFunds"})
    await ask_to_pay(world, AMINATA, "S1")
    world.clock.forward(seconds=5)
    await world.work()
    await world.work()
    assert await state_of_the_request(world) == "failed"
    [told] = await world.texts_to(AMINATA)
    assert "non abouti" in told


async def test_a_callback_before_the_answer_to_the_push_keeps_its_success(world: World) -> None:
    """The answer that says 'pending' comes last, and finds the request finalised."""
    client = world.deps.clients["sandbox"]

    async def paid_meanwhile(response: object) -> None:
        del response
        for prompt in world.prompts():
            answer(world, prompt)
            await world.deliver()
            asked = (await world.rows("SELECT count(*) FROM callback"))[0]
            assert asked == (1,)

    client.http.event_hooks = {"response": [paid_meanwhile]}  # type: ignore[attr-defined]
    await ask_to_pay(world, AMINATA, "S1")
    world.clock.forward(seconds=5)
    await world.work()
    assert await state_of_the_request(world) == "succeeded"
    assert await world.count("payment") == 1
    assert len(await world.texts_to(AMINATA)) == 1


async def test_two_workers_push_each_request_once(world: World, other_database: Database) -> None:
    now = world.clock.now()
    payers = [f"+223760001{number:02d}" for number in range(30)]

    async def ask_all(connection: AsyncConnection) -> None:
        for number, payer in enumerate(payers):
            new = NewPaymentRequest(
                "sandbox", f"R{number}", world.ids.uuid(), f"t{number}", f"k{number}", 1, payer, 500, now, now
            )
            await request_payment(connection, new, 600)

    await world.database.transact(ask_all)
    one, two = world.jobs, second_worker(world, other_database)
    with watched(world) as wire:
        sent = await asyncio.gather(*(submit(jobs, now) for jobs in (one, two, one, two)))
    assert sum(sent) == len(wire.orders) == len(set(wire.orders)) == 30
    opened = [prompt.payer for prompt in world.operator.books.prompts.values() if prompt.state is PromptState.PENDING]
    assert sorted(opened) == sorted(payers)


async def test_the_ids_of_an_order_are_those_kept_before_it_was_sent(world: World) -> None:
    with watched(world) as wire:
        prompt = await pushed(world, AMINATA, "S1")
    [(correlation_id, token)] = await world.rows("SELECT correlation_id, callback_token FROM payment_request")
    assert wire.orders == [str(correlation_id)]
    assert prompt.callback_url == f"http://gateway.test/webhooks/sandbox/{token}"


async def test_a_request_that_nobody_sent_in_time_is_given_up_and_its_payer_told(world: World) -> None:
    await ask_to_pay(world, AMINATA, "S1")
    world.clock.forward(hours=5)
    await world.work()
    assert await world.rows("SELECT state, submissions FROM payment_request") == [("expired", 0)]
    assert not world.operator.books.prompts
    [told] = await world.texts_to(AMINATA)
    assert "non transmis à l'opérateur. Rien n'a été débité." in told
