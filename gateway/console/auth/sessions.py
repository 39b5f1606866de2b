"""Logins in progress: an opaque token in a cookie, its digest in the database, and nothing to forge."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col
from starlette.responses import Response

from gateway.console.auth.roles import RIGHTS, Right, Role
from gateway.infra.ids import Ids
from gateway.staff.tables import Staff, StaffSession

#: Presence is written down no more often than this, so that reading a page is rarely a write.
TOUCH_AFTER_S = 30
TOKEN_CHARS_MAX = 200


@dataclass(frozen=True, slots=True)
class SessionRules:
    """How long a login lasts without use and at most."""

    idle_s: int = 15 * 60
    absolute_s: int = 12 * 3600


@dataclass(frozen=True, slots=True)
class Officer:
    """The colleague behind a request; ``must_choose`` while her password is one that somebody else gave her."""

    staff_id: int
    login: str
    name: str
    role: Role
    csrf_token: str
    must_choose: bool = False

    def may(self, right: Right) -> bool:
        """Return whether the role has this right; with a password of somebody else's there is none but to come in."""
        return right in RIGHTS[self.role] and (right is Right.ENTER or not self.must_choose)


@dataclass(frozen=True, slots=True)
class Cookies:
    """The names and the marks of our cookies; a browser takes ``__Host-`` only over TLS and only from us."""

    secure: bool

    @property
    def session(self) -> str:
        """Name the cookie of a login."""
        return "__Host-ramu" if self.secure else "ramu"

    @property
    def form(self) -> str:
        """Name the cookie that ties a login form to the browser that asked for it."""
        return "__Host-ramu-form" if self.secure else "ramu-form"

    @property
    def device(self) -> str:
        """Name the cookie by which a browser that came in before is known."""
        return "__Host-ramu-device" if self.secure else "ramu-device"

    def put(self, response: Response, name: str, value: str) -> None:
        """Set a cookie until the browser closes."""
        response.set_cookie(name, value, path="/", secure=self.secure, httponly=True, samesite="strict")

    def put_lasting(self, response: Response, name: str, value: str, lifetime_s: int) -> None:
        """Set a cookie that outlasts the browser's closing."""
        response.set_cookie(
            name, value, max_age=lifetime_s, path="/", secure=self.secure, httponly=True, samesite="strict"
        )

    def drop(self, response: Response, name: str) -> None:
        """Take a cookie back."""
        response.delete_cookie(name, path="/", secure=self.secure, httponly=True, samesite="strict")


async def open_session(connection: AsyncConnection, ids: Ids, staff_id: int, now: datetime) -> str:
    """Begin a login and return its token, which is kept nowhere."""
    token = ids.token()
    await connection.execute(
        insert(StaffSession).values(
            token_sha256=_digest(token), staff_id=staff_id, csrf_token=ids.token(), started_at=now, seen_at=now
        )
    )
    return token


async def officer_of(connection: AsyncConnection, token: str, rules: SessionRules, now: datetime) -> Officer | None:
    """Return the colleague whose login this is, while it lasts; a role or a dismissal counts at once."""
    if not token or len(token) > TOKEN_CHARS_MAX:
        return None
    statement = (
        select(
            col(Staff.id), col(Staff.login), col(Staff.name), col(Staff.role),
            col(StaffSession.csrf_token), col(StaffSession.seen_at), col(Staff.one_time_until),
        )
        .join_from(StaffSession, Staff, col(Staff.id) == col(StaffSession.staff_id))
        .where(
            col(StaffSession.token_sha256) == _digest(token),
            col(StaffSession.seen_at) > now - timedelta(seconds=rules.idle_s),
            col(StaffSession.started_at) > now - timedelta(seconds=rules.absolute_s),
            col(Staff.disabled_at).is_(None),
        )
    )  # fmt: skip
    found = (await connection.execute(statement)).one_or_none()
    if found is None:
        return None
    if now - found.seen_at >= timedelta(seconds=TOUCH_AFTER_S):
        await connection.execute(
            update(StaffSession).where(col(StaffSession.token_sha256) == _digest(token)).values(seen_at=now)
        )
    must_choose = found.one_time_until is not None
    return Officer(found.id, found.login, found.name, Role(found.role), found.csrf_token, must_choose)


async def close_session(connection: AsyncConnection, token: str) -> None:
    """End a login, here and not only in the browser."""
    await connection.execute(delete(StaffSession).where(col(StaffSession.token_sha256) == _digest(token)))


async def close_sessions_of(connection: AsyncConnection, staff_id: int) -> None:
    """End every login of one colleague."""
    await connection.execute(delete(StaffSession).where(col(StaffSession.staff_id) == staff_id))


async def close_other_sessions_of(connection: AsyncConnection, staff_id: int, token: str) -> None:
    """End every login of one colleague but the one that this token stands for."""
    others = delete(StaffSession).where(
        col(StaffSession.staff_id) == staff_id, col(StaffSession.token_sha256) != _digest(token)
    )
    await connection.execute(others)


async def sweep(connection: AsyncConnection, rules: SessionRules, now: datetime, most: int) -> int:
    """Forget logins that are over, so many at most, and return how many; nobody waits for it."""
    over = (
        select(col(StaffSession.token_sha256))
        .where(
            or_(
                col(StaffSession.seen_at) <= now - timedelta(seconds=rules.idle_s),
                col(StaffSession.started_at) <= now - timedelta(seconds=rules.absolute_s),
            )
        )
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return (await connection.execute(delete(StaffSession).where(col(StaffSession.token_sha256).in_(over)))).rowcount


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
