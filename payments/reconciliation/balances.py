"""Holds what an operator's own figures say of a day against one another: balance to balance, total to lines."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.break_kind import BreakKind
from payments.detail import Detail, DetailCode, detail
from payments.reconciliation.coverage import INSTANT, Boundary, StatedFile, boundaries, day_bounds, newest, utc_day
from payments.reconciliation.difference import Difference, numbered
from payments.reconciliation.units import read_files

#: What the lines of a file moved before a moment: one look at the end of an index, however long the file, if its lines
#: follow each other in time; otherwise they are added up.
RUNNING = text("""
    SELECT asked.file_id, asked.moment,
           coalesce(CASE WHEN file.is_in_time
                         THEN (SELECT running_xof FROM statement_line line
                                WHERE line.file_id = asked.file_id AND line.counts_at < asked.moment
                                ORDER BY line.counts_at DESC, line.line_number DESC LIMIT 1)
                         ELSE (SELECT CAST(sum(moved_xof) AS bigint) FROM statement_line line
                                WHERE line.file_id = asked.file_id AND line.counts_at < asked.moment)
                    END, 0) AS running_xof
      FROM unnest(CAST(:files AS bigint[]), CAST(:moments AS timestamptz[])) AS asked(file_id, moment)
      JOIN statement_file file ON file.id = asked.file_id
""")

#: What the lines of a file had moved before a moment, by file and moment.
Running = Mapping[tuple[int, datetime], int]


async def read_running(connection: AsyncConnection, asked: Sequence[tuple[int, datetime]]) -> Running:
    """Read what the lines of files had moved before moments.

    Units:   whole francs.
    """
    wanted = {"files": [file_id for file_id, _ in asked], "moments": [moment for _, moment in asked]}
    rows = (await connection.execute(RUNNING, wanted)).all() if asked else []
    return {(row.file_id, row.moment): row.running_xof for row in rows}


def balance_at(file: StatedFile, moment: datetime, running: Running) -> int | None:
    """Return what the operator held for us before a moment, by one file; None where the file prints no balances.

    Units:   whole francs.
    """
    if file.opening_xof is None or not file.has_balances:
        return None
    if moment == file.covered_until:
        return file.closing_xof
    return file.opening_xof + running[file.id, moment]


def jump_xof(boundary: Boundary, running: Running) -> int:
    """Return by how much one file opens otherwise than the one before had ended; without both balances there is none.

    Units:   whole francs.
    """
    ended_xof = balance_at(boundary.before, boundary.at, running)
    opened_xof = balance_at(boundary.after, boundary.at, running)
    return 0 if ended_xof is None or opened_xof is None else opened_xof - ended_xof


def ends_of(boundary: Boundary) -> tuple[tuple[int, datetime], tuple[int, datetime]]:
    """Name the two balances that meet at a boundary."""
    return (boundary.before.id, boundary.at), (boundary.after.id, boundary.at)


def about(account: str, day: date) -> str:
    """Name what an account's figures of one day are about; no operator's reference begins with a blank."""
    return f" balance {account} {day}"


async def balance_differences(
    connection: AsyncConnection, operator: str, days: Sequence[date]
) -> tuple[tuple[str, ...], tuple[Difference, ...]]:
    """Find where the operator's figures of these days contradict one another, account by account.

    Returns: what they are about, account by account and day by day, and the differences.
    """
    if not days:
        return (), ()
    start, end = day_bounds(min(days))[0], day_bounds(max(days))[1]
    found: list[Difference] = []
    abouts: list[str] = []
    for account, files in (await read_files(connection, operator, start, end)).items():
        meeting = boundaries(files, start, end)
        running = await read_running(connection, [point for one in meeting for point in ends_of(one)])
        found += [_jump(one, jump) for one in meeting if (jump := jump_xof(one, running))]
        last = ((file, file.covered_until - INSTANT) for file in files)
        standing = [file for file, moment in last if newest(files, moment) is file and start <= moment < end]
        found += [one for file in standing for one in _totals(file)]
        abouts += [about(account, day) for day in days]
    return tuple(abouts), numbered(one for one in found if one.day in set(days))


def _jump(boundary: Boundary, difference_xof: int) -> Difference:
    day, account = utc_day(boundary.at), boundary.after.account
    said = detail(
        DetailCode.BALANCE_JUMPS,
        later_file_id=boundary.after.id,
        resumed_at=boundary.at.isoformat(),
        jump_xof=difference_xof,
        earlier_file_id=boundary.before.id,
    )
    return _of(BreakKind.CONTINUITY, account, day, (None, None, difference_xof), said)


def _totals(file: StatedFile) -> list[Difference]:
    """Compare a file's own figures with its lines; where it has balances they count, and its totals only inform."""
    day, counts = utc_day(file.covered_until - INSTANT), not file.has_balances
    found = []
    if file.has_balances and file.gap_xof:
        said = detail(DetailCode.BALANCE_NOT_IN_LINES, of_file_id=file.id, gap_xof=file.gap_xof)
        found.append(_of(BreakKind.TOTALS, file.account, day, (None, None, file.gap_xof), said))
    printed = (
        (DetailCode.TOTAL_COLLECTED_DIFFERS, file.printed_collected_xof, file.collected_xof, 1),
        (DetailCode.TOTAL_FEES_DIFFERS, file.printed_fees_xof, file.fees_xof, -1),
    )
    for code, theirs_xof, ours_xof, side in printed:
        if theirs_xof is not None and theirs_xof != ours_xof:
            said = detail(code, of_file_id=file.id, printed_xof=theirs_xof, lines_xof=ours_xof)
            difference_xof = side * (theirs_xof - ours_xof) if counts else 0
            found.append(_of(BreakKind.TOTALS, file.account, day, (theirs_xof, ours_xof, difference_xof), said))
    return found


def _of(
    kind: BreakKind, account: str, day: date, figures: tuple[int | None, int | None, int], said: Detail
) -> Difference:
    theirs_xof, ours_xof, difference_xof = figures
    return Difference(
        kind=kind,
        account=account,
        subject=f"{account} {day}",
        about=about(account, day),
        day=day,
        operator_amount_xof=theirs_xof,
        ledger_amount_xof=ours_xof,
        difference_xof=difference_xof,
        detail=said,
    )
