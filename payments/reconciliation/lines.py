"""Hands out the lines that still wait for a bucket, writes their buckets, and names what else must be judged."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.reconciliation.coverage import day_bounds
from payments.reconciliation.match import Bucket

#: One run of lines of an operator is matched at a time: what one run opens, the next can see and close.
ONE_RUN_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('matching/' || :operator, 0))")

WAITING = text("""
    SELECT subject FROM statement_line
     WHERE file_id = :file_id AND matched_at IS NULL AND line_number > :after_line
     ORDER BY line_number
     LIMIT :batch
""")

NEXT_WAITING = text("""
    SELECT min(line_number) FROM statement_line
     WHERE file_id = :file_id AND matched_at IS NULL AND line_number > :after_line
""")

WAITING_COUNT = text("SELECT count(*) FROM statement_line WHERE file_id = :file_id AND matched_at IS NULL")

#: Breaks of the file's days about operations that were matched as the file was kept, opened beside it by another hand.
CONTRADICTED = text("""
    SELECT DISTINCT found.about
      FROM reconciliation_break found
     WHERE found.operator = :operator AND found.account <> '' AND found.superseded_at IS NULL
       AND found.day >= CAST(CAST(:period_start AS timestamptz) AT TIME ZONE 'UTC' AS date)
       AND found.day <= CAST(CAST(:period_end AS timestamptz) AT TIME ZONE 'UTC' AS date)
       AND EXISTS (SELECT FROM statement_line line
                    WHERE line.operator = found.operator AND line.subject = found.about
                      AND line.file_id = :file_id AND line.bucket = 'matched')
""")

MARK = text("""
    UPDATE statement_line SET bucket = done.bucket, payment_id = done.payment_id, matched_at = :now
      FROM unnest(CAST(:numbers AS integer[]), CAST(:buckets AS text[]), CAST(:payments AS bigint[]))
           AS done(line_number, bucket, payment_id)
     WHERE statement_line.file_id = :file_id AND statement_line.line_number = done.line_number AND matched_at IS NULL
""")

TOTALS = text("""
    SELECT bucket, count(*) AS line_count,
           coalesce(sum(coalesce(amount_xof, fee_xof, 0)) FILTER (WHERE bucket <> 'not_money'), 0) AS sum_xof
      FROM statement_line WHERE file_id = :file_id AND bucket IS NOT NULL GROUP BY bucket ORDER BY bucket
""")

#: The columns of a kept file, in the order of its fields.
KEPT_COLUMNS = "id, operator, account, filename, period_start, covered_until, imported_at, line_count, collected_xof"

FILE = text(f"SELECT {KEPT_COLUMNS} FROM statement_file WHERE id = :file_id")  # noqa: S608 - our own column names

OPERATORS_OF_DAY = text("""
    SELECT DISTINCT operator FROM statement_file WHERE period_start < :day_end AND covered_until > :day_start
     ORDER BY operator
""")

#: Payments of a time that no line has been matched with.
UNMATCHED_PAYMENTS = text("""
    SELECT operator_transaction_id AS subject
      FROM payment
     WHERE operator = :operator AND occurred_at >= :period_start AND occurred_at < :period_end
       AND NOT EXISTS (SELECT FROM statement_line line
                        WHERE line.operator = payment.operator AND line.subject = payment.operator_transaction_id
                          AND line.payment_id = payment.id)
""")

#: The newest payments since a recent block of the ledger, read from the end of an index, in a time of which a statement
#: speaks, which no line was matched with and which no standing break has been judged with since.
NEWLY_POSTED = text("""
    SELECT payment.operator, payment.operator_transaction_id AS subject
      FROM (SELECT * FROM payment
             WHERE ledger_txn_id > coalesce((SELECT through_txn_id FROM ledger_block
                                              ORDER BY seq DESC OFFSET :blocks LIMIT 1), 0)
             ORDER BY ledger_txn_id DESC LIMIT :most) AS payment
     WHERE EXISTS (SELECT FROM statement_file file
                    WHERE file.operator = payment.operator
                      AND file.covered_until > occurred_at AND file.period_start <= occurred_at)
       AND NOT EXISTS (SELECT FROM statement_line line
                        WHERE line.operator = payment.operator AND line.subject = payment.operator_transaction_id
                          AND line.payment_id = payment.id)
       AND NOT EXISTS (SELECT FROM reconciliation_break found
                        WHERE found.operator = payment.operator AND found.about = payment.operator_transaction_id
                          AND found.account <> '' AND found.superseded_at IS NULL
                          AND found.opened_at > payment.posted_at)
