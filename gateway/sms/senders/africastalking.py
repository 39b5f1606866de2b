"""Africa's Talking carries the messages; their SDK makes the calls, one message at a time."""

import asyncio
from typing import Any

from africastalking.Service import AfricasTalkingException
from africastalking.SMS import SMSService
from requests import RequestException

from gateway.sms.outbox import ClaimedSms
from gateway.sms.senders.contract import SendResult

#: Processed, sent, queued: what Africa's Talking calls taken.
#: Source: Africa's Talking SMS documentation, recipient status codes, read November 2026.
TAKEN = frozenset({100, 101, 102})
#: Calls to their service at once; the SDK blocks a thread for each.
PARALLEL = 4


class AfricasTalkingSender:
    """Hands messages to Africa's Talking."""

    name = "africastalking"

    def __init__(self, service: SMSService, sender_id: str | None, timeout_s: int) -> None:
        self._service = service
        self._sender_id = sender_id
        self._timeout_s = timeout_s
        self._slots = asyncio.Semaphore(PARALLEL)

    async def send(self, messages: list[ClaimedSms]) -> list[SendResult]:
        """Hand messages over; one that was not taken says why and may be tried again."""
        return list(await asyncio.gather(*(self._send_one(message) for message in messages)))

    async def _send_one(self, message: ClaimedSms) -> SendResult:
        async with self._slots:
            try:
                answer = await asyncio.to_thread(self._call, message)
            except (AfricasTalkingException, RequestException, ValueError) as refused:
                return SendResult(message.id, None, f"{type(refused).__name__}: not taken")
        return _result(message.id, answer)

    def _call(self, message: ClaimedSms) -> Any:  # noqa: ANN401 - the SDK has no types
        return self._service.send(
            message.body, [message.msisdn], sender_id=self._sender_id, timeout=(self._timeout_s, self._timeout_s)
        )


def _result(sms_id: int, answer: Any) -> SendResult:  # noqa: ANN401 - read with care because it has no types
    try:
        recipient = answer["SMSMessageData"]["Recipients"][0]
        code, provider_id = int(recipient["statusCode"]), str(recipient["messageId"])
    except (KeyError, IndexError, TypeError, ValueError):
        return SendResult(sms_id, None, "the answer names no recipient")
    if code not in TAKEN:
        return SendResult(sms_id, None, f"status {code}")
    return SendResult(sms_id, provider_id)


def open_sender(username: str, api_key: str, sender_id: str | None, timeout_s: int) -> AfricasTalkingSender:
    """Open the sender for one account; the account named ``sandbox`` is theirs for trials."""
    return AfricasTalkingSender(SMSService(username, api_key), sender_id, timeout_s)
