"""What every aggregator gives us and takes from us, so that a new one is one file and its cases."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Final, Protocol

from payments.http_messages import RawRequest, RawResponse
from ussd_flows.screen import Screen

#: Nobody reads a screen and answers it in less: the same text within this time after our answer is the same turn again.
REPEAT_WITHIN: Final = timedelta(seconds=2)


class TurnEvent(StrEnum):
    """What happened at the other end of the line."""

    BEGIN = "begin"
    CONTINUE = "continue"
    END = "end"
    ABORT = "abort"
    TIMEOUT = "timeout"


#: After these nobody reads an answer.
HUNG_UP = frozenset({TurnEvent.END, TurnEvent.ABORT, TurnEvent.TIMEOUT})


@dataclass(frozen=True, slots=True)
class Turn:
    """One exchange of a dialogue, whatever wire brought it.

    ``turn_id`` tells a repeat from a new answer: a sequence number or the nonce of a signed link; None where there is
    no such thing. ``text`` is what the caller typed in this turn alone, or the dialled tail of the first. An aggregator
    that repeats the whole path every time leaves ``text`` None and gives the path as ``transcript``, which names the
    turn as well. Where nothing on the wire marks a first turn, the aggregator calls one without text, or with the
    dialled code, a beginning. ``service_code`` is empty where it was not said. A turn ``is_garbled`` when the wire says
    two answers at once: none of them counts, and the caller is asked again.
    """

    aggregator: str
    session_id: str
    turn_id: str | None
    msisdn: str
    service_code: str
    event: TurnEvent
    text: str | None
    transcript: str | None
    operator: str | None
    received_at: datetime
    is_garbled: bool = False

    @property
    def begins(self) -> bool:
        """Return whether the caller has just dialled."""
        return self.event is TurnEvent.BEGIN

    @property
    def is_named(self) -> bool:
        """Return whether a repeat of this turn can be told from a new answer for sure."""
        return self.turn_id is not None or self.transcript is not None


class TurnRejected(Exception):
    """A request that is no turn; with status 200 a caller waits for a sentence, else only a machine reads it."""

    def __init__(self, status: HTTPStatus, message_for_caller: str) -> None:
        self.status = status
        self.message_for_caller = message_for_caller
        super().__init__(message_for_caller)


class Aggregator(Protocol):
    """The wire format of one aggregator, without state and without I/O."""

    @property
    def name(self) -> str:
        """Return the name that stands in addresses and settings."""

    @property
    def repeat_within(self) -> timedelta:
        """Return the time after an answer within which the same text is the same turn again."""

    def parse(self, request: RawRequest) -> Turn:
        """Read a request, or raise ``TurnRejected``; its path begins behind the secret key."""

    def render(self, screen: Screen | None, turn: Turn) -> RawResponse:
        """Write a screen; None acknowledges a turn that nobody waits for."""

    def refuse(self, sentence: str) -> RawResponse:
        """Write a sentence that ends the dialogue, for a turn that could not be read."""


#: Aggregators by name.
Aggregators = Mapping[str, Aggregator]
