"""Keeps statement files from the moment somebody hands them in until every line is matched or people must look."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import BinaryIO, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.detail import Detail, read_any_detail
from payments.reconciliation.chunks import chunks, store_content
from payments.reconciliation.lines import StoredFile
from payments.reconciliation.upload import Motive, UploadState, next_attempt_at

COLUMNS = "id, operator, sha256, filename, received_by, received_at, state, attempts, motive, motive_lines, file_id"

#: A large file may take longer to write and to compress than an ordinary statement may work.
PATIENCE = text("SET LOCAL statement_timeout = '120s'")

STORE = text(f"""
    INSERT INTO statement_upload (operator, sha256, filename, size_bytes, received_by, received_at, state,
                                  attempts, next_attempt_at, breaks_opened)
    VALUES (:operator, :sha256, :filename, :size_bytes, :received_by, :now, 'received', 0, :now, 0)
        ON CONFLICT (operator, sha256) DO NOTHING
    RETURNING {COLUMNS}
""")  # noqa: S608 - our own column names

SAME = text(f"""
    SELECT {COLUMNS} FROM statement_upload WHERE operator = :operator AND sha256 = :sha256
""")  # noqa: S608 - our own column names

READ = text(f"SELECT {COLUMNS} FROM statement_upload WHERE id = :id")  # noqa: S608 - our own column names

DUE = text("""
    SELECT id FROM statement_upload
     WHERE state IN ('received', 'reading') AND (:ignoring_leases OR next_attempt_at <= :now)
       AND (operator = ANY(CAST(:operators AS text[]))) <> CAST(:others AS boolean)
     ORDER BY next_attempt_at, id LIMIT CAST(:most AS bigint)
""")

#: The attempt counts before it is made: a file that ends the process is not tried for ever.
BEGIN = text(f"""
    UPDATE statement_upload SET state = 'reading', attempts = attempts + 1, next_attempt_at = :leased_until
     WHERE id = :id AND state IN ('received', 'reading') AND (:ignoring_leases OR next_attempt_at <= :now)
    RETURNING {COLUMNS}
""")  # noqa: S608 - our own column names

MARK_STORED = text("""
    UPDATE statement_upload
       SET state = 'stored', file_id = :file_id, attempts = 0, next_attempt_at = :now, motive = NULL,
           motive_lines = NULL
     WHERE id = :id AND state = 'reading'
""")

PUT_ASIDE = text("""
    UPDATE statement_upload
       SET state = :state, attempts = :attempts, next_attempt_at = :next_attempt_at,
           motive = CAST(:motive AS jsonb), motive_lines = CAST(:motive_lines AS jsonb)
     WHERE id = :id AND state = :from_state
""")

MATCHED = text("""
    UPDATE statement_upload
       SET state = 'matched', next_attempt_at = NULL, motive = NULL, motive_lines = NULL,
           breaks_opened = breaks_opened + :breaks_opened
     WHERE file_id = :file_id AND state = 'stored'
""")

OF_FILE = text(f"SELECT {COLUMNS} FROM statement_upload WHERE file_id = :file_id")  # noqa: S608 - our own column names

RETRY = text(f"""
    UPDATE statement_upload
       SET state = CASE state WHEN 'parked' THEN 'stored' ELSE 'received' END, attempts = 0, next_attempt_at = :now
     WHERE id = :id AND state IN ('parked', 'quarantined')
    RETURNING {COLUMNS}
""")  # noqa: S608 - our own column names

#: Jumps from file to file along the index of lines without a bucket: as many looks as there are such files.
FILES_DUE = text("""
    WITH RECURSIVE waiting AS (
        SELECT min(file_id) AS file_id FROM statement_line WHERE matched_at IS NULL
         UNION ALL
        SELECT (SELECT min(file_id) FROM statement_line WHERE matched_at IS NULL AND file_id > waiting.file_id)
          FROM waiting WHERE waiting.file_id IS NOT NULL
    ), unfinished AS (
        SELECT file_id FROM waiting UNION SELECT file_id FROM statement_upload WHERE state = 'stored'
    )
    SELECT file.id, file.operator, file.account, file.filename, file.period_start, file.covered_until,
           file.imported_at, file.line_count, file.collected_xof
      FROM unfinished
      JOIN statement_file file ON file.id = unfinished.file_id
      LEFT JOIN statement_upload upload ON upload.file_id = file.id
     WHERE (upload.id IS NULL
            OR (upload.state = 'stored' AND (:ignoring_leases OR upload.next_attempt_at <= :now)))
       AND (file.operator = ANY(CAST(:operators AS text[]))) <> CAST(:others AS boolean)
     ORDER BY coalesce(upload.attempts, 0), file.id
