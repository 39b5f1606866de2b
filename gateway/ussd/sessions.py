"""Where callers stand between two turns: what is kept, and what every store of it promises."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final, Protocol

from pydantic import AwareDatetime, ConfigDict, TypeAdapter, ValidationError

from payments.http_messages import RawResponse
from ussd_flows.state import MENUS_VERSION, FlowState

#: So long a dialogue that broke off can be found by its number, after its last turn and after it was hung up.
RESUMABLE_FOR: Final = timedelta(minutes=10)
#: Raised when the meaning of stored sessions changes; older ones then count as absent.
FORMAT: Final = 3


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
    answered_at: AwareDatetime
    state: FlowState | None
    reply: Reply


class SessionStore(Protocol):
    """A place that forgets; losing it costs callers their place in the menu, never money."""

    async def load(self, key: SessionKey, now: datetime) -> StoredSession | None:
        """Return a session that has not expired; one that cannot be read is forgotten and counts as absent."""

    async def save(
        self,
        key: SessionKey,
        session: StoredSession,
        *,
        expected_version: int | None,
        now: datetime,
        expires_at: datetime,
    ) -> bool:
        """Save a session if the one stored still has that version, or if none is kept when None is expected."""

    async def latest_of(self, msisdn: str, now: datetime) -> StoredSession | None:
        """Return the dialogue that a number had last, for a while also after it has expired; nobody goes on in it."""

    async def forget(self, key: SessionKey) -> None:
        """Forget a session; forgetting an absent one is no fault."""

    async def sweep(self, now: datetime, most: int) -> int:
        """Remove what expired so long ago that nobody looks for it, so much at most; return how much that was."""

    async def answers(self) -> bool:
        """Return whether the store can be reached."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is written down of a dialogue, and by which release."""

    # Also of the classes inside, which have no rules of their own. Octets of any alphabet come back as they were.
    __pydantic_config__: ClassVar = ConfigDict(
        strict=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64"
    )

    format: int
    menus: int
    session: StoredSession


_KEPT: Final = TypeAdapter(_Kept)


def encode_session(session: StoredSession) -> str:
    """Write a session as a text that ``decode_session`` reads back."""
    return _KEPT.dump_json(_Kept(FORMAT, MENUS_VERSION, session)).decode()


def decode_session(text: str, version: int) -> StoredSession | None:
    """Read a stored session; None for one that another release wrote, or nobody, or beside another version."""
    try:
        kept = _KEPT.validate_json(text)
    except ValidationError:
        return None
    session = kept.session
    is_ours = (kept.format, kept.menus, session.version) == (FORMAT, MENUS_VERSION, version)
    return session if is_ours and (session.state is not None or session.reply.ends) else None
