"""What waits for a person: operators that refuse us or are silent, and what could not be read, answered or taken."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.requests.trouble import TroubleKind

TROUBLES = text("SELECT operator, job, kind, detail, since, seen_at FROM operator_trouble ORDER BY operator, job")

#: A callback that is parked has a list of its own, but for what a release that knew no such list parked while this one
#: was rolled out: it is looked for among the last ones, since a flood may have parked any number.
LOOKED_AT = 1_000
_UNLISTED = """
    SELECT * FROM (SELECT id, operator, received_at, parked_at, attempts, last_error FROM callback
                    WHERE parked_at IS NOT NULL AND handled_at IS NULL
                    ORDER BY parked_at DESC LIMIT :looked_at) AS callback
     WHERE NOT EXISTS (SELECT FROM unreadable_callback WHERE callback_id = callback.id AND closed_at IS NULL)
"""
_OLDEST = """
    SELECT id, operator, received_at, parked_at, attempts, last_error FROM callback
     WHERE parked_at IS NOT NULL AND handled_at IS NULL
     ORDER BY parked_at, id LIMIT :most
"""

#: One shape for all, so that one list shows them; each of the operators' has a partial index of its own.
_PARKED = """
    SELECT * FROM (
        SELECT 'A' || id AS name, operator, 'callback' AS kind, received_at AS since, parked_at, attempts,
               coalesce(last_error, '') AS why
          FROM ({callbacks}) AS callback
        UNION ALL
        SELECT 'Q' || id, operator, 'question', opened_at, parked_at, attempts, coalesce(last_detail, '')
          FROM inquiry WHERE parked_at IS NOT NULL
        UNION ALL
        SELECT 'D' || id, request.operator, 'request', created_at, queue.parked_at, failures, coalesce(last_detail, '')
          FROM payment_request_queue queue JOIN payment_request request ON request.id = queue.request_id
         WHERE queue.parked_at IS NOT NULL
        UNION ALL
        SELECT 'M' || household_id, '', 'household', parked_at, parked_at, attempts, why
          FROM parked_household) AS waiting
     ORDER BY parked_at, name LIMIT :most
"""
PARKED = text(_PARKED.format(callbacks=_OLDEST))
PARKED_ELSEWHERE = text(_PARKED.format(callbacks=_UNLISTED))

#: Each belongs to the day on which it came.
COUNT_BETWEEN = text(f"""
    SELECT (SELECT count(*) FROM ({_UNLISTED}) AS unlisted WHERE received_at >= :start AND received_at < :end)
         + (SELECT count(*) FROM inquiry WHERE parked_at IS NOT NULL AND opened_at >= :start AND opened_at < :end)
         + (SELECT count(*) FROM payment_request_queue queue
              JOIN payment_request request ON request.id = queue.request_id
             WHERE queue.parked_at IS NOT NULL AND created_at >= :start AND created_at < :end)
         + (SELECT count(*) FROM parked_household WHERE parked_at >= :start AND parked_at < :end)
""")  # noqa: S608 - our own words

#: Few at any time, and all of them in the index of what a job takes next.
PUT_OFF = text("""
    SELECT 'A' || id AS name, operator, received_at AS since, next_attempt_at, attempts, last_error AS why
      FROM callback
     WHERE handled_at IS NULL AND parked_at IS NULL AND LEAST(attempts, 1) = 1 AND last_error IS NOT NULL
     ORDER BY next_attempt_at, id LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class TroubleRow:
    """One kind of call to one operator that does not work at present."""

    operator: str
    job: str
    kind: TroubleKind
    detail: str
    since: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class ParkedRow:
    """One thing that was set aside; ``name`` is what a person types to have it tried again."""

    name: str
    operator: str
    kind: str
    since: datetime
    parked_at: datetime
    attempts: int
    why: str


@dataclass(frozen=True, slots=True)
class PutOffRow:
    """One callback that failed and will be read again by itself."""

    name: str
    operator: str
    since: datetime
    next_attempt_at: datetime
    attempts: int
    why: str


async def troubles(connection: AsyncConnection) -> tuple[TroubleRow, ...]:
    """Return the operators that refuse us or are silent."""
    rows = (await connection.execute(TROUBLES)).all()
    return tuple(TroubleRow(**{**row._asdict(), "kind": TroubleKind(row.kind)}) for row in rows)


async def parked(connection: AsyncConnection, most: int, *, listed: bool = True) -> tuple[ParkedRow, ...]:
    """Return what was set aside, the oldest first; unless ``listed``, without the callbacks that have their list."""
    if listed:
        rows = await connection.execute(PARKED, {"most": most})
    else:
        rows = await connection.execute(PARKED_ELSEWHERE, {"most": most, "looked_at": LOOKED_AT})
    return tuple(ParkedRow(*row) for row in rows.all())


async def put_off(connection: AsyncConnection, most: int) -> tuple[PutOffRow, ...]:
    """Return the callbacks that failed and are tried again, whichever comes first."""
    return tuple(PutOffRow(*row) for row in (await connection.execute(PUT_OFF, {"most": most})).all())


async def parked_count_between(connection: AsyncConnection, start: datetime, end: datetime) -> int:
    """Count what came in a stretch of time and was set aside, without the callbacks that are listed by sender."""
    return int(await connection.scalar(COUNT_BETWEEN, {"start": start, "end": end, "looked_at": LOOKED_AT}) or 0)
