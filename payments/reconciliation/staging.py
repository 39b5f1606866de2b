"""Takes the lines of a statement in as they are read, beside everything else, until its figures have agreed with them.

They stand in a table of this database transaction alone: whatever stops it, nothing of them was ever there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import AsyncConnection as Driver
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.dating import Window, dated_in_period, storable_moment
from payments.observation import LineKind
from payments.operators.contract import StatementLine
from payments.reconciliation.facts import due_xof, subject_of

#: One transaction brings a file in. Its steps are cut so that each is short; this is for a machine that is not.
PATIENCE: Final = text("SELECT set_config('statement_timeout', '120s', true), set_config('lock_timeout', '120s', true)")

#: A transaction may bring in one file after another.
MAKE_ROOM: Final = text("DROP TABLE IF EXISTS pg_temp.staged_line")

STAGED: Final = text("""
    CREATE TEMPORARY TABLE staged_line (
        line_number integer NOT NULL, kind text NOT NULL, status text NOT NULL, amount_xof bigint, fee_xof bigint,
        payer_msisdn text, our_reference text, operator_transaction_id text, occurred_at timestamptz, raw text NOT NULL,
        raw_transaction_id text, reference text, moved_xof bigint NOT NULL, remarks text NOT NULL,
        subject text NOT NULL, counts_at timestamptz NOT NULL, due_xof bigint NOT NULL, running_xof bigint NOT NULL
    ) ON COMMIT DROP
""")

COPY: Final = "COPY staged_line FROM STDIN"

#: Read by the number of its line, and known to the planner for what it holds.
SETTLE = (text("CREATE INDEX ON staged_line (line_number)"), text("ANALYZE staged_line"))

#: What the lines moved so far, in order of time; only for a file that is not in this order already.
IN_TIME = text("""
    UPDATE staged_line SET running_xof = in_time.running_xof
      FROM (SELECT line_number, sum(moved_xof) OVER (ORDER BY counts_at, line_number) AS running_xof FROM staged_line)
           AS in_time
     WHERE in_time.line_number = staged_line.line_number
""")

NULL: Final = "\\N"
_ESCAPED: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(slots=True)
class Staged:
    """What is known of the lines that were taken in so far.

    Units:   whole francs; ``fees_xof`` is what the operator took of fees, as the day adds them up.
    """

    period: Window
    covered_until: datetime
    line_count: int = 0
    last_number: int = 0
    collected_xof: int = 0
    fees_xof: int = 0
    moved_xof: int = 0
    latest: datetime | None = None
    is_in_time: bool = True


async def begin(connection: AsyncConnection) -> None:
    """Make room for the lines of one statement, for this transaction."""
    await connection.execute(PATIENCE)
    await connection.execute(MAKE_ROOM)
    await connection.execute(STAGED)


async def take_in(connection: AsyncConnection, lines: Sequence[StatementLine], staged: Staged) -> None:
    """Take in the next lines."""
    driver = (await connection.get_raw_connection()).driver_connection
    if not isinstance(driver, Driver):
        raise TypeError("statements come in by COPY, which needs psycopg's own connection")
    written = "".join([_written(line, staged) for line in lines])
    async with driver.cursor() as cursor, cursor.copy(COPY) as copy:
        await copy.write(written)


async def settle_down(connection: AsyncConnection, staged: Staged) -> None:
    """Put in order what was taken in, once it is complete."""
    for statement in SETTLE:
        await connection.execute(statement)
    if not staged.is_in_time:
        await connection.execute(IN_TIME)


def _written(line: StatementLine, staged: Staged) -> str:
    """Write a line as COPY wants it, and count it."""
    said, moved_xof, due = line.observation, line.moved_xof, due_xof(line)
    occurred_at = storable_moment(said.occurred_at)
    counts_at = dated_in_period(occurred_at, staged.period, staged.covered_until).at
    staged.line_count += 1
    staged.last_number = max(staged.last_number, line.line_number)
    staged.moved_xof += moved_xof
    if line.kind is LineKind.COLLECTION:
        staged.collected_xof += due
    elif line.kind is LineKind.FEE:
        staged.fees_xof += due - moved_xof
    staged.is_in_time = staged.is_in_time and (staged.latest is None or staged.latest <= counts_at)
    staged.latest = counts_at
    at = counts_at.isoformat()
    about, own = _text(said.operator_transaction_id), _text(line.reference)
    return (
        f"{line.line_number}\t{line.kind.value}\t{said.status.value}\t"
        f"{NULL if said.amount_xof is None else said.amount_xof}\t{NULL if said.fee_xof is None else said.fee_xof}\t"
        f"{_text(said.payer_msisdn)}\t{_text(said.our_reference)}\t{about}\t"
        f"{NULL if occurred_at is None else at if occurred_at == counts_at else occurred_at.isoformat()}\t"
        f"{_text(line.raw)}\t{_text(said.raw_transaction_id)}\t{own}\t{moved_xof}\t{' '.join(said.remarks)}\t"
        f"{_text(subject_of(line))}\t{at}\t{due}\t{staged.moved_xof}\n"
    )


def _text(written: str | None) -> str:
    if written is None:
        return NULL
    if "\\" in written or "\t" in written or "\n" in written or "\r" in written:
        return written.translate(_ESCAPED)
    return written
