"""Who may come in: a login, a password, and a door that closes longer after every fifth mistake."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from gateway.database import Database
from gateway.finance import audit, sessions
from gateway.finance.passwords import Passwords
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
    password_hash: str
    failures: int


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

        async def count(connection: AsyncConnection) -> _Candidate | _Locked | None:
            return await _counted(connection, form.login, now)

        attempt = await self.desk.transact(count)
        password_hash = attempt.password_hash if isinstance(attempt, _Candidate) else None
        fits = await self.passwords.verify(password_hash, form.password)
        if not isinstance(attempt, _Candidate) or not fits:

            async def refuse(connection: AsyncConnection) -> None:
                await _refuse(connection, form, attempt, now)

            await self.desk.transact(refuse)
            return None
        fresh_hash = await self.passwords.renewed(attempt.password_hash, form.password)

        async def admit(connection: AsyncConnection) -> str:
            await _forgive(connection, attempt.staff_id, fresh_hash)
            await sessions.sweep(connection, self.rules, now)
            await sessions.close_session(connection, form.previous_token)
            actor = audit.actor_of(form.login)
            await audit.record(connection, now, actor, "login", actor, address=form.address)
            return await sessions.open_session(connection, self.ids, attempt.staff_id, now)

        return await self.desk.transact(admit)


async def _counted(connection: AsyncConnection, login: str, now: datetime) -> _Candidate | _Locked | None:
    # Every attempt counts as a mistake before it is looked at: many at once cannot slip in under the lock.
    statement = (
        select(col(Staff.id), col(Staff.password_hash), col(Staff.failed_logins), col(Staff.locked_until))
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
    return _Candidate(found.id, found.password_hash, failures)


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


async def _forgive(connection: AsyncConnection, staff_id: int, fresh_hash: str | None) -> None:
    changes: dict[str, str | int | None] = {"failed_logins": 0, "locked_until": None}
    if fresh_hash is not None:
        changes["password_hash"] = fresh_hash
    await connection.execute(update(Staff).where(col(Staff.id) == staff_id).values(**changes))
