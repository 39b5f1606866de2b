"""Books of many months, filled table by table in sets: as many rows as a country leaves behind, proved like real ones.

While the rows come in nothing is checked; then PostgreSQL makes every key, index and foreign key again from its own
definition, which checks them all, and what only triggers would have refused is asked of the whole.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from string import Template

import psycopg
from psycopg import sql

from gateway.console.auth.passwords import hash_password
from gateway.infra.database import Database, Pool, Timeouts, open_database
from gateway.infra.migrate import migrate
from gateway.local.illustrative import SCHEMES
from gateway.members.number import ramu_number
from payments.ledger.seal import seal
from tests.benchmarks.growth.proofs import PROOFS
from tests.benchmarks.servers import Broken, Server, plain

FILES = sorted((Path(__file__).parent / "sql").glob("*.sql"))
DAYS = 730
FIRST_SERIAL = 100_000_000

#: What is dropped before the rows come, and made again from its own words; partitions have what their tables have.
KEYS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), contype = 'f' FROM pg_constraint
     WHERE contype IN ('p', 'u', 'x', 'f') AND connamespace = 'public'::regnamespace
       AND conrelid::regclass::text NOT IN ('scheme', 'staff', 'alembic_version') AND conparentid = 0
     ORDER BY contype = 'f' DESC
"""
INDEXES = """
    SELECT indexname, replace(indexdef, ' ON ONLY ', ' ON ') FROM pg_indexes
     WHERE schemaname = 'public' AND tablename NOT IN ('scheme', 'staff', 'alembic_version')
       AND tablename NOT IN (SELECT relname FROM pg_class WHERE relispartition)
"""
GUARDED = "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal"
GUARDS = "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal"
SEQUENCES = """
    SELECT attrelid::regclass::text, attname FROM pg_attribute
     WHERE (attidentity <> '' OR pg_get_serial_sequence(attrelid::regclass::text, attname) IS NOT NULL)
       AND attnum > 0 AND attrelid::regclass::text IN (SELECT tablename FROM pg_tables WHERE schemaname = 'public')
       AND attrelid NOT IN (SELECT oid FROM pg_class WHERE relispartition)
"""
MADE_UP = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE 'grown%'"


@dataclass(frozen=True)
class Size:
    """How large the books are."""

    households: int
    payments: int

    @property
    def messages(self) -> int:
        """Return how many messages they bring about."""
        return self.households + self.payments

    @property
    def name(self) -> str:
        return f"grown_{self.households}_{self.payments}"


def build(server: Server, size: Size, today: date, say: Callable[[str], None]) -> None:
    """Fill a database of that name, unless it is there already whole."""
    marked = f"SELECT count(*) FROM pg_shdescription JOIN pg_database ON oid = objoid WHERE datname = '{size.name}'"  # noqa: S608
    if server.one("postgres", marked):
        return
    server.create(size.name)
    migrate(server.url(size.name, "ramu_owner"))
    superuser = plain(server.url(size.name, "postgres"))
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("SET maintenance_work_mem = '512MB'")
        connection.execute("SET work_mem = '256MB'")
        connection.execute("SET synchronous_commit = off")
        _illustrate(connection, size)
        with _unwatched(connection, say):
            _fill(connection, size, today, say)
        _count_on(connection)
        for table in _names(connection, MADE_UP):
            connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(table)))
        connection.execute("VACUUM (FREEZE, ANALYZE)")
        _prove(connection, say)
    asyncio.run(_seal(server.url(size.name), say))
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")
        connection.execute(sql.SQL("COMMENT ON DATABASE {} IS 'whole'").format(sql.Identifier(size.name)))


def _fill(connection: psycopg.Connection, size: Size, today: date, say: Callable[[str], None]) -> None:
    words = {
        "households": size.households,
        "payments": size.payments,
        "days": DAYS,
        "first_day": today - timedelta(days=DAYS),
        "today": today,
    }
    # Room for what comes, as if it had come one by one.
    for counter, rows in (
        ("callback", 2 * size.payments),
        ("observation", 2 * size.payments),
        ("outbox_sms", size.messages),
    ):
        connection.execute("SELECT setval(%s, %s), ramu_grow()", (f"{counter}_id_seq", rows))
        connection.execute("SELECT setval(%s, 1, false)", (f"{counter}_id_seq",))
    for path in FILES:
        began = datetime.now(UTC)
        connection.execute(Template(path.read_text()).substitute(words).encode())
        say(f"{path.stem}: {(datetime.now(UTC) - began).total_seconds():.0f} s")


