"""What one operator does, or one bad item, delays nobody else's money."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.infra.database import Database
from gateway.jobs.breaker import FIRST_WAIT, OPENS_AFTER, PROBES
from gateway.jobs.callbacks import read_callbacks_of
from gateway.jobs.deps import JobDeps
from gateway.jobs.inquire import inquire_of
from gateway.jobs.poll import poll, poll_operator
from gateway.jobs.submit import submit, submit_to
from gateway.jobs.tick import every_job, run_for_ever
from payments.evidence import inquiries
from payments.observation import Observation, ObservedStatus, Provenance
from payments.operators.contract import PushOrder, PushResult, QueryResult, Submitted
from payments.requests import dispatch
from payments.requests.dispatch import FAILURES_MAX, Lease
from tests.conftest import Urls
from tests.fixed import CountedIds, TestClock
from tests.gateway.jobs.towns import asked_to_pay, states, token_of
from tests.invented_operators import (
    CAURI,
    MIL,
    Gate,
    InventedOperator,
    TwoOperators,
    event,
    hangs,
    message,
    not_found,
    open_two_operators,
    raises,
    says,
    takes,
)
from tests.payments.books import hand
from tests.world import AMINATA

MANY = 10_000


@pytest.fixture
async def town(database: Database, clock: TestClock, ids: CountedIds) -> AsyncIterator[TwoOperators]:
    async with open_two_operators(database, clock, ids) as opened:
        await opened.world.work()
        yield opened


def succeeded(transaction_id: str, amount_xof: int = 500, **more: object) -> Observation:
    return Observation(
        MIL,
        Provenance.QUERY,
        ObservedStatus.SUCCEEDED,
        amount_xof,
        operator_transaction_id=transaction_id,
        **more,  # type: ignore[arg-type]
    )


def paced(town: TwoOperators, operator: str, **capabilities: int) -> JobDeps:
    """Return jobs for which an operator has other capabilities."""
    deps = town.world.deps
    slow = deps.operators[operator]
    assert isinstance(slow, InventedOperator)
    changed = replace(slow, capabilities=replace(slow.capabilities, **capabilities))  # type: ignore[arg-type]
    return replace(town.world.jobs, deps=replace(deps, operators={**deps.operators, operator: changed}))


async def test_an_operator_that_hangs_in_every_call_delays_no_call_of_the_other(town: TwoOperators) -> None:
    world, gate = town.world, Gate()
    theirs = await asked_to_pay(world, MIL, 2)
    await world.work()
    town.mil.answer = hangs(gate, not_found())
    town.mil.push = hangs(Gate(), takes())
    await town.tell(MIL, message(event("m1", 900)))
    world.clock.forward(seconds=15)
    await read_callbacks_of(world.jobs, MIL, world.clock.now())
    hanging = [
        asyncio.create_task(work(world.jobs, MIL, world.clock.now())) for work in (poll_operator, inquire_of, submit_to)
    ]
    await gate.reached.wait()
    [ours] = await asked_to_pay(world, CAURI)
    assert await town.tell(CAURI, message(event("aB1", 700, payer=AMINATA))) == 204
    assert await read_callbacks_of(world.jobs, CAURI, world.clock.now()) == 1
    assert await submit_to(world.jobs, CAURI, world.clock.now()) == 1
    world.clock.forward(seconds=15)
    town.cauri.answer = says(replace(succeeded("aB2"), operator=CAURI))
    assert await poll_operator(world.jobs, CAURI, world.clock.now()) == 1
    assert not any(task.done() for task in hanging[:2])
    assert (await states(world))[ours] == "succeeded"
    assert await world.rows("SELECT operator_transaction_id FROM payment ORDER BY 1") == [("aB1",), ("aB2",)]
    assert {(await states(world))[reference] for reference in theirs} == {"pending"}
    gate.opened.set()
    await asyncio.gather(*hanging)


async def test_a_worker_gives_each_operator_a_loop_of_its_own(town: TwoOperators) -> None:
    world, gate, sent, stop = town.world, Gate(), asyncio.Event(), asyncio.Event()
    taken = takes()

    async def told(order: PushOrder) -> Submitted:
        sent.set()
        return await taken(order)

    town.mil.push, town.cauri.push = hangs(gate, takes()), told
    await asked_to_pay(world, MIL)
    working = asyncio.create_task(run_for_ever(world.jobs, stop))
    async with asyncio.timeout(60):
        await gate.reached.wait()
        await asked_to_pay(world, CAURI)
        await sent.wait()
        assert not gate.opened.is_set()
        stop.set()
        gate.opened.set()
        await working
    names = [job.name for job in every_job(world.jobs)]
    assert len(names) == len(set(names))
    for job in ("callbacks", "inquire", "submit", "poll", "uploads", "statements"):
        assert {f"{job}/{operator}" for operator in ("sandbox", MIL, CAURI)} <= set(names)


async def test_a_raising_client_holds_neither_its_batch_nor_the_other_operator(town: TwoOperators) -> None:
    world = town.world
    [broken, *whole] = await asked_to_pay(world, MIL, 4)
    [theirs] = await asked_to_pay(world, CAURI)
    await world.work()
    for number, reference in enumerate(whole):
        town.mil.answers[reference] = says(succeeded(f"m{number}"))
    town.mil.answers[broken] = raises(ZeroDivisionError("a fault of our reader"))
    town.cauri.answer = says(replace(succeeded("c1"), operator=CAURI))
    world.clock.forward(seconds=15)
    await poll(world.jobs, world.clock.now())
    assert await states(world) == {broken: "pending", theirs: "succeeded", **dict.fromkeys(whole, "succeeded")}


async def test_a_request_whose_answer_always_raises_is_set_aside_with_its_reason_and_asked_no_more(
    town: TwoOperators,
) -> None:
    world = town.world
    [broken] = await asked_to_pay(world, MIL)
    await world.work()
    town.mil.answer = raises(ZeroDivisionError("a fault of our reader"))
    for _ in range(FAILURES_MAX + 5):
        world.clock.forward(hours=2)
        await world.work()
    assert town.mil.asked == [broken] * FAILURES_MAX
    rows = await world.rows("SELECT failures, last_detail, parked_at IS NOT NULL, next_attempt_at FROM payment_request")
    assert rows == [(FAILURES_MAX, "the client failed: ZeroDivisionError", True, None)]
    town.mil.answer = says(succeeded("m1"))
    await world.database.transact(lambda connection: dispatch.retry(connection, 1, world.clock.now()))
    await world.work()
    assert await states(world) == {broken: "succeeded"}


async def poison(urls: Urls, column: str) -> None:
    """Let the database refuse one word in observations."""
    with hand(urls.owner) as connection:
        connection.execute(
            "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF NEW.{column} = 'POISON' THEN RAISE EXCEPTION 'poison'; END IF; RETURN NEW; END $$"
        )
        connection.execute("CREATE TRIGGER poison BEFORE INSERT ON observation FOR EACH ROW EXECUTE FUNCTION poison()")


async def test_an_answer_that_cannot_be_written_is_put_off_alone(town: TwoOperators, urls: Urls) -> None:
    world = town.world
    [bad, *whole] = await asked_to_pay(world, MIL, 4)
    await world.work()
    await poison(urls, "operator_transaction_id")
    for number, reference in enumerate((bad, *whole)):
        town.mil.answers[reference] = says(succeeded("POISON" if reference == bad else f"m{number}"))
    world.clock.forward(seconds=15)
    await poll(world.jobs, world.clock.now())
    assert await states(world) == {bad: "pending", **dict.fromkeys(whole, "succeeded")}
    assert await world.rows("SELECT failures FROM payment_request WHERE reference = :bad", bad=bad) == [(1,)]


async def test_an_answer_to_a_push_that_cannot_be_written_is_put_off_alone_and_asked_about(
    town: TwoOperators, urls: Urls
) -> None:
    world = town.world
    [bad, *whole] = await asked_to_pay(world, MIL, 3)
    await poison(urls, "detail")
    town.mil.pushes[bad] = takes(PushResult.PENDING, "POISON")
    await submit(world.jobs, world.clock.now())
    assert await states(world) == {bad: "submitted", **dict.fromkeys(whole, "pending")}
    world.clock.forward(minutes=2)
    await poll(world.jobs, world.clock.now())
    assert bad in town.mil.asked


async def test_one_bad_payment_of_a_signed_batch_keeps_no_other_from_being_money(
    town: TwoOperators, urls: Urls
) -> None:
    world = town.world
    await poison(urls, "operator_transaction_id")
    batch = message(*(event(name, 500, payer=AMINATA) for name in ("aB1", "POISON", "Ab1", "AB1")))
    await town.tell(CAURI, batch)
    await world.work()
    assert await world.rows(
        'SELECT operator_transaction_id FROM payment ORDER BY operator_transaction_id COLLATE "C"'
    ) == [
        ("AB1",),
        ("Ab1",),
        ("aB1",),
    ]
    for _ in range(12):
        world.clock.forward(hours=2)
        await world.work()
    assert await world.count("payment") == 3
    [(why,)] = await world.rows("SELECT last_error FROM callback WHERE parked_at IS NOT NULL AND handled_at IS NULL")
    assert str(why).startswith("1 of 4 could not be taken")


async def test_a_signed_day_in_one_message_is_read_in_slices(town: TwoOperators) -> None:
    world, count = town.world, 1_100
    await town.tell(CAURI, message(*(event(f"t{number}", 100, payer=AMINATA) for number in range(count))))
    assert await read_callbacks_of(world.jobs, CAURI, world.clock.now()) == 1
    assert await world.rows("SELECT count(*), sum(amount_xof) FROM payment") == [(count, 100 * count)]
    assert await world.rows("SELECT handled_at IS NOT NULL, parked_at, last_error FROM callback") == [
        (True, None, None)
    ]


async def test_ten_thousand_retries_do_not_delay_a_new_callback_beyond_one_batch(
    town: TwoOperators, urls: Urls
) -> None:
    world = town.world
    with hand(urls.owner) as connection:
        connection.execute(
            "INSERT INTO callback (operator, method, path, query, headers, body, verdict, reason, received_at,"
            " attempts, next_attempt_at)"
            " SELECT %(name)s, 'POST', '/webhooks/cauri', '', '{}', '{', 'accept_unverified', 'test', %(at)s, 3, %(at)s"
            " FROM generate_series(1, %(many)s)",
            {"name": CAURI, "at": world.clock.now(), "many": MANY},
        )
    world.clock.forward(seconds=60)
    await town.tell(CAURI, message(event("aB1", 700, payer=AMINATA)))
    assert await read_callbacks_of(world.jobs, CAURI, world.clock.now()) > 1
    assert await world.rows("SELECT operator_transaction_id FROM payment") == [("aB1",)]
    [(waiting,)] = await world.rows("SELECT count(*) FROM callback WHERE handled_at IS NULL AND parked_at IS NULL")
    assert waiting == MANY - world.jobs.limits.batch // 2


async def test_ten_thousand_retries_do_not_delay_a_first_question(town: TwoOperators, urls: Urls) -> None:
    world = town.world
    with hand(urls.owner) as connection:
        connection.execute(
            "INSERT INTO payment_request (operator, reference, correlation_id, callback_token, idempotency_key,"
            " party_id, payer_msisdn, amount_xof, state, submissions, inquiries, failures, created_at,"
            " submitted_at, next_attempt_at)"
            " SELECT %(name)s, 'R' || n, gen_random_uuid(), 'x' || n, 'x' || n, 1, '+2237' || (7000000 + n), 100,"
            " 'pending', 1, 5, 0, %(at)s, %(at)s, %(at)s FROM generate_series(1, %(many)s) AS n",
            {"name": MIL, "at": world.clock.now(), "many": MANY},
        )
        connection.execute(
            "INSERT INTO inquiry (operator, operator_transaction_id, attempts, opened_at, next_attempt_at)"
            " SELECT %(name)s, 'Q' || n, 5, %(at)s, %(at)s FROM generate_series(1, %(many)s) AS n",
            {"name": MIL, "at": world.clock.now(), "many": MANY},
        )
    [new] = await asked_to_pay(world, MIL)
    await submit(world.jobs, world.clock.now())
    await town.tell(MIL, message(event("fresh", 700)))
    await read_callbacks_of(world.jobs, MIL, world.clock.now())
    world.clock.forward(seconds=20)
    lease = Lease(MIL, world.clock.now(), 60, world.jobs.limits.batch)
    asked = await world.database.transact(lambda connection: dispatch.lease_to_poll(connection, lease))
    assert new in {request.reference for request in asked}
    put = await world.database.transact(lambda connection: inquiries.lease_due(connection, lease))
    assert "fresh" in {inquiry.operator_transaction_id for inquiry in put}
    assert len(asked) == len(put) == lease.batch // 2 + 1


async def test_one_call_a_second_goes_to_new_work_and_to_retries_in_turn(town: TwoOperators, urls: Urls) -> None:
    world = town.world
    with hand(urls.owner) as connection:
        connection.execute(
            "INSERT INTO inquiry (operator, operator_transaction_id, attempts, opened_at, next_attempt_at)"
            " SELECT %(name)s, 'Q' || n, n %% 2, %(at)s, %(at)s FROM generate_series(1, 20) AS n",
            {"name": MIL, "at": world.clock.now()},
        )
    jobs = paced(town, MIL, requests_per_s=1)
    for _ in range(10):
        assert await inquire_of(jobs, MIL, world.clock.now()) == 1
        world.clock.forward(seconds=1)
    fresh = sum(int(about[1:]) % 2 == 0 for about in town.mil.asked)
    assert fresh == 5


async def test_a_silent_operator_is_left_alone_for_a_while_then_probed_then_used(town: TwoOperators) -> None:
    world, jobs = town.world, paced(town, MIL, calls_at_once=1)
    references = await asked_to_pay(world, MIL, 12)
    town.mil.push = takes(PushResult.UNKNOWN, "no usable answer")
    await submit_to(jobs, MIL, world.clock.now())
    assert len(town.mil.sent) == OPENS_AFTER
    assert sorted((await states(world)).values()) == ["created"] * 7 + ["unknown"] * 5
    assert await world.rows("SELECT job, kind FROM operator_trouble") == [("submit", "silent")]
    world.clock.forward(seconds=int(FIRST_WAIT.total_seconds()) - 1)
    assert await submit_to(jobs, MIL, world.clock.now()) == 0
    town.mil.push = takes()
    world.clock.forward(seconds=30)
    assert 0 < await submit_to(jobs, MIL, world.clock.now()) <= PROBES
    while await submit_to(jobs, MIL, world.clock.now()):
        pass
    assert len(set(town.mil.sent)) == len(references)
    assert await world.count("operator_trouble") == 0


async def test_an_operator_is_called_no_faster_than_was_agreed(town: TwoOperators) -> None:
    world, jobs = town.world, paced(town, MIL, requests_per_s=2)
    await asked_to_pay(world, MIL, 5)
    sent = []
    for _ in range(4):
        sent.append(await submit_to(jobs, MIL, world.clock.now()) + await submit_to(jobs, MIL, world.clock.now()))
        world.clock.forward(seconds=1)
    assert sent == [2, 2, 1, 0]


async def test_a_knock_on_a_finished_request_is_asked_about_until_the_operator_answers(town: TwoOperators) -> None:
    world = town.world
    [reference] = await asked_to_pay(world, MIL)
    town.mil.push = takes(PushResult.REFUSED, "insufficientFunds")
    await world.work()
    assert await states(world) == {reference: "failed"}
    town.mil.answer = not_found(QueryResult.UNREACHABLE)
    await town.tell(MIL, b"anything", await token_of(world, reference))
    await world.work()
    assert await world.rows("SELECT handled_at IS NOT NULL FROM callback") == [(True,)]
    assert await states(world) == {reference: "failed"}
    town.mil.answer = says(succeeded("late", our_reference=reference))
    world.clock.forward(seconds=60)
    await world.work()
    assert await states(world) == {reference: "succeeded"}
    assert await world.rows("SELECT operator_transaction_id, party_id FROM payment") == [("late", 1)]


async def test_knocks_without_end_on_a_finished_request_end_in_few_questions(town: TwoOperators) -> None:
    world = town.world
    [reference] = await asked_to_pay(world, MIL)
    town.mil.push = takes(PushResult.REFUSED)
    await world.work()
    token = await token_of(world, reference)
    for _ in range(60):
        await town.tell(MIL, b"anything", token)
        await world.work()
        world.clock.forward(hours=1)
    assert len(town.mil.asked) == inquiries.NOT_FOUND_MAX
    assert await world.rows("SELECT count(*) FROM inquiry WHERE parked_at IS NOT NULL") == [(1,)]
    assert await world.rows("SELECT count(*) FROM callback WHERE handled_at IS NULL") == [(0,)]


async def test_a_signed_word_is_money_and_nobody_is_asked(town: TwoOperators) -> None:
    world = town.world
    [reference] = await asked_to_pay(world, CAURI)
    await world.work()
    await town.tell(CAURI, message(event("aB1", 500, reference=reference)), await token_of(world, reference))
    await town.tell(CAURI, message(event("aB2", 700, payer=AMINATA), event("aB3", 50, state="pending")))
    await world.work()
    assert await states(world) == {reference: "succeeded"}
    assert await world.rows("SELECT operator_transaction_id, provenance FROM payment ORDER BY 1") == [
        ("aB1", "signed_callback"),
        ("aB2", "signed_callback"),
    ]
    assert town.cauri.asked == []
    assert await world.count("inquiry") == 0


@pytest.mark.parametrize(
    "body", [b"{", b"", b'{"events": 7}', b'{"events": [{"id": "x", "state": "paid", "amount": 1}]}']
)
async def test_a_signed_message_that_cannot_be_read_is_set_aside_and_never_handled(
    town: TwoOperators, body: bytes
) -> None:
    world = town.world
    [reference] = await asked_to_pay(world, CAURI)
    await town.tell(CAURI, body)
    await town.tell(CAURI, body, await token_of(world, reference))
    await world.work()
    rows = await world.rows("SELECT handled_at, parked_at IS NOT NULL, last_error LIKE 'not a list%' FROM callback")
    assert rows == [(None, True, True)] * 2


async def test_a_signed_word_against_a_finished_request_is_kept_told_and_asked_about(town: TwoOperators) -> None:
    world = town.world
    [reference] = await asked_to_pay(world, CAURI)
    await world.work()
    await town.tell(CAURI, message(event("aB1", 500, reference=reference)))
    await world.work()
    await town.tell(CAURI, message(event("aB1", 500, reference=reference, state="failed")))
    await world.work()
    assert await states(world) == {reference: "succeeded"}
    assert await world.rows("SELECT kind FROM reconciliation_break") == [("STATUS",)]
    assert town.cauri.asked != []


async def test_a_pending_transaction_that_a_message_names_is_asked_about_until_it_is_money(town: TwoOperators) -> None:
    world = town.world
    town.mil.answer = says(replace(succeeded("m1", 900, payer_msisdn=AMINATA), status=ObservedStatus.PENDING))
    await town.tell(MIL, message(event("m1", 900, state="pending")))
    await world.work()
    assert await world.rows("SELECT handled_at IS NOT NULL, attempts FROM callback") == [(True, 1)]
    for _ in range(3):
        world.clock.forward(minutes=10)
        await world.work()
    assert await world.count("payment") == 0
    town.mil.answer = says(succeeded("m1", 900, payer_msisdn=AMINATA))
    world.clock.forward(hours=1)
    await world.work()
    assert await world.rows("SELECT operator_transaction_id, party_id FROM payment") == [("m1", 1)]
    assert await world.rows("SELECT count(*) FROM inquiry WHERE closed_at IS NULL") == [(0,)]


async def test_a_message_that_kills_its_readers_is_set_aside_unread_in_the_end(town: TwoOperators, urls: Urls) -> None:
    world = town.world
    await town.tell(CAURI, message(event("aB1", 500)))
    with hand(urls.app) as connection:
        connection.execute("UPDATE callback SET attempts = 12")
    assert await read_callbacks_of(world.jobs, CAURI, world.clock.now()) == 1
    [(why,)] = await world.rows("SELECT last_error FROM callback WHERE parked_at IS NOT NULL")
    assert "ended before" in str(why)
