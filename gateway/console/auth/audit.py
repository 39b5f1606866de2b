"""Who did what at the console, kept for ever."""

from datetime import datetime

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.staff.tables import AuditEvent


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
