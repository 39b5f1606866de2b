"""Messages that must reach a phone: queued with the fact they tell, sent afterwards, once per key."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class OutgoingSms:
    """A message to queue; its key says which fact it tells, so that a fact is told once."""

    key: str
    kind: str
    household_id: int | None
    msisdn: str
    body: str


@dataclass(frozen=True, slots=True)
class ClaimedSms:
    """A message that this worker alone may send until its lease ends."""

    id: int
    key: str
    msisdn: str
    body: str
    attempts: int


QUEUE = text("""
    INSERT INTO outbox_sms (key, kind, household_id, msisdn, body, state, attempts, queued_at, next_attempt_at)
    SELECT key, kind, household_id, msisdn, body, 'queued', 0, :now, :now
      FROM unnest(CAST(:keys AS text[]), CAST(:kinds AS text[]), CAST(:households AS bigint[]),
                  CAST(:msisdns AS text[]), CAST(:bodies AS text[])) AS new(key, kind, household_id, msisdn, body)
     ORDER BY key
        ON CONFLICT (key) DO NOTHING
""")

CLAIM = text("""
    UPDATE outbox_sms SET attempts = attempts + 1, next_attempt_at = :lease_until
     WHERE id IN (SELECT id FROM outbox_sms WHERE state = 'queued' AND next_attempt_at <= :now
                   ORDER BY next_attempt_at, id LIMIT :batch FOR UPDATE SKIP LOCKED)
    RETURNING id, key, msisdn, body, attempts
""")

SENT = text("""
    UPDATE outbox_sms SET state = 'sent', sent_at = :now, next_attempt_at = NULL, last_error = NULL,
                          provider_id = sent.provider_id
      FROM unnest(CAST(:ids AS bigint[]), CAST(:provider_ids AS text[])) AS sent(id, provider_id)
     WHERE outbox_sms.id = sent.id AND state = 'queued'
""")

FAILED = text("""
    UPDATE outbox_sms SET state = CASE WHEN attempts >= :attempts_max THEN 'failed' ELSE 'queued' END,
                          next_attempt_at = CASE WHEN attempts < :attempts_max
                                                 THEN CAST(:now AS timestamptz) + attempts * CAST(:wait AS interval)
                                            END,
                          last_error = failed.error
      FROM unnest(CAST(:ids AS bigint[]), CAST(:errors AS text[])) AS failed(id, error)
     WHERE outbox_sms.id = failed.id AND state = 'queued'
""")

ATTEMPTS_MAX = 10
#: Each further attempt waits this much longer than the one before.
WAIT = timedelta(minutes=2)


async def queue(connection: AsyncConnection, messages: Sequence[OutgoingSms] | OutgoingSms, now: datetime) -> None:
    """Queue messages in the transaction of the facts they tell."""
    listed = [messages] if isinstance(messages, OutgoingSms) else list(messages)
    if not listed:
        return
    await connection.execute(
        QUEUE,
        {
            "keys": [one.key for one in listed],
            "kinds": [one.kind for one in listed],
            "households": [one.household_id for one in listed],
            "msisdns": [one.msisdn for one in listed],
            "bodies": [one.body for one in listed],
            "now": now,
        },
    )


async def claim(connection: AsyncConnection, now: datetime, lease_s: int, batch: int) -> list[ClaimedSms]:
    """Take messages that are due."""
    rows = await connection.execute(
        CLAIM, {"now": now, "lease_until": now + timedelta(seconds=lease_s), "batch": batch}
    )
    return sorted((ClaimedSms(**row._asdict()) for row in rows.all()), key=lambda sms: sms.id)


async def mark_sent(connection: AsyncConnection, sent: Sequence[tuple[int, str]], now: datetime) -> None:
    """Record what the sender took, with its own id for it."""
    if sent:
        ids, provider_ids = (list(column) for column in zip(*sent, strict=True))
        await connection.execute(SENT, {"ids": ids, "provider_ids": provider_ids, "now": now})


async def mark_failed(connection: AsyncConnection, failed: Sequence[tuple[int, str]], now: datetime) -> None:
    """Record what the sender refused; it is tried again later, then left for a person to see."""
    if failed:
        ids, errors = (list(column) for column in zip(*failed, strict=True))
        await connection.execute(
            FAILED, {"ids": ids, "errors": errors, "now": now, "attempts_max": ATTEMPTS_MAX, "wait": WAIT}
        )