def _illustrate(connection: psycopg.Connection, size: Size) -> None:
    """Load the illustrative schemes as if they were older than the first household, and the local account."""
    for code in SCHEMES:
        rules = json.loads(files("gateway.contributions.illustrative").joinpath(f"{code}.json").read_text("utf-8"))
        rules["valid_from"] = "2020-01-01"
        connection.execute(
            "INSERT INTO scheme (code, version, status, legal_status, legal_reference, valid_from, rules, approved_by,"
            " loaded_at) VALUES (%s, 1, 'active', 'ILLUSTRATIVE', '', %s, %s, 'local', now())",
            (code, rules["valid_from"], json.dumps(rules)),
        )
    connection.execute(
        "INSERT INTO staff (login, name, role, password_hash, created_at)"
        " VALUES ('local', 'Compte local (fictif)', 'finance', %s, now())",
        (hash_password("local"),),
    )
    connection.execute("CREATE TABLE grown_number (h bigint, ramu_number text)")
    with connection.cursor() as cursor, cursor.copy("COPY grown_number FROM STDIN") as rows:
        for h in range(1, size.households + 1):
            rows.write_row((h, ramu_number(FIRST_SERIAL + h)))


@contextmanager
def _unwatched(connection: psycopg.Connection, say: Callable[[str], None]) -> Iterator[None]:
    """Let rows come in without keys and triggers, then make and so prove every one of them."""
    keys = connection.execute(KEYS).fetchall()
    guarded = _names(connection, GUARDED)
    guards = connection.execute(GUARDS).fetchall()
    for table in guarded:
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
    for table, name, _, _ in keys:
        connection.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}" CASCADE'.encode())
    indexes = connection.execute(INDEXES).fetchall()
    for name, _ in indexes:
        connection.execute(f'DROP INDEX "{name}"'.encode())
    yield
    began = datetime.now(UTC)
    for table, name, definition, is_foreign in keys:
        if not is_foreign:
            connection.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}'.encode())
    for _, definition in indexes:
        connection.execute(definition.encode())
    for table, name, definition, is_foreign in keys:
        if is_foreign:
            connection.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}'.encode())
    for table, name in guards:
        connection.execute(f'ALTER TABLE {table} ENABLE ALWAYS TRIGGER "{name}"'.encode())
    say(f"keys, indexes and foreign keys made and proved: {(datetime.now(UTC) - began).total_seconds():.0f} s")


def _count_on(connection: psycopg.Connection) -> None:
    """Let every sequence go on behind the rows that are there."""
    for table, column in connection.execute(SEQUENCES).fetchall():
        connection.execute(
            f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'),"  # noqa: S608 - its own tables
            f" greatest((SELECT max({column}) + 10 FROM {table}), 1))".encode()
        )


def _prove(connection: psycopg.Connection, say: Callable[[str], None]) -> None:
    for rule, question in PROOFS.items():
        row = connection.execute(question.encode()).fetchone()
        if row is None or row[0]:
            raise Broken(f"the books that were made are wrong: {rule}: {row}")
    say(f"{len(PROOFS)} rules hold over all rows")


async def _seal(url: str, say: Callable[[str], None]) -> None:
    database: Database = open_database(url, Pool(1, 60), Timeouts(statement_ms=600_000))
    began, blocks = datetime.now(UTC), 0
    try:
        while await database.transact(lambda connection: seal(connection, datetime.now(UTC))):
            blocks += 1
    finally:
        await database.close()
    say(f"{blocks} blocks sealed: {(datetime.now(UTC) - began).total_seconds():.0f} s")


def _names(connection: psycopg.Connection, query: str) -> list[str]:
    return [str(row[0]) for row in connection.execute(query.encode()).fetchall()]
