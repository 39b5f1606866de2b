"""Callbacks, byte for byte: stored before anything is believed, handed out once, never lost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.evidence.unreadable import NOTICE
from payments.http_messages import RawRequest
from payments.observation import VerdictKind
from payments.operators.contract import Verdict
from payments.requests.dispatch import Lease, Unreached

#: After so many failures a callback waits for a person and blocks nobody.
ATTEMPTS_MAX = 12
#: The n-th failure waits n times n times this long: about five hours in all, longer than most outages.
WAIT = timedelta(seconds=30)

#: Headers that may carry a secret are known to have been there, and no more.
SECRET_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "x-api-key", "x-client-id", "x-user-credential-1", "x-token"}
)
REMOVED = "[removed]"

#: An address that belongs to no request is found out in the statement that stores, and then nothing is: one round trip.
STORE = text("""
    INSERT INTO callback (operator, request_id, method, path, query, headers, body, verdict, reason, received_at,
                          attempts, next_attempt_at, sender)
    SELECT :operator, found.request_id, :method, :path, :query, :headers, :body, :verdict, :reason,
           :received_at, 0, :received_at, CAST(:sender AS text)
      FROM (SELECT (SELECT id FROM payment_request
                     WHERE callback_token = :token AND operator = :operator) AS request_id) AS found
     WHERE CAST(:token AS text) IS NULL OR found.request_id IS NOT NULL
    RETURNING id
""").bindparams(bindparam("headers", type_=JSONB))

#: Counts no further than it matters.
UNPROVEN = text("""
    SELECT count(*) FROM (SELECT FROM callback
                           WHERE operator = :operator AND handled_at IS NULL AND parked_at IS NULL
                             AND request_id IS NULL AND verdict = 'accept_unverified'
                           LIMIT :enough) AS waiting
""")

LEASE_DUE = text("""
    WITH tried AS (
        SELECT id FROM callback
         WHERE operator = :operator AND handled_at IS NULL AND parked_at IS NULL AND next_attempt_at <= :now
           AND LEAST(attempts, 1) = 1
         ORDER BY next_attempt_at, id LIMIT :share FOR UPDATE SKIP LOCKED),
    fresh AS (
        SELECT id FROM callback
         WHERE operator = :operator AND handled_at IS NULL AND parked_at IS NULL AND next_attempt_at <= :now
           AND LEAST(attempts, 1) = 0
         ORDER BY next_attempt_at, id LIMIT :batch - (SELECT count(*) FROM tried) FOR UPDATE SKIP LOCKED)
    UPDATE callback SET attempts = attempts + 1, next_attempt_at = :lease_until
     WHERE id IN (SELECT id FROM tried UNION ALL SELECT id FROM fresh)
    RETURNING id, operator, request_id, method, path, query, headers, body, verdict, received_at, attempts
""")

PARK_STRANGERS = text(f"""
    WITH noticed AS (
        UPDATE callback SET parked_at = :now, next_attempt_at = NULL,
                            last_error = 'no operator of this name is configured any more'
         WHERE id IN (SELECT id FROM callback
                       WHERE operator <> ALL(CAST(:known AS text[])) AND handled_at IS NULL AND parked_at IS NULL
                         AND next_attempt_at <= :due_before
                       LIMIT :batch FOR UPDATE SKIP LOCKED)
        RETURNING id, operator, sender, received_at, parked_at, last_error)
    {NOTICE}
""")  # noqa: S608 - our own words

#: First in its lane: before whatever of this operator waits to be read for the first time.
RETRY = text("""
    WITH again AS (
        UPDATE callback
           SET parked_at = NULL, handled_at = NULL, attempts = 0,
               next_attempt_at = LEAST(CAST(:now AS timestamptz), (
                   SELECT min(lane.next_attempt_at) FROM callback AS lane
                    WHERE lane.operator = callback.operator AND lane.handled_at IS NULL AND lane.parked_at IS NULL
                      AND LEAST(lane.attempts, 1) = 0) - interval '1 microsecond')
         WHERE id = :id
           AND (handled_at IS NULL AND (parked_at IS NOT NULL OR attempts > 0)
                OR EXISTS (SELECT FROM unreadable_callback AS unread
                            WHERE unread.callback_id = callback.id
                              AND (unread.closed_at IS NULL OR unread.dismissed_by IS NOT NULL)))
        RETURNING id),
    listed AS (
        UPDATE unreadable_callback SET closed_at = :now, dismissed_by = NULL, dismiss_reason = NULL
          FROM again WHERE callback_id = again.id)
    SELECT count(*) FROM again
