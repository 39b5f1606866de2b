"""What an operator's own statements say of one day of one account, from balance to balance."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.reconciliation.balances import Running, balance_at, ends_of, jump_xof, read_running
from payments.reconciliation.coverage import Boundary, Segment, StatedFile, boundaries, covers_all, segments


@dataclass(frozen=True, slots=True)
class StatementDay:
    """One day of one account as its operator tells it; a balance is None where the files print none.

    ``movement_xof`` is closing less opening where the whole day has balances, else what the files moved; the lines by
    kind are shown beside it and do not make it. ``contradictions_xof`` is where the files' own figures disagree.
    ``stated_until`` is the end of what the files cover from the first instant on; None where they begin later or have a
    gap.
    Units:   whole francs; fees and transfers out above zero, reversals below.
    """

    is_whole: bool
    is_verifiable: bool
    stated_until: datetime | None
    opening_xof: int | None
    closing_xof: int | None
    movement_xof: int
    collections_xof: int
    collections_count: int
    reversals_xof: int
    fees_xof: int
    transfers_xof: int
    others_xof: int
    contradictions_xof: int
    lines_waiting_count: int


_FILES = text("""
    SELECT operator, id, account, period_start, covered_until, opening_xof, closing_xof, gap_xof, collected_xof,
           fees_xof, printed_collected_xof, printed_fees_xof,
           greatest((SELECT count(*) FROM statement_line line
                      WHERE line.file_id = statement_file.id AND line.matched_at IS NULL
                        AND line.counts_at >= :day_start AND line.counts_at < :day_end),
                    (SELECT count(*) FROM statement_upload upload
                      WHERE upload.file_id = statement_file.id AND upload.state <> 'matched')) AS lines_waiting
      FROM statement_file
     WHERE covered_until >= :day_start AND period_start < :day_end
     ORDER BY operator, account, id
