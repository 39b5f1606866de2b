"""Messages reach the sender: receipts wait for ever, stale words are dropped, nothing is sent under two keys."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from gateway.infra.database import Database
from gateway.jobs import send_sms as send_sms_job
from gateway.jobs.send_sms import BATCH, HAND_OVER_S, LEASE_S, send_sms
from gateway.sms import review
from gateway.sms.delivery import WAIT_MAX, Claim, claim, fair_share
from gateway.sms.kinds import USEFUL_FOR, SmsKind, SmsState
from gateway.sms.outbox import OutgoingSms, queue
from gateway.sms.review import Retry
from gateway.sms.senders.africastalking.sender import PARALLEL, AfricasTalkingSender
from gateway.sms.senders.contract import ClaimedSms, SendOutcome, SendResult
from gateway.sms.senders.sandbox.sender import SandboxSender
from gateway.tables import OutboxSms
from sandbox_operator.model import Prompt
from tests.gateway.jobs.wire import second_worker
from tests.gateway.sms.provider import africastalking, provider, taken
from tests.stories import answer, ask_to_pay, paid, pushed
from tests.world import AMINATA, MOUSSA, World

BODY = "RAMU: 3 000 F payés."

Judge = Callable[[ClaimedSms], SendResult]


@dataclass
class Stubborn:
    """A sender that refuses until it was asked often enough."""

    refusals: int
    outcome: SendOutcome = SendOutcome.NETWORK
    name: str = "stubborn"
    asked: list[str] = field(default_factory=list)

    async def send(self, messages: list[ClaimedSms]) -> list[SendResult]:
        self.asked += [one.key for one in messages]
        self.refusals -= 1
        if self.refusals >= 0:
            return [SendResult(one.id, self.outcome, None, "busy") for one in messages]
        return [SendResult(one.id, SendOutcome.TAKEN, f"p{one.id}") for one in messages]


@dataclass
class Judging:
    """A sender that does what a test says of each message."""

    judge: Judge
    name: str = "judging"

    async def send(self, messages: list[ClaimedSms]) -> list[SendResult]:
        return [self.judge(one) for one in messages]


async def queued(world: World, *keys: str, kind: SmsKind = SmsKind.RECEIPT, request_id: int | None = None) -> None:
    messages = [OutgoingSms(key, kind, 1, AMINATA, BODY, request_id) for key in keys]
    await world.database.transact(lambda connection: queue(connection, messages, world.clock.now()))


async def outbox(world: World) -> list[tuple[object, ...]]:
    return await world.rows("SELECT state, attempts, last_error FROM outbox_sms ORDER BY id")


async def send(world: World, sender: Stubborn | Judging | AfricasTalkingSender) -> int:
    return await send_sms(replace(world.jobs, sender=sender), world.clock.now())


def test_the_database_knows_the_same_kinds_and_states() -> None:
    checks = {str(one.name): str(one.sqltext) for one in OutboxSms.__table__.constraints if hasattr(one, "sqltext")}  # type: ignore[attr-defined]
    for name, words in (("ck_outbox_sms_kind_known", SmsKind), ("ck_outbox_sms_state_known", SmsState)):
        assert checks[name].endswith("(" + ", ".join(f"'{word}'" for word in words) + ")")
    assert set(USEFUL_FOR) == set(SmsKind)
    assert [kind for kind, useful_for in USEFUL_FOR.items() if useful_for is None] == ["receipt", "suspense"]


async def test_a_fact_is_queued_once_whoever_tells_it(world: World) -> None:
    await queued(world, "payment/1", "payment/1")
    await queued(world, "payment/1")
    assert await world.count("outbox_sms") == 1


async def test_a_refused_message_is_tried_again_and_sent_once(world: World) -> None:
    sender = Stubborn(refusals=2)
    await queued(world, "payment/1")
    for _ in range(6):
        await send(world, sender)
        world.clock.forward(minutes=30)
    assert await outbox(world) == [("sent", 3, None)]
    assert sender.asked == ["payment/1"] * 3


@pytest.mark.parametrize("outcome", [SendOutcome.NETWORK, SendOutcome.BALANCE, SendOutcome.ACCOUNT])
async def test_no_receipt_is_lost_by_a_weekends_outage(world: World, outcome: SendOutcome) -> None:
    sender = Stubborn(10_000, outcome)
    await queued(world, "payment/1")
    await queued(world, "payment/2", kind=SmsKind.SUSPENSE)
    for _ in range(66):
        await send(world, sender)
        world.clock.forward(hours=1)
    assert {state for state, _, _ in await outbox(world)} == {"queued"}
    sender.refusals = 0
    assert await send(world, sender) == 2
    assert {(state, words) for state, _, words in await outbox(world)} == {("sent", None)}


async def test_waits_grow_to_a_cap_and_go_on_however_long_it_has_been(world: World) -> None:
    await queued(world, "payment/1")
    waits = []
    for attempts in (0, 1, 2, 28, 29, 30, 31, 5_000, 2_000_000_000):
        await world.rows("UPDATE outbox_sms SET attempts = :n RETURNING id", n=attempts)
        assert await send(world, Stubborn(1)) == 1
        [(due,)] = await world.rows(
            "SELECT next_attempt_at - CAST(:now AS timestamptz) FROM outbox_sms", now=world.clock.now()
        )
        assert isinstance(due, timedelta)
        waits.append(due)
        world.clock.forward(seconds=int(due.total_seconds()) - 1)
        assert await send(world, Stubborn(1)) == 0
        world.clock.forward(seconds=1)
    assert [wait // timedelta(minutes=1) for wait in waits] == [2, 4, 6, 58, 60, 60, 60, 60, 60]
    assert max(waits) == WAIT_MAX


async def test_a_number_that_takes_none_of_our_messages_is_given_up_at_once(world: World) -> None:
    sender = Stubborn(99, SendOutcome.NUMBER)
    await queued(world, "payment/1")
    for _ in range(3):
        await send(world, sender)
        world.clock.forward(hours=3)
    assert await outbox(world) == [("failed", 1, "busy")]
    assert await world.rows("SELECT trouble, next_attempt_at FROM outbox_sms") == [("number", None)]


@pytest.mark.parametrize("kind", [kind for kind, useful_for in USEFUL_FOR.items() if useful_for])
async def test_what_has_a_last_useful_moment_is_dropped_after_it_though_the_provider_was_down_all_the_time(
    world: World, kind: SmsKind
) -> None:
    useful_for = USEFUL_FOR[kind]
    assert useful_for is not None
    sender = Stubborn(10_000)
    await queued(world, "x", kind=kind)
    end = world.clock.now() + useful_for
    while world.clock.now() < end:
        await send(world, sender)
        world.clock.forward(minutes=30)
    asked = len(sender.asked)
    assert asked > 1
    sender.refusals = 0
    assert await send(world, sender) == 1
    assert [(state, words) for state, _, words in await outbox(world)] == [("dropped", "busy")]
    assert len(sender.asked) == asked


async def test_a_message_is_dropped_at_its_moment_and_sent_just_before_it(world: World) -> None:
    await queued(world, "early", kind=SmsKind.SITUATION)
    world.clock.forward(hours=2, seconds=-1)
    await send(world, Stubborn(0))
    await queued(world, "late", kind=SmsKind.SITUATION)
    world.clock.forward(hours=2)
    await send(world, Stubborn(0))
    assert [state for state, _, _ in await outbox(world)] == ["sent", "dropped"]


async def test_a_failure_is_not_told_once_the_payment_has_succeeded(world: World) -> None:
    """The operator said no, the provider of messages was down, then the money came after all."""
    prompt = await pushed(world, AMINATA, "S1")
    answer(world, prompt, do="refuse")
    await world.deliver()
    world = replace(world, jobs=replace(world.jobs, sender=Stubborn(10_000)))
    await world.work()
    assert await world.rows("SELECT kind, state FROM outbox_sms") == [("failure", "queued")]
    [(request_id,)] = await world.rows("SELECT failed_request_id FROM outbox_sms")
    await world.rows("UPDATE payment_request SET state = 'succeeded' WHERE id = :id RETURNING id", id=request_id)
    world.clock.forward(hours=1)
    sender = Stubborn(0)
    assert await send(world, sender) == 1
    assert await world.rows("SELECT state FROM outbox_sms WHERE kind = 'failure'") == [("dropped",)]
    assert sender.asked == []


async def failed_while_no_message_leaves(world: World) -> World:
    """Refuse the first request of Aminata's while the provider of messages is down; give the world in which it is."""
    answer(world, await pushed(world, AMINATA, "S1"), do="refuse")
    await world.deliver()
    down = replace(world, jobs=replace(world.jobs, sender=Stubborn(10_000)))
    await down.work()
    return down


