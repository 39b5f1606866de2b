"""From the bytes that an operator gave to a kept statement, and on to its matched lines."""

import asyncio
from datetime import date, datetime
from functools import partial
from typing import Final

from gateway.reconciling import ImportOutcome, Progress, ReconcilingDeps, finish
from payments.errors import StatementRejected
from payments.operators.contract import Statement
from payments.operators.registry import get
from payments.reconciliation import lines
from payments.reconciliation.facts import utc_day
from payments.reconciliation.ingest import ingest

#: No contribution by telephone is older than the service; an older date is a slip that would open years of days.
FIRST_DAY: Final = date(2020, 1, 1)


async def import_statement(
    recon: ReconcilingDeps,
    *,
    operator: str,
    filename: str,
    content: bytes,
    actor: str,
    progress: Progress | None = None,
) -> ImportOutcome:
    """Import a statement end to end, or raise ``StatementRejected`` having used nothing of it.

    The same content again finishes what was left, if anything was, and changes nothing otherwise.
    """
    reader = get(operator, recon.deps.operators)
    # Reading a long file is a computation; the event loop has callers to answer meanwhile.
    statement = await asyncio.to_thread(reader.parse_statement, content, filename)
    now = recon.deps.clock.now()
    _require_ours(statement, recon.accounts.get(operator), now)
    keep = partial(ingest, statement=statement, filename=filename, content=content, imported_by=actor, now=now)
    kept = await recon.deps.work.transact(keep)
    async with recon.deps.work.single() as connection:
        file = await lines.read_file(connection, kept.file_id)
    return await finish(recon, file, progress, already=kept.already)


async def resume(recon: ReconcilingDeps) -> tuple[ImportOutcome, ...]:
    """Finish every file that an interrupted import left half matched."""
    async with recon.deps.work.single() as connection:
        files = await lines.files_with_work(connection)
    return tuple([await finish(recon, file, None, already=True) for file in files])


def _require_ours(statement: Statement, account: str | None, now: datetime) -> None:
    # Every line that we do not know becomes money: another merchant's file must not get that far.
    if account is not None and statement.account != account:
        raise StatementRejected(f"ce relevé est celui du compte {statement.account}, le nôtre est {account}")
    if statement.period_start > now:
        raise StatementRejected(f"la période commence le {statement.period_start:%d/%m/%Y}, qui n'est pas encore venu")
    if utc_day(statement.period_start) < FIRST_DAY:
        raise StatementRejected(f"la période commence avant l'ouverture du service, le {FIRST_DAY:%d/%m/%Y}")
