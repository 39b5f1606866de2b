"""Callbacks that came to nothing: by whom they were sent, and which they are; as long as nobody has dismissed them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.reports.shown_body import shown_body

#: What strangers send is counted no further than it matters; what waits for a person is counted by itself.
COUNTED_MAX: Final = 10_000
#: Enough of a body to see what it is.
BEGINNING_BYTES: Final = 300

#: What waits and what is only told are each counted so far: a flood of the one hides none of the other.
_OPEN: Final = """
    SELECT one.* FROM (VALUES (true), (false)) AS kind (is_parked)
     CROSS JOIN LATERAL (SELECT callback_id, operator, sender, received_at, is_parked, why
                           FROM unreadable_callback
                          WHERE closed_at IS NULL AND unreadable_callback.is_parked = kind.is_parked
                          ORDER BY callback_id DESC LIMIT :enough) AS one
"""

SENDERS = text(f"""
    SELECT operator, sender, count(*) FILTER (WHERE is_parked) AS waiting_count, count(*) AS callback_count,
           min(received_at) AS first_at, max(received_at) AS last_at, max(callback_id) AS through_id
      FROM ({_OPEN}) AS open
     GROUP BY operator, sender
     ORDER BY waiting_count DESC, callback_count DESC, operator, sender LIMIT :most
""")  # noqa: S608 - our own words

_ROWS: Final = """
    SELECT listed.callback_id, listed.operator, listed.sender, listed.received_at, listed.is_parked, listed.why,
           substring(callback.body FOR :beginning) AS beginning, octet_length(callback.body) AS size_bytes
      FROM (SELECT one.* FROM (VALUES (true), (false)) AS kind (is_parked)
             CROSS JOIN LATERAL (SELECT * FROM unreadable_callback
                                  WHERE closed_at IS NULL AND unreadable_callback.is_parked = kind.is_parked
                                    {which}
                                  ORDER BY callback_id DESC LIMIT :most) AS one
             ORDER BY one.is_parked DESC, one.callback_id DESC LIMIT :most) AS listed
      LEFT JOIN callback ON callback.id = listed.callback_id
     ORDER BY listed.is_parked DESC, listed.callback_id DESC
"""
ROWS = text(_ROWS.format(which=""))
ROWS_OF_SENDER = text(_ROWS.format(which="AND operator = :operator AND sender = :sender"))

SUMMARY = text(f"""
    SELECT CAST(coalesce(sum(callbacks) FILTER (WHERE is_parked), 0) AS bigint) AS waiting_count,
           count(*) FILTER (WHERE is_parked) AS waiting_senders,
           CAST(coalesce(sum(callbacks) FILTER (WHERE NOT is_parked), 0) AS bigint) AS told_count,
           count(*) FILTER (WHERE NOT is_parked) AS told_senders
      FROM (SELECT is_parked, count(*) AS callbacks FROM ({_OPEN}) AS open
             GROUP BY is_parked, operator, sender) AS senders
""")  # noqa: S608 - our own words

SENDERS_OF_OPERATOR = text(f"""
    SELECT operator, count(DISTINCT sender) AS senders FROM ({_OPEN}) AS open WHERE is_parked GROUP BY operator
""")  # noqa: S608 - our own words


@dataclass(frozen=True, slots=True)
class UnreadSender:
    """What one sender sent that came to nothing; ``waiting_count`` of it waits for a person.

    ``through_id`` is the last of them that was seen, so that what comes meanwhile is dismissed by nobody.
    """

    operator: str
    sender: str
    waiting_count: int
    callback_count: int
    first_at: datetime
    last_at: datetime
    through_id: int


@dataclass(frozen=True, slots=True)
class UnreadRow:
    """One callback that came to nothing; without a size its body has left the database."""

    callback_id: int
    operator: str
    sender: str
    received_at: datetime
    is_parked: bool
    why: str
    body_shown: str
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class UnreadSummary:
    """How many callbacks came to nothing, of how many senders: what waits for a person, and what is only told."""

    waiting_count: int
    waiting_senders: int
    told_count: int
    told_senders: int


async def unread_senders(connection: AsyncConnection, most: int) -> tuple[UnreadSender, ...]:
    """Return who sent what came to nothing, whoever makes a person wait first."""
    rows = (await connection.execute(SENDERS, {"enough": COUNTED_MAX, "most": most})).all()
    return tuple(UnreadSender(*row) for row in rows)


async def unread_callbacks(
    connection: AsyncConnection, most: int, of: tuple[str, str] | None = None
) -> tuple[UnreadRow, ...]:
    """Return what came to nothing, what waits for a person first, then the newest; ``of`` names operator and sender."""
    values: dict[str, object] = {"most": most, "beginning": BEGINNING_BYTES}
    if of is None:
        rows = await connection.execute(ROWS, values)
    else:
        operator, sender = of
        rows = await connection.execute(ROWS_OF_SENDER, {**values, "operator": operator, "sender": sender})
    return tuple(
        UnreadRow(
            row.callback_id,
            row.operator,
            row.sender,
            row.received_at,
            row.is_parked,
            row.why,
            shown_body(row.beginning or b""),
            row.size_bytes,
        )
        for row in rows
    )


async def unread_summary(connection: AsyncConnection) -> UnreadSummary:
    """Count what came to nothing and its senders."""
    return UnreadSummary(*(await connection.execute(SUMMARY, {"enough": COUNTED_MAX})).one())


async def waiting_senders(connection: AsyncConnection) -> dict[str, int]:
    """Count, of each operator, the senders of callbacks that wait for a person."""
    rows = (await connection.execute(SENDERS_OF_OPERATOR, {"enough": COUNTED_MAX})).all()
    return {row.operator: row.senders for row in rows}
