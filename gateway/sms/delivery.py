"""Sending what is queued: claim a fair share, leave what is no longer useful or true, record what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.sms.kinds import SmsKind
from gateway.sms.senders.contract import ClaimedSms, SendResult

#: Each further attempt waits this much longer than the one before, up to the cap, and there is no last attempt.
WAIT = timedelta(minutes=2)
WAIT_MAX = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a worker may send now, and the kinds of what it found too late or no longer true."""

    messages: tuple[ClaimedSms, ...]
    dropped: tuple[SmsKind, ...]


FRESH = text("""
    SELECT id FROM outbox_sms WHERE state = 'queued' AND attempts = 0 AND next_attempt_at <= :now
     ORDER BY next_attempt_at, id LIMIT :most FOR UPDATE SKIP LOCKED
""")

AGAIN = text("""
    SELECT id FROM outbox_sms WHERE state = 'queued' AND attempts > 0 AND next_attempt_at <= :now
     ORDER BY next_attempt_at, id LIMIT :most FOR UPDATE SKIP LOCKED
""")

#: What calls a request failed is no longer true once it has succeeded, nor once its payer has paid since by another
#: one: "nothing was received, try again" would then make her pay twice.
IS_UNTRUE: Final = """
    EXISTS (SELECT FROM payment_request request
             WHERE request.id = outbox_sms.failed_request_id
               AND (request.state IN ('succeeded', 'reversed')
                    OR EXISTS (SELECT FROM payment
                                WHERE payment.party_id = request.party_id
                                  AND payment.posted_at >= request.created_at
                                  AND coalesce(payment.payer_msisdn, request.payer_msisdn) = request.payer_msisdn)))
"""

#: The number has come to somebody else since: what was for the one before tells her nothing, and him too much.
IS_ANOTHERS: Final = """
    EXISTS (SELECT FROM phone_link
             WHERE phone_link.msisdn = outbox_sms.msisdn AND valid_to IS NULL AND answers_from > outbox_sms.queued_at
               AND party_id IS DISTINCT FROM outbox_sms.household_id)
"""

#: Nobody knows any more whether the number is the household's, or a person has said that it is not: nothing of the
#: household is sent to it.
IS_IN_DOUBT: Final = """
    EXISTS (SELECT FROM number_hold
              JOIN phone_link ON phone_link.msisdn = number_hold.msisdn AND valid_from = link_from
             WHERE number_hold.msisdn = outbox_sms.msisdn AND party_id = outbox_sms.household_id
               AND (decided_at IS NULL OR decision = 'ended' AND queued_at <= decided_at))
"""

DROP = text(f"""
    UPDATE outbox_sms SET state = 'dropped', next_attempt_at = NULL
     WHERE id = ANY(CAST(:ids AS bigint[]))
       AND (useful_until <= :now OR {IS_UNTRUE} OR {IS_ANOTHERS} OR {IS_IN_DOUBT})
    RETURNING id, kind
""")  # noqa: S608 - our own words

#: Receipts alone wait without limit, and none of them is dropped for being late.
PUT_BACK_FOR = text("""
    UPDATE outbox_sms SET state = 'queued', next_attempt_at = :now
     WHERE msisdn = :msisdn AND household_id = :household_id AND state = 'dropped' AND kind = 'receipt'
""")

LEASE = text("""
    UPDATE outbox_sms SET attempts = attempts + 1, next_attempt_at = :lease_until, trouble = NULL
     WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'queued'
    RETURNING id, key, msisdn, body, attempts
""")

RECORD = text("""
    UPDATE outbox_sms
       SET state = CASE told.outcome WHEN 'taken' THEN 'sent' WHEN 'number' THEN 'failed' ELSE 'queued' END,
           next_attempt_at = CASE WHEN told.outcome NOT IN ('taken', 'number')
                                  THEN least(CAST(:now AS timestamptz)
                                             + least(attempts, :steps_max) * CAST(:wait AS interval), useful_until)
                              END,
           sent_at = CASE told.outcome WHEN 'taken' THEN CAST(:now AS timestamptz) END,
           provider_id = told.provider_id,
           trouble = nullif(told.outcome, 'taken'),
           last_error = nullif(told.said, '')
      FROM unnest(CAST(:ids AS bigint[]), CAST(:outcomes AS text[]), CAST(:provider_ids AS text[]),
                  CAST(:said AS text[])) AS told(id, outcome, provider_id, said)
     WHERE outbox_sms.id = told.id AND state = 'queued'
""")


async def claim(connection: AsyncConnection, now: datetime, lease_s: int, batch: int) -> Claim:
    """Take messages that are due; half of the places are kept for new ones while both kinds wait."""
    due = {"now": now, "most": batch}
    fresh = list((await connection.execute(FRESH, due)).scalars())
    again = list((await connection.execute(AGAIN, due)).scalars())
    ids = fair_share(fresh, again, batch)
    if not ids:
        return Claim((), ())
    dropped = (await connection.execute(DROP, {"ids": ids, "now": now})).all()
    lease = {"ids": ids, "lease_until": now + timedelta(seconds=lease_s)}
    rows = await connection.execute(LEASE, lease)
    messages = sorted((ClaimedSms(**row._asdict()) for row in rows.all()), key=lambda sms: sms.id)
    return Claim(tuple(messages), tuple(SmsKind(row.kind) for row in dropped))


async def put_back_for(connection: AsyncConnection, msisdn: str, household_id: int, now: datetime) -> None:
    """Send a household after all the receipts that were kept from its number while that was in doubt."""
    values = {"msisdn": msisdn, "household_id": household_id, "now": now}
    await connection.execute(PUT_BACK_FOR, values)


def fair_share(fresh: Sequence[int], again: Sequence[int], places: int) -> list[int]:
    """Share the places out: to each of two queues half, and what the other leaves empty."""
    for_again = max(places // 2, places - len(fresh))
    kept = list(again[:for_again])
    return [*fresh[: places - len(kept)], *kept]


async def record(connection: AsyncConnection, results: Sequence[SendResult], now: datetime) -> None:
    """Write down what became of messages: taken, given up, or tried again later."""
    if not results:
        return
    await connection.execute(
        RECORD,
        {
            "ids": [one.sms_id for one in results],
            "outcomes": [one.outcome for one in results],
            "provider_ids": [one.provider_id for one in results],
            "said": [one.said for one in results],
            "now": now,
            "wait": WAIT,
            "steps_max": WAIT_MAX // WAIT,
        },
    )
