"""Hands out the lines that still wait for a bucket, with what is known of them, and writes their buckets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.observation import LineKind, Observation, ObservedStatus, Provenance
from payments.reconciliation import breaks
from payments.reconciliation.facts import Booked, Claim, Known, Line, utc_day
from payments.reconciliation.match import Outcome, unclaimed

#: One run of lines of an operator is matched at a time: what one run opens, the next can see and close.
ONE_RUN_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('matching/' || :operator, 0))")

WAITING = text("""
    SELECT line_number, kind, status, amount_xof, fee_xof, payer_msisdn, our_reference, operator_transaction_id,
           occurred_at
      FROM statement_line
     WHERE file_id = :file_id AND matched_at IS NULL AND line_number > :after_line
     ORDER BY line_number
     LIMIT :batch
""")

NEXT_WAITING = text("""
    SELECT min(line_number) FROM statement_line
     WHERE file_id = :file_id AND matched_at IS NULL AND line_number > :after_line
""")

#: One look at the unique key for each name, whatever the planner believes of a table that has just grown.
PAYMENTS = text("""
    SELECT held.*
      FROM unnest(CAST(:transactions AS text[])) AS named(transaction_id)
     CROSS JOIN LATERAL (SELECT operator_transaction_id, id, household_id, amount_xof, occurred_at
                           FROM payment
                          WHERE operator = :operator AND operator_transaction_id = named.transaction_id
                          LIMIT 1) AS held
""")

#: The first word on each transaction, whether it stands in the same file, and whether before these lines.
FIRST_WORDS = text("""
    SELECT DISTINCT ON (operator_transaction_id, kind)
           operator_transaction_id, kind, amount_xof, file_id = :file_id AS same_file,
           (file_id, line_number) < (:file_id, :line_number) AS earlier
      FROM statement_line
     WHERE operator = :operator AND operator_transaction_id = ANY(CAST(:transactions AS text[]))
       AND (kind = 'collection' AND status = 'succeeded' OR kind = 'reversal' AND status IN ('succeeded', 'reversed'))
     ORDER BY operator_transaction_id, kind, file_id, line_number
""")

MARK = text("""
    UPDATE statement_line SET bucket = done.bucket, payment_id = done.payment_id, matched_at = :now
      FROM unnest(CAST(:numbers AS integer[]), CAST(:buckets AS text[]), CAST(:payments AS bigint[]))
           AS done(line_number, bucket, payment_id)
     WHERE statement_line.file_id = :file_id AND statement_line.line_number = done.line_number
""")

TOTALS = text("""
    SELECT bucket, count(*) AS line_count,
           coalesce(sum(coalesce(amount_xof, fee_xof, 0)) FILTER (WHERE bucket <> 'not_money'), 0) AS sum_xof
      FROM statement_line WHERE file_id = :file_id AND bucket IS NOT NULL GROUP BY bucket ORDER BY bucket
""")

FILE = text("""
    SELECT id, operator, filename, period_start, period_end, imported_at, line_count, collected_xof
      FROM statement_file WHERE id = :file_id
""")

FILES_TOUCHING = text("""
    SELECT id, operator, filename, period_start, period_end, imported_at, line_count, collected_xof
      FROM statement_file WHERE period_start < :period_end AND period_end > :period_start ORDER BY id
""")

#: Payments of the period that no claim covers; ``named`` when a line speaks of them as unsuccessful.
UNCLAIMED = text("""
    SELECT payment.operator_transaction_id, payment.id, household_id, payment.amount_xof, payment.occurred_at,
           EXISTS (SELECT FROM statement_line line
                    WHERE line.operator = payment.operator AND line.kind = 'collection'
                      AND line.operator_transaction_id = payment.operator_transaction_id) AS named
      FROM payment
     WHERE payment.operator = :operator AND payment.occurred_at >= :period_start AND payment.occurred_at < :period_end
       AND NOT EXISTS (SELECT FROM statement_line line
                        WHERE line.operator = payment.operator AND line.kind = 'collection'
                          AND line.status = 'succeeded'
                          AND line.operator_transaction_id = payment.operator_transaction_id)
     ORDER BY payment.id
""")


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A statement file as it was kept.

    Units:   collected_xof in whole francs; the period in UTC, end excluded.
    """

    id: int
    operator: str
    filename: str
    period_start: datetime
    period_end: datetime
    imported_at: datetime
    line_count: int
    collected_xof: int


@dataclass(frozen=True, slots=True)
class BucketTotal:
    """What one bucket of one file holds."""

    count: int
    sum_xof: int


async def read_file(connection: AsyncConnection, file_id: int) -> KeptFile:
    """Read what is known of a file beside its bytes and lines."""
    return KeptFile(*(await connection.execute(FILE, {"file_id": file_id})).one())


