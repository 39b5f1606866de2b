"""From the bytes that an operator gave to a kept statement, and on to its matched lines.

A file is stored before it is read. It is kept with its lines once it is known to be matchable; otherwise it stands in
quarantine, or is put aside, with the motive, and holds nothing else up: no other file, no closing.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.database import Database
from gateway.reading import ReadingTooLong, in_thread
from gateway.reconciling import ImportOutcome, MatchingStopped, Progress, ReconcilingDeps, finish
from payments.errors import OperatorUnknown, StatementRejected
from payments.operators.contract import Statement
from payments.operators.doors import read_statement
from payments.operators.registry import get
from payments.reconciliation import lines, uploads
from payments.reconciliation.facts import utc_day
from payments.reconciliation.ingest import ingest
from payments.reconciliation.lines import KeptFile
from payments.reconciliation.uploads import EVERYBODYS, NewUpload, Upload, Whose
from payments.upload import TRIES, Motive, UploadState

log = structlog.stdlib.get_logger()

#: No contribution by telephone is older than the service; an older date is a slip that would open years of days.
FIRST_DAY: Final = date(2020, 1, 1)

#: Operators print the last day of a period or the first that is no longer in it: tomorrow at most, when a file comes.
SKEW_DAYS: Final = 1

#: A million lines are read in a fraction of this; what takes longer is no statement.
READ_DEADLINE_S: Final = 300
LEASE_S: Final = READ_DEADLINE_S + 60

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
    motive: str | None


async def receive(database: Database, new: NewUpload, now: datetime) -> tuple[Upload, bool]:
    """Store a file as it was handed in; say where it stands and whether the same bytes had come before."""
    return await database.transact(lambda connection: uploads.store(connection, new, now))


async def import_statement(
    recon: ReconcilingDeps,
    *,
    operator: str,
    filename: str,
    content: bytes,
    actor: str,
    progress: Progress | None = None,
) -> ImportOutcome:
    """Import a statement end to end.

    ``StatementRejected`` says why a file is in quarantine, ``StatementPutOff`` that a received one must wait. The same
    content again finishes what was left, if anything was, and changes nothing otherwise.
    """
    if operator not in recon.deps.operators:
        raise OperatorUnknown(operator)
    new = NewUpload(operator, filename, content, actor)
    upload, already = await receive(recon.deps.work, new, recon.deps.clock.now())
    return await bring_through(recon, upload.id, progress, already=already)


async def bring_through(
    recon: ReconcilingDeps, upload_id: int, progress: Progress | None = None, *, already: bool
) -> ImportOutcome:
    """Read and match a received file now, whoever else may be at it; the same errors as ``import_statement``."""
    upload = await _read(recon, upload_id, ignoring_leases=True)
    match upload.state, upload.motive:
        case UploadState.QUARANTINED, Motive(why, line_numbers):
            raise StatementRejected(why, line_numbers=line_numbers)
        case ((UploadState.KEPT | UploadState.MATCHED), _) if upload.file_id is not None:
            file_id = upload.file_id
        case _:
            raise StatementPutOff(upload)
    async with recon.deps.work.single() as connection:
        file = await lines.read_file(connection, file_id)
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
    async with recon.deps.work.single() as connection:
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
    async with recon.deps.work.single() as connection:
        files = await uploads.files_due(connection, whose, recon.deps.clock.now(), ignoring_leases=ignoring_leases)
    by_operator: dict[str, list[KeptFile]] = {}
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


def require_ours(statement: Statement, account: str | None, arrived_at: datetime) -> None:
    """Let a statement through that is about our account and a period of the service's own life.

    Every line that we do not know becomes money: another merchant's file must not get that far.
    """
    if account is not None and statement.account != account:
        raise StatementRejected(f"ce relevé est celui du compte {statement.account}, le nôtre est {account}")
    if statement.period_start > arrived_at:
        raise StatementRejected(f"la période commence le {statement.period_start:%d/%m/%Y}, qui n'est pas encore venu")
    if utc_day(statement.period_start) < FIRST_DAY:
        raise StatementRejected(f"la période commence avant l'ouverture du service, le {FIRST_DAY:%d/%m/%Y}")
    last_day = utc_day(statement.period_end - timedelta(microseconds=1))
    if last_day > utc_day(arrived_at) + timedelta(days=SKEW_DAYS):
        raise StatementRejected(f"la période finit le {last_day:%d/%m/%Y}, qui n'est pas encore venu")


async def _read(recon: ReconcilingDeps, upload_id: int, *, ignoring_leases: bool) -> Upload:
    """Read a file and keep it or put it aside; give where it then stands."""
    deps = recon.deps
    leased = await deps.work.transact(
        lambda connection: uploads.begin(
            connection, upload_id, deps.clock.now(), LEASE_S, ignoring_leases=ignoring_leases
        )
    )
    if leased is not None and leased.attempts > TRIES:
        # Whoever read it never came back to say why: it is not opened once more.
        motive = Motive(f"sa lecture a arrêté le programme {TRIES} fois")
        await deps.work.transact(lambda connection: uploads.quarantine(connection, leased, motive))
    elif leased is not None:
        try:
            await _keep(recon, leased)
        except StatementRejected as rejected:
            motive = Motive(rejected.why, tuple(rejected.line_numbers[:LINES_NAMED_MAX]))
            await deps.work.transact(lambda connection: uploads.quarantine(connection, leased, motive))
        except OperatorUnknown:
            motive = Motive(f"aucun opérateur « {leased.operator} » n'est configuré")
            await deps.work.transact(lambda connection: uploads.quarantine(connection, leased, motive))
        except Exception as failure:
            log.exception("statements.not_read", upload_id=upload_id, attempts=leased.attempts)
            motive = Motive(_our_fault("la lecture", failure))
            now = deps.clock.now()
            await deps.work.transact(lambda connection: uploads.put_off(connection, leased, motive, now))
    return await _state(recon, upload_id)


async def _keep(recon: ReconcilingDeps, upload: Upload) -> None:
    deps = recon.deps
    reader = get(upload.operator, deps.operators)
    async with deps.work.unit_of_work() as connection:
        content = await uploads.content_of(connection, upload.id)
    if content is None:
        return
    statement = await in_thread(lambda: read_statement(reader, content, upload.filename), READ_DEADLINE_S)
    require_ours(statement, recon.accounts.get(upload.operator), upload.received_at)
    now = deps.clock.now()

    async def keep(connection: AsyncConnection) -> None:
        kept = await ingest(
            connection, statement, filename=upload.filename, content=content, imported_by=upload.received_by, now=now
        )
        await uploads.keep(connection, upload.id, kept.file_id, now)

    await deps.work.transact(keep)


async def _match_in_turn(recon: ReconcilingDeps, files: list[KeptFile]) -> list[ImportOutcome]:
    outcomes = [await _match(recon, file, None, already=True) for file in files]
    return [outcome for outcome in outcomes if outcome is not None]


async def _match(
    recon: ReconcilingDeps, file: KeptFile, progress: Progress | None, *, already: bool
) -> ImportOutcome | None:
    """Match what is left of a file; None when it had to be put off or aside."""
    work = recon.deps.work
    try:
        outcome = await finish(recon, file, progress, already=already)
    except Exception as failure:
        log.exception("statements.not_matched", file_id=file.id)
        numbers = failure.line_numbers if isinstance(failure, MatchingStopped) else ()
        reason = failure.failure if isinstance(failure, MatchingStopped) else failure
        motive, now = Motive(_our_fault("le rapprochement", reason), numbers), recon.deps.clock.now()
        await work.transact(lambda connection: uploads.put_matching_off(connection, file.id, motive, now))
        return None
    await work.transact(lambda connection: uploads.mark_matched(connection, file.id, outcome.breaks_opened))
    return outcome


async def _state(recon: ReconcilingDeps, upload_id: int) -> Upload:
    async with recon.deps.work.single() as connection:
        upload = await uploads.read_upload(connection, upload_id)
    if upload is None:
        raise LookupError(f"no statement upload {upload_id}")
    return upload


def _our_fault(what: str, failure: Exception) -> str:
    if isinstance(failure, ReadingTooLong):
        return f"{what} dépasse {READ_DEADLINE_S} secondes"
    return f"{what} a échoué par une erreur du logiciel ({type(failure).__name__})"
