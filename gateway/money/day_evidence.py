"""What a signed day holds still beside the ledger: digests of the rows behind it, made anew by each proof."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.detail import Detail, DetailCode, detail
from payments.ledger.finding import Finding, FindingKind
from payments.ledger.seal import head
from payments.reconciliation.close import SealedDay, is_intact, last_signed, signed_days
from payments.reconciliation.late import UNDER_WAY_MAX

#: No statement looks at more ledger transactions, or lines of a file, than this: a day of millions is signed all the
#: same. It is kept with the digests, which depend on it.
SLICE: Final = 20_000

#: A row is written as a JSON array and hashed; a slice is the hash of its rows' hashes, in the order of their ids; a
#: digest is the hash of its slices' hashes. The columns of one version never change: another list is another version.
ROWS: Final[Mapping[str, str]] = {
    "payments": """
        SELECT row.id AS place, jsonb_build_array(
                   row.id, row.operator, row.operator_transaction_id, row.request_id, row.party_id, row.amount_xof,
                   row.fee_xof, row.payer_msisdn, row.our_reference, row.matched_by, row.provenance,
                   extract(epoch FROM row.occurred_at), extract(epoch FROM row.posted_at), row.ledger_txn_id,
                   row.receipt_number, row.raw_transaction_id, row.hold_reason) AS written
          FROM payment row WHERE row.ledger_txn_id > :after AND row.ledger_txn_id <= :through
    """,
    "allocations": """
        SELECT row.id AS place, jsonb_build_array(
                   row.id, row.party_id, row.charge_id, row.ledger_txn_id, row.amount_xof, row.allocated_on
               ) AS written
          FROM allocation row WHERE row.ledger_txn_id > :after AND row.ledger_txn_id <= :through
    """,
    "charges": """
        SELECT row.id AS place, jsonb_build_array(
                   row.id, row.enrolment_id, enrolment.party_id, enrolment.scheme_code, enrolment.scheme_version,
                   row.payer_party_id, row.period_start, row.period_end, row.due_on, row.sequence, row.kind,
                   row.amount_xof, extract(epoch FROM row.charged_at), row.is_receivable, row.ledger_txn_id
               ) || CASE WHEN row.number IS NULL THEN '[]' ELSE jsonb_build_array(row.number) END AS written
          FROM charge row JOIN enrolment ON enrolment.id = row.enrolment_id
         WHERE row.id IN (SELECT charge_id FROM allocation
                           WHERE ledger_txn_id > :after AND ledger_txn_id <= :through
                           UNION ALL
                          SELECT id FROM charge WHERE ledger_txn_id > :after AND ledger_txn_id <= :through)
    """,
}

DIGESTS: Final = {
    name: text(f"""
        SELECT count(*) AS count_, sha256(coalesce(string_agg(
                   sha256(convert_to(written::text, 'UTF8')), ''::bytea ORDER BY place), ''::bytea)) AS sha256
          FROM ({rows}) AS rows
    """)  # noqa: S608 - our own columns
    for name, rows in ROWS.items()
}

#: Files that touch the day, and those that came since the signing before; their lines as they were read.
FILES = text("""
    SELECT id FROM statement_file
     WHERE period_start < :day_end AND period_end > :day_start OR imported_at >= :since ORDER BY id
""")

#: What a file says of itself beside its bytes: the day's figures come from these columns, not from the bytes.
FILE = text("""
    SELECT operator, account,
           (SELECT encode(sha256(string_agg(content, ''::bytea ORDER BY number)), 'hex')
              FROM statement_upload upload JOIN statement_chunk ON upload_id = upload.id
             WHERE upload.file_id = statement_file.id) AS sha256,
           encode(sha256(convert_to(jsonb_build_array(
               encode(sha256, 'hex'), filename, extract(epoch FROM period_start), extract(epoch FROM period_end),
               extract(epoch FROM covered_until), opening_xof, closing_xof, line_count, collected_xof, fees_xof,
               printed_collected_xof, printed_fees_xof, gap_xof, is_in_time, imported_by,
               extract(epoch FROM imported_at)
           )::text, 'UTF8')), 'hex') AS head_sha256,
           (SELECT coalesce(max(line_number), 0) FROM statement_line WHERE file_id = statement_file.id) AS last_line
      FROM statement_file WHERE id = :id
""")

LINES = text("""
    SELECT count(*) AS count_, sha256(coalesce(string_agg(sha256(convert_to(jsonb_build_array(
               line.line_number, line.operator, line.kind, line.status, line.amount_xof, line.fee_xof,
               line.payer_msisdn, line.our_reference, line.operator_transaction_id,
               extract(epoch FROM line.occurred_at), line.raw, line.reference, line.raw_transaction_id,
               line.moved_xof, line.remarks, line.subject, extract(epoch FROM line.counts_at), line.due_xof,
               line.running_xof)::text, 'UTF8')), ''::bytea ORDER BY line.line_number), ''::bytea)
           ) AS sha256
      FROM statement_line line
     WHERE line.file_id = :file_id AND line.line_number > :after AND line.line_number <= :through
