"""Whatever Africa's Talking answers, each message gets its own outcome: taken, waiting, or given up."""

import asyncio
import subprocess
import sys
import threading
from typing import Any

import pytest
import requests
from africastalking.Service import AfricasTalkingException
from hypothesis import given
from hypothesis import strategies as st

from gateway.sms.senders.africastalking.answers import SAID_CHARS_MAX, read_answer
from gateway.sms.senders.africastalking.sender import THREADS_MAX, AfricasTalkingSender, open_sender
from gateway.sms.senders.contract import ClaimedSms, SendOutcome, SendResult
from tests.gateway.sms.provider import africastalking, provider, taken
from tests.world import AMINATA

BODY = "RAMU: 3 000 F payés."
MESSAGE = ClaimedSms(7, "payment/7", AMINATA, BODY, 1)


def answer(code: object, status: object, message_id: object = "None", message: object = "Sent to 0/1") -> Any:  # noqa: ANN401 - as it comes
    recipient = {"cost": "0", "messageId": message_id, "number": AMINATA, "status": status, "statusCode": code}
    return {"SMSMessageData": {"Message": message, "Recipients": [recipient]}}


def nobody(message: object) -> Any:  # noqa: ANN401 - as it comes
    return {"SMSMessageData": {"Message": message, "Recipients": []}}


TAKEN = [
    (answer(100, "Processed", "ATXid_3"), "ATXid_3"),
    (answer(101, "Success", "ATXid_1"), "ATXid_1"),
    (answer("101", "Success", "ATXid_1"), "ATXid_1"),
    (answer(101.0, "Success", "ATXid_1"), "ATXid_1"),
    (answer(None, "Success", "ATXid_1"), "ATXid_1"),
    (answer(102, "Queued", "ATXid_2"), "ATXid_2"),
    (answer(101, "Success", "None"), None),
    (answer(101, "Success", None), None),
    (answer(101, "Success", "x" * 500), None),
    (answer(101, "Success", {"id": 1}), None),
    ('{"SMSMessageData": {"Message": "Sent", "Recipients": [{"statusCode": 101, "messageId": "ATXid_9"}]}}', "ATXid_9"),
    ({"SMSMessageData": {"Recipients": {"statusCode": 101, "messageId": "ATXid_9"}}}, "ATXid_9"),
]


@pytest.mark.parametrize(("said", "provider_id"), TAKEN)
def test_what_was_taken_is_never_sent_again_and_only_a_real_id_is_an_id(said: object, provider_id: str | None) -> None:
    result = read_answer(7, AMINATA, said)
    assert (result.outcome, result.provider_id) == (SendOutcome.TAKEN, provider_id)


