"""What every aggregator gives us and takes from us, so that a new one is one file and its cases."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Protocol

from payments.wire import RawRequest, RawResponse
from ussd_flows.screen import Screen


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

    ``text`` is what the caller typed in this turn alone, or the dialled tail of the first. An aggregator that repeats
    the whole path every time leaves it None and gives the path as ``transcript``.
    """

    aggregator: str
    session_id: str
    msisdn: str
    service_code: str
    event: TurnEvent
    text: str | None
    transcript: str | None
    operator: str | None


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
        """Give the name that stands in addresses and settings."""

    def parse(self, request: RawRequest) -> Turn:
        """Read a request, or raise ``TurnRejected``; its path begins behind the secret key."""

    def render(self, screen: Screen | None, turn: Turn) -> RawResponse:
        """Write a screen; None acknowledges a turn that nobody waits for."""

    def refuse(self, sentence: str) -> RawResponse:
        """Write a sentence that ends the dialogue, for a turn that could not be read."""


#: Aggregators by name.
Aggregators = Mapping[str, Aggregator]