""")

#: What other files of the account said of the moments of this one, and this one does not name.
UNNAMED = text("""
    SELECT DISTINCT line.subject
      FROM statement_file other
      JOIN statement_line line ON line.file_id = other.id
     WHERE other.operator = :operator AND other.account = :account AND other.id <> :file_id
       AND other.covered_until > :period_start AND other.period_start < :period_end
       AND line.counts_at >= :period_start AND line.counts_at < :period_end
       AND NOT EXISTS (SELECT FROM statement_line mine
                        WHERE mine.operator = :operator AND mine.subject = line.subject AND mine.file_id = :file_id)
""")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A statement file as it was kept.

    Units:   collected_xof in whole francs; the period in UTC, to the end of what the file can know, excluded.
    """

    id: int
    operator: str
    account: str
    filename: str
    period_start: datetime
    covered_until: datetime
    imported_at: datetime
    line_count: int
    collected_xof: int


@dataclass(frozen=True, slots=True)
class BucketTotal:
    """What one bucket of one file holds."""

    count: int
    sum_xof: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The one bucket of one line, and the payment that it speaks of."""

    line_number: int
    bucket: Bucket
    payment_id: int | None = None


async def read_file(connection: AsyncConnection, file_id: int) -> StoredFile:
    """Read what is known of a file beside its bytes and lines."""
    return StoredFile(*(await connection.execute(FILE, {"file_id": file_id})).one())


async def operators_of_day(connection: AsyncConnection, day: date) -> list[str]:
    """Return the operators of which a statement speaks of a day."""
    start, end = day_bounds(day)
    return list((await connection.execute(OPERATORS_OF_DAY, {"day_start": start, "day_end": end})).scalars())


async def take(connection: AsyncConnection, file: StoredFile, batch: int, after_line: int = 0) -> frozenset[str]:
    """Name the operations of the next lines without a bucket; nobody else matches this operator's meanwhile."""
    await lock(connection, file.operator)
    asked = {"file_id": file.id, "batch": batch, "after_line": after_line}
    return frozenset((await connection.execute(WAITING, asked)).scalars())


async def next_waiting(connection: AsyncConnection, file_id: int, after_line: int) -> int | None:
    """Return the number of the next line without a bucket."""
    asked = {"file_id": file_id, "after_line": after_line}
    number: int | None = (await connection.execute(NEXT_WAITING, asked)).scalar_one()
    return number


async def waiting_count(connection: AsyncConnection, file_id: int) -> int:
    """Count the lines of a file without a bucket."""
    count: int = (await connection.execute(WAITING_COUNT, {"file_id": file_id})).scalar_one()
    return count


async def lock(connection: AsyncConnection, operator: str) -> None:
    """Keep every other matching of this operator waiting until the transaction ends."""
    await connection.execute(ONE_RUN_AT_A_TIME, {"operator": operator})


async def mark(connection: AsyncConnection, file_id: int, outcomes: Sequence[Outcome], now: datetime) -> int:
    """Write the bucket of each line that has none.

    Returns: how many had none.
    """
    columns = {
        "numbers": [outcome.line_number for outcome in outcomes],
        "buckets": [outcome.bucket for outcome in outcomes],
        "payments": [outcome.payment_id for outcome in outcomes],
    }
    return (await connection.execute(MARK, {"file_id": file_id, "now": now, **columns})).rowcount


async def totals(connection: AsyncConnection, file_id: int) -> Mapping[str, BucketTotal]:
    """Count and add up the lines of a file by bucket; a line without money received adds nothing.

    Units:   sum_xof in whole francs.
    """
    rows = (await connection.execute(TOTALS, {"file_id": file_id})).all()
    return {row.bucket: BucketTotal(row.line_count, int(row.sum_xof)) for row in rows}


async def unmatched_payments(
    connection: AsyncConnection, operator: str, period_start: datetime, period_end: datetime
) -> set[str]:
    """Name the payments of a time that no line has been matched with."""
    period = {"operator": operator, "period_start": period_start, "period_end": period_end}
    return set((await connection.execute(UNMATCHED_PAYMENTS, period)).scalars())


async def newly_posted(connection: AsyncConnection, blocks: int, most: int) -> Mapping[str, set[str]]:
    """Name, by operator, the payments since so many ledger blocks that the statements of their day do not explain."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in (await connection.execute(NEWLY_POSTED, {"blocks": blocks, "most": most})).all():
        found[row.operator].add(row.subject)
    return found


async def contradicted(connection: AsyncConnection, file: StoredFile) -> set[str]:
    """Name the operations of a file that were matched as it was kept and that a standing break is about."""
    return set((await connection.execute(CONTRADICTED, _of(file))).scalars())


async def unnamed(connection: AsyncConnection, file: StoredFile) -> set[str]:
    """Name the operations that other files give in the time of this one, and this one does not."""
    return set((await connection.execute(UNNAMED, _of(file))).scalars())


def _of(file: StoredFile) -> dict[str, object]:
    return {
        "operator": file.operator,
        "account": file.account,
        "file_id": file.id,
        "period_start": file.period_start,
        "period_end": file.covered_until,
    }
