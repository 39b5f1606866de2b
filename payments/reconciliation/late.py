"""Money that turns up for a day that was already signed: told once, and carried by the next day that is signed.

A signed day saw the ledger up to one block. A payment of that day whose posting lies behind this block came late,
whatever any clock says.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.break_kind import BreakKind
from payments.detail import DetailCode

LATE: Final = BreakKind.LATE_FOR_SEALED_DAY
#: A break may become visible so long after the moment it bears: its transaction was under way meanwhile.
UNDER_WAY_MAX: Final = timedelta(hours=1)

#: Payments of signed days that are posted behind the block which their day's report saw last.
BEHIND = """
    SELECT payment.id, payment.operator, payment.operator_transaction_id, payment.amount_xof, payment.ledger_txn_id,
           report.day, report.closed_at
      FROM payment
      JOIN day_report report ON report.day = CAST(payment.occurred_at AT TIME ZONE 'UTC' AS date)
      LEFT JOIN ledger_block block ON block.sha256 = report.ledger_head_sha256
     WHERE payment.ledger_txn_id > coalesce(block.through_txn_id, 0)
"""

INSERT: Final = """
    INSERT INTO reconciliation_break (kind, operator, account, subject, about, day, operator_amount_xof,
                                      ledger_amount_xof, difference_xof, detail, payment_id, opened_at)
"""

CLOSED_DAY: Final = "'closed_day', to_char(closed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')"

#: What ``Detail.document`` would write of such money.
PAYMENT_DETAIL: Final = (
    f"jsonb_build_object('code', '{DetailCode.PAYMENT_AFTER_CLOSING}', 'amount_xof', amount_xof, {CLOSED_DAY})"
)
LINE_DETAIL: Final = (
    f"jsonb_build_object('code', '{DetailCode.LINE_AFTER_CLOSING}', 'number', line_number, 'moved_xof', moved_xof,"
    f" {CLOSED_DAY})"
)

PAYMENTS = text(f"""
    {INSERT}
    SELECT '{LATE}', operator, '', operator_transaction_id, operator_transaction_id, day, NULL, amount_xof, 0,
           {PAYMENT_DETAIL}, id, :now
      FROM ({BEHIND} AND payment.id = ANY(CAST(:ids AS bigint[]))) AS late
     ORDER BY operator, operator_transaction_id
        ON CONFLICT (kind, operator, account, subject) WHERE superseded_at IS NULL DO NOTHING
    RETURNING id
""")  # noqa: S608 - our own words

#: The same for whatever was posted since the block that the last signed report saw.
PAYMENTS_AFTER = text(f"""
    {INSERT}
    SELECT '{LATE}', operator, '', operator_transaction_id, operator_transaction_id, day, NULL, amount_xof, 0,
           {PAYMENT_DETAIL}, id, :now
      FROM ({BEHIND} AND payment.ledger_txn_id > :after) AS late
     ORDER BY operator, operator_transaction_id
        ON CONFLICT (kind, operator, account, subject) WHERE superseded_at IS NULL DO NOTHING
    RETURNING id
""")  # noqa: S608 - our own words

#: One name for each line: parts of one payment are taken back one by one, each with money of its own.
OF_LINE: Final = "concat_ws('/', line.kind, line.operator_transaction_id, line.file_id || ':' || line.line_number)"

#: Lines that moved the operator's balance on a signed day and became no payment of ours: reversals, fees, transfers,
#: and collections that could not be credited. A line counts once, however many files repeat it: what a file tells
#: again, or what a newer one speaks for, is not asked here.
LINES = text(f"""
    {INSERT}
    SELECT '{LATE}', operator, '', subject, subject, day, moved_xof, NULL, 0,
           {LINE_DETAIL}, NULL, :now
      FROM (SELECT DISTINCT ON (line.operator, named.subject) line.operator, line.line_number, line.moved_xof,
                   report.day, report.closed_at, named.subject
              FROM statement_file file
              JOIN statement_line line ON line.file_id = file.id
             CROSS JOIN LATERAL (SELECT {OF_LINE}) AS named(subject)
              JOIN day_report report ON report.day = CAST(line.counts_at AT TIME ZONE 'UTC' AS date)
             WHERE file.id = :file_id AND line.line_number > :after AND line.line_number <= :through
               AND file.imported_at > report.closed_at
               AND line.moved_xof <> 0 AND line.matched_at IS NOT NULL
               AND line.bucket NOT IN ('duplicate', 'superseded')
               AND NOT (line.kind = 'collection' AND EXISTS (
                   SELECT FROM payment
                    WHERE payment.operator = line.operator
                      AND payment.operator_transaction_id = line.operator_transaction_id))
             ORDER BY line.operator, named.subject, line.file_id, line.line_number) AS late
        ON CONFLICT (kind, operator, account, subject) WHERE superseded_at IS NULL DO NOTHING
    RETURNING id
""")  # noqa: S608 - our own words

#: Files that may hold such lines: they came since then, after a day that they touch was signed.
FILES = text("""
    SELECT file.id, (SELECT coalesce(max(line_number), 0) FROM statement_line WHERE file_id = file.id) AS last_line
      FROM statement_file file
     WHERE file.imported_at >= :since
       AND EXISTS (SELECT FROM day_report report
                    WHERE report.closed_at < file.imported_at
                      AND report.day >= CAST(file.period_start AT TIME ZONE 'UTC' AS date)
                      AND report.day <= CAST(file.period_end AT TIME ZONE 'UTC' AS date))
     ORDER BY file.id
""")

#: No statement looks at more lines than this.
LINES_PER_LOOK: Final = 20_000

CARRIED = text("""
    SELECT operator, subject, day, coalesce(ledger_amount_xof, operator_amount_xof) AS amount_xof
      FROM reconciliation_break WHERE kind = :kind AND opened_at >= :since
     ORDER BY day, operator, subject
