"""Keeps a statement and its lines in one transaction; the same content twice changes nothing.

PostgreSQL keeps one slice of lines while the next are read; what the file says of itself is written when its figures
have agreed with its lines, and whatever stops it before, nothing of it was ever there. A line that leaves nothing to be
said is given its bucket by the statement that writes it; every other one waits for the matching, which judges it with
all that is known of its operation.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.operators.contract import StatementFooter, StatementHeader, StatementLine, StatementPart
from payments.reconciliation import staging
from payments.reconciliation.coverage import INSTANT, period_of
from payments.reconciliation.staging import Staged

#: Files of one operator are kept one after the other, so that a smaller file id is always the earlier word.
ONE_FILE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('statement/' || :operator, 0))")

NEXT_ID = text("SELECT nextval('statement_file_id_seq')")

#: The lines come before their file, which is known only at its end.
LINES_FIRST = text("SET CONSTRAINTS fk_statement_line_file_id_statement_file DEFERRED")

INSERT_FILE = text("""
    INSERT INTO statement_file (id, operator, sha256, filename, account, period_start, period_end, covered_until,
                                opening_xof, closing_xof, line_count, collected_xof, fees_xof, printed_collected_xof,
                                printed_fees_xof, gap_xof, is_in_time, imported_by, imported_at)
    VALUES (:file_id, :operator, :sha256, :filename, :account, :period_start, :period_end, :covered_until,
            :opening_xof, :closing_xof, :line_count, :collected_xof, :fees_xof, :printed_collected_xof,
            :printed_fees_xof, :gap_xof, :is_in_time, :imported_by, :now)
""")

EXISTING_FILE = text("SELECT id FROM statement_file WHERE operator = :operator AND sha256 = :sha256")

#: Whether this file is the only one of its account that speaks of any of its moments.
IS_ALONE = text("""
    SELECT NOT EXISTS (SELECT FROM statement_file other
                        WHERE other.operator = :operator AND other.account = :account
                          AND other.covered_until > :period_start AND other.period_start < :covered_until)
""")

#: A transaction may keep one file after another.
MAKE_ROOM = text("DROP TABLE IF EXISTS pg_temp.talked_about")

#: Operations of which a break stands.
TALKED_ABOUT = text("""
    CREATE TEMPORARY TABLE talked_about ON COMMIT DROP AS
    SELECT DISTINCT about AS subject FROM reconciliation_break
     WHERE operator = CAST(:operator AS text) AND account <> '' AND superseded_at IS NULL
""")
INDEX_TALKED_ABOUT = (text("CREATE INDEX ON talked_about (subject)"), text("ANALYZE talked_about"))

#: Operations of which this file says more than one thing: several collections, a collection beside another state, a
#: movement that is none, a date out of the period. They are known when all lines are, and are judged with the rest.
TALKED_ABOUT_TWICE = text("""
    UPDATE statement_line SET bucket = NULL, matched_at = NULL, payment_id = NULL
      FROM (SELECT subject FROM staged_line
             GROUP BY subject
            HAVING count(*) FILTER (WHERE kind = 'collection' AND status = 'succeeded') > 1
                OR bool_or(kind = 'collection' AND status = 'succeeded')
                   AND bool_or(kind = 'collection' AND status <> 'succeeded')
                OR bool_or(due_xof <> 0 AND NOT (kind = 'collection' AND status = 'succeeded'))
                OR bool_or(occurred_at <> counts_at
                           AND (moved_xof <> 0 OR kind = 'collection' AND status = 'succeeded'))) AS twice
     WHERE statement_line.operator = CAST(:operator AS text) AND statement_line.subject = twice.subject
       AND statement_line.file_id = CAST(:file_id AS bigint) AND bucket IS NOT NULL
