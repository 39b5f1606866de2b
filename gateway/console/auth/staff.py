"""The people who may come to the console: added, let in again and dismissed from the command line, never by a page.

Whoever does so knows the password that is given, so it is good for one thing: its owner comes in and chooses her own.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from gateway.console.auth import audit
from gateway.console.auth.attempts import forget_account
from gateway.console.auth.devices import forget_devices_of, forget_other_devices_of
from gateway.console.auth.passwords import PASSWORD_CHARS_MAX
from gateway.console.auth.roles import Role
from gateway.console.auth.sessions import close_other_sessions_of, close_sessions_of
from gateway.staff.tables import Staff

#: OWASP ASVS 5.0, 6.2.9: the length makes a password, not its punctuation.
PASSWORD_CHARS_MIN = 15
#: OWASP ASVS 5.0, 6.4.1: what was given by somebody else is changed soon, or is worth nothing.
ONE_TIME_LIFETIME: Final = timedelta(days=3)
NAME_CHARS_MAX = 80
LOGIN_SHAPE = re.compile(r"[a-z][a-z0-9._-]{1,39}")


class StaffRefused(Exception):
    """What cannot be done to the accounts; the text is a French sentence for the terminal."""


@dataclass(frozen=True, slots=True)
class NewStaff:
    """A colleague to be added; ``one_time_until`` is empty when nobody else knows the password."""

    login: str
    name: str
    role: Role
    password_hash: str
    one_time_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class StaffRow:
    """One colleague, as the list shows."""

    login: str
    name: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None


def checked_password(password: str, login: str, *, local_mode: bool) -> str:
    """Return the password back when it may be used; in local mode any may."""
    if local_mode and password:
        return password
    if not PASSWORD_CHARS_MIN <= len(password) <= PASSWORD_CHARS_MAX:
        raise StaffRefused(f"Le mot de passe doit compter de {PASSWORD_CHARS_MIN} à {PASSWORD_CHARS_MAX} caractères.")
    if login in password.lower() or len(set(password)) < PASSWORD_CHARS_MIN // 3:
        raise StaffRefused("Ce mot de passe se devine : il contient l'identifiant ou répète les mêmes caractères.")
    return password


async def add(connection: AsyncConnection, new: NewStaff, actor: str, now: datetime) -> None:
    """Add a colleague, or refuse a login that cannot be one or is taken."""
    if LOGIN_SHAPE.fullmatch(new.login) is None:
        raise StaffRefused("L'identifiant doit commencer par une lettre : a à z, chiffres, point, tiret, 40 au plus.")
    if not new.name.strip() or len(new.name) > NAME_CHARS_MAX or not new.name.isprintable():
        raise StaffRefused(f"Le nom doit être lisible et compter au plus {NAME_CHARS_MAX} caractères.")
    statement = (
        upsert(Staff)
        .values(
            login=new.login, name=new.name.strip(), role=new.role.value, password_hash=new.password_hash,
            created_at=now, one_time_until=new.one_time_until,
        )
        .on_conflict_do_nothing(index_elements=["login"])
        .returning(col(Staff.id))
    )  # fmt: skip
    if (await connection.execute(statement)).scalar_one_or_none() is None:
        raise StaffRefused(f"L'identifiant « {new.login} » existe déjà.")
    await audit.record(connection, now, actor, "staff.added", audit.actor_of(new.login), role=new.role.value)


async def disable(connection: AsyncConnection, login: str, actor: str, now: datetime) -> None:
    """Dismiss a colleague: every login in progress ends at once."""
    statement = (
        update(Staff)
        .where(col(Staff.login) == login, col(Staff.disabled_at).is_(None))
        .values(disabled_at=now)
        .returning(col(Staff.id))
    )
    staff_id = (await connection.execute(statement)).scalar_one_or_none()
    if staff_id is None:
        raise StaffRefused(f"Aucun compte actif « {login} ».")
    await close_sessions_of(connection, staff_id)
    await forget_devices_of(connection, staff_id)
    await audit.record(connection, now, actor, "staff.disabled", audit.actor_of(login))


async def renew(connection: AsyncConnection, login: str, password_hash: str, actor: str, now: datetime) -> None:
    """Give a colleague a one-time password; her mistakes, her browsers and her logins in progress are forgotten."""
    statement = (
        update(Staff)
        .where(col(Staff.login) == login, col(Staff.disabled_at).is_(None))
        .values(password_hash=password_hash, one_time_until=now + ONE_TIME_LIFETIME)
        .returning(col(Staff.id))
    )
    staff_id = (await connection.execute(statement)).scalar_one_or_none()
    if staff_id is None:
        raise StaffRefused(f"Aucun compte actif « {login} ».")
    await close_sessions_of(connection, staff_id)
    await forget_devices_of(connection, staff_id)
    await forget_account(connection, login)
    await audit.record(connection, now, actor, "staff.renewed", audit.actor_of(login))


@dataclass(frozen=True, slots=True)
class OwnPassword:
    """What a colleague chose for herself, and by which tokens the browser in front of her is known."""

    staff_id: int
    login: str
    password_hash: str
    session_token: str
    device_token: str


async def choose(connection: AsyncConnection, own: OwnPassword, now: datetime) -> None:
    """Keep the password that a colleague chose; every login and browser of hers but this one is forgotten."""
    await connection.execute(
        update(Staff).where(col(Staff.id) == own.staff_id).values(password_hash=own.password_hash, one_time_until=None)
    )
    await close_other_sessions_of(connection, own.staff_id, own.session_token)
    await forget_other_devices_of(connection, own.staff_id, own.device_token)
    await audit.record(connection, now, audit.actor_of(own.login), "password.changed", audit.actor_of(own.login))


async def everyone(connection: AsyncConnection) -> tuple[StaffRow, ...]:
    """Return every colleague there is or was."""
    statement = select(
        col(Staff.login), col(Staff.name), col(Staff.role), col(Staff.created_at), col(Staff.disabled_at)
    ).order_by(col(Staff.login))
    return tuple(
        StaffRow(row.login, row.name, Role(row.role), row.created_at, row.disabled_at)
        for row in await connection.execute(statement)
    )
