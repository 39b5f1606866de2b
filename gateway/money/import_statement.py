"""From the bytes that an operator gave to a kept statement, and on to its matched lines.

A file is stored before it is read. It is kept with its lines once it is known to be matchable; otherwise it stands in
quarantine, or is put aside, with the motive, and holds nothing else up: no other file, no closing.
"""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from tempfile import TemporaryFile
from typing import BinaryIO, Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.infra.database import Database
from gateway.infra.reading import ReadingTooLong, in_slices
from gateway.money.match_statement import ImportOutcome, MatchingStopped, Progress, ReconcilingDeps, finish, outcome_of
from payments.detail import Detail, DetailCode, detail
from payments.errors import OperatorUnknown, StatementRejected
from payments.operators.contract import StatementHeader, StatementPart
from payments.operators.readers import read_statement
from payments.operators.registry import get
from payments.reconciliation import lines, uploads
from payments.reconciliation.chunks import write_content
from payments.reconciliation.facts import utc_day
from payments.reconciliation.ingest import Arrival, ingest
from payments.reconciliation.lines import StoredFile
from payments.reconciliation.upload import TRIES, Motive, UploadState
from payments.reconciliation.uploads import EVERYBODYS, NewUpload, Upload, Whose, new_upload
from payments.rejection import rejected

log = structlog.stdlib.get_logger()

#: No contribution by telephone is older than the service; an older date is a slip that would open years of days.
FIRST_DAY: Final = date(2020, 1, 1)

#: Operators print the last day of a period or the first that is no longer in it: tomorrow at most, when a file comes.
SKEW_DAYS: Final = 1

#: A million lines are read in a fraction of this; what takes longer is no statement.
READ_DEADLINE_S: Final = 300
LEASE_S: Final = READ_DEADLINE_S + 60

#: Lines that are read while as many are written: more would only take memory.
LINES_AT_ONCE: Final = 5_000

#: Of a refused file, so many lines are named; more would not help whoever corrects it.
LINES_NAMED_MAX: Final = 1000

#: Files that one round of a job reads.
READ_AT_ONCE: Final = 5


