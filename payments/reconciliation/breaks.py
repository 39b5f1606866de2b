"""Keeps what somebody must explain: once per (kind, operator, account, subject) while it stands."""

import json
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.break_kind import BreakKind
from payments.evidence.facts import FoundBreak
from payments.reconciliation.difference import Difference
from payments.reconciliation.facts import utc_day

#: Why a break closes by itself: what the operator and we say is no longer what it was. It stops counting on its day;
#: a break that a person closed keeps explaining its day for as long as the difference is there.
OTHER_HALF_ARRIVED: Final = "the operator's statement names it now"

#: Why one that single evidence revealed closes: a statement reveals the same, and counts it on its day.
SAID_BY_STATEMENT: Final = "the statement reveals the same difference"

#: The account of a break that no statement revealed.
NO_ACCOUNT: Final = ""

INSERT = text("""
    INSERT INTO reconciliation_break (kind, operator, account, subject, about, day, operator_amount_xof,
                                      ledger_amount_xof, difference_xof, detail, payment_id, opened_at)
    SELECT found.kind, found.operator, found.account, found.subject, found.about, found.day, found.operator_amount_xof,
           found.ledger_amount_xof, found.difference_xof, found.detail, payment.id, :now
      FROM unnest(CAST(:kinds AS text[]), CAST(:operators AS text[]), CAST(:accounts AS text[]),
                  CAST(:subjects AS text[]), CAST(:abouts AS text[]), CAST(:days AS date[]), CAST(:theirs AS bigint[]),
                  CAST(:ours AS bigint[]), CAST(:differences AS bigint[]), CAST(:details AS jsonb[]))
           WITH ORDINALITY AS found(kind, operator, account, subject, about, day, operator_amount_xof,
                                    ledger_amount_xof, difference_xof, detail, place)
      LEFT JOIN payment ON payment.operator = found.operator AND payment.operator_transaction_id = found.about
     ORDER BY found.kind, found.operator, found.account, found.subject, found.place
        ON CONFLICT (kind, operator, account, subject) WHERE superseded_at IS NULL DO NOTHING
    RETURNING id
""")

STANDING = text("""
    SELECT id, kind, account, subject, day, operator_amount_xof, ledger_amount_xof, difference_xof
      FROM reconciliation_break
     WHERE operator = :operator AND about = ANY(CAST(:abouts AS text[])) AND account <> '' AND superseded_at IS NULL
""")

SUPERSEDE = text("""
    UPDATE reconciliation_break
       SET superseded_at = :now, closed_at = coalesce(closed_at, :now),
           close_reason = coalesce(close_reason, :because)
     WHERE id = ANY(CAST(:ids AS bigint[]))
""")

#: The same event, told by evidence before or after a statement told it: the statement's counts, and one stands.
TOLD_TWICE = text("""
    SELECT told.id FROM reconciliation_break AS told JOIN reconciliation_break AS counted USING (operator, about)
     WHERE told.operator = :operator AND told.about = ANY(CAST(:abouts AS text[])) AND told.account = ''
       AND told.superseded_at IS NULL AND counted.account <> '' AND counted.superseded_at IS NULL
       AND (told.kind = counted.kind OR told.kind = 'AMOUNT' AND counted.kind = 'CORRECTED')
       AND (told.kind <> 'AMOUNT' OR told.operator_amount_xof = counted.operator_amount_xof)
""")

ABOUT_DAY = text("""
    SELECT DISTINCT about FROM reconciliation_break
     WHERE operator = :operator AND day = :day AND account <> '' AND superseded_at IS NULL
""")


async def record(connection: AsyncConnection, found: Sequence[FoundBreak], now: datetime) -> int:
    """Open the breaks that single pieces of evidence revealed.

    They inform and change no sum: the operator's figure of a day is its statement's alone.
    Returns: how many are new.
    """
    rows = [
        (one.kind, one.operator, NO_ACCOUNT, _subject(one), one.transaction_id or one.subject, utc_day(one.occurred_at),
         one.operator_amount_xof, one.ledger_amount_xof, 0, _written(one))
        for one in found
    ]  # fmt: skip
    opened = await _insert(connection, rows, now)
    for operator in sorted({one.operator for one in found}):
        abouts = {one.transaction_id or one.subject for one in found if one.operator == operator}
        await _tell_once(connection, operator, sorted(abouts), now)
    return opened


async def replace(
    connection: AsyncConnection, operator: str, abouts: Collection[str], found: Sequence[Difference], now: datetime
) -> int:
    """Make what statements reveal about these operations be exactly ``found``; what is no longer so stops counting.

    Returns: how many are new.
    """
    asked = {"operator": operator, "abouts": sorted(abouts)}
    standing = {_content(row): row.id for row in (await connection.execute(STANDING, asked)).all()}
    wanted = {_content(one): one for one in found}
    gone = [row_id for content, row_id in standing.items() if content not in wanted]
    if gone:
        await connection.execute(SUPERSEDE, {"ids": sorted(gone), "because": OTHER_HALF_ARRIVED, "now": now})
    rows = [
        (one.kind, operator, one.account, one.subject, one.about, one.day, one.operator_amount_xof,
         one.ledger_amount_xof, one.difference_xof, _written(one))
        for content, one in wanted.items() if content not in standing
    ]  # fmt: skip
    opened = await _insert(connection, rows, now)
    await _tell_once(connection, operator, sorted(abouts), now)
    return opened


async def _tell_once(connection: AsyncConnection, operator: str, abouts: Sequence[str], now: datetime) -> None:
    """Let what a statement counts stand alone where single evidence had told the same."""
    twice = (await connection.execute(TOLD_TWICE, {"operator": operator, "abouts": list(abouts)})).scalars().all()
    if twice:
        await connection.execute(SUPERSEDE, {"ids": sorted(twice), "because": SAID_BY_STATEMENT, "now": now})


async def about_day(connection: AsyncConnection, operator: str, day: date) -> set[str]:
    """Name what the standing breaks of a day are about."""
    return set((await connection.execute(ABOUT_DAY, {"operator": operator, "day": day})).scalars())


def _content(one: Difference | Row[tuple[object, ...]]) -> tuple[object, ...]:
    # The detail is left out: it names a line, and the next file says the same on another.
    figures = (one.operator_amount_xof, one.ledger_amount_xof, one.difference_xof)
    return (str(one.kind), one.account, one.subject, one.day, *figures)


def _subject(found: FoundBreak) -> str:
    # A name of its own: the statement's break on the same transaction carries the day's difference.
    return f"{found.subject}:{found.operator_amount_xof}" if found.kind is BreakKind.AMOUNT else found.subject


def _written(one: Difference | FoundBreak) -> str:
    return json.dumps(one.detail.document(), ensure_ascii=False)


async def _insert(connection: AsyncConnection, rows: Sequence[tuple[object, ...]], now: datetime) -> int:
    if not rows:
        return 0
    names = (
        "kinds", "operators", "accounts", "subjects", "abouts", "days", "theirs", "ours", "differences", "details"
    )  # fmt: skip
    columns = {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
    return len((await connection.execute(INSERT, {**columns, "now": now})).all())