@pytest.mark.parametrize(
    ("said", "outcome", "words"),
    [
        (answer(401, "RiskHold"), SendOutcome.ACCOUNT, "401 RiskHold: Sent to 0/1"),
        (answer(402, "InvalidSenderId"), SendOutcome.ACCOUNT, "402 InvalidSenderId: Sent to 0/1"),
        (nobody("InvalidSenderId"), SendOutcome.ACCOUNT, "InvalidSenderId"),
        (nobody("Invalid Sender Id"), SendOutcome.ACCOUNT, "Invalid Sender Id"),
        ("The supplied authentication is invalid", SendOutcome.ACCOUNT, "The supplied authentication is invalid"),
        (answer(403, "InvalidPhoneNumber"), SendOutcome.NUMBER, "403 InvalidPhoneNumber: Sent to 0/1"),
        (answer("404", "UnsupportedNumberType"), SendOutcome.NUMBER, "404 UnsupportedNumberType: Sent to 0/1"),
        (answer(406, "UserInBlacklist"), SendOutcome.NUMBER, "406 UserInBlacklist: Sent to 0/1"),
        (answer(409, "DoNotDisturbRejection"), SendOutcome.NUMBER, "409 DoNotDisturbRejection: Sent to 0/1"),
        (answer(None, "UserInBlacklist"), SendOutcome.NUMBER, "UserInBlacklist: Sent to 0/1"),
        (answer(405, "InsufficientBalance"), SendOutcome.BALANCE, "405 InsufficientBalance: Sent to 0/1"),
        (nobody("Insufficient Balance"), SendOutcome.BALANCE, "Insufficient Balance"),
        (answer(407, "CouldNotRoute"), SendOutcome.NETWORK, "407 CouldNotRoute: Sent to 0/1"),
        (answer(500, "InternalServerError"), SendOutcome.NETWORK, "500 InternalServerError: Sent to 0/1"),
        (answer(501, "GatewayError"), SendOutcome.NETWORK, "501 GatewayError: Sent to 0/1"),
        (answer(502, "RejectedByGateway"), SendOutcome.NETWORK, "502 RejectedByGateway: Sent to 0/1"),
        (answer(999, "SomethingNew"), SendOutcome.NETWORK, "999 SomethingNew: Sent to 0/1"),
        (answer(True, []), SendOutcome.NETWORK, "True : Sent to 0/1"),
        (answer(403, "InvalidPhoneNumber", message="+22370000001 refused"), SendOutcome.NUMBER, None),
        (nobody("Sent to 0/1 Total Cost: 0"), SendOutcome.NETWORK, "Sent to 0/1 Total Cost: 0"),
        (nobody(None), SendOutcome.NETWORK, "réponse sans destinataire (dict)"),
        ({"SMSMessageData": None}, SendOutcome.NETWORK, "réponse sans destinataire (dict)"),
        (
            {"SMSMessageData": {"Recipients": ["x", 3, None, {}]}},
            SendOutcome.NETWORK,
            "réponse sans destinataire (dict)",
        ),
        ([], SendOutcome.NETWORK, "réponse sans destinataire (list)"),
        (None, SendOutcome.NETWORK, "réponse sans destinataire (NoneType)"),
        ("", SendOutcome.NETWORK, "réponse vide"),
        ("<html>\x00\n Bad\tGateway", SendOutcome.NETWORK, "<html> Bad Gateway"),
        ("[" * 100_000, SendOutcome.NETWORK, "[" * SAID_CHARS_MAX),
    ],
)
def test_every_refusal_waits_or_ends_as_its_status_says_and_keeps_the_providers_words(
    said: object, outcome: SendOutcome, words: str | None
) -> None:
    result = read_answer(7, AMINATA, said)
    assert (result.sms_id, result.outcome, result.provider_id) == (7, outcome, None)
    assert words is None or result.said == words
    assert AMINATA not in result.said


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    JSONISH
    | st.builds(answer, JSONISH, JSONISH, JSONISH, JSONISH)
    | st.builds(lambda listed: {"SMSMessageData": {"Recipients": listed}}, JSONISH)
)
def test_no_answer_is_beyond_reading(said: object) -> None:
    result = read_answer(7, AMINATA, said)
    assert len(result.said) <= SAID_CHARS_MAX
    assert result.said.isprintable()
    assert result.outcome is SendOutcome.TAKEN or result.provider_id is None


class Canned:
    """An SDK whose calls answer, or raise, what a test gives for each text."""

    def __init__(self, **answers: object) -> None:
        self.answers = answers

    def send(self, body: str, _to: list[str], **_more: object) -> object:
        told = self.answers[body]
        if isinstance(told, BaseException):
            raise told
        return told() if callable(told) else told


def sender_of(timeout_s: int = 5, **answers: object) -> AfricasTalkingSender:
    return AfricasTalkingSender(Canned(**answers), None, timeout_s)  # type: ignore[arg-type]


async def sent(sender: AfricasTalkingSender, *bodies: str) -> list[SendResult]:
    return await sender.send([ClaimedSms(at, f"k{at}", AMINATA, body, 1) for at, body in enumerate(bodies)])


@pytest.mark.parametrize(
    ("raised", "outcome", "said"),
    [
        (AttributeError("x"), SendOutcome.NETWORK, "AttributeError: not taken"),
        (KeyError("SMSMessageData"), SendOutcome.NETWORK, "KeyError: not taken"),
        (RecursionError(), SendOutcome.NETWORK, "RecursionError: not taken"),
        (SystemExit(1), SendOutcome.NETWORK, "RuntimeError: not taken"),
        (requests.ReadTimeout(), SendOutcome.NETWORK, "ReadTimeout: not taken"),
        (requests.JSONDecodeError("Invalid phone number", "", 0), SendOutcome.NETWORK, "JSONDecodeError: not taken"),
        (ValueError("Invalid phone number: +223"), SendOutcome.NUMBER, "InvalidPhoneNumber"),
        (AfricasTalkingException("Error 401: invalid authentication"), SendOutcome.ACCOUNT, None),
        (AfricasTalkingException(""), SendOutcome.NETWORK, "réponse vide"),
    ],
)
async def test_what_the_sdk_raises_for_one_message_is_that_messages_alone(
    raised: BaseException, outcome: SendOutcome, said: str | None
) -> None:
    before, bad, after = await sent(sender_of(good=answer(101, "Success", "A"), bad=raised), "good", "bad", "good")
    assert (before.outcome, after.outcome) == (SendOutcome.TAKEN, SendOutcome.TAKEN)
    assert bad.outcome is outcome
    assert said is None or bad.said == said