""")

#: Files put aside half matched, or still at work, whose period shares a moment with this one or is not read yet.
UNFINISHED_TOUCHING = text("""
    SELECT upload.filename, upload.motive
      FROM statement_upload upload LEFT JOIN statement_file file ON file.id = upload.file_id
     WHERE upload.state IN ('received', 'reading')
        OR (upload.state IN ('stored', 'parked')
            AND file.period_start < :period_end AND file.period_end > :period_start)
     ORDER BY upload.id
""")


@dataclass(frozen=True, slots=True)
class NewUpload:
    """A file as it was handed in; it stays open, and may be read again from its beginning."""

    operator: str
    filename: str
    content: BinaryIO
    received_by: str
    sha256: bytes
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose files are meant: those of the named operators or, with ``others``, of everybody else."""

    operators: tuple[str, ...] = ()
    others: bool = True

    def values(self) -> dict[str, object]:
        """Return it as the statements that look for work want it."""
        return {"operators": list(self.operators), "others": self.others}


EVERYBODYS: Final = Whose()


@dataclass(frozen=True, slots=True)
class Upload:
    """Where a file stands, without its bytes."""

    id: int
    operator: str
    sha256: bytes
    filename: str
    received_by: str
    received_at: datetime
    state: UploadState
    attempts: int
    motive: Motive | None
    file_id: int | None


def new_upload(operator: str, filename: str, content: BinaryIO, received_by: str) -> NewUpload:
    """Hash a file and measure it, in pieces."""
    hashed, size_bytes = sha256(), 0
    for chunk in chunks(content):
        hashed.update(chunk)
        size_bytes += len(chunk)
    return NewUpload(operator, filename, content, received_by, hashed.digest(), size_bytes)


async def store(connection: AsyncConnection, new: NewUpload, now: datetime) -> tuple[Upload, bool]:
    """Store the bytes of a file, once per operator and content; a file that is in already is known by its hash alone.

    Returns: where the file stands, and whether these bytes had been handed in before.
    """
    key = {"operator": new.operator, "sha256": new.sha256}
    row = (await connection.execute(SAME, key)).one_or_none()
    if row is not None:
        return _upload(row), True
    values = {**key, "filename": new.filename, "size_bytes": new.size_bytes, "received_by": new.received_by, "now": now}
    await connection.execute(PATIENCE)
    row = (await connection.execute(STORE, values)).one_or_none()
    if row is None:
        return _upload((await connection.execute(SAME, key)).one()), True
    await store_content(connection, row.id, new.content)
    return _upload(row), False


async def read_upload(connection: AsyncConnection, upload_id: int) -> Upload | None:
    """Read where a file stands; None when nothing was handed in under this number."""
    row = (await connection.execute(READ, {"id": upload_id})).one_or_none()
    return None if row is None else _upload(row)


async def due(
    connection: AsyncConnection, whose: Whose, now: datetime, most: int | None, *, ignoring_leases: bool = False
) -> list[int]:
    """Return the files whose bytes wait to be read, the longest due first; all of them with ``most`` None."""
    asked = {**whose.values(), "now": now, "most": most, "ignoring_leases": ignoring_leases}
    return list((await connection.execute(DUE, asked)).scalars().all())


async def begin(
    connection: AsyncConnection, upload_id: int, now: datetime, lease_s: int, *, ignoring_leases: bool = False
) -> Upload | None:
    """Count an attempt at reading a file and lease it; None when it is not to be read, or not by us."""
    leased_until = now + timedelta(seconds=lease_s)
    asked = {"id": upload_id, "now": now, "leased_until": leased_until, "ignoring_leases": ignoring_leases}
    row = (await connection.execute(BEGIN, asked)).one_or_none()
    return None if row is None else _upload(row)


