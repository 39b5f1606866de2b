"""The statements that were handed in: the ones that are done, the ones at work, the ones that wait for people."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from gateway.reports.break_sentences import sentence_of
from payments.reconciliation.late import NOTHING_LATE, LateTotal, late_of_file
from payments.reconciliation.lines import BucketTotal, totals
from payments.reconciliation.upload import AT_REST, UploadState
from payments.tables import StatementFile, StatementLineRow, StatementUpload


@dataclass(frozen=True, slots=True)
class StatementRow:
    """One statement file that was taken in; ``upload_id`` leads to its own page."""

    file_id: int
    upload_id: int | None
    operator: str
    filename: str
    account: str
    period_start: datetime
    period_end: datetime
    line_count: int
    collected_xof: int
    imported_by: str
    imported_at: datetime


@dataclass(frozen=True, slots=True)
class UploadRow:
    """Where one file stands that was handed in."""

    upload_id: int
    operator: str
    filename: str
    size_bytes: int
    state: str
    motive: str | None
    motive_lines: tuple[int, ...]
    received_by: str
    received_at: datetime
    next_attempt_at: datetime | None

    @property
    def at_rest(self) -> bool:
        """Return whether nothing moves by itself any more."""
        return self.state in AT_REST


@dataclass(frozen=True, slots=True)
class RemarkedLines:
    """How many lines of a file have one thing that is odd, and the first of them."""

    remark: str
    count: int
    first_lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class UploadReport:
    """One file with what has become of its lines so far; without ``file`` its lines are not known yet."""

    row: UploadRow
    file: StatementRow | None
    breaks_opened: int
    matched_count: int = 0
    buckets: Mapping[str, BucketTotal] = field(default_factory=dict)
    remarks: tuple[RemarkedLines, ...] = ()
    late: LateTotal = NOTHING_LATE


FILE_COLUMNS = (
    col(StatementFile.id), col(StatementUpload.id), col(StatementFile.operator), col(StatementFile.filename),
    col(StatementFile.account), col(StatementFile.period_start), col(StatementFile.period_end),
    col(StatementFile.line_count), col(StatementFile.collected_xof), col(StatementFile.imported_by),
    col(StatementFile.imported_at),
)  # fmt: skip

_FILES: Select[*tuple[Any, ...]] = select(*FILE_COLUMNS).join_from(
    StatementFile, StatementUpload, col(StatementUpload.file_id) == col(StatementFile.id), isouter=True
)

UPLOAD_COLUMNS = (
    col(StatementUpload.id), col(StatementUpload.operator), col(StatementUpload.filename),
    col(StatementUpload.size_bytes), col(StatementUpload.state), col(StatementUpload.motive),
    col(StatementUpload.motive_lines), col(StatementUpload.received_by), col(StatementUpload.received_at),
    col(StatementUpload.next_attempt_at),
)  # fmt: skip


#: Enough to find the others in the file by.
REMARKED_LINES_SHOWN: Final = 5

REMARKS = text("""
    SELECT remark, count(*) AS lines,
           (array_agg(line_number ORDER BY line_number))[1:CAST(:shown AS integer)] AS first_lines
      FROM statement_line, unnest(string_to_array(remarks, ' ')) AS said(remark)
     WHERE file_id = :file_id AND remarks <> ''
     GROUP BY remark ORDER BY remark
""")


async def recent_statements(connection: AsyncConnection, limit: int = 20) -> tuple[StatementRow, ...]:
    """Return the statements that were kept last, without their content."""
    statement = _FILES.order_by(col(StatementFile.imported_at).desc(), col(StatementFile.id).desc()).limit(limit)
    return tuple(StatementRow(*row) for row in await connection.execute(statement))


async def uploads_at_work(connection: AsyncConnection, limit: int) -> tuple[UploadRow, ...]:
    """Return the files that wait to be read or matched, the newest first."""
    return await _uploads(connection, (UploadState.RECEIVED, UploadState.READING, UploadState.STORED), limit)


async def uploads_aside(connection: AsyncConnection, limit: int) -> tuple[UploadRow, ...]:
    """Return the files that wait for people, the newest first."""
    return await _uploads(connection, (UploadState.QUARANTINED, UploadState.PARKED), limit)


async def uploads_done(connection: AsyncConnection, limit: int) -> tuple[UploadRow, ...]:
    """Return the files whose every line has its bucket, the newest first."""
    return await _uploads(connection, (UploadState.MATCHED,), limit)


async def upload_state(connection: AsyncConnection, upload_id: int) -> str | None:
    """Return the state of one file; None when there is none of this number."""
    statement = select(col(StatementUpload.state)).where(col(StatementUpload.id) == upload_id)
    state: str | None = await connection.scalar(statement)
    return state


async def upload_report(connection: AsyncConnection, upload_id: int) -> UploadReport | None:
    """Return one file with what has become of its lines; None when there is none of this number."""
    statement: Select[*tuple[Any, ...]] = select(
        *UPLOAD_COLUMNS, col(StatementUpload.file_id), col(StatementUpload.breaks_opened)
    ).where(col(StatementUpload.id) == upload_id)
    found = (await connection.execute(statement)).one_or_none()
    if found is None:
        return None
    *upload, file_id, breaks_opened = found
    if file_id is None:
        return UploadReport(_upload(upload), None, breaks_opened)
    of_file = _FILES.where(col(StatementFile.id) == file_id)
    file = StatementRow(*(await connection.execute(of_file)).one())
    waiting = select(func.count()).where(
        col(StatementLineRow.file_id) == file_id, col(StatementLineRow.matched_at).is_(None)
    )
    matched_count = file.line_count - int(await connection.scalar(waiting) or 0)
    buckets, remarks = await totals(connection, file_id), await _remarks(connection, file_id)
    late = await late_of_file(connection, file_id)
    return UploadReport(_upload(upload), file, breaks_opened, matched_count, buckets, remarks, late)


async def _remarks(connection: AsyncConnection, file_id: int) -> tuple[RemarkedLines, ...]:
    rows = await connection.execute(REMARKS, {"file_id": file_id, "shown": REMARKED_LINES_SHOWN})
    return tuple(RemarkedLines(row.remark, row.lines, tuple(row.first_lines)) for row in rows)


async def _uploads(connection: AsyncConnection, states: tuple[UploadState, ...], limit: int) -> tuple[UploadRow, ...]:
    statement: Select[*tuple[Any, ...]] = (
        select(*UPLOAD_COLUMNS)
        .where(col(StatementUpload.state).in_(states))
        .order_by(col(StatementUpload.id).desc())
        .limit(limit)
    )
    return tuple(_upload(row) for row in await connection.execute(statement))


def _upload(row: Iterable[Any]) -> UploadRow:
    upload_id, operator, filename, size_bytes, state, motive, lines, received_by, received_at, next_attempt_at = row
    return UploadRow(
        upload_id, operator, filename, size_bytes, state, motive and sentence_of(motive), tuple(lines or ()),
        received_by, received_at, next_attempt_at,
    )  # fmt: skip
