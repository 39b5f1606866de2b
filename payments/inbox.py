"""Callbacks, byte for byte: stored before anything is believed, handed out once, never lost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.observation import VerdictKind
from payments.operators.contract import Verdict
from payments.wire import RawRequest

#: After so many failures a callback waits for a person and blocks nobody.
ATTEMPTS_MAX = 12
#: The n-th failure waits n times n times this long: about five hours in all, longer than most outages.
WAIT = timedelta(seconds=30)

#: Headers that may carry a secret are known to have been there, and no more.
SECRET_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "x-api-key", "x-client-id", "x-user-credential-1", "x-token"}
)
REMOVED = "[removed]"

#: An address that belongs to no request is refused here, in the statement that stores it: one round trip for all.
STORE = text("""
    INSERT INTO callback (operator, request_id, method, headers, body, verdict, reason, received_at, attempts,
                          next_attempt_at, handled_at)
    SELECT :operator, request_id, :method, :headers, :body,
           CASE WHEN lost THEN 'reject' ELSE :verdict END,
           CASE WHEN lost THEN 'no request has this address' ELSE :reason END,
           :received_at, 0,
           CASE WHEN lost OR :verdict = 'reject' THEN NULL ELSE CAST(:received_at AS timestamptz) END,
           CASE WHEN lost OR :verdict = 'reject' THEN CAST(:received_at AS timestamptz) END
      FROM (SELECT found.request_id, CAST(:token AS text) IS NOT NULL AND found.request_id IS NULL AS lost
              FROM (SELECT (SELECT id FROM payment_request
                             WHERE callback_token = :token AND operator = :operator) AS request_id) AS found) AS address
    RETURNING verdict
""").bindparams(bindparam("headers", type_=JSONB))

CLAIM = text("""
    UPDATE callback SET attempts = attempts + 1, next_attempt_at = :lease_until
     WHERE id IN (SELECT id FROM callback
                   WHERE handled_at IS NULL AND parked_at IS NULL AND next_attempt_at <= :now
                   ORDER BY next_attempt_at, id LIMIT :batch FOR UPDATE SKIP LOCKED)
    RETURNING id, operator, request_id, method, headers, body, verdict, received_at, attempts
""")

HANDLED = text("""
    UPDATE callback SET handled_at = :now, next_attempt_at = NULL, last_error = done.remark
      FROM unnest(CAST(:ids AS bigint[]), CAST(:remarks AS text[])) AS done(id, remark)
     WHERE callback.id = done.id AND handled_at IS NULL
""")

FAILED = text("""
    UPDATE callback SET last_error = :error,
                        parked_at = CASE WHEN :park OR attempts >= :attempts_max THEN CAST(:now AS timestamptz) END,
                        next_attempt_at = CASE WHEN :park OR attempts >= :attempts_max THEN NULL
                                          ELSE CAST(:now AS timestamptz)
                                               + attempts * attempts * CAST(:wait AS interval) END
     WHERE id = :id AND handled_at IS NULL
""")


@dataclass(frozen=True, slots=True)
class StoredCallback:
    """A callback that this worker alone may read until its lease ends."""

    id: int
    operator: str
    request_id: int | None
    method: str
    headers: Mapping[str, str]
    body: bytes
    verdict: VerdictKind
    received_at: datetime
    attempts: int

    def as_request(self) -> RawRequest:
        """Give the request as it came; its address is kept as the request it belongs to."""
        return RawRequest(self.method, "", "", self.headers, self.body, self.received_at)


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Give the headers without what may be a secret or cannot be stored."""
    return {name: REMOVED if name in SECRET_HEADERS else value.replace("\x00", "") for name, value in headers.items()}


async def store(
    connection: AsyncConnection, operator: str, token: str | None, request: RawRequest, verdict: Verdict
) -> VerdictKind:
    """Keep a callback as it came.

    Returns: the verdict that stands, which is a refusal when the address belongs to no request.
    """
    kept = await connection.execute(
        STORE,
        {
            "operator": operator,
            "token": token,
            "method": request.method,
            "headers": kept_headers(request.headers),
            "body": request.body,
            "verdict": verdict.kind,
            "reason": verdict.reason,
            "received_at": request.received_at,
        },
    )
    return VerdictKind(kept.scalar_one())


async def claim(connection: AsyncConnection, now: datetime, lease_s: int, batch: int) -> list[StoredCallback]:
    """Take callbacks that nobody has read."""
    values: dict[str, Any] = {"now": now, "lease_until": now + timedelta(seconds=lease_s), "batch": batch}
    rows = (await connection.execute(CLAIM, values)).all()
    return sorted(
        (StoredCallback(**{**row._asdict(), "verdict": VerdictKind(row.verdict)}) for row in rows),
        key=lambda callback: callback.id,
    )


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