async def mark_stored(connection: AsyncConnection, upload_id: int, file_id: int, now: datetime) -> None:
    """Name the file that holds the lines."""
    await connection.execute(MARK_STORED, {"id": upload_id, "file_id": file_id, "now": now})


async def quarantine(connection: AsyncConnection, upload: Upload, motive: Motive) -> None:
    """Put a file aside that cannot be used as it stands; it holds nothing else up."""
    await _put_aside(connection, upload, UploadState.QUARANTINED, motive, None)


async def put_off(connection: AsyncConnection, upload: Upload, motive: Motive, now: datetime) -> None:
    """Try a file again later whose reading failed through a fault of ours; after the last try, put it aside."""
    again = next_attempt_at(upload.attempts, now)
    state = UploadState.RECEIVED if again is not None else UploadState.QUARANTINED
    await _put_aside(connection, upload, state, motive, again)


async def put_matching_off(connection: AsyncConnection, file_id: int, motive: Motive, now: datetime) -> None:
    """Try later to match what is left of a file; after the last try, put its matching aside."""
    row = (await connection.execute(OF_FILE, {"file_id": file_id})).one_or_none()
    if row is None or row.state != UploadState.STORED:
        return
    upload = _upload(row, attempts=row.attempts + 1)
    again = next_attempt_at(upload.attempts, now)
    await _put_aside(connection, upload, UploadState.STORED if again else UploadState.PARKED, motive, again)


async def mark_matched(connection: AsyncConnection, file_id: int, breaks_opened: int) -> None:
    """Record that every line of a file has its bucket."""
    await connection.execute(MATCHED, {"file_id": file_id, "breaks_opened": breaks_opened})


async def retry(connection: AsyncConnection, upload_id: int, now: datetime) -> Upload | None:
    """Try a file again that was put aside; None when it is not aside."""
    row = (await connection.execute(RETRY, {"id": upload_id, "now": now})).one_or_none()
    return None if row is None else _upload(row)


async def files_due(
    connection: AsyncConnection, whose: Whose, now: datetime, *, ignoring_leases: bool = False
) -> list[StoredFile]:
    """Return the files whose matching is due, those that never failed first."""
    asked = {**whose.values(), "now": now, "ignoring_leases": ignoring_leases}
    return [StoredFile(*row) for row in (await connection.execute(FILES_DUE, asked)).all()]


async def unfinished_touching(
    connection: AsyncConnection, period_start: datetime, period_end: datetime
) -> list[tuple[str, Detail | None]]:
    """Return the name of each file that may yet say something of a period, and what stopped it where that is known."""
    period = {"period_start": period_start, "period_end": period_end}
    rows = (await connection.execute(UNFINISHED_TOUCHING, period)).all()
    return [(row.filename, None if row.motive is None else read_any_detail(row.motive)) for row in rows]


async def _put_aside(
    connection: AsyncConnection, upload: Upload, state: UploadState, motive: Motive, again: datetime | None
) -> None:
    await connection.execute(
        PUT_ASIDE,
        {
            "id": upload.id,
            "from_state": UploadState.READING if upload.file_id is None else UploadState.STORED,
            "state": state,
            "attempts": upload.attempts,
            "next_attempt_at": again,
            "motive": json.dumps(motive.detail.document()),
            "motive_lines": str(list(motive.line_numbers)),
        },
    )


def _upload(row: Row[tuple[object, ...]], attempts: int | None = None) -> Upload:
    return Upload(
        id=row.id,
        operator=row.operator,
        sha256=row.sha256,
        filename=row.filename,
        received_by=row.received_by,
        received_at=row.received_at,
        state=UploadState(row.state),
        attempts=row.attempts if attempts is None else attempts,
        motive=None if row.motive is None else Motive(read_any_detail(row.motive), tuple(row.motive_lines or ())),
        file_id=row.file_id,
    )
