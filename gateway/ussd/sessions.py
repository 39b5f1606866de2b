"""Where callers stand between two turns: what is kept, and what every store of it promises."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol

from ussd_flows.screen import InputKind, Option, Screen
from ussd_flows.state import FlowState, decode, encode

#: Raised when the meaning of stored sessions changes; older ones then count as absent.
FORMAT = 1


class SessionsUnavailable(Exception):
    """The store of sessions does not answer."""


@dataclass(frozen=True, slots=True)
class SessionKey:
    """The name of a dialogue; an aggregator promises it only among its own."""

    aggregator: str
    session_id: str


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A dialogue after its latest turn, with the reply, so that the same turn can be answered again.

    ``state`` is None once the dialogue has ended. ``version`` counts the turns that were kept.
    """

    msisdn: str
    version: int
    turn_number: int
    transcript: str | None
    state: FlowState | None
    screen: Screen


class SessionStore(Protocol):
    """A place that forgets; losing it costs callers their place in the menu, never money."""

    async def load(self, key: SessionKey, now: datetime) -> StoredSession | None:
        """Give a session that has not expired; one that cannot be read is forgotten and counts as absent."""

    async def save(
        self,
        key: SessionKey,
        session: StoredSession,
        *,
        expected_version: int | None,
        now: datetime,
        expires_at: datetime,
    ) -> bool:
        """Keep a session if the one kept still has that version, or if none is kept when None is expected."""

    async def forget(self, key: SessionKey) -> None:
        """Forget a session; forgetting an absent one is no fault."""

    async def sweep(self, now: datetime) -> int:
        """Remove what has expired and give how many that were."""

    async def answers(self) -> bool:
        """Say whether the store can be reached."""


def encode_session(session: StoredSession) -> str:
    """Write a session as a text that ``decode_session`` reads back; the version is kept beside it."""
    return json.dumps(
        {
            "format": FORMAT,
            "msisdn": session.msisdn,
            "turn_number": session.turn_number,
            "transcript": session.transcript,
            "state": encode(session.state) if session.state else None,
            "screen": asdict(session.screen),
        },
        separators=(",", ":"),
    )


def decode_session(text: str, version: int) -> StoredSession | None:
    """Read a stored session; None for one that another release wrote, or nobody."""
    try:
        stored = json.loads(text)
        if stored["format"] != FORMAT:
            return None
        state = decode(stored["state"]) if stored["state"] else None
        screen = _screen(stored["screen"])
        if state is None and not screen.ends:
            return None
        return StoredSession(
            msisdn=stored["msisdn"],
            version=version,
            turn_number=int(stored["turn_number"]),
            transcript=stored["transcript"],
            state=state,
            screen=screen,
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _screen(stored: dict[str, Any]) -> Screen:
    return Screen(
        text=stored["text"],
        options=tuple(Option(option["key"], option["label"]) for option in stored["options"]),
        input=InputKind(stored["input"]),
        ends=stored["ends"],
        name=stored["name"],
    )
