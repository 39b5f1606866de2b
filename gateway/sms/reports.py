"""Delivery reports: what the network made of a message that a provider took."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.sms.kinds import SmsState

#: A report of an id that no message has is kept so long and so many of them, for it may have overtaken our commit.
EARLY_KEPT: Final = timedelta(days=1)
EARLY_MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What was reported of one message: DELIVERED and UNDELIVERED are final, SENT says that it is on its way."""

    provider_id: str
    state: SmsState
    words: str


#: A final state stays: reports come twice, and in any order.
APPLY = text("""
    UPDATE outbox_sms
       SET state = CASE WHEN outbox_sms.state = 'sent' THEN told.state ELSE outbox_sms.state END,
           delivery = CASE WHEN outbox_sms.state = 'sent' THEN told.words ELSE outbox_sms.delivery END,
           reported_at = CASE WHEN outbox_sms.state = 'sent' THEN CAST(:now AS timestamptz)
                              ELSE outbox_sms.reported_at END
      FROM unnest(CAST(:ids AS text[]), CAST(:states AS text[]), CAST(:words AS text[])) AS told(id, state, words)
     WHERE outbox_sms.provider_id = told.id
    RETURNING outbox_sms.provider_id
""")

#: Among early reports, too, a final one stays.
KEEP_EARLY = text("""
    INSERT INTO sms_early_report (provider_id, state, words, received_at)
    SELECT CAST(:id AS text), CAST(:state AS text), CAST(:words AS text), CAST(:now AS timestamptz)
     WHERE (SELECT count(*) FROM sms_early_report) < :most
        ON CONFLICT (provider_id) DO UPDATE SET state = excluded.state, words = excluded.words
     WHERE sms_early_report.state = 'sent'
""")

FORGET_EARLY = text("DELETE FROM sms_early_report WHERE received_at < :before")

TAKE_EARLY = text("""
    DELETE FROM sms_early_report WHERE provider_id = ANY(CAST(:ids AS text[])) RETURNING provider_id, state, words
""")


async def apply(connection: AsyncConnection, reports: Sequence[DeliveryReport], now: datetime) -> set[str]:
    """Write reports beside their messages; return the ids that some message has."""
    if not reports:
        return set()
    found = await connection.execute(
        APPLY,
        {
            "ids": [report.provider_id for report in reports],
            "states": [report.state for report in reports],
            "words": [report.words for report in reports],
            "now": now,
        },
    )
    return set(found.scalars())


async def store_early(connection: AsyncConnection, report: DeliveryReport, now: datetime) -> None:
    """Store a report whose message is not known yet; old ones make room."""
    await connection.execute(FORGET_EARLY, {"before": now - EARLY_KEPT})
    values = {"id": report.provider_id, "state": report.state, "words": report.words, "now": now, "most": EARLY_MOST}
    await connection.execute(KEEP_EARLY, values)


async def apply_early(connection: AsyncConnection, provider_ids: Sequence[str], now: datetime) -> None:
    """Apply the kept reports of messages that have become known."""
    rows = await connection.execute(TAKE_EARLY, {"ids": list(provider_ids)})
    kept = [DeliveryReport(row.provider_id, SmsState(row.state), row.words) for row in rows.all()]
    await apply(connection, kept, now)
