"""Callbacks that came to nothing, as people find them: noticed where they are read, closed by a person's decision.

One that is dismissed has said all it had to say: no job takes it, no page counts it, and its partition may leave.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

#: Whose sender was not kept, or has no address.
NOBODY_KNOWN = "unknown"
#: So many are dismissed in one transaction, in which their rows are locked.
DISMISSED_AT_ONCE = 5_000

#: What follows ``WITH noticed AS (... RETURNING id, operator, sender, received_at, parked_at, last_error)``: one that
#: was closed is open again, because it was tried again and came to nothing again.
NOTICE = f"""
    INSERT INTO unreadable_callback AS known
           (callback_id, operator, sender, received_at, noticed_at, is_parked, why)
    SELECT id, operator, coalesce(sender, '{NOBODY_KNOWN}'), received_at, :now, parked_at IS NOT NULL,
           coalesce(last_error, '')
      FROM noticed ORDER BY id
        ON CONFLICT (callback_id) DO UPDATE
       SET noticed_at = excluded.noticed_at, is_parked = excluded.is_parked, why = excluded.why,
           closed_at = NULL, dismissed_by = NULL, dismiss_reason = NULL
"""  # noqa: S608 - our own words

#: Nobody vouched for it and it names nothing: there is nothing to wait for, and it is told.
HANDLED_UNREAD = text(f"""
    WITH noticed AS (
        UPDATE callback SET handled_at = :now, next_attempt_at = NULL, last_error = said.why
          FROM unnest(CAST(:ids AS bigint[]), CAST(:whys AS text[])) AS said(id, why)
         WHERE callback.id = said.id AND handled_at IS NULL
        RETURNING callback.id, operator, sender, received_at, CAST(NULL AS timestamptz) AS parked_at, last_error)
    {NOTICE}
""")  # noqa: S608 - our own words

#: A release that did not keep this list may have parked it while this one was rolled out.
NOTICE_PARKED = text(f"""
    WITH noticed AS (
        SELECT id, operator, sender, received_at, parked_at, last_error FROM callback
         WHERE id = :callback_id AND parked_at IS NOT NULL AND handled_at IS NULL
           AND NOT EXISTS (SELECT FROM unreadable_callback WHERE callback_id = callback.id AND closed_at IS NULL))
    {NOTICE}
""")  # noqa: S608 - our own words

DISMISS = """
    WITH closed AS (
        UPDATE unreadable_callback SET closed_at = :now, dismissed_by = :by, dismiss_reason = :reason
         WHERE callback_id IN (SELECT callback_id FROM unreadable_callback
                                WHERE closed_at IS NULL AND {which}
                                ORDER BY callback_id LIMIT :most FOR UPDATE)
        RETURNING callback_id),
    ended AS (
        UPDATE callback SET handled_at = :now, parked_at = NULL, next_attempt_at = NULL
          FROM closed WHERE callback.id = closed.callback_id AND handled_at IS NULL)
    SELECT count(*) FROM closed
"""
DISMISS_ONE = text(DISMISS.format(which="callback_id = :callback_id"))
DISMISS_SENDER = text(DISMISS.format(which="operator = :operator AND sender = :sender AND callback_id <= :through_id"))


@dataclass(frozen=True, slots=True)
class Dismissal:
    """Who dismisses callbacks, when and why, in words of that person's own."""

    at: datetime
    by: str
    reason: str


async def mark_unreadable(connection: AsyncConnection, unread: Sequence[tuple[int, str]], now: datetime) -> None:
    """Record that callbacks which nobody vouches for name nothing that could be asked about, and why."""
    if unread:
        ids, whys = (list(column) for column in zip(*unread, strict=True))
        await connection.execute(HANDLED_UNREAD, {"ids": ids, "whys": whys, "now": now})


async def dismiss_one(connection: AsyncConnection, callback_id: int, dismissal: Dismissal) -> int:
    """Dismiss one callback; return how many were still open: one or none."""
    await connection.execute(NOTICE_PARKED, {"callback_id": callback_id, "now": dismissal.at})
    return await _dismiss(connection, DISMISS_ONE, {"callback_id": callback_id}, dismissal)


async def dismiss_sender(
    connection: AsyncConnection, operator: str, sender: str, through_id: int, dismissal: Dismissal
) -> int:
    """Dismiss the open callbacks of one sender as far as a person has seen them, the oldest first; return how many.

    At most ``DISMISSED_AT_ONCE``: whoever finds more of them asks again.
    """
    which = {"operator": operator, "sender": sender, "through_id": through_id}
    return await _dismiss(connection, DISMISS_SENDER, which, dismissal)


async def _dismiss(
    connection: AsyncConnection, statement: TextClause, which: Mapping[str, object], dismissal: Dismissal
) -> int:
    said = {"now": dismissal.at, "by": dismissal.by, "reason": dismissal.reason, "most": DISMISSED_AT_ONCE}
    return int((await connection.execute(statement, {**which, **said})).scalar_one())