async def test_a_failure_is_not_told_to_somebody_who_has_paid_since(world: World) -> None:
    """ "Nothing was received, try again", read after the receipt of the second try, is paid a third time."""
    down = await failed_while_no_message_leaves(world)
    await paid(down, AMINATA, "S2")
    assert await world.rows("SELECT kind FROM outbox_sms ORDER BY id") == [("failure",), ("receipt",)]
    world.clock.forward(hours=1)
    sender = Stubborn(0)
    await send(world, sender)
    assert await world.rows("SELECT kind, state FROM outbox_sms ORDER BY id") == [
        ("failure", "dropped"), ("receipt", "sent")
    ]  # fmt: skip
    assert sender.asked == ["payment/1"]


async def another_prompt(world: World, first: Prompt) -> Prompt:
    await ask_to_pay(world, AMINATA, "S2")
    world.clock.forward(seconds=5)
    await world.work()
    return next(prompt for prompt in world.prompts() if prompt.server_id != first.server_id)


async def test_a_failure_that_is_known_days_late_is_not_told_to_somebody_who_paid_meanwhile(world: World) -> None:
    first = await pushed(world, AMINATA, "S1")
    # The operator cannot be asked, and lets the prompt run out; the second one is paid.
    await world.rows("UPDATE payment_request SET next_attempt_at = NULL RETURNING id")
    world.clock.forward(minutes=11)
    answer(world, await another_prompt(world, first), do="approve")
    await world.deliver()
    await world.work()
    world.clock.forward(days=2)
    await world.rows(
        "UPDATE payment_request SET next_attempt_at = :now WHERE id = 1 RETURNING id", now=world.clock.now()
    )
    await world.work()
    assert await world.rows("SELECT state FROM payment_request ORDER BY id") == [("failed",), ("succeeded",)]
    assert await world.rows("SELECT kind, state FROM outbox_sms ORDER BY id") == [
        ("receipt", "sent"), ("failure", "dropped")
    ]  # fmt: skip