""")

OF_DAY = text("""
    SELECT operator, subject, day, coalesce(ledger_amount_xof, operator_amount_xof) AS amount_xof
      FROM reconciliation_break WHERE kind = :kind AND day = :day ORDER BY operator, subject
""")

ALL_BEHIND = text(f"""
    SELECT operator, operator_transaction_id AS subject, day, amount_xof
      FROM ({BEHIND}) AS late ORDER BY day, operator, operator_transaction_id LIMIT :most
""")  # noqa: S608 - our own words

#: Lines that are no payment leave no trace in the ledger: their breaks, which nobody may delete, are what is known.
ALL_LINES = text("""
    SELECT operator, subject, day, operator_amount_xof AS amount_xof
      FROM reconciliation_break WHERE kind = :kind AND payment_id IS NULL ORDER BY day, operator, subject LIMIT :most
""")

#: Breaks are few, so each is looked for among the lines: by its operation, or by the file and line in its name.
OF_FILE = text("""
    SELECT count(*), coalesce(sum(coalesce(ledger_amount_xof, operator_amount_xof)), 0) AS amount_xof
      FROM reconciliation_break late
     WHERE late.kind = :kind AND late.operator = (SELECT operator FROM statement_file WHERE id = :file_id)
       AND (late.subject ~ ('/' || CAST(:file_id AS bigint) || '\\:[0-9]+$')
            OR EXISTS (SELECT FROM statement_line line
                        WHERE line.operator = late.operator AND line.subject = late.subject
                          AND line.file_id = :file_id AND line.kind = 'collection'))
""")

#: Days of its period that were signed before a file came; its period ends with the first moment that is not in it.
SEALED_DAYS = text("""
    SELECT report.day
      FROM statement_file file
      JOIN day_report report
        ON report.day >= CAST(file.period_start AT TIME ZONE 'UTC' AS date)
       AND report.day <= CAST((file.period_end - interval '1 microsecond') AT TIME ZONE 'UTC' AS date)
     WHERE file.id = :file_id AND report.closed_at < file.imported_at
     ORDER BY report.day
""")


@dataclass(frozen=True, slots=True)
class LateTotal:
    """How much of one statement was late for the days it belongs to, and which signed days its period touches.

    Units:   amount_xof in whole francs.
    """

    count: int = 0
    amount_xof: int = 0
    sealed_days: tuple[date, ...] = ()


NOTHING_LATE: Final = LateTotal()


@dataclass(frozen=True, slots=True)
class LateMoney:
    """Money of a signed day that its report does not hold.

    Units:   amount_xof in whole francs; below zero where a line took money away.
    """

    operator: str
    subject: str
    day: date
    amount_xof: int


async def record_payments(connection: AsyncConnection, payment_ids: Collection[int], now: datetime) -> int:
    """Open a break for each of these payments whose day was signed before it came.

    Returns: how many are new.
    """
    if not payment_ids:
        return 0
    return len((await connection.execute(PAYMENTS, {"ids": sorted(payment_ids), "now": now})).all())


async def record_lines(connection: AsyncConnection, since: datetime, now: datetime) -> int:
    """Open a break for each line imported since then that moved money on a signed day and is no payment.

    Returns: how many are new.
    """
    opened = 0
    for file in (await connection.execute(FILES, {"since": since})).all():
        for after in range(0, file.last_line, LINES_PER_LOOK):
            of_file = {"file_id": file.id, "after": after, "through": after + LINES_PER_LOOK, "now": now}
            opened += len((await connection.execute(LINES, of_file)).all())
    return opened


async def sweep(connection: AsyncConnection, after_txn_id: int, since: datetime, now: datetime) -> int:
    """Open what a signing that ran beside its arrival overlooked, before the next day is signed.

    Returns: how many are new.
    """
    payments = (await connection.execute(PAYMENTS_AFTER, {"after": after_txn_id, "now": now})).all()
    return len(payments) + await record_lines(connection, since - UNDER_WAY_MAX, now)


async def late_of_file(connection: AsyncConnection, file_id: int) -> LateTotal:
    """Count what a statement named, or brought in, for days that were signed before."""
    count, amount_xof = (await connection.execute(OF_FILE, {"kind": LATE, "file_id": file_id})).one()
    days = (await connection.execute(SEALED_DAYS, {"file_id": file_id})).scalars().all()
    return LateTotal(count, int(amount_xof), tuple(days))


async def late_since(connection: AsyncConnection, since: datetime) -> tuple[LateMoney, ...]:
    """Return the late money that was told since a moment, and what may have been under way at it."""
    rows = await connection.execute(CARRIED, {"kind": LATE, "since": since - UNDER_WAY_MAX})
    return tuple(LateMoney(*row) for row in rows.all())


async def late_of_day(connection: AsyncConnection, day: date) -> tuple[LateMoney, ...]:
    """Return the late money of one signed day."""
    rows = await connection.execute(OF_DAY, {"kind": LATE, "day": day})
    return tuple(LateMoney(*row) for row in rows.all())


async def late_payments(connection: AsyncConnection, most: int) -> tuple[LateMoney, ...]:
    """Find the payments that lie behind the seal of their day from the ledger alone, whatever breaks were opened."""
    return tuple(LateMoney(*row) for row in (await connection.execute(ALL_BEHIND, {"most": most})).all())


async def late_lines(connection: AsyncConnection, most: int) -> tuple[LateMoney, ...]:
    """Return what lines that are no payment moved on days that were signed before."""
    rows = await connection.execute(ALL_LINES, {"kind": LATE, "most": most})
    return tuple(LateMoney(*row) for row in rows.all())
