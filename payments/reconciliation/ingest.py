"""Keeps a statement, bytes and lines, in one transaction; the same content twice changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.observation import LineKind, ObservedStatus
from payments.operators.contract import Statement, StatementLine

#: Large enough that round trips vanish, small enough that a statement timeout never meets it.
LINES_PER_INSERT: Final = 5_000

#: Files of one operator are kept one after the other, so that a smaller file id is always the earlier word.
ONE_FILE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('statement/' || :operator, 0))")

INSERT_FILE = text("""
    INSERT INTO statement_file (operator, sha256, filename, content, account, period_start, period_end, opening_xof,
                                closing_xof, line_count, collected_xof, imported_by, imported_at)
    VALUES (:operator, :sha256, :filename, :content, :account, :period_start, :period_end, :opening_xof, :closing_xof,
            :line_count, :collected_xof, :imported_by, :now)
        ON CONFLICT (operator, sha256) DO NOTHING
    RETURNING id
""")

EXISTING_FILE = text("SELECT id FROM statement_file WHERE operator = :operator AND sha256 = :sha256")

INSERT_LINES = text("""
    INSERT INTO statement_line (file_id, line_number, operator, kind, status, amount_xof, fee_xof, payer_msisdn,
                                our_reference, operator_transaction_id, occurred_at, raw, raw_transaction_id, reference,
                                moved_xof, remarks)
    SELECT :file_id, line_number, :operator, kind, status, amount_xof, fee_xof, payer_msisdn, our_reference,
           operator_transaction_id, occurred_at, raw, raw_transaction_id, reference, moved_xof, remarks
      FROM unnest(CAST(:numbers AS integer[]), CAST(:kinds AS text[]), CAST(:statuses AS text[]),
                  CAST(:amounts AS bigint[]), CAST(:fees AS bigint[]), CAST(:payers AS text[]),
                  CAST(:references AS text[]), CAST(:transactions AS text[]), CAST(:occurred AS timestamptz[]),
                  CAST(:raws AS text[]), CAST(:raw_ids AS text[]), CAST(:own AS text[]), CAST(:moved AS bigint[]),
                  CAST(:remarks AS text[]))
           AS line(line_number, kind, status, amount_xof, fee_xof, payer_msisdn, our_reference,
                   operator_transaction_id, occurred_at, raw, raw_transaction_id, reference, moved_xof, remarks)
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
            "opening_xof": statement.opening_xof,
            "closing_xof": statement.closing_xof,
            "line_count": len(statement.lines),
            "collected_xof": collected_xof(statement.lines),
            "imported_by": imported_by,
            "now": now,
        },
    )
    file_id: int | None = inserted.scalar_one_or_none()
    if file_id is None:
        return Ingested((await connection.execute(EXISTING_FILE, key)).scalar_one(), already=True)
    for start in range(0, len(statement.lines), LINES_PER_INSERT):
        chunk = statement.lines[start : start + LINES_PER_INSERT]
        await connection.execute(INSERT_LINES, {"file_id": file_id, "operator": operator, **_columns(chunk)})
    return Ingested(file_id, already=False)


def collected_xof(lines: Sequence[StatementLine]) -> int:
    """Add up what the operator says it collected for us, line by line.

    Units:   whole francs.
    """
    return sum(
        line.observation.amount_xof or 0
        for line in lines
        if line.kind is LineKind.COLLECTION and line.observation.status is ObservedStatus.SUCCEEDED
    )


def _columns(lines: Sequence[StatementLine]) -> dict[str, list[object]]:
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
        "occurred": [one.occurred_at for one in said],
        "raw_ids": [one.raw_transaction_id for one in said],
        "own": [line.reference for line in lines],
        "moved": [line.moved_xof for line in lines],
        "remarks": [" ".join(one.remarks) for one in said],
    }
