"""Operators that refuse us or do not answer: kept while it lasts, for everybody who watches."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


class TroubleKind(StrEnum):
    """Whose fault it is: ours (key, account, format, rate), or nobody answers."""

    REFUSES_US = "refuses_us"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One kind of call to one operator that does not work, and what it says."""

    kind: TroubleKind
    detail: str


SAY = text("""
    INSERT INTO operator_trouble (operator, job, kind, detail, since, seen_at)
    VALUES (:operator, :job, :kind, :detail, :now, :now)
        ON CONFLICT (operator, job)
        DO UPDATE SET kind = EXCLUDED.kind, detail = EXCLUDED.detail, seen_at = EXCLUDED.seen_at
""")

OVER = text("DELETE FROM operator_trouble WHERE operator = :operator AND job = :job AND seen_at <= :now")

FORGET = text("DELETE FROM operator_trouble WHERE operator <> ALL(CAST(:called AS text[])) AND seen_at <= :before")


async def say(connection: AsyncConnection, operator: str, job: str, trouble: Trouble, now: datetime) -> None:
    """Record that one kind of call to an operator does not work; since when is kept from the first time."""
    values = {"operator": operator, "job": job, "kind": trouble.kind, "detail": trouble.detail[:500], "now": now}
    await connection.execute(SAY, values)


async def over(connection: AsyncConnection, operator: str, job: str, now: datetime) -> None:
    """Record that it works again."""
    await connection.execute(OVER, {"operator": operator, "job": job, "now": now})


async def forget_others(connection: AsyncConnection, called: Sequence[str], before: datetime) -> None:
    """Forget the trouble with operators that nobody calls any more: they would never be said to be well again."""
    await connection.execute(FORGET, {"called": list(called), "before": before})
