"""The books that growth is measured on are books: every key, index and guard is back, and the day page adds up."""

from datetime import date
from pathlib import Path

import psycopg

from gateway.local.postgres.private import PrivatePostgres
from tests.benchmarks.growth.books import Size, build
from tests.benchmarks.servers import Server
from tests.conftest import TEMPLATE, plain

SMALL = Size(60, 900)
SHAPE = """
    SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) || convalidated
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace
     UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
     UNION ALL SELECT tgrelid::regclass || ' ' || tgname || tgenabled::text FROM pg_trigger WHERE NOT tgisinternal
     ORDER BY 1
"""


def test_books_are_filled_in_sets_and_keep_every_rule(server: PrivatePostgres, tmp_path: Path) -> None:
    told: list[str] = []
    books = Server(server, tmp_path)
    build(books, SMALL, date(2026, 11, 26), told.append)
    try:
        for rows, count in (
            ("payment", 900),
            ("household", 60),
            ("ledger_entry WHERE account = 'clearing/sandbox'", 900),
        ):
            assert books.count(SMALL.name, rows) == count
        assert books.count(SMALL.name, "payment WHERE party_id IS NULL") > 0
        assert books.count(SMALL.name, "ledger_block") > 0
        assert _shape(server, SMALL.name) == _shape(server, TEMPLATE)
        told.clear()
        build(books, SMALL, date(2026, 11, 26), told.append)
        assert told == [], "books that are there whole are not made again"
    finally:
        books.drop(SMALL.name)


def _shape(server: PrivatePostgres, name: str) -> list[tuple[object, ...]]:
    with psycopg.connect(plain(server.database_url(name, "postgres"))) as connection:
        return connection.execute(SHAPE).fetchall()
