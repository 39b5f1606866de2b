"""What has just happened, row by row, for whoever watches a house of local mode at work."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.msisdn import mask

#: Rows get their numbers before they are there: so many numbers back, one may yet appear.
LOOK_BACK: Final = 200

#: One shape for all. A message is told once its fate is known, a request when it is made and when it came to nothing.
LATEST = text("""
    SELECT * FROM (
        SELECT 'request' AS kind, id, created_at AS at, operator, reference, amount_xof, payer_msisdn AS msisdn,
               '' AS word
          FROM payment_request WHERE id > :request
        UNION ALL
        SELECT 'ended', id, coalesce(finalised_at, created_at), operator, reference, amount_xof, payer_msisdn, state
          FROM payment_request WHERE id > :request AND state IN ('failed', 'expired')
        UNION ALL
        SELECT 'notice', callback.id, received_at, callback.operator, coalesce(asked.reference, ''), NULL, NULL, verdict
          FROM callback LEFT JOIN payment_request asked ON asked.id = callback.request_id
         WHERE callback.id > :notice
        UNION ALL
        SELECT 'credit', id, posted_at, operator, receipt_number, amount_xof, payer_msisdn, matched_by
          FROM payment WHERE id > :credit
        UNION ALL
        SELECT 'sms', id, coalesce(sent_at, queued_at), '', state, NULL, msisdn, kind
          FROM outbox_sms WHERE id > :sms AND state <> 'queued') AS happened
     ORDER BY at, array_position(ARRAY['request', 'notice', 'credit', 'ended', 'sms'], kind), id
""")

NEWEST = text("""
    SELECT (SELECT coalesce(max(id), 0) FROM payment_request) AS request,
           (SELECT coalesce(max(id), 0) FROM callback) AS notice,
           (SELECT coalesce(max(id), 0) FROM payment) AS credit,
           (SELECT coalesce(max(id), 0) FROM outbox_sms) AS sms
""")


class StoryKind(StrEnum):
    """What can happen, in the order in which one thing leads to the next."""

    REQUEST = "request"
    NOTICE = "notice"
    CREDIT = "credit"
    ENDED = "ended"
    SMS = "sms"


@dataclass(frozen=True, slots=True)
class StoryEvent:
    """One thing that happened; ``word`` is its state, its verdict or its kind, and no number is whole.

    A message has no reference: in its place stands what became of it.
    """

    kind: StoryKind
    id: int
    at: datetime
    operator: str
    reference: str
    amount_xof: int | None
    masked: str
    word: str


class Watched:
    """What was seen already, of the numbers that may still bring something new."""

    def __init__(self, newest: Mapping[StoryKind, int]) -> None:
        self._newest = dict(newest)
        self._seen: set[tuple[StoryKind, int]] = set()

    def floors(self) -> dict[str, int]:
        """Return, by kind, the number above which to look."""
        return {kind.value: newest - LOOK_BACK for kind, newest in self._newest.items()}

    def note(self, events: tuple[StoryEvent, ...]) -> tuple[StoryEvent, ...]:
        """Take in what was found and return what is new of it."""
        fresh = tuple(one for one in events if (one.kind, one.id) not in self._seen)
        for one in fresh:
            if one.kind in self._newest:
                self._newest[one.kind] = max(one.id, self._newest[one.kind])
        # What is above the floors is found again at every look, so that no more need be remembered.
        self._seen = {(one.kind, one.id) for one in events}
        return fresh


async def begin(connection: AsyncConnection) -> Watched:
    """Return what to watch with: all that there is already happened before."""
    newest = (await connection.execute(NEWEST)).one()._asdict()
    watched = Watched({StoryKind(kind): number for kind, number in newest.items()})
    await happened(connection, watched)
    return watched


async def happened(connection: AsyncConnection, watched: Watched) -> tuple[StoryEvent, ...]:
    """Return what has happened since the last look, in its order."""
    rows = (await connection.execute(LATEST, watched.floors())).all()
    return watched.note(
        tuple(
            StoryEvent(
                kind=StoryKind(row.kind),
                id=row.id,
                at=row.at,
                operator=row.operator,
                reference=row.reference,
                amount_xof=row.amount_xof,
                masked=mask(row.msisdn) if row.msisdn else "",
                word=row.word,
            )
            for row in rows
        )
    )