""")

#: The last file whose lines stand in an archive: the file and its bytes are proved still, and no longer its lines.
LINES_LEFT = text("SELECT coalesce(max(through_number), 0) FROM detached_partition WHERE parent = 'statement_line'")

RANGE_OF_HEAD = text("SELECT coalesce((SELECT through_txn_id FROM ledger_block WHERE sha256 = :sha256), 0)")


@dataclass(frozen=True, slots=True)
class RowsDigest:
    """How many rows of one table stand behind a day, and their digest."""

    count: int
    sha256: str


@dataclass(frozen=True, slots=True)
class FileDigest:
    """One statement as it was when the day was signed: its bytes, what was read of it as a whole, and its lines.

    Which bucket a line fell into is not among it: people and later files may change that.
    """

    id: int
    operator: str
    account: str
    sha256: str
    head_sha256: str
    lines: RowsDigest


@dataclass(frozen=True, slots=True)
class DayEvidence:
    """The rows behind a signed day: all that was posted since the signing before, and the statements."""

    slice: int
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
    files = [await _file(connection, file_id, SLICE) for file_id in ids]
    rows = await _rows(connection, after, last, SLICE)
    return DayEvidence(SLICE, after, last, rows, tuple(file for file in files if file is not None))


async def verify_evidence(connection: AsyncConnection) -> tuple[Finding, ...]:
    """Make every digest of every signed day anew and name what is no longer what it was."""
    findings: list[Finding] = []
    seen: dict[int, Mapping[str, Any]] = {}
    left: int = (await connection.execute(LINES_LEFT)).scalar_one()
    for day in await signed_days(connection):
        sealed = _sealed(day)
        if sealed is None:
            continue
        size = sealed["slice"]
        found = await _rows(connection, sealed["after_txn_id"], sealed["through_txn_id"], size)
        for name, rows in found.items():
            if asdict(rows) != sealed["rows"].get(name):
                findings.append(_changed(detail(DetailCode.DAY_ROWS_CHANGED, signed_on=str(day.day), rows=name)))
        for file in sealed["files"]:
            if seen.setdefault(file["id"], file) is file:
                present = await _file(connection, file["id"], size)
                unread = {"lines": None} if file["id"] <= left else {}
                if present is None or {**asdict(present), **unread} != {**file, **unread}:
                    file_name = {"of_file_id": file["id"], "operator": file["operator"]}
                    said = detail(DetailCode.DAY_FILE_CHANGED, signed_on=str(day.day), **file_name)
                    findings.append(_changed(said))
    return tuple(findings)


def _changed(said: Detail) -> Finding:
    return Finding(None, FindingKind.EVIDENCE_CHANGED, said)


def _sealed(day: SealedDay) -> Mapping[str, Any] | None:
    # A report that was touched is named by its own hash, and what it says proves nothing.
    if not is_intact(day):
        return None
    evidence: Mapping[str, Any] | None = json.loads(day.content).get("evidence")
    return evidence


async def through(connection: AsyncConnection, day: SealedDay) -> int:
    """Return the last ledger transaction that a signed day saw."""
    txn_id: int = (await connection.execute(RANGE_OF_HEAD, {"sha256": day.ledger_head_sha256})).scalar_one()
    return txn_id


async def _rows(connection: AsyncConnection, after: int, last: int, size: int) -> dict[str, RowsDigest]:
    return {name: await _digest(connection, query, {}, (after, last), size) for name, query in DIGESTS.items()}


async def _file(connection: AsyncConnection, file_id: int, size: int) -> FileDigest | None:
    row = (await connection.execute(FILE, {"id": file_id})).one_or_none()
    if row is None:
        return None
    lines = await _digest(connection, LINES, {"file_id": file_id}, (0, row.last_line), size)
    return FileDigest(file_id, row.operator, row.account, row.sha256, row.head_sha256, lines)


async def _digest(
    connection: AsyncConnection, query: TextClause, values: Mapping[str, int], span: tuple[int, int], size: int
) -> RowsDigest:
    """Hash the rows of a span, slice by slice."""
    count, hashed = 0, sha256()
    first, last = span
    for after in range(first, last, size):
        of_slice = {**values, "after": after, "through": min(after + size, last)}
        found = (await connection.execute(query, of_slice)).one()
        count += found.count_
        hashed.update(found.sha256)
    return RowsDigest(count, hashed.hexdigest())
