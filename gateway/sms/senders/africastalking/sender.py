"""Africa's Talking carries the messages; their SDK makes the calls, one message at a time."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from africastalking.Service import AfricasTalkingException
from africastalking.SMS import SMSService

from gateway.sms.senders.africastalking.answers import read_answer, read_refusal
from gateway.sms.senders.contract import ClaimedSms, SendOutcome, SendResult

#: Calls to their service that we wait for at once; the SDK blocks a thread for each.
PARALLEL = 4
#: Calls that were given up may still hang; with so many nothing more is begun until one of them ends.
THREADS_MAX = 16


class NoThreadLeft(Exception):
    """Every line to the provider hangs."""


class AfricasTalkingSender:
    """Hands messages to Africa's Talking."""

    name = "africastalking"

    def __init__(self, service: SMSService, sender_id: str | None, timeout_s: int) -> None:
        self._service = service
        self._sender_id = sender_id
        self._timeout_s = timeout_s
        self._slots = asyncio.Semaphore(PARALLEL)
        self._threads = threading.BoundedSemaphore(THREADS_MAX)

    @property
    def deadline_s(self) -> int:
        """Return the longest that one message is waited for: to connect, to be answered, and a little more.

        The SDK's own limits are between two bytes; an answer that trickles would hold its thread for ever.
        """
        return 2 * self._timeout_s + 1

    async def send(self, messages: list[ClaimedSms]) -> list[SendResult]:
        """Hand messages over; what was not taken says why."""
        return list(await asyncio.gather(*(self._send_one(message) for message in messages)))

    async def _send_one(self, message: ClaimedSms) -> SendResult:
        async with self._slots:
            try:
                answer = await asyncio.wait_for(self._in_a_thread(partial(self._call, message)), self.deadline_s)
                return read_answer(message.id, message.msisdn, answer)
            except AfricasTalkingException as refused:
                # Raised for every answer that is no success; its text is the body.
                return read_refusal(message.id, str(refused))
            except Exception as failed:  # noqa: BLE001 - one message's fault is that message's alone
                return _not_called(message.id, failed)

    def _call(self, message: ClaimedSms) -> Any:  # noqa: ANN401 - the SDK has no types
        return self._service.send(
            message.body, [message.msisdn], sender_id=self._sender_id, timeout=(self._timeout_s, self._timeout_s)
        )

    async def _in_a_thread(self, call: Callable[[], object]) -> object:
        """Run a blocking call in a thread that the end of the process does not wait for, unlike an executor's."""
        if not self._threads.acquire(blocking=False):
            raise NoThreadLeft
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[object] = loop.create_future()

        def run() -> None:
            try:
                tell = partial(_settle, answered, call(), None)
            except Exception as failed:  # noqa: BLE001 - it is told to whoever waits
                tell = partial(_settle, answered, None, failed)
            except BaseException as failed:  # noqa: BLE001 - an exit of the SDK's is not the worker's
                tell = partial(_settle, answered, None, RuntimeError(type(failed).__name__))
            finally:
                self._threads.release()
            with suppress(RuntimeError):  # the loop has ended, and nobody waits
                loop.call_soon_threadsafe(tell)

        threading.Thread(target=run, daemon=True, name="africastalking").start()
        return await answered


def _settle(answered: "asyncio.Future[object]", answer: object, failed: BaseException | None) -> None:
    if answered.done():
        return
    if failed is None:
        answered.set_result(answer)
    else:
        answered.set_exception(failed)


def _not_called(sms_id: int, failed: Exception) -> SendResult:
    # The SDK looks at the number itself before it calls; no other ValueError speaks of the number.
    if type(failed) is ValueError and str(failed).startswith("Invalid phone number"):
        return SendResult(sms_id, SendOutcome.NUMBER, None, "InvalidPhoneNumber")
    return SendResult(sms_id, SendOutcome.NETWORK, None, f"{type(failed).__name__}: not taken")


def open_sender(username: str, api_key: str, sender_id: str | None, timeout_s: int) -> AfricasTalkingSender:
    """Open the sender for one account; the account named ``sandbox`` is theirs for trials."""
    return AfricasTalkingSender(SMSService(username, api_key), sender_id, timeout_s)