async def test_a_failure_is_still_told_when_somebody_else_has_paid_since(world: World) -> None:
    down = await failed_while_no_message_leaves(world)
    await paid(down, MOUSSA, "S2")
    world.clock.forward(hours=1)
    await send(world, Stubborn(0))
    assert ("failure", "sent") in await world.rows("SELECT kind, state FROM outbox_sms")


async def test_what_is_no_longer_true_is_not_put_back_by_hand(world: World) -> None:
    down = await failed_while_no_message_leaves(world)
    await paid(down, AMINATA, "S2")
    now = world.clock.now()
    assert await world.database.transact(lambda connection: review.retry_one(connection, 1, now)) is Retry.TOO_LATE
    assert await world.database.transact(lambda connection: review.retry_all(connection, now)) == 1
    assert await world.rows("SELECT kind FROM outbox_sms WHERE trouble IS NULL") == [("receipt",)]


async def test_a_failure_that_still_stands_is_told(world: World) -> None:
    answer(world, await pushed(world, AMINATA, "S1"), do="refuse")
    await world.deliver()
    await world.work()
    assert await world.rows("SELECT kind, state FROM outbox_sms") == [("failure", "sent")]


@pytest.mark.parametrize(
    ("fresh", "again", "taken_fresh", "taken_again"),
    [(0, 0, 0, 0), (3, 0, 3, 0), (0, 3, 0, 3), (30, 30, 10, 10), (30, 4, 16, 4), (4, 30, 4, 16), (1, 1000, 1, 19)],
)
def test_two_queues_share_the_places(fresh: int, again: int, taken_fresh: int, taken_again: int) -> None:
    chosen = fair_share(range(fresh), range(1000, 1000 + again), 20)
    assert len([one for one in chosen if one < 1000]) == taken_fresh
    assert len([one for one in chosen if one >= 1000]) == taken_again


