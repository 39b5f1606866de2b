"""Where callers stand between two turns: what is kept, and what every store of it promises."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from payments.wire import RawResponse
from ussd_flows.state import FlowState, decode, encode

#: Raised when the meaning of stored sessions changes; older ones then count as absent.
FORMAT = 2


class SessionsUnavailable(Exception):
    """The store of sessions does not answer."""


@dataclass(frozen=True, slots=True)
class SessionKey:
    """The name of a dialogue; an aggregator promises it only among its own."""

    aggregator: str
    session_id: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered, to the octet, and the name of its screen for those who count."""

    screen: str
    ends: bool
    response: RawResponse


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A dialogue after its latest turn, with the reply, so that the same turn can be answered again.

    The session belongs to one number and, once it was said, to one service code. ``started`` names the dialogue, whose
    session id may be used again. ``turn_ids`` holds the names of the turns answered, the latest last; ``transcript`` is
    the path, or ``text`` the answer, of the latest. ``used_keys`` holds the keys shown or typed under the session id,
    where no path tells one turn from another. ``state`` is None once the dialogue has ended. ``version`` counts the
    turns that were kept.
    """

    msisdn: str
    service_code: str
    started: str
    version: int
    turn_number: int
    turn_ids: tuple[str, ...]
    transcript: str | None
    text: str | None
    used_keys: frozenset[str]
    is_id_used_again: bool
    answered_at: datetime
    state: FlowState | None
    reply: Reply


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
            "service_code": session.service_code,
            "started": session.started,
            "turn_number": session.turn_number,
            "turn_ids": session.turn_ids,
            "transcript": session.transcript,
            "text": session.text,
            "used_keys": sorted(session.used_keys),
            "is_id_used_again": session.is_id_used_again,
            "answered_at": session.answered_at.isoformat(),
            "state": encode(session.state) if session.state else None,
            "reply": _encoded(session.reply),
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
        reply = _decoded(stored["reply"])
        if state is None and not reply.ends:
            return None
        return StoredSession(
            msisdn=stored["msisdn"],
            service_code=stored["service_code"],
            started=stored["started"],
            version=version,
            turn_number=int(stored["turn_number"]),
            turn_ids=tuple(stored["turn_ids"]),
            transcript=stored["transcript"],
            text=stored["text"],
            used_keys=frozenset(stored["used_keys"]),
            is_id_used_again=bool(stored["is_id_used_again"]),
            answered_at=datetime.fromisoformat(stored["answered_at"]).astimezone(UTC),
            state=state,
            reply=reply,
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _encoded(reply: Reply) -> Mapping[str, Any]:
    # Latin-1 gives every octet one character, so any alphabet that an aggregator writes comes back as it was.
    response = reply.response
    body = response.body.decode("latin-1")
    return {
        "screen": reply.screen,
        "ends": reply.ends,
        "status": int(response.status),
        "headers": dict(response.headers),
        "body": body,
    }


def _decoded(stored: Mapping[str, Any]) -> Reply:
    response = RawResponse(stored["status"], stored["headers"], stored["body"].encode("latin-1"))
    return Reply(stored["screen"], stored["ends"], response)
