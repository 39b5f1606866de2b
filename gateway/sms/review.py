"""What a person sees of the messages that reached nobody, and how they are put back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.sms.delivery import IS_UNTRUE
from gateway.sms.kinds import SmsKind, SmsState

#: What a list shows when no state is asked for: all that has not reached a phone and may still be wanted.
OPEN_STATES = (SmsState.QUEUED, SmsState.FAILED, SmsState.UNDELIVERED)
#: What may be put back by hand; what waits is pulled forward with it.
GIVEN_UP = (SmsState.FAILED, SmsState.UNDELIVERED)


@dataclass(frozen=True, slots=True)
class ShownSms:
    """One message as a list shows it; its words are not shown, for they name people."""

    id: int
    queued_at: datetime
    kind: SmsKind
    msisdn: str
    state: SmsState
    attempts: int
    trouble: str | None
    words: str | None


@dataclass(frozen=True, slots=True)
class SmsCount:
    """How many messages of one kind stand in one state."""

    state: SmsState
    kind: SmsKind
    count: int


class Retry(Enum):
    """What came of putting one message back."""

    PUT_BACK = auto()
    UNKNOWN = auto()
    IN_HAND = auto()
    ARRIVED = auto()
    TOO_LATE = auto()


LISTED = text("""
    SELECT id, queued_at, kind, msisdn, state, attempts, trouble, coalesce(delivery, last_error) AS words
      FROM outbox_sms WHERE state = ANY(CAST(:states AS text[]))
     ORDER BY id DESC LIMIT :most
""")

COUNTED = text("""
    SELECT state, kind, count(*) AS count FROM outbox_sms WHERE state NOT IN ('sent', 'delivered')
     GROUP BY state, kind ORDER BY state, kind
""")

WAITING = text("""
    SELECT coalesce(trouble, 'none') AS trouble, count(*) AS count_ FROM outbox_sms WHERE state = 'queued' GROUP BY 1
""")

ONE = text(f"""
    SELECT state, trouble, attempts, useful_until <= :now AS is_late, {IS_UNTRUE} AS is_untrue
      FROM outbox_sms WHERE id = :id FOR UPDATE
""")  # noqa: S608 - our own words

#: What is in a sender's hands has no trouble yet, and is left alone.
PUT_BACK = text("""
    UPDATE outbox_sms
       SET state = 'queued', next_attempt_at = :now, provider_id = NULL, trouble = NULL, delivery = NULL,
           reported_at = NULL, sent_at = NULL
     WHERE id = ANY(CAST(:ids AS bigint[]))
""")

TO_PUT_BACK = text(f"""
    SELECT id FROM outbox_sms
     WHERE state NOT IN ('sent', 'delivered')
       AND (state = ANY(CAST(:states AS text[])) OR state = 'queued' AND trouble IS NOT NULL)
       AND (useful_until IS NULL OR useful_until > :now)
       AND NOT {IS_UNTRUE}
       FOR UPDATE SKIP LOCKED
""")  # noqa: S608 - our own words


async def listed(connection: AsyncConnection, states: Sequence[SmsState], most: int) -> tuple[ShownSms, ...]:
    """Return the newest messages in some states."""
    rows = (await connection.execute(LISTED, {"states": list(states), "most": most})).all()
    return tuple(
        ShownSms(
            row.id,
            row.queued_at,
            SmsKind(row.kind),
            row.msisdn,
            SmsState(row.state),
            row.attempts,
            row.trouble,
            row.words,
        )
        for row in rows
    )


async def counted(connection: AsyncConnection) -> tuple[SmsCount, ...]:
    """Count what has not reached a phone, by state and kind."""
    rows = (await connection.execute(COUNTED)).all()
    return tuple(SmsCount(SmsState(state), SmsKind(kind), count) for state, kind, count in rows)


async def waiting(connection: AsyncConnection) -> dict[str, int]:
    """Count what waits, by what it waits for; ``none`` has met no trouble."""
    return {row.trouble: row.count_ for row in (await connection.execute(WAITING)).all()}


async def retry_one(connection: AsyncConnection, sms_id: int, now: datetime) -> Retry:
    """Put one message back into the queue, unless it arrived, is in a sender's hands, or would come too late."""
    row = (await connection.execute(ONE, {"id": sms_id, "now": now})).one_or_none()
    if row is None:
        return Retry.UNKNOWN
    if row.state in {SmsState.SENT, SmsState.DELIVERED}:
        return Retry.ARRIVED
    if row.state == SmsState.QUEUED and row.trouble is None:
        return Retry.IN_HAND
    if row.state == SmsState.DROPPED or row.is_late or row.is_untrue:
        return Retry.TOO_LATE
    await connection.execute(PUT_BACK, {"ids": [sms_id], "now": now})
    return Retry.PUT_BACK


async def retry_all(connection: AsyncConnection, now: datetime) -> int:
    """Put back all that was given up or waits, and is still useful; return how many."""
    ids = list((await connection.execute(TO_PUT_BACK, {"states": list(GIVEN_UP), "now": now})).scalars())
    await connection.execute(PUT_BACK, {"ids": ids, "now": now})
    return len(ids)
