"""Messages reach the sender: tried again while they are refused, then left for a person, never sent under two keys."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest
from africastalking.SMS import SMSService

from gateway.database import Database
from gateway.jobs.send_sms import BATCH, LEASE_S, send_sms
from gateway.sms.outbox import ATTEMPTS_MAX, ClaimedSms, OutgoingSms, claim, queue
from gateway.sms.senders.africastalking import AfricasTalkingSender, open_sender
from gateway.sms.senders.contract import SendResult
from gateway.sms.senders.sandbox import SandboxSender
from tests.gateway.jobs.wire import second_worker
from tests.world import AMINATA, World

BODY = "RAMU: 3 000 F payés."


@dataclass
class Stubborn:
    """A sender that refuses until it was asked often enough."""

    refusals: int
    name: str = "stubborn"
    asked: list[str] = field(default_factory=list)

    async def send(self, messages: list[ClaimedSms]) -> list[SendResult]:
        self.asked += [one.key for one in messages]
        self.refusals -= 1
        refused = self.refusals >= 0
        return [SendResult(one.id, None if refused else f"p{one.id}", "busy" if refused else "") for one in messages]


async def queued(world: World, *keys: str) -> None:
    messages = [OutgoingSms(key, "receipt", 1, AMINATA, BODY) for key in keys]
    await world.database.transact(lambda connection: queue(connection, messages, world.clock.now()))


async def outbox(world: World) -> list[tuple[object, ...]]:
    return await world.rows("SELECT state, attempts, last_error FROM outbox_sms ORDER BY id")


async def test_a_fact_is_queued_once_whoever_tells_it(world: World) -> None:
    await queued(world, "payment/1", "payment/1")
    await queued(world, "payment/1")
    assert await world.count("outbox_sms") == 1


async def test_a_refused_message_is_tried_again_and_sent_once(world: World) -> None:
    sender = Stubborn(refusals=2)
    jobs = replace(world.jobs, sender=sender)
    await queued(world, "payment/1")
    for _ in range(6):
        await send_sms(jobs, world.clock.now())
        world.clock.forward(minutes=30)
    assert await outbox(world) == [("sent", 3, None)]
    assert sender.asked == ["payment/1"] * 3


async def test_a_message_refused_for_ever_is_left_for_a_person(world: World) -> None:
    sender = Stubborn(refusals=99)
    await queued(world, "payment/1")
    for _ in range(ATTEMPTS_MAX + 3):
        await send_sms(replace(world.jobs, sender=sender), world.clock.now())
        world.clock.forward(hours=1)
    assert await outbox(world) == [("failed", ATTEMPTS_MAX, "busy")]
    assert len(sender.asked) == ATTEMPTS_MAX


async def test_each_attempt_waits_longer_than_the_one_before(world: World) -> None:
    await queued(world, "payment/1")
    for minutes in (2, 4, 6):
        assert await send_sms(replace(world.jobs, sender=Stubborn(99)), world.clock.now()) == 1
        world.clock.forward(minutes=minutes, seconds=-1)
        assert await send_sms(replace(world.jobs, sender=Stubborn(99)), world.clock.now()) == 0
        world.clock.forward(seconds=1)


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
    claimed = await world.database.transact(lambda connection: claim(connection, world.clock.now(), LEASE_S, BATCH))
    await sender.send(claimed)
    assert await send_sms(world.jobs, world.clock.now()) == 0
    world.clock.forward(seconds=LEASE_S)
    assert await send_sms(world.jobs, world.clock.now()) == 1
    assert await world.texts_to(AMINATA) == [BODY]
    assert await outbox(world) == [("sent", 2, None)]


@dataclass
class Provider:
    """A small stand-in for the provider's API, on a port of this machine."""

    answers: list[tuple[int, bytes]]
    received: list[tuple[str, dict[str, list[str]], str | None]] = field(default_factory=list)
    port: int = 0


@contextmanager
def provider(*answers: tuple[int, bytes]) -> Iterator[Provider]:
    desk = Provider(list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["content-length"])).decode()
            desk.received.append((self.path, parse_qs(form), self.headers["apiKey"]))
            status, body = desk.answers.pop(0)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        desk.port = server.server_address[1]
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield desk
        finally:
            server.shutdown()
            serving.join()


def africastalking(desk: Provider, sender_id: str | None = "RAMU") -> AfricasTalkingSender:
    service = SMSService("ramu", "a-key-of-the-test")
    service._baseUrl = f"http://127.0.0.1:{desk.port}/version1"
    return AfricasTalkingSender(service, sender_id, 5)


def taken(code: int = 101, message_id: str = "ATXid_1") -> bytes:
    recipient = {"statusCode": code, "number": AMINATA, "status": "Success", "cost": "KES 0.8", "messageId": message_id}
    return json.dumps({"SMSMessageData": {"Message": "Sent to 1/1", "Recipients": [recipient]}}).encode()


MESSAGE = ClaimedSms(7, "payment/7", AMINATA, BODY, 1)


@pytest.mark.parametrize("code", [100, 101, 102])
async def test_africas_talking_is_given_the_number_the_text_and_our_name(code: int) -> None:
    with provider((201, taken(code))) as desk:
        assert await africastalking(desk).send([MESSAGE]) == [SendResult(7, "ATXid_1")]
    [(path, form, key)] = desk.received
    assert (path, key) == ("/version1/messaging", "a-key-of-the-test")
    assert form == {
        "username": ["ramu"],
        "to": [AMINATA],
        "message": [BODY],
        "bulkSMSMode": ["1"],
        "from": ["RAMU"],
    }


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (201, taken(403), "status 403"),
        (201, taken(502), "status 502"),
        (201, b'{"SMSMessageData": {"Message": "InvalidSenderId", "Recipients": []}}', "the answer names no recipient"),
        (201, b'{"SMSMessageData": {}}', "the answer names no recipient"),
        (201, b"[]", "the answer names no recipient"),
        (201, b"null", "the answer names no recipient"),
        (401, b"The supplied authentication is invalid", "AfricasTalkingException: not taken"),
        (500, b"", "AfricasTalkingException: not taken"),
    ],
)
async def test_whatever_africas_talking_answers_a_refusal_says_why_and_no_secret(
    status: int, body: bytes, error: str
) -> None:
    with provider((status, body)) as desk:
        [result] = await africastalking(desk, sender_id=None).send([MESSAGE])
    assert (result.sms_id, result.provider_id) == (7, None)
    assert result.error == error
    assert "from" not in desk.received[0][1]


async def test_a_provider_that_is_not_there_is_a_refusal_to_be_tried_again(world: World) -> None:
    with provider() as desk:
        pass
    await queued(world, "payment/1")
    await send_sms(replace(world.jobs, sender=africastalking(desk)), world.clock.now())
    assert await outbox(world) == [("queued", 1, "ConnectionError: not taken")]


async def test_one_message_that_is_refused_does_not_take_the_others_with_it(world: World) -> None:
    with provider((201, taken()), (500, b""), (201, taken())) as desk:
        await queued(world, "payment/1", "payment/2", "payment/3")
        await send_sms(replace(world.jobs, sender=africastalking(desk)), world.clock.now())
    assert sorted(state for state, _, _ in await outbox(world) if isinstance(state, str)) == ["queued", "sent", "sent"]


def test_the_account_of_trials_goes_to_their_sandbox() -> None:
    trial, real = open_sender("sandbox", "k" * 16, None, 5), open_sender("ramu", "k" * 16, None, 5)
    assert trial._service._baseUrl == "https://api.sandbox.africastalking.com/version1"
    assert real._service._baseUrl == "https://api.africastalking.com/version1"
