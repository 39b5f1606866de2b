"""What a piece of our own code asks of PostgreSQL, and how much PostgreSQL looks at to answer."""

import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from sqlalchemy import Engine, event

from tests.benchmarks.servers import plain

Statement = tuple[str, object]


@dataclass(frozen=True)
class Plan:
    """How one statement was answered; ``pages`` are the blocks of 8 KiB that were looked at."""

    statement: str
    ms: float
    pages: int
    told: str


@contextmanager
def listening() -> Iterator[list[Statement]]:
    """Keep every statement that SQLAlchemy sends meanwhile."""
    heard: list[Statement] = []

    def hear(*told: object) -> None:
        _, _, statement, parameters, _, _ = told
        if isinstance(statement, str) and statement.lstrip().upper().startswith(("SELECT", "WITH")):
            heard.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        yield heard
    finally:
        event.remove(Engine, "before_cursor_execute", hear)


async def plans_of(url: str, work: Callable[[], Awaitable[object]]) -> list[Plan]:
    """Do something once, then let PostgreSQL explain each question that it asked."""
    with listening() as heard:
        await work()
    return explained(url, heard)


def explained(url: str, heard: list[Statement]) -> list[Plan]:
    found = []
    with psycopg.connect(plain(url)) as connection:
        for statement, parameters in heard:
            row = connection.execute(
                f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}".encode(),
                parameters,
            ).fetchone()
            told = connection.execute(
                f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) {statement}".encode(),
                parameters,
            ).fetchall()
            connection.rollback()
            if row is None:
                continue
            top = (json.loads(row[0]) if isinstance(row[0], str) else row[0])[0]
            pages = int(top["Plan"]["Shared Hit Blocks"]) + int(top["Plan"]["Shared Read Blocks"])
            lines = "\n".join(str(line[0]) for line in told)
            found.append(Plan(" ".join(statement.split()), float(top["Execution Time"]), pages, lines))
    return found


def grown(small: list[Plan], large: list[Plan], factor: float, at_least_pages: int) -> list[tuple[Plan, Plan]]:
    """Find the statements that look at more because the books are larger."""
    return [
        (before, after)
        for before, after in zip(small, large, strict=True)
        if after.pages > at_least_pages and after.pages > factor * before.pages
    ]
