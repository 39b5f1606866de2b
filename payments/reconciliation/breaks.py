"""Keeps what somebody must explain: once per (kind, operator, subject), however often it is found."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.match import BreakKind, FoundBreak
from payments.reconciliation.difference import Difference, DifferenceKind
from payments.reconciliation.facts import utc_day

#: Why a break closes by itself. Its difference no longer counts on its day, because the operator now says what we say
#: or another break says the rest; a break closed for any other reason keeps explaining its day.
OTHER_HALF_ARRIVED: Final = "the operator's statement names it now"

INSERT = text("""
    INSERT INTO reconciliation_break (kind, operator, subject, day, operator_says_xof, we_say_xof, difference_xof,
                                      detail, payment_id, opened_at)
    SELECT found.kind, found.operator, found.subject, found.day, found.operator_says_xof, found.we_say_xof,
           found.difference_xof, found.detail, payment.id, :now
      FROM unnest(CAST(:kinds AS text[]), CAST(:operators AS text[]), CAST(:subjects AS text[]), CAST(:days AS date[]),
                  CAST(:theirs AS bigint[]), CAST(:ours AS bigint[]), CAST(:differences AS bigint[]),
                  CAST(:details AS text[]), CAST(:transactions AS text[]))
           WITH ORDINALITY AS found(kind, operator, subject, day, operator_says_xof, we_say_xof, difference_xof,
                                    detail, transaction_id, place)
      LEFT JOIN payment
        ON payment.operator = found.operator AND payment.operator_transaction_id = found.transaction_id
     ORDER BY found.kind, found.operator, found.subject, found.place
        ON CONFLICT (kind, operator, subject) DO NOTHING
    RETURNING id
""")

#: One look at the unique key for each name, whatever the planner believes of a table that has just grown.
CLOSE = text("""
    UPDATE reconciliation_break SET closed_at = :now, closed_because = :because
     WHERE id IN (SELECT still.id
                    FROM unnest(CAST(:kinds AS text[]), CAST(:subjects AS text[])) AS named(kind, subject)
                   CROSS JOIN LATERAL (SELECT id FROM reconciliation_break
                                        WHERE kind = named.kind AND operator = :operator AND subject = named.subject
                                          AND closed_at IS NULL
                                        LIMIT 1) AS still)
""")


async def record(connection: AsyncConnection, found: Sequence[FoundBreak], now: datetime) -> int:
    """Open the breaks that single pieces of evidence revealed.

    They inform and change no sum: the operator's figure of a day is its statement's alone.
    Returns: how many are new.
    """
    return await _insert(
        connection,
        [
            (
                one.kind,
                one.operator,
                _subject(one),
                utc_day(one.occurred_at),
                one.operator_says_xof,
                one.we_say_xof,
                0,
                one.detail,
                one.transaction_id or one.subject,
            )
            for one in found
        ],
        now,
    )


async def record_differences(
    connection: AsyncConnection, operator: str, found: Sequence[Difference], now: datetime
) -> int:
    """Open the breaks that a statement revealed.

    Returns: how many are new.
    """
    return await _insert(
        connection,
        [
            (
                one.kind,
                operator,
                one.subject,
                one.day,
                one.operator_says_xof,
                one.we_say_xof,
                one.difference_xof,
                one.detail,
                one.transaction_id or one.subject,
            )
            for one in found
        ],
        now,
    )


async def close_named(
    connection: AsyncConnection, operator: str, *, named: Collection[str], claimed: Collection[str], now: datetime
) -> int:
    """Close LEDGER_ONLY for what a statement now names, and STATUS for what it now claims.

    Returns: how many were open.
    """
    untrue = [
        *((DifferenceKind.LEDGER_ONLY, subject) for subject in sorted(named)),
        *((DifferenceKind.STATUS, subject) for subject in sorted(claimed)),
    ]
    if not untrue:
        return 0
    closed = await connection.execute(
        CLOSE,
        {
            "operator": operator,
            "kinds": [kind for kind, _ in untrue],
            "subjects": [subject for _, subject in untrue],
            "because": OTHER_HALF_ARRIVED,
            "now": now,
        },
    )
    return closed.rowcount


def _subject(found: FoundBreak) -> str:
    # A name of its own: the statement's break on the same transaction carries the day's difference.
    return f"{found.subject}:{found.operator_says_xof}" if found.kind is BreakKind.AMOUNT else found.subject


async def _insert(connection: AsyncConnection, rows: Sequence[tuple[object, ...]], now: datetime) -> int:
    if not rows:
        return 0
    names = ("kinds", "operators", "subjects", "days", "theirs", "ours", "differences", "details", "transactions")
    columns = {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
    return len((await connection.execute(INSERT, {**columns, "now": now})).all())