async def files_touching(connection: AsyncConnection, period_start: datetime, period_end: datetime) -> list[KeptFile]:
    """Give the files whose period shares a moment with this one, oldest first."""
    period = {"period_start": period_start, "period_end": period_end}
    return [KeptFile(*row) for row in (await connection.execute(FILES_TOUCHING, period)).all()]


async def take(connection: AsyncConnection, file: KeptFile, batch: int, after_line: int = 0) -> list[Line]:
    """Give the next lines without a bucket; until the transaction ends nobody else matches this operator's."""
    await connection.execute(ONE_RUN_AT_A_TIME, {"operator": file.operator})
    asked = {"file_id": file.id, "batch": batch, "after_line": after_line}
    rows = (await connection.execute(WAITING, asked)).all()
    return [_line(file, row) for row in rows]


async def next_waiting(connection: AsyncConnection, file_id: int, after_line: int) -> int | None:
    """Give the number of the next line without a bucket."""
    asked = {"file_id": file_id, "after_line": after_line}
    number: int | None = (await connection.execute(NEXT_WAITING, asked)).scalar_one()
    return number


async def read_known(connection: AsyncConnection, file: KeptFile, lines: Sequence[Line]) -> Known:
    """Read the payments, claims and reversals of the transactions that ``lines`` name."""
    place = {"file_id": file.id, "line_number": min(line.line_number for line in lines)}
    names = {"operator": file.operator, "transactions": _transactions(lines)}
    words = (await connection.execute(FIRST_WORDS, {**names, **place})).all()
    claims = [row for row in words if row.kind == LineKind.COLLECTION]
    return Known(
        otherwise_on=utc_day(file.period_start),
        payments=await read_payments(connection, file.operator, lines, frozenset()),
        claims={row.operator_transaction_id: Claim(row.amount_xof, row.same_file) for row in claims if row.earlier},
        claimed_ids={row.operator_transaction_id for row in claims},
        reversed_ids={row.operator_transaction_id for row in words if row.kind == LineKind.REVERSAL and row.earlier},
    )


async def read_payments(
    connection: AsyncConnection, operator: str, lines: Sequence[Line], recovered_ids: frozenset[int]
) -> Mapping[str, Booked]:
    """Read the payments that ``lines`` name; ``recovered_ids`` are those that the lines themselves brought in."""
    rows = await connection.execute(PAYMENTS, {"operator": operator, "transactions": _transactions(lines)})
    return {
        row.operator_transaction_id: Booked(
            row.id, row.household_id, row.amount_xof, row.occurred_at, recovered=row.id in recovered_ids
        )
        for row in rows.all()
    }


async def mark(connection: AsyncConnection, file_id: int, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Write the bucket of each line."""
    columns = {
        "numbers": [outcome.line_number for outcome in outcomes],
        "buckets": [outcome.bucket for outcome in outcomes],
        "payments": [outcome.payment_id for outcome in outcomes],
    }
    await connection.execute(MARK, {"file_id": file_id, "now": now, **columns})


async def totals(connection: AsyncConnection, file_id: int) -> dict[str, BucketTotal]:
    """Count and add up the lines of a file by bucket; a line without money received adds nothing.

    Units:   sum_xof in whole francs.
    """
    rows = (await connection.execute(TOTALS, {"file_id": file_id})).all()
    return {row.bucket: BucketTotal(row.line_count, int(row.sum_xof)) for row in rows}


async def open_unclaimed(
    connection: AsyncConnection, operator: str, period_start: datetime, period_end: datetime, now: datetime
) -> int:
    """Open a break for each payment of a stated period that the operator does not claim.

    Returns: how many are new.
    """
    await connection.execute(ONE_RUN_AT_A_TIME, {"operator": operator})
    period = {"operator": operator, "period_start": period_start, "period_end": period_end}
    rows = (await connection.execute(UNCLAIMED, period)).all()
    payments = {
        row.operator_transaction_id: Booked(row.id, row.household_id, row.amount_xof, row.occurred_at) for row in rows
    }
    named_ids = {row.operator_transaction_id for row in rows if row.named}
    return await breaks.record_differences(connection, operator, unclaimed(payments, named_ids), now)


def _transactions(lines: Sequence[Line]) -> list[str]:
    return sorted(
        {line.observation.operator_transaction_id for line in lines if line.observation.operator_transaction_id}
    )


def _line(file: KeptFile, row: Row[tuple[object, ...]]) -> Line:
    return Line(
        file_id=file.id,
        line_number=row.line_number,
        kind=LineKind(row.kind),
        observation=Observation(
            operator=file.operator,
            provenance=Provenance.STATEMENT,
            status=ObservedStatus(row.status),
            amount_xof=row.amount_xof,
            fee_xof=row.fee_xof,
            payer_msisdn=row.payer_msisdn,
            our_reference=row.our_reference,
            operator_transaction_id=row.operator_transaction_id,
            occurred_at=row.occurred_at,
        ),
    )
