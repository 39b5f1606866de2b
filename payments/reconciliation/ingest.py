"""Keeps a statement, bytes and lines, in one transaction; the same content twice changes nothing."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.dating import dated_in_period, keepable
from payments.observation import LineKind
from payments.operators.contract import Statement, StatementLine
from payments.reconciliation.coverage import INSTANT, period_of
from payments.reconciliation.facts import due_xof, subject_of

#: Large enough that round trips vanish, small enough that a statement timeout never meets it.
LINES_PER_INSERT: Final = 5_000

#: Files of one operator are kept one after the other, so that a smaller file id is always the earlier word.
ONE_FILE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('statement/' || :operator, 0))")

INSERT_FILE = text("""
    INSERT INTO statement_file (operator, sha256, filename, content, account, period_start, period_end, covered_until,
                                opening_xof, closing_xof, line_count, collected_xof, fees_xof, printed_collected_xof,
                                printed_fees_xof, gap_xof, imported_by, imported_at)
    VALUES (:operator, :sha256, :filename, :content, :account, :period_start, :period_end, :covered_until,
            :opening_xof, :closing_xof, :line_count, :collected_xof, :fees_xof, :printed_collected_xof,
            :printed_fees_xof, :gap_xof, :imported_by, :now)
        ON CONFLICT (operator, sha256) DO NOTHING
    RETURNING id
""")

EXISTING_FILE = text("SELECT id FROM statement_file WHERE operator = :operator AND sha256 = :sha256")

INSERT_LINES = text("""
    INSERT INTO statement_line (file_id, line_number, operator, kind, status, amount_xof, fee_xof, payer_msisdn,
                                our_reference, operator_transaction_id, occurred_at, raw, raw_transaction_id, reference,
                                moved_xof, remarks, subject, counts_at, due_xof, running_xof)
    SELECT :file_id, line_number, :operator, kind, status, amount_xof, fee_xof, payer_msisdn, our_reference,
           operator_transaction_id, occurred_at, raw, raw_transaction_id, reference, moved_xof, remarks, subject,
           counts_at, due_xof, running_xof
      FROM unnest(CAST(:numbers AS integer[]), CAST(:kinds AS text[]), CAST(:statuses AS text[]),
                  CAST(:amounts AS bigint[]), CAST(:fees AS bigint[]), CAST(:payers AS text[]),
                  CAST(:references AS text[]), CAST(:transactions AS text[]), CAST(:occurred AS timestamptz[]),
                  CAST(:raws AS text[]), CAST(:raw_ids AS text[]), CAST(:own AS text[]), CAST(:moved AS bigint[]),
                  CAST(:remarks AS text[]), CAST(:subjects AS text[]), CAST(:counted AS timestamptz[]),
                  CAST(:due AS bigint[]), CAST(:running AS bigint[]))
           AS line(line_number, kind, status, amount_xof, fee_xof, payer_msisdn, our_reference,
                   operator_transaction_id, occurred_at, raw, raw_transaction_id, reference, moved_xof, remarks,
                   subject, counts_at, due_xof, running_xof)
