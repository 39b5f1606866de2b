"""Keeps a statement and its lines in one transaction; the same content twice changes nothing.

A line that leaves nothing to be said is given its bucket by the statement that writes it; every other one waits for the
matching, which judges it with all that is known of its operation.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.operators.contract import StatementFooter, StatementHeader, StatementLine, StatementPart
from payments.reconciliation import staging
from payments.reconciliation.coverage import INSTANT, period_of
from payments.reconciliation.staging import Staged

#: Large enough that round trips vanish, small enough that a statement timeout never meets it.
LINES_PER_INSERT: Final = 50_000

#: Files of one operator are kept one after the other, so that a smaller file id is always the earlier word.
ONE_FILE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('statement/' || :operator, 0))")

INSERT_FILE = text("""
    INSERT INTO statement_file (operator, sha256, filename, account, period_start, period_end, covered_until,
                                opening_xof, closing_xof, line_count, collected_xof, fees_xof, printed_collected_xof,
                                printed_fees_xof, gap_xof, imported_by, imported_at)
    VALUES (:operator, :sha256, :filename, :account, :period_start, :period_end, :covered_until,
            :opening_xof, :closing_xof, :line_count, :collected_xof, :fees_xof, :printed_collected_xof,
            :printed_fees_xof, :gap_xof, :imported_by, :now)
        ON CONFLICT (operator, sha256) DO NOTHING
    RETURNING id
""")

EXISTING_FILE = text("SELECT id FROM statement_file WHERE operator = :operator AND sha256 = :sha256")

#: Whether this file is the only one of its account that speaks of any of its moments.
IS_ALONE = text("""
    SELECT NOT EXISTS (SELECT FROM statement_file other
                        WHERE other.operator = :operator AND other.account = :account AND other.id <> :file_id
                          AND other.covered_until > :period_start AND other.period_start < :covered_until)
""")

#: A transaction may keep one file after another.
MAKE_ROOM = text("DROP TABLE IF EXISTS pg_temp.talked_about")

#: Operations of which this file alone does not say everything, or says more than one thing: several claims, a claim
#: beside another state, a movement that is none, a date out of the period; lines of other files; breaks that stand.
TALKED_ABOUT = text("""
    CREATE TEMPORARY TABLE talked_about ON COMMIT DROP AS
    SELECT subject FROM staged_line
     GROUP BY subject
    HAVING count(*) FILTER (WHERE kind = 'collection' AND status = 'succeeded') > 1
        OR bool_or(kind = 'collection' AND status = 'succeeded')
           AND bool_or(kind = 'collection' AND status <> 'succeeded')
        OR bool_or(due_xof <> 0 AND NOT (kind = 'collection' AND status = 'succeeded'))
        OR bool_or(occurred_at <> counts_at AND (moved_xof <> 0 OR kind = 'collection' AND status = 'succeeded'))
""")
TALKED_ABOUT_BEFORE = text("""
    INSERT INTO talked_about
    SELECT about FROM reconciliation_break
     WHERE operator = CAST(:operator AS text) AND account <> '' AND superseded_at IS NULL
     UNION
    SELECT subject FROM staged_line
     WHERE EXISTS (SELECT FROM statement_line earlier
                    WHERE earlier.operator = CAST(:operator AS text) AND earlier.subject = staged_line.subject)
""")
SETTLE = (text("CREATE INDEX ON talked_about (subject)"), text("ANALYZE talked_about"))

#: The same judgement as match.judge makes of such an operation, held to it by a test: a claim that is paid for to the
#: franc, by the same payer, on the same day, for a household; what took nothing of ours; what did not happen and was
#: not credited.
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
                         OR EXISTS (SELECT FROM talked_about WHERE talked_about.subject = line.subject) THEN NULL
                       WHEN kind <> 'collection' THEN 'not_money'
                       WHEN status <> 'succeeded' THEN CASE WHEN held.id IS NULL THEN 'not_money' END
                       WHEN party_id IS NOT NULL AND held_xof = due_xof AND held_xof = amount_xof
                            AND coalesce(payer_msisdn = held_payer, true)
                            AND CAST(counts_at AT TIME ZONE 'UTC' AS date) = CAST(held_at AT TIME ZONE 'UTC' AS date)
                       THEN 'matched' END AS bucket) AS judged
     WHERE line_number > :after AND line_number <= :through
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


async def ingest(
    connection: AsyncConnection, slices: AsyncIterator[Sequence[StatementPart]], arrival: Arrival
) -> Ingested:
    """Store a statement once per operator and content.

    Returns: the file's id, whether this call or an earlier one kept it.
    Errors:  StatementRejected, as whoever reads it.
    """
    header: StatementHeader | None = None
    footer: StatementFooter | None = None
    staged: Staged | None = None
    await staging.begin(connection)
    async for parts in slices:
        lines: list[StatementLine] = []
        for part in parts:
            if isinstance(part, StatementLine):
                lines.append(part)
            elif isinstance(part, StatementFooter):
                footer = part
            else:
                header, staged = part, _staged(part, arrival.now)
        if lines and staged is not None:
            await staging.take_in(connection, lines, staged)
    if header is None or footer is None or staged is None:
        raise ValueError("a statement passed without its header or its footer")
    await connection.execute(ONE_FILE_AT_A_TIME, {"operator": header.operator})
    values = _file(header, footer, staged, arrival)
    file_id: int | None = (await connection.execute(INSERT_FILE, values)).scalar_one_or_none()
    if file_id is None:
        return Ingested((await connection.execute(EXISTING_FILE, values)).scalar_one(), already=True)
    await _keep_lines(connection, file_id, values, staged)
    return Ingested(file_id, already=False)


async def _keep_lines(connection: AsyncConnection, file_id: int, file: dict[str, object], staged: Staged) -> None:
    await staging.settle_down(connection, staged)
    asked = {**file, "file_id": file_id}
    asked["is_alone"] = (await connection.execute(IS_ALONE, asked)).scalar_one()
    for statement in (MAKE_ROOM, TALKED_ABOUT, TALKED_ABOUT_BEFORE, *SETTLE):
        await connection.execute(statement, asked)
    for after in range(0, staged.last_number, LINES_PER_INSERT):
        await connection.execute(INSERT_LINES, {**asked, "after": after, "through": after + LINES_PER_INSERT})


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
        "imported_by": arrival.imported_by,
        "now": arrival.now,
    }
