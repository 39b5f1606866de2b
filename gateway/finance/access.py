"""Who may come in: a login, a password, and a door that closes longer after every fifth mistake."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from gateway.database import Database
from gateway.finance import audit, sessions
from gateway.finance.passwords import Passwords
from gateway.finance.roles import Role
from gateway.finance.sessions import SessionRules
from gateway.ids import Ids
from gateway.tables import Staff

FAILURES_BEFORE_LOCK = 5
FIRST_LOCK_S = 15 * 60
LONGEST_LOCK_S = 24 * 3600
DOUBLINGS_MAX = 16


@dataclass(frozen=True, slots=True)
class LoginForm:
    """What a person typed, and from where."""

    login: str
    password: str
    address: str
    previous_token: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    staff_id: int
    role: Role
    password_hash: str
    failures: int


@dataclass(frozen=True, slots=True)
class _Known:
    staff_id: int
    role: Role
    fresh_hash: str | None


@dataclass(frozen=True, slots=True)
class _Locked:
    failures: int


def lock_s(failures: int) -> int:
    """Give how long the door stays closed after so many mistakes in a row: 15 minutes, doubled at every fifth."""
    if failures == 0 or failures % FAILURES_BEFORE_LOCK:
        return 0
    longer = min(failures // FAILURES_BEFORE_LOCK - 1, DOUBLINGS_MAX)
    return min(FIRST_LOCK_S << longer, LONGEST_LOCK_S)


@dataclass(frozen=True, slots=True)
class Door:
    """Where people come in."""

    desk: Database
    ids: Ids
    passwords: Passwords
    rules: SessionRules

    async def log_in(self, form: LoginForm, now: datetime) -> str | None:
        """Give the token of a new login, or None without saying which part was wrong."""
        known = await self._recognised(form, now)
        if known is None:
            return None

        async def admit(connection: AsyncConnection) -> str:
            await _forgive(connection, known)
            await sessions.sweep(connection, self.rules, now)
            await sessions.close_session(connection, form.previous_token)
            actor = audit.actor_of(form.login)
            await audit.record(connection, now, actor, "login", actor, address=form.address)
            return await sessions.open_session(connection, self.ids, known.staff_id, now)

        return await self.desk.transact(admit)

    async def role_of(self, form: LoginForm, now: datetime) -> Role | None:
        """Give the role of whoever signs away from the console, or None without saying which part was wrong."""
        known = await self._recognised(form, now)
        if known is None:
            return None

        async def confirm(connection: AsyncConnection) -> None:
            await _forgive(connection, known)
            actor = audit.actor_of(form.login)
            await audit.record(connection, now, actor, "password.confirmed", actor, address=form.address)

        await self.desk.transact(confirm)
        return known.role

    async def _recognised(self, form: LoginForm, now: datetime) -> _Known | None:
        async def count(connection: AsyncConnection) -> _Candidate | _Locked | None:
            return await _counted(connection, form.login, now)

        async with self.passwords.place():
            attempt = await self.desk.transact(count)
            password_hash = attempt.password_hash if isinstance(attempt, _Candidate) else None
            fits = await self.passwords.verify(password_hash, form.password)
            if isinstance(attempt, _Candidate) and fits:
                fresh_hash = await self.passwords.renewed(attempt.password_hash, form.password)
                return _Known(attempt.staff_id, attempt.role, fresh_hash)

        async def refuse(connection: AsyncConnection) -> None:
            await _refuse(connection, form, attempt, now)

        await self.desk.transact(refuse)
        return None


async def _counted(connection: AsyncConnection, login: str, now: datetime) -> _Candidate | _Locked | None:
    # Every attempt counts as a mistake before it is looked at: many at once cannot slip in under the lock.
    statement = (
        select(
            col(Staff.id), col(Staff.role), col(Staff.password_hash), col(Staff.failed_logins), col(Staff.locked_until)
        )
        .where(col(Staff.login) == login, col(Staff.disabled_at).is_(None))
        .with_for_update()
    )
    found = (await connection.execute(statement)).one_or_none()
    if found is None:
        return None
    if found.locked_until is not None and found.locked_until > now:
        return _Locked(found.failed_logins)
    failures = found.failed_logins + 1
    closed_s = lock_s(failures)
    await connection.execute(
        update(Staff)
        .where(col(Staff.id) == found.id)
        .values(failed_logins=failures, locked_until=now + timedelta(seconds=closed_s) if closed_s else None)
    )
    return _Candidate(found.id, Role(found.role), found.password_hash, failures)


async def _refuse(
    connection: AsyncConnection, form: LoginForm, attempt: _Candidate | _Locked | None, now: datetime
) -> None:
    if attempt is None:
        # A login that nobody has may be a password typed in the wrong field: it is not written down.
        await audit.record(connection, now, "staff", "login.failed", "staff", address=form.address, known=False)
        return
    actor, locked = audit.actor_of(form.login), isinstance(attempt, _Locked)
    await audit.record(
        connection, now, actor, "login.failed", actor,
        address=form.address, known=True, failures=attempt.failures, locked=locked,
    )  # fmt: skip


async def _forgive(connection: AsyncConnection, known: _Known) -> None:
    changes: dict[str, str | int | None] = {"failed_logins": 0, "locked_until": None}
    if known.fresh_hash is not None:
        changes["password_hash"] = known.fresh_hash
    await connection.execute(update(Staff).where(col(Staff.id) == known.staff_id).values(**changes))