async def test_a_new_receipt_is_not_held_behind_thousands_that_are_tried_again(world: World) -> None:
    await world.rows(
        "INSERT INTO outbox_sms (key, kind, msisdn, body, state, attempts, queued_at, next_attempt_at)"
        " SELECT 'old/' || n, 'receipt', '+22370000001', 'x', 'queued', 3, :now, :now"
        " FROM generate_series(1, 3000) n RETURNING id",
        now=world.clock.now() - timedelta(hours=1),
    )
    await queued(world, "payment/new")
    sender = Stubborn(0)
    await send(world, sender)
    assert "payment/new" in sender.asked
    assert len(sender.asked) == BATCH


async def test_two_workers_hand_each_message_over_once(world: World, other_database: Database) -> None:
    await queued(world, *(f"payment/{number}" for number in range(3 * BATCH)))
    one, two = Stubborn(0), Stubborn(0)
    workers = (replace(world.jobs, sender=one), replace(second_worker(world, other_database), sender=two))
    for _ in range(2):
        for jobs in workers:
            await send_sms(jobs, world.clock.now())
    assert len(one.asked) + len(two.asked) == len(set(one.asked) | set(two.asked)) == 3 * BATCH


async def test_a_message_whose_worker_died_is_sent_again_after_its_lease_and_read_once(world: World) -> None:
    """The sandbox sender's key is what a telephone would have: the same message."""
    await queued(world, "payment/1")
    sender = SandboxSender(world.database, world.clock)
    claimed: Claim = await world.database.transact(
        lambda connection: claim(connection, world.clock.now(), LEASE_S, BATCH)
    )
    await sender.send(list(claimed.messages))
    assert await send_sms(world.jobs, world.clock.now()) == 0
    world.clock.forward(seconds=LEASE_S)
    assert await send_sms(world.jobs, world.clock.now()) == 1
    assert await world.texts_to(AMINATA) == [BODY]
    assert await outbox(world) == [("sent", 2, None)]


def test_the_slowest_batch_ends_before_its_lease() -> None:
    slowest = AfricasTalkingSender(None, None, timeout_s=20)  # type: ignore[arg-type]
    assert -(-BATCH // PARALLEL) * slowest.deadline_s < HAND_OVER_S < LEASE_S


async def test_a_sender_that_breaks_its_promise_keeps_nothing_but_its_own_batch(world: World) -> None:
    def breaks(_: ClaimedSms) -> SendResult:
        raise LookupError("a fault in the sender")

    await queued(world, "payment/1", "payment/2")
    assert await send(world, Judging(breaks)) == 2
    assert await outbox(world) == [("queued", 1, "LookupError"), ("queued", 1, "LookupError")]
    world.clock.forward(hours=1)
    await send(world, Stubborn(0))
    assert [state for state, _, _ in await outbox(world)] == ["sent", "sent"]


async def test_a_sender_that_never_comes_back_is_left_and_its_messages_wait(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dataclass
    class Hanging:
        name: str = "hanging"

        async def send(self, messages: list[ClaimedSms]) -> list[SendResult]:
            del messages
            await asyncio.Event().wait()
            return []

    monkeypatch.setattr(send_sms_job, "HAND_OVER_S", 0.05)
    await queued(world, "payment/1")
    assert await send_sms(replace(world.jobs, sender=Hanging()), world.clock.now()) == 1
    assert await outbox(world) == [("queued", 1, "TimeoutError")]


async def test_one_result_that_the_store_refuses_does_not_take_the_others_with_it(world: World) -> None:
    def spoilt(one: ClaimedSms) -> SendResult:
        return SendResult(one.id, SendOutcome.TAKEN, "nul\x00" if one.key == "payment/2" else f"p{one.id}")

    await queued(world, "payment/1", "payment/2", "payment/3")
    await send(world, Judging(spoilt))
    assert await world.rows("SELECT state, provider_id IS NULL FROM outbox_sms ORDER BY key") == [
        ("sent", False),
        ("sent", True),
        ("sent", False),
    ]


async def test_a_provider_that_is_not_there_is_waited_for(world: World) -> None:
    with provider() as desk:
        pass
    await queued(world, "payment/1")
    await send(world, africastalking(desk))
    assert await outbox(world) == [("queued", 1, "ConnectionError: not taken")]


async def test_one_message_that_is_refused_does_not_take_the_others_with_it(world: World) -> None:
    with provider((201, taken()), (500, b""), (201, taken(403))) as desk:
        await queued(world, "payment/1", "payment/2", "payment/3")
        await send(world, africastalking(desk))
    assert sorted(str(state) for state, _, _ in await outbox(world)) == ["failed", "queued", "sent"]
