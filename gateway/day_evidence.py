"""What a signed day holds still beside the ledger: digests of the rows behind it, made anew by each proof."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.ledger.fault import Fault, FaultKind
from payments.ledger.seal import head
from payments.reconciliation.close import SealedDay, last_signed, signed_days
from payments.reconciliation.late import UNDER_WAY_MAX

#: Each digest is SHA-256 over the digests of the rows, in the order of their ids; a row is written as a JSON array.
#: The columns of one version never change: a later release that adds a column adds a version.
ROWS: Final[Mapping[str, str]] = {
    "payments": """
        SELECT row.id AS place, jsonb_build_array(
                   row.id, row.operator, row.operator_transaction_id, row.request_id, row.household_id, row.amount_xof,
                   row.fee_xof, row.payer_msisdn, row.our_reference, row.matched_by, row.provenance,
                   extract(epoch FROM row.occurred_at), extract(epoch FROM row.posted_at), row.ledger_txn_id,
                   row.receipt_number, row.raw_transaction_id, row.held_because) AS written
          FROM payment row WHERE row.ledger_txn_id > :after AND row.ledger_txn_id <= :through
    """,
    "allocations": """
        SELECT row.id AS place, jsonb_build_array(
                   row.id, row.household_id, row.due_item_id, row.ledger_txn_id, row.amount_xof, row.allocated_on
               ) AS written
          FROM allocation row WHERE row.ledger_txn_id > :after AND row.ledger_txn_id <= :through
    """,
    "due_items": """
        SELECT row.id AS place, jsonb_build_array(
                   row.id, row.household_id, row.scheme_code, row.scheme_version, row.period_start, row.period_end,
                   row.due_on, row.label, row.gross_xof, row.amount_xof, extract(epoch FROM row.opened_at)) AS written
          FROM due_item row
         WHERE row.id IN (SELECT due_item_id FROM allocation
                           WHERE ledger_txn_id > :after AND ledger_txn_id <= :through)
    """,
}

DIGESTS: Final = {
    name: text(f"""
        SELECT count(*) AS count_, encode(sha256(coalesce(string_agg(
                   sha256(convert_to(written::text, 'UTF8')), ''::bytea ORDER BY place), ''::bytea)), 'hex') AS sha256
          FROM ({rows}) AS rows
    """)  # noqa: S608 - our own columns
    for name, rows in ROWS.items()
}

#: Files that touch the day, and those that came since the signing before; their lines as they were read.
FILES = text("""
    SELECT id FROM statement_file
     WHERE period_start < :day_end AND period_end > :day_start OR imported_at >= :since ORDER BY id
""")

FILE = text("""
    SELECT operator, account, encode(sha256(content), 'hex') AS sha256,
           (SELECT encode(sha256(coalesce(string_agg(sha256(convert_to(jsonb_build_array(
                       line.line_number, line.operator, line.kind, line.status, line.amount_xof, line.fee_xof,
                       line.payer_msisdn, line.our_reference, line.operator_transaction_id,
                       extract(epoch FROM line.occurred_at), line.raw, line.reference,
                       line.raw_transaction_id, line.moved_xof, line.remarks)::text, 'UTF8')),
                       ''::bytea ORDER BY line.line_number), ''::bytea)), 'hex')
              FROM statement_line line WHERE line.file_id = statement_file.id) AS lines_sha256
      FROM statement_file WHERE id = :id
""")

RANGE_OF_HEAD = text("SELECT coalesce((SELECT through_txn_id FROM ledger_block WHERE sha256 = :sha256), 0)")


@dataclass(frozen=True, slots=True)
class RowsDigest:
    """How many rows of one table stand behind a day, and their digest."""

    count: int
    sha256: str


@dataclass(frozen=True, slots=True)
class FileDigest:
    """One statement as it was when the day was signed: its bytes, and its lines as they were read."""

    id: int
    operator: str
    account: str
    sha256: str
    lines_sha256: str


@dataclass(frozen=True, slots=True)
class DayEvidence:
    """The rows behind a signed day: all that was posted since the signing before, and the statements."""

    after_txn_id: int
    through_txn_id: int
    rows: Mapping[str, RowsDigest]
    files: tuple[FileDigest, ...]


async def evidence_of(connection: AsyncConnection, bounds: tuple[datetime, datetime]) -> DayEvidence:
    """Digest what stands behind a day that is about to be signed, in the snapshot of its report."""
    previous = await last_signed(connection)
    after = 0 if previous is None else await through(connection, previous)
    last = (await head(connection)).through_txn_id
    start, end = bounds
    since = start if previous is None else previous.closed_at - UNDER_WAY_MAX
    ids = (await connection.execute(FILES, {"day_start": start, "day_end": end, "since": since})).scalars().all()
    files = [await _file(connection, file_id) for file_id in ids]
    rows = await _rows(connection, after, last)
    return DayEvidence(after, last, rows, tuple(file for file in files if file is not None))


async def verify_evidence(connection: AsyncConnection) -> tuple[Fault, ...]:
    """Make every digest of every signed day anew and name what is no longer what it was."""
    faults: list[Fault] = []
    seen: dict[int, Mapping[str, Any]] = {}
    for day in await signed_days(connection):
        sealed = _sealed(day)
        if sealed is None:
            continue
        found = await _rows(connection, sealed["after_txn_id"], sealed["through_txn_id"])
        for name, rows in found.items():
            if asdict(rows) != sealed["rows"].get(name):
                faults.append(_changed(day.day, NAMES[name]))
        for file in sealed["files"]:
            if seen.setdefault(file["id"], file) is file:
                present = await _file(connection, file["id"])
                if present is None or asdict(present) != file:
                    faults.append(_changed(day.day, f"le relevé {file['id']} de {file['operator']}"))
    return tuple(faults)


NAMES: Final = {
    "payments": "les paiements",
    "allocations": "les imputations",
    "due_items": "les échéances payées",
}


def _changed(day: date, what: str) -> Fault:
    return Fault(None, FaultKind.EVIDENCE_CHANGED, f"journée du {day} : {what}")


def _sealed(day: SealedDay) -> Mapping[str, Any] | None:
    # A report that was touched is named by its own hash; a report of an older form has nothing to compare.
    try:
        content = json.loads(day.content)
        evidence: Mapping[str, Any] = content["evidence"]
        return evidence if {"after_txn_id", "through_txn_id", "rows", "files"} <= set(evidence) else None
    except (ValueError, KeyError, TypeError):
        return None


async def through(connection: AsyncConnection, day: SealedDay) -> int:
    """Give the last ledger transaction that a signed day saw."""
    txn_id: int = (await connection.execute(RANGE_OF_HEAD, {"sha256": day.ledger_head_sha256})).scalar_one()
    return txn_id


async def _rows(connection: AsyncConnection, after: int, last: int) -> dict[str, RowsDigest]:
    span = {"after": after, "through": last}
    return {name: RowsDigest(*(await connection.execute(query, span)).one()) for name, query in DIGESTS.items()}


async def _file(connection: AsyncConnection, file_id: int) -> FileDigest | None:
    row = (await connection.execute(FILE, {"id": file_id})).one_or_none()
    return None if row is None else FileDigest(file_id, *row)
