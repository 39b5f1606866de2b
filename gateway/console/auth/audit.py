"""Who did what at the console, kept for ever."""

from datetime import datetime
from typing import Final

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.infra.logs import mask_text
from gateway.staff.tables import AuditEvent

#: Longer than any good reason.
REASON_CHARS_MAX: Final = 200


def actor_of(login: str) -> str:
    """Name a colleague as the author of something."""
    return f"staff/{login}"


async def record(
    connection: AsyncConnection, now: datetime, actor: str, action: str, subject: str, **detail: str | int | bool | None
) -> None:
    """Add one event; nothing secret and no whole telephone number belongs in ``detail``."""
    await connection.execute(
        insert(AuditEvent).values(at=now, actor=actor, action=action, subject=subject, detail=detail)
    )


async def people_shown(connection: AsyncConnection, now: datetime, actor: str, subject: str, reason: str) -> None:
    """Add that somebody saw names and numbers whole, and why."""
    await record(connection, now, actor, "people.shown", subject, reason=mask_text(reason)[:REASON_CHARS_MAX])