""")

HANDLED = text("""
    UPDATE callback SET handled_at = :now, next_attempt_at = NULL, last_error = done.remark
      FROM unnest(CAST(:ids AS bigint[]), CAST(:remarks AS text[])) AS done(id, remark)
     WHERE callback.id = done.id AND handled_at IS NULL
""")

FAILED = text(f"""
    WITH failed AS (
        UPDATE callback SET last_error = :error,
                            parked_at = CASE WHEN :park OR attempts >= :attempts_max THEN CAST(:now AS timestamptz) END,
                            next_attempt_at = CASE WHEN :park OR attempts >= :attempts_max THEN NULL
                                              ELSE CAST(:now AS timestamptz)
                                                   + attempts * attempts * CAST(:wait AS interval) END
         WHERE id = :id AND handled_at IS NULL
        RETURNING id, operator, sender, received_at, parked_at, last_error),
    noticed AS (SELECT * FROM failed WHERE parked_at IS NOT NULL)
    {NOTICE}
""")  # noqa: S608 - our own words


@dataclass(frozen=True, slots=True)
class StoredCallback:
    """A callback that this worker alone may read until its lease ends."""

    id: int
    operator: str
    request_id: int | None
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    verdict: VerdictKind
    received_at: datetime
    attempts: int

    def as_request(self) -> RawRequest:
        """Return the request as it came, but for what its headers and its address held of secrets."""
        return RawRequest(self.method, self.path, self.query, self.headers, self.body, self.received_at)


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers without what may be a secret or cannot be stored."""
    return {name: REMOVED if name in SECRET_HEADERS else value.replace("\x00", "") for name, value in headers.items()}


async def store(
    connection: AsyncConnection,
    operator: str,
    token: str | None,
    request: RawRequest,
    verdict: Verdict,
    *,
    sender: str | None = None,
) -> bool:
    """Store a callback as it came; twice is no fault, because money is credited once whoever tells of it.

    ``sender`` is the name under which whoever sent it is counted.

    Returns: whether it was kept, which it is not when ``token`` names no request of this operator.
    """
    kept = await connection.execute(
        STORE,
        {
            "operator": operator,
            "token": token,
            "method": request.method,
            "path": request.path.replace("\x00", ""),
            "query": request.query.replace("\x00", ""),
            "headers": kept_headers(request.headers),
            "body": request.body,
            "verdict": verdict.kind,
            "reason": verdict.reason,
            "received_at": request.received_at,
            "sender": sender,
        },
    )
    return kept.scalar_one_or_none() is not None


async def unproven_waiting(connection: AsyncConnection, operator: str, enough: int) -> int:
    """Count the unsolicited messages of an operator that nobody vouches for and nobody has read; ``enough`` at most."""
    counted = await connection.execute(UNPROVEN, {"operator": operator, "enough": enough})
    return int(counted.scalar_one())


async def lease_due(connection: AsyncConnection, lease: Lease) -> list[StoredCallback]:
    """Take callbacks of one operator that nobody has read, half of them at most tried before."""
    rows = (await connection.execute(LEASE_DUE, lease.values())).all()
    return sorted(
        (StoredCallback(**{**row._asdict(), "verdict": VerdictKind(row.verdict)}) for row in rows),
        key=lambda callback: callback.id,
    )


async def park_strangers(connection: AsyncConnection, unreached: Unreached) -> int:
    """Put aside what came from operators that are not configured any more; return how many."""
    return (await connection.execute(PARK_STRANGERS, unreached.values())).rowcount


async def retry(connection: AsyncConnection, callback_id: int, now: datetime) -> bool:
    """Let a callback that failed, was parked or came to nothing be read again: first in its lane, with all its tries.

    Returns: whether there was one; what has said all it had to say is not read again.
    """
    return int((await connection.execute(RETRY, {"id": callback_id, "now": now})).scalar_one()) == 1


async def mark_handled(connection: AsyncConnection, done: Sequence[tuple[int, str | None]], now: datetime) -> None:
    """Record that callbacks have said all they had to say, with a remark where one is due."""
    if done:
        ids, remarks = (list(column) for column in zip(*done, strict=True))
        await connection.execute(HANDLED, {"ids": ids, "remarks": remarks, "now": now})


async def mark_failed(
    connection: AsyncConnection, callback_id: int, error: str, now: datetime, *, park: bool = False
) -> None:
    """Put a callback off, or aside for finance when trying again cannot help."""
    await connection.execute(
        FAILED,
        {
            "id": callback_id,
            "error": error[:500],
            "park": park,
            "now": now,
            "attempts_max": ATTEMPTS_MAX,
            "wait": WAIT,
        },
    )