""")

#: The same judgement as match.judge makes of such an operation, held to it by a test: a collection that is held to the
#: franc, by the same payer, on the same day, for a household; what took nothing of ours; what did not happen and was
#: not credited; and of none of which another file or a break speaks.
INSERT_LINES = text("""
    INSERT INTO statement_line (file_id, line_number, operator, kind, status, amount_xof, fee_xof, payer_msisdn,
                                our_reference, operator_transaction_id, occurred_at, raw, raw_transaction_id, reference,
                                moved_xof, remarks, subject, counts_at, due_xof, running_xof, bucket, matched_at,
                                payment_id)
    SELECT CAST(:file_id AS bigint), line_number, CAST(:operator AS text), kind, status, amount_xof, fee_xof,
           payer_msisdn, our_reference, operator_transaction_id, occurred_at, raw, raw_transaction_id, reference,
           moved_xof, remarks, line.subject, counts_at, due_xof, running_xof, bucket,
           CASE WHEN bucket IS NOT NULL THEN CAST(:now AS timestamptz) END,
           CASE WHEN bucket = 'matched' THEN held.id END
      FROM staged_line line
      LEFT JOIN LATERAL (SELECT id, party_id, amount_xof AS held_xof, occurred_at AS held_at,
                                payer_msisdn AS held_payer
                           FROM payment
                          WHERE line.kind = 'collection' AND operator = CAST(:operator AS text)
                            AND operator_transaction_id = line.subject
                          LIMIT 1) AS held ON true
     CROSS JOIN LATERAL (
           SELECT CASE WHEN NOT CAST(:is_alone AS boolean)
                         OR EXISTS (SELECT FROM talked_about WHERE talked_about.subject = line.subject)
                         OR EXISTS (SELECT FROM statement_line earlier
                                     WHERE earlier.operator = CAST(:operator AS text)
                                       AND earlier.subject = line.subject
                                       AND earlier.file_id <> CAST(:file_id AS bigint)) THEN NULL
                       WHEN kind <> 'collection' THEN 'not_money'
                       WHEN status <> 'succeeded' THEN CASE WHEN held.id IS NULL THEN 'not_money' END
                       WHEN party_id IS NOT NULL AND held_xof = due_xof AND held_xof = amount_xof
                            AND coalesce(payer_msisdn = held_payer, true)
                            AND CAST(counts_at AT TIME ZONE 'UTC' AS date) = CAST(held_at AT TIME ZONE 'UTC' AS date)
                       THEN 'matched' END AS bucket
            -- Judged once for each line: without this, once for each place where the word is used.
            OFFSET 0) AS judged
     WHERE slice = :slice
""")


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a file came: its hash, its name, who brought it, and when it is kept."""

    sha256: bytes
    filename: str
    imported_by: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Ingested:
    """The file that holds this content; ``already`` when it was kept before."""

    file_id: int
    already: bool


@dataclass(slots=True)
class _Keeping:
    """A file that is being kept: what every statement about it is told, and what is known of its lines so far."""

    asked: dict[str, object]
    staged: Staged


async def ingest(
    connection: AsyncConnection, slices: AsyncIterator[Sequence[StatementPart]], arrival: Arrival
) -> Ingested:
    """Store a statement once per operator and content.

    Returns: the file's id, whether this call or an earlier one kept it.
    Errors:  StatementRejected, as whoever reads it.
    """
    keeping: _Keeping | None = None
    header: StatementHeader | None = None
    footer: StatementFooter | None = None
    before = _Before()
    try:
        async for parts in slices:
            lines: list[StatementLine] = []
            for part in parts:
                if isinstance(part, StatementLine):
                    lines.append(part)
                elif isinstance(part, StatementFooter):
                    footer = part
                else:
                    header = part
            if header is not None and keeping is None:
                existing = await _begin(connection, header, arrival)
                if existing is not None:
                    return Ingested(existing, already=True)
                keeping = await _keeping(connection, header, arrival)
            if lines and keeping is not None:
                # Beside this loop, which meanwhile hands the slice before to PostgreSQL.
                written = await asyncio.to_thread(staging.written, lines, keeping.staged)
                await before.follow(_keep_slice(connection, written, {**keeping.asked, "slice": keeping.staged.slices}))
        await before.end()
    finally:
        await before.give_up()
    if header is None or footer is None or keeping is None:
        raise ValueError("a statement passed without its header or its footer")
    await connection.execute(INSERT_FILE, {**keeping.asked, **_file(header, footer, keeping.staged, arrival)})
    await connection.execute(TALKED_ABOUT_TWICE, keeping.asked)
    return Ingested(int(str(keeping.asked["file_id"])), already=False)


