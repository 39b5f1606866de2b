"""What every sender of messages is given and gives back."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ClaimedSms:
    """A message that this worker alone may send until its lease ends."""

    id: int
    key: str
    msisdn: str
    body: str
    attempts: int


class SendOutcome(StrEnum):
    """What became of one hand-over: taken, or what kept it back."""

    TAKEN = "taken"
    #: The provider or the network is in trouble, or we could not read the answer: wait, without limit.
    NETWORK = "network"
    #: Our account there is empty: wait, without limit, until somebody fills it.
    BALANCE = "balance"
    #: The provider refuses us, not the number: our key, our name as a sender, our traffic. Wait, and say it loudly.
    ACCOUNT = "account"
    #: This number will never take our messages: give up.
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class SendResult:
    """What a sender says of one message; ``said`` are the provider's own words, bounded, without whole numbers."""

    sms_id: int
    outcome: SendOutcome
    provider_id: str | None = None
    said: str = ""


class SmsSender(Protocol):
    """Something that carries messages to phones; it never raises for a message that it could not carry."""

    @property
    def name(self) -> str:
        """Return the name used in settings and counters."""

    async def send(self, messages: list[ClaimedSms]) -> list[SendResult]:
        """Carry messages, each with its own result."""
