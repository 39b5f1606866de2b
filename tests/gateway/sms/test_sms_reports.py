"""Delivery reports: behind a secret address, in any order and any number, one message each."""

import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.jobs.send_sms import send_sms
from gateway.sms import reports
from gateway.sms.kinds import SmsKind, SmsState
from gateway.sms.outbox import OutgoingSms, queue
from gateway.sms.reports import DeliveryReport
from gateway.sms.senders.africastalking.answers import SAID_CHARS_MAX
from gateway.sms.senders.africastalking.reports import read_report
from gateway.sms.senders.contract import ClaimedSms, SendOutcome, SendResult
from tests.world import AMINATA, WORD, World

DOOR = f"/sms/africastalking/{WORD}/reports"


class Taking:
    """A provider that takes everything, and may report before we have written down that it did."""

    name = "taking"

    def __init__(self, world: World, *early: str) -> None:
        self._world = world
        self._early = early

    async def send(self, messages: list[ClaimedSms]) -> list[SendResult]:
        for status in self._early:
            await report(self._world, f"ATXid_{messages[0].id}", status)
        return [SendResult(one.id, SendOutcome.TAKEN, f"ATXid_{one.id}") for one in messages]


async def report(world: World, provider_id: str, status: str, **more: str) -> int:
    form = {"id": provider_id, "status": status, "phoneNumber": AMINATA, "networkCode": "61001", **more}
    answer = await world.wire.post(
        DOOR, content=urlencode(form), headers={"content-type": "application/x-www-form-urlencoded"}
    )
    return answer.status_code


async def sent_one(world: World, *early: str) -> None:
    message = OutgoingSms("payment/1", SmsKind.RECEIPT, 1, AMINATA, "RAMU")
    await world.database.transact(lambda connection: queue(connection, message, world.clock.now()))
    assert await send_sms(replace(world.jobs, sender=Taking(world, *early)), world.clock.now()) == 1


async def standing(world: World) -> tuple[object, ...]:
    [row] = await world.rows("SELECT state, delivery FROM outbox_sms")
    return row


@pytest.mark.parametrize(
    ("told", "state", "words"),
    [
        (["Sent"], "sent", "Sent"),
        (["Sent", "Submitted", "Buffered"], "sent", "Buffered"),
        (["Sent", "Success"], "delivered", "Success"),
        (["Success", "Sent", "Buffered"], "delivered", "Success"),
        (["Success", "Success"], "delivered", "Success"),
        (["Success", "Failed"], "delivered", "Success"),
        (["Failed", "Success"], "undelivered", "Failed"),
        (["Rejected"], "undelivered", "Rejected"),
        (["AbsentSubscriber"], "undelivered", "AbsentSubscriber"),
        (["Expired"], "undelivered", "Expired"),
        (["SUCCESS"], "delivered", "SUCCESS"),
        (["SomethingNew"], "sent", "SomethingNew"),
    ],
    ids=" then ".join,
)
async def test_reports_in_any_order_and_number_leave_the_first_final_word(
    world: World, told: list[str], state: str, words: str
) -> None:
    await sent_one(world)
    for status in told:
        assert await report(world, "ATXid_1", status) == 200
    assert await standing(world) == (state, words)


async def test_a_failure_keeps_its_reason(world: World) -> None:
    await sent_one(world)
    await report(world, "ATXid_1", "Failed", failureReason="UserInBlackList")
    assert await standing(world) == ("undelivered", "Failed: UserInBlackList")


@pytest.mark.parametrize(
    ("early", "state"),
    [
        (["Success"], "delivered"),
        (["Buffered"], "sent"),
        (["Failed", "Sent"], "undelivered"),
        (["Sent", "Success"], "delivered"),
    ],
)
async def test_a_report_that_overtakes_our_own_commit_is_not_lost(world: World, early: list[str], state: str) -> None:
    await sent_one(world, *early)
    assert (await standing(world))[0] == state
    assert await world.count("sms_early_report") == 0


async def test_reports_of_nothing_are_kept_within_bounds_for_a_day(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "EARLY_MOST", 5)
    for number in range(12):
        assert await report(world, f"unknown-{number}", "Success") == 200
    assert await world.count("sms_early_report") == 5
    world.clock.forward(hours=25)
    await report(world, "later", "Success")
    assert await world.rows("SELECT provider_id FROM sms_early_report") == [("later",)]


@pytest.mark.parametrize(
    "path", ["/sms/africastalking/wrong/reports", "/sms/unknown/local/reports", "/sms/sandbox/local/reports"]
)
async def test_without_the_key_there_is_nothing_at_this_address(world: World, path: str) -> None:
    assert (await world.wire.post(path, content=b"id=1&status=Success")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"id=ATXid_1",
        b"status=Success",
        b"id=None&status=Success",
        b"{",
        b"[1]",
        b"{}",
        b"\xff\xfe",
        b"id=%00&status=Success",
    ],
)
async def test_junk_is_answered_and_changes_nothing(world: World, body: bytes) -> None:
    await sent_one(world)
    assert (await world.wire.post(DOOR, content=body)).status_code == 200
    assert await standing(world) == ("sent", None)
    assert await world.count("sms_early_report") == 0


async def test_a_body_without_end_is_not_read_to_its_end(world: World) -> None:
    assert (await world.wire.post(DOOR, content=b"id=1&status=Success&x=" + b"x" * 100_000)).status_code == 200
    assert await world.count("sms_early_report") == 0


@pytest.mark.parametrize(
    "body",
    [
        b"id=ATXid_1&status=Success",
        b"\xef\xbb\xbfid=ATXid_1&status=Success\r\n",
        b"id=+ATXid_1+&status=+Success+&networkCode=61001",
        json.dumps({"id": "ATXid_1", "status": "Success", "retryCount": 0}).encode(),
    ],
)
def test_a_report_is_read_in_every_dress(body: bytes) -> None:
    assert read_report(body) == DeliveryReport("ATXid_1", SmsState.DELIVERED, "Success")


@given(st.binary(max_size=400) | st.text(max_size=200).map(lambda text: f"id=A&status={text}".encode()))
def test_no_report_is_beyond_reading(body: bytes) -> None:
    found = read_report(body)
    if found is not None:
        assert found.provider_id.isprintable()
        assert len(found.words) <= SAID_CHARS_MAX


async def test_a_message_sent_again_listens_to_its_new_id_only(world: World) -> None:
    await sent_one(world)
    await report(world, "ATXid_1", "Failed")
    await world.rows("UPDATE outbox_sms SET state = 'sent', provider_id = 'ATXid_2', delivery = NULL RETURNING id")
    await report(world, "ATXid_1", "Success")
    assert await standing(world) == ("sent", None)
    await report(world, "ATXid_2", "Success")
    assert await standing(world) == ("delivered", "Success")
    [(at,)] = await world.rows("SELECT reported_at FROM outbox_sms")
    assert at == world.clock.now() - timedelta(0)