""")


@dataclass(frozen=True, slots=True)
class Ingested:
    """The file that holds this content; ``already`` when it was kept before."""

    file_id: int
    already: bool


async def ingest(
    connection: AsyncConnection,
    statement: Statement,
    *,
    filename: str,
    content: bytes,
    imported_by: str,
    now: datetime,
) -> Ingested:
    """Keep a statement once per operator and content.

    Returns: the file's id, whether this call or an earlier one kept it.
    """
    operator = statement.operator
    covered_until = max(min(statement.period_end, now), statement.period_start + INSTANT)
    await connection.execute(ONE_FILE_AT_A_TIME, {"operator": operator})
    key = {"operator": operator, "sha256": sha256(content).digest()}
    inserted = await connection.execute(
        INSERT_FILE,
        {
            **key,
            "filename": filename,
            "content": content,
            "account": statement.account,
            "period_start": statement.period_start,
            "period_end": statement.period_end,
            "covered_until": covered_until,
            **_figures(statement),
            "imported_by": imported_by,
            "now": now,
        },
    )
    file_id: int | None = inserted.scalar_one_or_none()
    if file_id is None:
        return Ingested((await connection.execute(EXISTING_FILE, key)).scalar_one(), already=True)
    placed = _placed(statement, covered_until)
    for start in range(0, len(placed), LINES_PER_INSERT):
        chunk = placed[start : start + LINES_PER_INSERT]
        await connection.execute(INSERT_LINES, {"file_id": file_id, "operator": operator, **_columns(chunk)})
    return Ingested(file_id, already=False)


def collected_xof(lines: Sequence[StatementLine]) -> int:
    """Add up what the operator says it collected for us, line by line, in whatever words it says so.

    Units:   whole francs, as the day adds them up.
    """
    return sum(due_xof(line) for line in lines if line.kind is LineKind.COLLECTION)


def _figures(statement: Statement) -> dict[str, int | None]:
    """Give the amounts of a file, and what its own figures moved beyond its lines: balances first, else its totals."""
    opening_xof, closing_xof, totals = statement.opening_xof, statement.closing_xof, statement.totals
    collected = collected_xof(statement.lines)
    fees = sum(due_xof(line) - line.moved_xof for line in statement.lines if line.kind is LineKind.FEE)
    if opening_xof is not None and closing_xof is not None:
        gap_xof = closing_xof - opening_xof - sum(line.moved_xof for line in statement.lines)
    else:
        printed = totals.collected_xof if totals.collected_xof is not None else collected
        gap_xof = printed - collected - ((totals.fees_xof if totals.fees_xof is not None else fees) - fees)
    return {
        "opening_xof": opening_xof,
        "closing_xof": closing_xof,
        "line_count": len(statement.lines),
        "collected_xof": collected,
        "fees_xof": fees,
        "printed_collected_xof": totals.collected_xof,
        "printed_fees_xof": totals.fees_xof,
        "gap_xof": gap_xof,
    }


@dataclass(frozen=True, slots=True)
class _Placed:
    line: StatementLine
    counts_at: datetime
    running_xof: int


def _placed(statement: Statement, covered_until: datetime) -> list[_Placed]:
    """Date every line inside the period and add up, in order of time, what the lines moved so far."""
    period = period_of(statement.period_start, covered_until)
    dated = [
        (dated_in_period(keepable(line.observation.occurred_at), period, covered_until).at, line)
        for line in statement.lines
    ]
    dated.sort(key=lambda one: (one[0], one[1].line_number))
    sums = itertools.accumulate(line.moved_xof for _, line in dated)
    return [_Placed(line, moment, moved_xof) for (moment, line), moved_xof in zip(dated, sums, strict=True)]


def _columns(placed: Sequence[_Placed]) -> dict[str, list[object]]:
    lines = [one.line for one in placed]
    said = [line.observation for line in lines]
    return {
        "numbers": [line.line_number for line in lines],
        "kinds": [line.kind for line in lines],
        "raws": [line.raw for line in lines],
        "statuses": [one.status for one in said],
        "amounts": [one.amount_xof for one in said],
        "fees": [one.fee_xof for one in said],
        "payers": [one.payer_msisdn for one in said],
        "references": [one.our_reference for one in said],
        "transactions": [one.operator_transaction_id for one in said],
        "occurred": [keepable(one.occurred_at) for one in said],
        "raw_ids": [one.raw_transaction_id for one in said],
        "own": [line.reference for line in lines],
        "moved": [line.moved_xof for line in lines],
        "remarks": [" ".join(one.remarks) for one in said],
        "subjects": [subject_of(line) for line in lines],
        "counted": [one.counts_at for one in placed],
        "due": [due_xof(line) for line in lines],
        "running": [one.running_xof for one in placed],
    }
