"""The lines that a figure of a day adds up, from the very rows that the figure is added up from."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.reports.break_sentences import subject_of
from gateway.reports.day import asked_of, bounds
from gateway.reports.day_rows import ACCOUNTS, BREAK_ROWS, HELD_ROWS
from gateway.reports.slices import SLICE_ROWS
from gateway.reports.statement_day import STATED_AMOUNTS, STATED_ROWS, asked_of_runs, stated_runs, statement_days

LINES_SHOWN_MAX: Final = 200


class DayFigure(StrEnum):
    """A figure of a day that adds lines up or counts them; each is a field of an operator's day, but for requests."""

    POSTED = "posted_xof"
    SUSPENSE = "suspense_xof"
    AFTER = "after_xof"
    BREAKS = "breaks_xof"
    COLLECTIONS = "collections_xof"
    REVERSALS = "reversals_xof"
    FEES = "fees_xof"
    TRANSFERS = "transfers_xof"
    OTHERS = "others_xof"
    PROVED_BY_CALLBACK = "proved_by_callback_count"
    PROVED_BY_QUERY = "proved_by_query_count"
    PROVED_BY_STATEMENT = "proved_by_statement_count"
    PROVED_BY_HAND = "proved_by_hand_count"
    PUSHES = "pushes_xof"


#: What the figures of our own payments are made of.
_HELD: Final[Mapping[DayFigure, str]] = {
    DayFigure.POSTED: "NOT waits",
    DayFigure.SUSPENSE: "waits",
    DayFigure.AFTER: "is_after",
    DayFigure.PROVED_BY_CALLBACK: "provenance = 'signed_callback'",
    DayFigure.PROVED_BY_QUERY: "provenance = 'query'",
    DayFigure.PROVED_BY_STATEMENT: "provenance = 'statement'",
    DayFigure.PROVED_BY_HAND: "provenance = 'manual'",
}
#: One account, or without an operator all of them.
_OF_ACCOUNT: Final = "(:operator = '' OR operator = :operator AND account = :account)"


@dataclass(frozen=True, slots=True)
class FigureLine:
    """One line: a payment by its receipt, a break by its kind, or a line of a statement by its kind."""

    at: datetime | date
    kind: str
    name: str
    receipt_number: str | None
    amount_xof: int


@dataclass(frozen=True, slots=True)
class FigureLines:
    """The first lines of a figure, how many there are, and their sum."""

    rows: tuple[FigureLine, ...]
    count: int
    sum_xof: int


@dataclass(frozen=True, slots=True)
class AskedFigure:
    """Which figure of which account and day; without an operator of all accounts. Requests are asked for by state."""

    day: date
    figure: DayFigure
    operator: str = ""
    account: str = ""
    state: str = ""


async def figure_lines(connection: AsyncConnection, asked: AskedFigure) -> FigureLines:
    """Return the first lines of a figure with the count and the sum of all."""
    sql, values = await _lines(connection, asked)
    total = text(f"{sql} SELECT count(*), coalesce(sum(amount_xof), 0) FROM lines")  # noqa: S608 - our own text
    count, sum_xof = (await connection.execute(total, values)).one()
    rows = (await connection.execute(_listed(sql, LINES_SHOWN_MAX), values)).all()
    return FigureLines(tuple(map(_line, rows)), count, int(sum_xof))


async def each_figure_line(connection: AsyncConnection, asked: AskedFigure) -> AsyncGenerator[tuple[FigureLine, ...]]:
    """Return every line of a figure, in slices: however many there are, few are held at once."""
    sql, values = await _lines(connection, asked)
    result = await connection.stream(_listed(sql).execution_options(yield_per=SLICE_ROWS), values)
    try:
        async for rows in result.partitions():
            yield tuple(map(_line, rows))
    finally:
        # The library's own "async with" leaves the cursor open when whoever reads stops by an exception.
        await result.close()


async def _lines(connection: AsyncConnection, asked: AskedFigure) -> tuple[str, dict[str, object]]:
    start, end = bounds(asked.day)
    which: dict[str, object] = {"operator": asked.operator, "account": asked.account}
    if asked.figure is DayFigure.PUSHES:
        return _PUSHED, {"day_start": start, "day_end": end, "state": asked.state}
    if asked.figure.value in STATED_AMOUNTS:
        stated = await stated_runs(connection, start, end)
        of_account = (asked.operator, asked.account)
        runs = [run for key, found in stated.items() if not asked.operator or key == of_account for run in found]
        return _stated(STATED_AMOUNTS[asked.figure.value]), asked_of_runs(runs)
    told = await statement_days(connection, start, end)
    rows = _broken() if asked.figure is DayFigure.BREAKS else _held(_HELD[asked.figure])
    return rows, {**asked_of(asked.day, told), **which}


_PUSHED: Final = """
    WITH lines AS (
        SELECT created_at AS at, 'request' AS kind, reference AS name, CAST(NULL AS text) AS receipt_number,
               amount_xof, id
          FROM payment_request WHERE created_at >= :day_start AND created_at < :day_end AND state = :state)
"""


def _held(condition: str) -> str:
    return f"""
        WITH RECURSIVE {ACCOUNTS}, lines AS (
            SELECT occurred_at AS at, 'payment' AS kind, operator_transaction_id AS name, receipt_number, amount_xof, id
              FROM ({HELD_ROWS}) AS row
             WHERE {_OF_ACCOUNT} AND {condition})
    """  # noqa: S608 - our own text


def _broken() -> str:
    return f"""
        WITH RECURSIVE {ACCOUNTS}, lines AS (
            SELECT day AS at, kind, subject AS name, CAST(NULL AS text) AS receipt_number, amount_xof, id
              FROM ({BREAK_ROWS}) AS row
             WHERE {_OF_ACCOUNT} AND amount_xof <> 0)
    """  # noqa: S608 - our own text


def _stated(amount: str) -> str:
    return f"""
        WITH lines AS (
            SELECT line.counts_at AS at, kind, coalesce(line.operator_transaction_id, '') AS name,
                   CAST(NULL AS text) AS receipt_number, {amount} AS amount_xof, line.line_number AS id
            {STATED_ROWS} WHERE {amount} <> 0)
    """


def _listed(sql: str, most: int | None = None) -> TextClause:
    limit = "" if most is None else f" LIMIT {most:d}"
    listed = f"SELECT at, kind, name, receipt_number, amount_xof FROM lines ORDER BY at, id{limit}"  # noqa: S608 - our own text
    return text(f"{sql} {listed}")


def _line(row: Row[Any]) -> FigureLine:
    name = subject_of(row.name) if row.name else ""
    return FigureLine(row.at, row.kind, name, row.receipt_number, int(row.amount_xof))
