"""Messages that must reach a phone: queued with the fact they tell, once per key."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.sms.kinds import USEFUL_FOR, SmsKind


@dataclass(frozen=True, slots=True)
class OutgoingSms:
    """A message to queue; its key says which fact it tells, so that a fact is told once.

    ``failed_request_id`` names the request that a message calls failed: it is sent only while that is so.
    """

    key: str
    kind: SmsKind
    household_id: int | None
    msisdn: str
    body: str
    failed_request_id: int | None = None


QUEUE = text("""
    WITH new AS (
        SELECT * FROM unnest(CAST(:keys AS text[]), CAST(:kinds AS text[]), CAST(:households AS bigint[]),
                             CAST(:msisdns AS text[]), CAST(:bodies AS text[]), CAST(:requests AS bigint[]),
                             CAST(:useful AS timestamptz[]))
                      AS new(key, kind, household_id, msisdn, body, failed_request_id, useful_until)),
    untold AS (
        INSERT INTO sms_key (key, sms_id)
        SELECT key, nextval('outbox_sms_id_seq') FROM (SELECT DISTINCT key FROM new ORDER BY key) AS once
            ON CONFLICT (key) DO NOTHING
        RETURNING key COLLATE "default" AS key, sms_id)
    INSERT INTO outbox_sms (id, key, kind, household_id, msisdn, body, failed_request_id, useful_until,
                            state, attempts, queued_at, next_attempt_at)
    SELECT DISTINCT ON (key) sms_id, key, kind, household_id, msisdn, body, failed_request_id, useful_until,
           'queued', 0, CAST(:now AS timestamptz), CAST(:now AS timestamptz)
      FROM new JOIN untold USING (key)
     ORDER BY key
""")


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
            "requests": [one.failed_request_id for one in listed],
            "useful": [_useful_until(one.kind, now) for one in listed],
            "now": now,
        },
    )


def _useful_until(kind: SmsKind, now: datetime) -> datetime | None:
    useful_for = USEFUL_FOR[kind]
    return None if useful_for is None else now + useful_for
