"""Hands the lines of a statement to PostgreSQL as they are read, in a table of this database transaction alone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import AsyncConnection as Driver
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.dating import Window, moment_in_period, storable_moment
from payments.observation import LineKind
from payments.operators.contract import StatementLine
from payments.reconciliation.facts import due_xof, subject_of

#: One transaction brings a file in. Its steps are cut so that each is short; this is for a machine that is not.
PATIENCE: Final = text("SELECT set_config('statement_timeout', '120s', true), set_config('lock_timeout', '120s', true)")

#: A transaction may bring in one file after another.
MAKE_ROOM: Final = text("DROP TABLE IF EXISTS pg_temp.staged_line")

STAGED: Final = text("""
    CREATE TEMPORARY TABLE staged_line (
        slice integer NOT NULL, line_number integer NOT NULL,
        kind text NOT NULL, status text NOT NULL, amount_xof bigint, fee_xof bigint,
        payer_msisdn text, our_reference text, operator_transaction_id text, occurred_at timestamptz, raw text NOT NULL,
        raw_transaction_id text, reference text, moved_xof bigint NOT NULL, remarks text NOT NULL,
        subject text NOT NULL, counts_at timestamptz NOT NULL, due_xof bigint NOT NULL, running_xof bigint NOT NULL
    ) ON COMMIT DROP
""")
BY_SLICE: Final = text("CREATE INDEX ON staged_line (slice)")

COPY: Final = "COPY staged_line FROM STDIN"

NULL: Final = "\\N"
_MEANT_OTHERWISE: Final = re.compile(r"[\\\t\n\r]")
_ESCAPED: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(slots=True)
class Staged:
    """What is known of the lines that were taken in so far.

    Units:   whole francs; ``fees_xof`` is what the operator took of fees, as the day adds them up.
    """

    period: Window
    covered_until: datetime
    slices: int = 0
    line_count: int = 0
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
    await connection.execute(BY_SLICE)


def written(lines: Sequence[StatementLine], staged: Staged) -> str:
    """Write the next slice of lines as COPY wants it, and count them."""
    staged.slices += 1
    return "".join([_written(line, staged) for line in lines])


async def take_in(connection: AsyncConnection, slice_: str) -> None:
    """Take in a slice."""
    driver = (await connection.get_raw_connection()).driver_connection
    if not isinstance(driver, Driver):
        raise TypeError("statements come in by COPY, which needs psycopg's own connection")
    async with driver.cursor() as cursor, cursor.copy(COPY) as copy:
        await copy.write(slice_)


def _written(line: StatementLine, staged: Staged) -> str:
    """Write a line as COPY wants it, and count it."""
    said, moved_xof, due = line.observation, line.moved_xof, due_xof(line)
    occurred_at = storable_moment(said.occurred_at)
    counts_at = moment_in_period(occurred_at, staged.period, staged.covered_until)
    staged.line_count += 1
    staged.moved_xof += moved_xof
    if line.kind is LineKind.COLLECTION:
        staged.collected_xof += due
    elif line.kind is LineKind.FEE:
        staged.fees_xof += due - moved_xof
    staged.is_in_time = staged.is_in_time and (staged.latest is None or staged.latest <= counts_at)
    staged.latest = counts_at
    at = counts_at.isoformat()
    payer, ours, about, raw_id = (
        said.payer_msisdn, said.our_reference, said.operator_transaction_id, said.raw_transaction_id,
    )  # fmt: skip
    raw, own, subject = line.raw, line.reference, subject_of(line)
    # Looked at all together: hardly any line holds what COPY reads as something else.
    if _MEANT_OTHERWISE.search(f"{raw}{payer}{ours}{about}{raw_id}{own}{subject}"):
        payer, ours, about, raw_id, own = map(_escaped, (payer, ours, about, raw_id, own))
        raw, subject = raw.translate(_ESCAPED), subject.translate(_ESCAPED)
    return (
        f"{staged.slices}\t{line.line_number}\t{line.kind.value}\t{said.status.value}\t"
        f"{NULL if said.amount_xof is None else said.amount_xof}\t{NULL if said.fee_xof is None else said.fee_xof}\t"
        f"{NULL if payer is None else payer}\t{NULL if ours is None else ours}\t{NULL if about is None else about}\t"
        f"{NULL if occurred_at is None else at if occurred_at is counts_at else occurred_at.isoformat()}\t"
        f"{raw}\t{NULL if raw_id is None else raw_id}\t{NULL if own is None else own}\t{moved_xof}\t"
        f"{' '.join(said.remarks)}\t{subject}\t{at}\t{due}\t{staged.moved_xof}\n"
    )


def _escaped(word: str | None) -> str | None:
    return None if word is None else word.translate(_ESCAPED)
