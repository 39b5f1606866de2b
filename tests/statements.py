"""Statements held whole, as tests write and compare them; the product only ever sees them pass."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

from sqlalchemy.ext.asyncio import AsyncConnection

from payments.operators.contract import (
    Operator,
    StatementFooter,
    StatementHeader,
    StatementLine,
    StatementPart,
    StatementTotals,
)
from payments.operators.readers import read_statement
from payments.reconciliation import uploads
from payments.reconciliation.ingest import Arrival, Ingested, ingest


@dataclass(frozen=True, slots=True)
class Statement:
    """A header, its lines and its footer."""

    operator: str
    account: str
    period_start: datetime
    period_end: datetime
    opening_xof: int | None
    closing_xof: int | None
    lines: Sequence[StatementLine]
    totals: StatementTotals


def parts_of(statement: Statement) -> Iterator[StatementPart]:
    """Let a statement pass as an operator's reader would."""
    yield StatementHeader(
        statement.operator,
        statement.account,
        statement.period_start,
        statement.period_end,
        statement.opening_xof,
    )
    yield from statement.lines
    yield StatementFooter(statement.closing_xof, statement.totals)


def whole(parts: Iterable[StatementPart]) -> Statement:
    """Hold a statement of one account that passes."""
    header, *lines, footer = parts
    assert isinstance(header, StatementHeader)
    assert isinstance(footer, StatementFooter)
    return Statement(
        header.operator,
        header.account,
        header.period_start,
        header.period_end,
        header.opening_xof,
        footer.closing_xof,
        [line for line in lines if isinstance(line, StatementLine)],
        footer.totals,
    )


def read_whole(operator: Operator, content: bytes, filename: str = "releve.csv") -> Statement:
    """Read a file as the product does, every check of its figures and ids included, and hold it."""
    return whole(read_statement(operator, BytesIO(content), filename))


async def keep_whole(
    connection: AsyncConnection, statement: Statement, name: str, now: datetime, content: str = ""
) -> Ingested:
    """Hand a statement in and keep it, slice by slice, as if its file had been read."""
    new = uploads.new_upload(statement.operator, name, BytesIO((content or name).encode()), "staff/test")
    upload, _ = await uploads.store(connection, new, now)
    await uploads.begin(connection, upload.id, now, 60)
    kept = await ingest(connection, _slices(statement), Arrival(new.sha256, name, "staff/test", now))
    await uploads.mark_stored(connection, upload.id, kept.file_id, now)
    return kept


async def _slices(statement: Statement) -> AsyncIterator[list[StatementPart]]:
    parts = list(parts_of(statement))
    for start in range(0, len(parts), 3):
        yield parts[start : start + 3]