class StatementPutOff(Exception):
    """A statement that is received and safe, but could not be read or matched to its end; ``upload`` says why."""

    def __init__(self, upload: Upload) -> None:
        self.upload = upload
        super().__init__(f"statement upload {upload.id} is {upload.state}")


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A file whose lines are not all matched, and what stopped it where that is known."""

    filename: str
    motive: Detail | None


async def receive(database: Database, new: NewUpload, now: datetime) -> tuple[Upload, bool]:
    """Store a file as it was handed in; say where it stands and whether the same bytes had come before."""
    return await database.transact(lambda connection: uploads.store(connection, new, now))


async def import_statement(
    recon: ReconcilingDeps,
    *,
    operator: str,
    filename: str,
    content: BinaryIO,
    actor: str,
    progress: Progress | None = None,
) -> ImportOutcome:
    """Import a statement end to end.

    ``StatementRejected`` says why a file is in quarantine, ``StatementPutOff`` that a received one must wait. The same
    content again finishes what was left, if anything was, and changes nothing otherwise.
    """
    if operator not in recon.deps.statement_givers():
        raise OperatorUnknown(operator)
    new = new_upload(operator, filename, content, actor)
    upload, already = await receive(recon.deps.worker_db, new, recon.deps.clock.now())
    return await bring_through(recon, upload.id, progress, already=already)


async def bring_through(
    recon: ReconcilingDeps, upload_id: int, progress: Progress | None = None, *, already: bool
) -> ImportOutcome:
    """Read and match a received file now, whoever else may be at it; the same errors as ``import_statement``."""
    upload = await _read(recon, upload_id, ignoring_leases=True)
    match upload.state, upload.motive:
        case UploadState.QUARANTINED, Motive(found, line_numbers):
            raise StatementRejected(found, line_numbers=line_numbers)
        case ((UploadState.STORED | UploadState.MATCHED), _) if upload.file_id is not None:
            file_id, is_done = upload.file_id, upload.state is UploadState.MATCHED
        case _:
            raise StatementPutOff(upload)
    async with recon.deps.worker_db.single() as connection:
        file = await lines.read_file(connection, file_id)
        if is_done and already:
            return await outcome_of(connection, file, already=True)
    outcome = await _match(recon, file, progress, already=already)
    if outcome is None:
        raise StatementPutOff(await _state(recon, upload_id))
    return outcome


async def read_due(
    recon: ReconcilingDeps,
    whose: Whose = EVERYBODYS,
    *,
    waited: timedelta = timedelta(0),
    ignoring_leases: bool = False,
) -> int:
    """Read the files whose time came so long ago; one that cannot be read never holds another."""
    most = None if ignoring_leases else READ_AT_ONCE
    async with recon.deps.worker_db.single() as connection:
        due_before = recon.deps.clock.now() - waited
        ids = await uploads.due(connection, whose, due_before, most, ignoring_leases=ignoring_leases)
    for upload_id in ids:
        await _read(recon, upload_id, ignoring_leases=ignoring_leases)
    return len(ids)


async def match_due(
    recon: ReconcilingDeps, whose: Whose = EVERYBODYS, *, ignoring_leases: bool = False
) -> tuple[ImportOutcome, ...]:
    """Match what is left of every file whose time has come, each operator's at its own pace.

    A file that raises is put off and, after some tries, put aside; the others go on.
    """
    async with recon.deps.worker_db.single() as connection:
        files = await uploads.files_due(connection, whose, recon.deps.clock.now(), ignoring_leases=ignoring_leases)
    by_operator: dict[str, list[StoredFile]] = {}
    for file in files:
        by_operator.setdefault(file.operator, []).append(file)
    outcomes = await asyncio.gather(*(_match_in_turn(recon, own) for own in by_operator.values()))
    return tuple(outcome for own in outcomes for outcome in own)


async def resume(recon: ReconcilingDeps) -> tuple[ImportOutcome, ...]:
    """Finish every file that was received and neither matched nor put aside, even before its next attempt is due."""
    await read_due(recon, ignoring_leases=True)
    return await match_due(recon, ignoring_leases=True)


async def unfinished_of_day(connection: AsyncConnection, day: date) -> tuple[Unfinished, ...]:
    """Name the files that may yet say something of a day: what they bring is missing in its figures."""
    start = datetime.combine(day, time(), UTC)
    found = await uploads.unfinished_touching(connection, start, start + timedelta(days=1))
    return tuple(Unfinished(filename, motive) for filename, motive in found)


def require_ours(header: StatementHeader, account: str | None, arrived_at: datetime) -> None:
    """Let a statement through that is about our account and a period of the service's own life.

    Every line that we do not know becomes money: another merchant's file must not get that far.
    """
    if account is not None and header.account != account:
        raise rejected(DetailCode.FILE_OF_OTHER_ACCOUNT, account=header.account, our_account=account)
    if header.period_start > arrived_at:
        raise rejected(DetailCode.FILE_PERIOD_TO_COME, start_day=utc_day(header.period_start).isoformat())
    if utc_day(header.period_start) < FIRST_DAY:
        raise rejected(DetailCode.FILE_PERIOD_BEFORE_SERVICE, first_day=FIRST_DAY.isoformat())
    last_day = utc_day(header.period_end - timedelta(microseconds=1))
    if last_day > utc_day(arrived_at) + timedelta(days=SKEW_DAYS):
        raise rejected(DetailCode.FILE_PERIOD_NOT_OVER, last_day=last_day.isoformat())


async def _read(recon: ReconcilingDeps, upload_id: int, *, ignoring_leases: bool) -> Upload:
    """Read a file and keep it or put it aside; return where it then stands."""
    deps = recon.deps
    leased = await deps.worker_db.transact(
        lambda connection: uploads.begin(
            connection, upload_id, deps.clock.now(), LEASE_S, ignoring_leases=ignoring_leases
        )
    )
    if leased is not None and leased.attempts > TRIES:
        # Whoever read it never came back to say why: it is not opened once more.
        motive = Motive(detail(DetailCode.READING_ENDED_PROCESS, tries=TRIES))
        await deps.worker_db.transact(lambda connection: uploads.quarantine(connection, leased, motive))
    elif leased is not None:
        try:
            await _store(recon, leased)
        except StatementRejected as refused:
            motive = Motive(refused.detail, refused.line_numbers[:LINES_NAMED_MAX])
            await deps.worker_db.transact(lambda connection: uploads.quarantine(connection, leased, motive))
        except OperatorUnknown:
            motive = Motive(detail(DetailCode.FILE_OPERATOR_UNKNOWN, operator=leased.operator))
            await deps.worker_db.transact(lambda connection: uploads.quarantine(connection, leased, motive))
        except Exception as failure:
            log.exception("statements.not_read", upload_id=upload_id, attempts=leased.attempts)
            motive = Motive(_reading_fault(failure))
            now = deps.clock.now()
            await deps.worker_db.transact(lambda connection: uploads.put_off(connection, leased, motive, now))
    return await _state(recon, upload_id)


async def _store(recon: ReconcilingDeps, upload: Upload) -> None:
    deps = recon.deps
    reader = get(upload.operator, deps.operators)
    arrival = Arrival(upload.sha256, upload.filename, upload.received_by, deps.clock.now())
    with TemporaryFile() as content:
        async with deps.worker_db.unit_of_work() as connection:
            await write_content(connection, upload.id, content)

        async def store(connection: AsyncConnection) -> None:
            parts = _ours(read_statement(reader, content, upload.filename), recon, upload)
            # Left early, by a fault or because the file is in already: the thread lets go of the bytes before they end.
            async with aclosing(in_slices(parts, LINES_AT_ONCE, READ_DEADLINE_S)) as slices:
                kept = await ingest(connection, slices, arrival)
            await uploads.mark_stored(connection, upload.id, kept.file_id, arrival.now)

        await deps.worker_db.transact(store)


def _ours(parts: Iterator[StatementPart], recon: ReconcilingDeps, upload: Upload) -> Iterator[StatementPart]:
    for part in parts:
        if isinstance(part, StatementHeader):
            require_ours(part, recon.accounts.get(upload.operator), upload.received_at)
        yield part


async def _match_in_turn(recon: ReconcilingDeps, files: list[StoredFile]) -> list[ImportOutcome]:
    outcomes = [await _match(recon, file, None, already=True) for file in files]
    return [outcome for outcome in outcomes if outcome is not None]


async def _match(
    recon: ReconcilingDeps, file: StoredFile, progress: Progress | None, *, already: bool
) -> ImportOutcome | None:
    """Match what is left of a file; None when it had to be put off or aside."""
    worker_db = recon.deps.worker_db
    try:
        outcome = await finish(recon, file, progress, already=already)
    except Exception as failure:
        log.exception("statements.not_matched", file_id=file.id)
        numbers = failure.line_numbers if isinstance(failure, MatchingStopped) else ()
        reason = failure.failure if isinstance(failure, MatchingStopped) else failure
        motive, now = Motive(_matching_fault(reason), numbers), recon.deps.clock.now()
        await worker_db.transact(lambda connection: uploads.put_matching_off(connection, file.id, motive, now))
        return None
    await worker_db.transact(lambda connection: uploads.mark_matched(connection, file.id, outcome.breaks_opened))
    return outcome


async def _state(recon: ReconcilingDeps, upload_id: int) -> Upload:
    async with recon.deps.worker_db.single() as connection:
        upload = await uploads.read_upload(connection, upload_id)
    if upload is None:
        raise LookupError(f"no statement upload {upload_id}")
    return upload


def _reading_fault(failure: Exception) -> Detail:
    if isinstance(failure, ReadingTooLong):
        return detail(DetailCode.READING_TOO_LONG, seconds=READ_DEADLINE_S)
    return detail(DetailCode.READING_FAILED, failure=type(failure).__name__)


def _matching_fault(failure: Exception) -> Detail:
    return detail(DetailCode.MATCHING_FAILED, failure=type(failure).__name__)
