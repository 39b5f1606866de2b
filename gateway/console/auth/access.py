"""Who may come in: a login, a password, and a wait that grows with mistakes and keeps nobody out for long."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from gateway.console.auth import attempts, audit, devices, sessions
from gateway.console.auth.attempts import TooSoon, Tried
from gateway.console.auth.passwords import Passwords, PasswordsBusy
from gateway.console.auth.roles import Role
from gateway.console.auth.sessions import SessionRules
from gateway.console.auth.waits import key_of
from gateway.infra.database import Database
from gateway.infra.ids import Ids
from gateway.staff.tables import Staff


class MustWait(Exception):
    """A try that comes before its time, whether the login exists or not; nothing of it was looked at."""

    def __init__(self, wait_s: int) -> None:
        self.wait_s = wait_s
        super().__init__(f"try again in {wait_s} s")


class OneTimeExpired(Exception):
    """A right password that somebody else gave, and that its owner did not change in time."""


class OwnPasswordNeeded(Exception):
    """A right password that somebody else gave: nothing is signed under it."""


@dataclass(frozen=True, slots=True)
class LoginForm:
    """What a person typed, from where, and what her browser carried."""

    login: str
    password: str = field(repr=False)
    address: str
    previous_token: str = field(default="", repr=False)
    device_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class LoginTokens:
    """The tokens of a new login: the session's, and the one by which the browser is known the next time."""

    session_token: str
    device_token: str


@dataclass(frozen=True, slots=True)
class _Known:
    staff_id: int
    role: Role
    password_hash: str
    one_time_until: datetime | None


@dataclass(frozen=True, slots=True)
class _Attempt:
    tried: Tried
    known: _Known | None


@dataclass(frozen=True, slots=True)
class _Recognised:
    staff_id: int
    role: Role
    tried: Tried
    fresh_hash: str | None
    one_time_until: datetime | None


@dataclass(frozen=True, slots=True)
class LoginService:
    """Where people come in."""

    console_db: Database
    ids: Ids
    passwords: Passwords
    rules: SessionRules

    async def log_in(self, form: LoginForm, now: datetime) -> LoginTokens | None:
        """Return the tokens of a new login, or None without saying which part was wrong.

        Errors:  MustWait; OneTimeExpired, which only somebody who knows the password is told.
        """
        known = await self._recognised(form, now, from_network=True)
        if known is None:
            return None
        if known.one_time_until is not None and now >= known.one_time_until:
            raise OneTimeExpired

        async def admit(connection: AsyncConnection) -> LoginTokens:
            await _pardon(connection, known, now)
            await sessions.close_session(connection, form.previous_token)
            actor = audit.actor_of(form.login)
            await audit.record(connection, now, actor, "login", actor, address=form.address)
            device_token = await devices.remember(connection, self.ids, known.staff_id, form.device_token, now)
            return LoginTokens(await sessions.open_session(connection, self.ids, known.staff_id, now), device_token)

        return await self.console_db.transact(admit)

    async def role_of(self, form: LoginForm, now: datetime, *, from_network: bool = False) -> Role | None:
        """Return the role of whoever signs, at the console or at the server's own command line.

        No guess from the network slows the command line. None tells not which part was wrong.
        Errors:  MustWait, from mistakes made at the same place; OwnPasswordNeeded.
        """
        known = await self._recognised(form, now, from_network=from_network)
        if known is None:
            return None
        if known.one_time_until is not None:
            raise OwnPasswordNeeded
        await self._confirm(form, known, now)
        return known.role

    async def confirms(self, form: LoginForm, now: datetime) -> bool:
        """Return whether a colleague who came in knows her password, as she must before she changes it."""
        known = await self._recognised(form, now, from_network=True)
        if known is not None:
            await self._confirm(form, known, now)
        return known is not None

    async def _confirm(self, form: LoginForm, known: _Recognised, now: datetime) -> None:
        async def confirm(connection: AsyncConnection) -> None:
            await _pardon(connection, known, now)
            actor = audit.actor_of(form.login)
            await audit.record(connection, now, actor, "password.confirmed", actor, address=form.address)

        await self.console_db.transact(confirm)

    async def _recognised(self, form: LoginForm, now: datetime, *, from_network: bool) -> _Recognised | None:
        async def count(connection: AsyncConnection) -> _Attempt | TooSoon:
            return await _counted(connection, form, now, from_network=from_network)

        attempt = await self.console_db.transact(count)
        if isinstance(attempt, TooSoon):
            raise MustWait(attempt.wait_s)
        known = attempt.known
        try:
            async with self.passwords.slot():
                fits = await self.passwords.verify(known.password_hash if known else None, form.password)
                fresh_hash = (
                    await self.passwords.renewed(known.password_hash, form.password) if known and fits else None
                )
        except PasswordsBusy:
            await self.console_db.transact(lambda connection: attempts.take_back(connection, attempt.tried, now))
            raise
        if known is not None and fits:
            return _Recognised(known.staff_id, known.role, attempt.tried, fresh_hash, known.one_time_until)
        await self.console_db.transact(lambda connection: _refuse(connection, form, now, is_known=known is not None))
        return None


async def _counted(
    connection: AsyncConnection, form: LoginForm, now: datetime, *, from_network: bool
) -> _Attempt | TooSoon:
    if not from_network:
        tried = await attempts.count_known(connection, key_of("command", form.login), now)
    elif await devices.is_known(connection, form.device_token, form.login, now):
        tried = await attempts.count_known(connection, key_of("device", form.device_token), now)
    else:
        tried = await attempts.count_stranger(connection, form.address, form.login, now)
    if isinstance(tried, TooSoon):
        return tried
    statement = select(col(Staff.id), col(Staff.role), col(Staff.password_hash), col(Staff.one_time_until)).where(
        col(Staff.login) == form.login, col(Staff.disabled_at).is_(None)
    )
    found = (await connection.execute(statement)).one_or_none()
    if found is None:
        return _Attempt(tried, None)
    return _Attempt(tried, _Known(found.id, Role(found.role), found.password_hash, found.one_time_until))


async def _refuse(connection: AsyncConnection, form: LoginForm, now: datetime, *, is_known: bool) -> None:
    # A login that nobody has may be a password typed in the wrong field: it is not written down.
    actor = audit.actor_of(form.login) if is_known else "staff"
    await audit.record(connection, now, actor, "login.failed", actor, address=form.address, known=is_known)


async def _pardon(connection: AsyncConnection, known: _Recognised, now: datetime) -> None:
    await attempts.pardon(connection, known.tried, now)
    if known.fresh_hash is not None:
        await connection.execute(
            update(Staff).where(col(Staff.id) == known.staff_id).values(password_hash=known.fresh_hash)
        )