async def test_a_provider_that_never_answers_holds_nobody_up_and_takes_a_bounded_number_of_threads() -> None:
    released = threading.Event()
    sender = sender_of(hangs=released.wait, good=answer(101, "Success", "A"))
    sender._timeout_s = 0  # a deadline of one second
    threads = threading.active_count()
    try:
        for _ in range(3):
            results = await sent(sender, *["hangs"] * 8)
            assert {one.outcome for one in results} == {SendOutcome.NETWORK}
            assert threading.active_count() <= threads + THREADS_MAX
        assert {one.said for one in await sent(sender, "good")} == {"NoThreadLeft: not taken"}
    finally:
        released.set()
    for thread in threading.enumerate():
        if thread.name == "africastalking":
            await asyncio.to_thread(thread.join)
    assert [one.outcome for one in await sent(sender, "good")] == [SendOutcome.TAKEN]


STOPS = """
import asyncio, threading
from gateway.sms.senders.africastalking.sender import AfricasTalkingSender
from gateway.sms.senders.contract import ClaimedSms

class Hangs:
    def send(self, *_a, **_k):
        called.set()
        threading.Event().wait()

called = threading.Event()

async def main():
    message = ClaimedSms(1, "k", "+22370000001", "x", 1)
    work = asyncio.create_task(AfricasTalkingSender(Hangs(), None, 600).send([message]))
    while not called.is_set():
        await asyncio.sleep(0)
    work.cancel()

asyncio.run(main())
print("stopped")
"""


def test_a_call_that_hangs_does_not_keep_the_process_from_ending() -> None:
    done = subprocess.run([sys.executable, "-c", STOPS], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout == "stopped\n"


@pytest.mark.parametrize("code", [100, 101, 102])
async def test_africas_talking_is_given_the_number_the_text_and_our_name(code: int) -> None:
    with provider((201, taken(code))) as desk:
        assert await africastalking(desk).send([MESSAGE]) == [SendResult(7, SendOutcome.TAKEN, "ATXid_1")]
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
    ("status", "body", "outcome", "said"),
    [
        (201, taken(403), SendOutcome.NUMBER, "403 Success: Sent to 1/1"),
        (201, taken(502), SendOutcome.NETWORK, "502 Success: Sent to 1/1"),
        (201, b'{"SMSMessageData": {}}', SendOutcome.NETWORK, "réponse sans destinataire (dict)"),
        (201, b"null", SendOutcome.NETWORK, "réponse sans destinataire (NoneType)"),
        (401, b"The supplied authentication is invalid", SendOutcome.ACCOUNT, "The supplied authentication is invalid"),
        (500, b"", SendOutcome.NETWORK, "réponse vide"),
    ],
)
async def test_over_the_wire_a_refusal_says_why_and_no_secret(
    status: int, body: bytes, outcome: SendOutcome, said: str
) -> None:
    with provider((status, body)) as desk:
        [result] = await africastalking(desk, sender_id=None).send([MESSAGE])
    assert result == SendResult(7, outcome, None, said)
    assert "from" not in desk.received[0][1]


async def test_json_under_another_content_type_is_read_all_the_same() -> None:
    with provider((201, taken()), content_type="application/json; charset=utf-8") as desk:
        assert await africastalking(desk).send([MESSAGE]) == [SendResult(7, SendOutcome.TAKEN, "ATXid_1")]


def test_the_account_of_trials_goes_to_their_sandbox() -> None:
    trial, real = open_sender("sandbox", "k" * 16, None, 5), open_sender("ramu", "k" * 16, None, 5)
    assert trial._service._baseUrl == "https://api.sandbox.africastalking.com/version1"
    assert real._service._baseUrl == "https://api.africastalking.com/version1"