class _Before:
    """The slice that PostgreSQL is keeping while the next one is read and written; there is never more than one."""

    __slots__ = ("_task",)

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    async def follow(self, work: Coroutine[None, None, None]) -> None:
        """Begin the next once the one before has ended."""
        try:
            await self.end()
        except BaseException:
            work.close()
            raise
        self._task = asyncio.create_task(work)

    async def end(self) -> None:
        """Wait for the last one, and let what it raised be known."""
        task, self._task = self._task, None
        if task is not None:
            await task

    async def give_up(self) -> None:
        """Wait until the connection is free again, whatever comes of it: what stopped the file is told by others."""
        if self._task is not None:
            await asyncio.wait([self._task])


async def _begin(connection: AsyncConnection, header: StatementHeader, arrival: Arrival) -> int | None:
    """Let nobody else keep a file of this operator meanwhile; return the file that holds this content already."""
    await staging.begin(connection)
    await connection.execute(ONE_FILE_AT_A_TIME, {"operator": header.operator})
    same = {"operator": header.operator, "sha256": arrival.sha256}
    file_id: int | None = (await connection.execute(EXISTING_FILE, same)).scalar_one_or_none()
    return file_id


async def _keeping(connection: AsyncConnection, header: StatementHeader, arrival: Arrival) -> _Keeping:
    staged = _staged(header, arrival.now)
    asked: dict[str, object] = {
        "operator": header.operator,
        "account": header.account,
        "period_start": header.period_start,
        "covered_until": staged.covered_until,
        "now": arrival.now,
        "file_id": (await connection.execute(NEXT_ID)).scalar_one(),
    }
    asked["is_alone"] = (await connection.execute(IS_ALONE, asked)).scalar_one()
    for statement in (LINES_FIRST, MAKE_ROOM, TALKED_ABOUT, *INDEX_TALKED_ABOUT):
        await connection.execute(statement, asked)
    return _Keeping(asked, staged)


async def _keep_slice(connection: AsyncConnection, written: str, asked: dict[str, object]) -> None:
    await staging.take_in(connection, written)
    await connection.execute(INSERT_LINES, asked)


def _staged(header: StatementHeader, now: datetime) -> Staged:
    covered_until = max(min(header.period_end, now), header.period_start + INSTANT)
    return Staged(period_of(header.period_start, covered_until), covered_until)


def _file(header: StatementHeader, footer: StatementFooter, staged: Staged, arrival: Arrival) -> dict[str, object]:
    """Return what is kept of a file, and what its own figures moved beyond its lines: balances, else totals."""
    opening_xof, closing_xof, totals = header.opening_xof, footer.closing_xof, footer.totals
    if opening_xof is not None and closing_xof is not None:
        gap_xof = closing_xof - opening_xof - staged.moved_xof
    else:
        printed = totals.collected_xof if totals.collected_xof is not None else staged.collected_xof
        fees_xof = totals.fees_xof if totals.fees_xof is not None else staged.fees_xof
        gap_xof = printed - staged.collected_xof - (fees_xof - staged.fees_xof)
    return {
        "operator": header.operator,
        "sha256": arrival.sha256,
        "filename": arrival.filename,
        "account": header.account,
        "period_start": header.period_start,
        "period_end": header.period_end,
        "covered_until": staged.covered_until,
        "opening_xof": opening_xof,
        "closing_xof": closing_xof,
        "line_count": staged.line_count,
        "collected_xof": staged.collected_xof,
        "fees_xof": staged.fees_xof,
        "printed_collected_xof": totals.collected_xof,
        "printed_fees_xof": totals.fees_xof,
        "gap_xof": gap_xof,
        "is_in_time": staged.is_in_time,
        "imported_by": arrival.imported_by,
        "now": arrival.now,
    }
