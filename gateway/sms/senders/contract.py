"""What every sender of messages gives us."""

from dataclasses import dataclass
from typing import Protocol

from gateway.sms.outbox import ClaimedSms


@dataclass(frozen=True, slots=True)
class SendResult:
    """What a sender said of one message; without a ``provider_id`` it was not taken."""

    sms_id: int
    provider_id: str | None
    error: str = ""


class SmsSender(Protocol):
    """Something that carries messages to phones; it never raises for a message that it could not carry."""

    @property
    def name(self) -> str:
        """The name used in settings and counters."""

    async def send(self, messages: list[ClaimedSms]) -> list[SendResult]:
        """Carry messages, each with its own result."""