""")

#: Every line that counts on the day, by the stretch for which its file speaks.
STATED_ROWS: Final = """
    FROM unnest(CAST(:files AS bigint[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))
         WITH ORDINALITY AS segment(file_id, starts, ends, place)
    JOIN statement_line line
      ON line.file_id = segment.file_id AND line.counts_at >= segment.starts AND line.counts_at < segment.ends
"""
#: What a line adds to each figure. A fee that came off a collection stands in ``due_xof - moved_xof``, as a fee's own
#: line does.
STATED_AMOUNTS: Final[Mapping[str, str]] = {
    "collections_xof": "CASE WHEN kind = 'collection' THEN due_xof ELSE 0 END",
    "reversals_xof": "CASE WHEN kind = 'reversal' THEN due_xof ELSE 0 END",
    "fees_xof": "CASE WHEN kind <> 'transfer' THEN due_xof - moved_xof ELSE 0 END",
    "transfers_xof": "CASE WHEN kind = 'transfer' THEN due_xof - moved_xof ELSE 0 END",
    "others_xof": "CASE WHEN kind IN ('transfer', 'other', 'fee') THEN due_xof ELSE 0 END",
}
_LINES = text(f"""
    SELECT segment.place,
           count(*) FILTER (WHERE kind = 'collection' AND status = 'succeeded' AND due_xof <> 0) AS collections_count,
           {", ".join(f"coalesce(sum({amount}), 0) AS {name}" for name, amount in STATED_AMOUNTS.items())}
    {STATED_ROWS} GROUP BY segment.place
""")

_SUMS = (
    "collections_xof", "collections_count", "reversals_xof", "fees_xof", "transfers_xof", "others_xof"
)  # fmt: skip


async def stated_runs(
    connection: AsyncConnection, start: datetime, end: datetime
) -> Mapping[tuple[str, str], Sequence[Segment]]:
    """Return the stretches of a day for which a file speaks, by operator and account."""
    files: dict[tuple[str, str], list[StatedFile]] = defaultdict(list)
    for row in (await connection.execute(_FILES, {"day_start": start, "day_end": end})).all():
        operator, *facts, _ = row
        file = StatedFile(*facts)
        files[operator, file.account].append(file)
    return {key: segments(found, start, end) for key, found in files.items()}


def asked_of_runs(runs: Sequence[Segment]) -> dict[str, object]:
    """Return what the rows of statements must be told."""
    return {
        "files": [run.file.id for run in runs],
        "starts": [run.start for run in runs],
        "ends": [run.end for run in runs],
    }


async def statement_days(
    connection: AsyncConnection, start: datetime, end: datetime
) -> Mapping[tuple[str, str], StatementDay]:
    """Return what the statements say of a day, by operator and account; nothing where no file touches it."""
    files: dict[tuple[str, str], list[StatedFile]] = defaultdict(list)
    waiting: dict[tuple[str, str], int] = defaultdict(int)
    for row in (await connection.execute(_FILES, {"day_start": start, "day_end": end})).all():
        operator, *facts, lines_waiting = row
        file = StatedFile(*facts)
        files[operator, file.account].append(file)
        if file.covered_until > start:
            waiting[operator, file.account] += lines_waiting
    runs = {key: segments(found, start, end) for key, found in files.items()}
    meeting = {key: boundaries(found, start, end) for key, found in files.items()}
    running = await _running(connection, runs, meeting)
    lines = await _lines(connection, [run for one in runs.values() for run in one])
    told: dict[tuple[str, str], StatementDay] = {}
    for key, found in runs.items():
        if found:
            sums = {name: sum(lines.get(run, _NOTHING)[name] for run in found) for name in _SUMS}
            told[key] = _day(found, meeting[key], running, (start, end), {**sums, "lines_waiting_count": waiting[key]})
    return told


_NOTHING: Mapping[str, int] = dict.fromkeys(_SUMS, 0)


def _day(
    runs: Sequence[Segment],
    meeting: Sequence[Boundary],
    running: Running,
    bounds: tuple[datetime, datetime],
    sums: Mapping[str, int],
) -> StatementDay:
    is_whole = covers_all(runs, *bounds)
    taken_over = meeting[0].before if meeting and meeting[0].at == bounds[0] else None
    opening_xof = balance_at(taken_over, bounds[0], running) if taken_over else None
    if opening_xof is None:
        opening_xof = balance_at(runs[0].file, runs[0].start, running)
    closing_xof = balance_at(runs[-1].file, runs[-1].end, running)
    jumps_xof = sum(jump_xof(one, running) for one in meeting)
    gaps_xof = sum(run.gap_xof for run in runs)
    moved_xof = sum(running[run.file.id, run.end] - running[run.file.id, run.start] for run in runs)
    movement_xof = moved_xof + gaps_xof + jumps_xof
    if is_whole and all(run.file.has_balances for run in runs) and opening_xof is not None and closing_xof is not None:
        movement_xof = closing_xof - opening_xof
    return StatementDay(
        is_whole=is_whole,
        is_verifiable=all(run.file.is_verifiable for run in runs),
        stated_until=runs[-1].end if covers_all(runs, bounds[0], runs[-1].end) else None,
        opening_xof=opening_xof,
        closing_xof=closing_xof,
        movement_xof=movement_xof,
        contradictions_xof=jumps_xof + gaps_xof,
        **sums,
    )


async def _running(
    connection: AsyncConnection,
    runs: Mapping[tuple[str, str], Sequence[Segment]],
    meeting: Mapping[tuple[str, str], Sequence[Boundary]],
) -> Running:
    points = {(run.file.id, moment) for one in runs.values() for run in one for moment in (run.start, run.end)}
    points |= {end for one in meeting.values() for boundary in one for end in ends_of(boundary)}
    return await read_running(connection, sorted(points))


async def _lines(connection: AsyncConnection, runs: Sequence[Segment]) -> Mapping[Segment, Mapping[str, int]]:
    if not runs:
        return {}
    rows: Sequence[Row[tuple[object, ...]]] = (await connection.execute(_LINES, asked_of_runs(runs))).all()
    return {runs[row.place - 1]: {name: int(getattr(row, name)) for name in _SUMS} for row in rows}
