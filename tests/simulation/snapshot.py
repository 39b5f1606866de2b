"""Keeps the rows of a database beside themselves and puts them back, faster than a database is copied."""

from dataclasses import dataclass
from typing import Any

import psycopg

#: Where the kept rows lie, out of the application's sight.
KEPT = "kept"

#: Rows of partitions are read and written through their tables.
TABLES = """
    SELECT relname FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY relname
"""
GUARDS = """
    SELECT relname, tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
     WHERE tgenabled = 'A' AND NOT tgisinternal AND tgtype & 1 = 1 AND NOT relispartition ORDER BY relname, tgname
"""
SEQUENCES = """
    SELECT sequencename, coalesce(last_value, start_value), last_value IS NOT NULL
      FROM pg_sequences WHERE schemaname = 'public' ORDER BY sequencename
"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What to say to a database to bring it back to a kept instant."""

    statements: str

    async def restore(self, superuser: psycopg.AsyncConnection[Any]) -> None:
        """Put every row back as it was; nobody else may be at work meanwhile."""
        await superuser.execute(self.statements.encode())


async def keep(superuser: psycopg.AsyncConnection[Any]) -> Snapshot:
    """Keep every row of the database that the superuser is connected to."""
    tables = [name for (name,) in await _rows(superuser, TABLES)]
    guards = await _rows(superuser, GUARDS)
    sequences = await _rows(superuser, SEQUENCES)
    copies = [f"CREATE TABLE {KEPT}.{table} AS TABLE public.{table}" for table in tables]
    await superuser.execute("; ".join([f"CREATE SCHEMA {KEPT}", *copies]).encode())
    said = [
        "BEGIN",
        "SET LOCAL session_replication_role = replica",
        # The guards refuse even the superuser; they are taken off for this transaction alone.
        *(f"ALTER TABLE public.{table} DISABLE TRIGGER {guard}" for table, guard in guards),
        *(f"DELETE FROM public.{table}" for table in tables),  # noqa: S608 - names of our own tables
        *(f"INSERT INTO public.{table} OVERRIDING SYSTEM VALUE TABLE {KEPT}.{table}" for table in tables),
        *(f"SELECT setval('public.{name}', {value}, {used})" for name, value, used in sequences),
        *(f"ALTER TABLE public.{table} ENABLE ALWAYS TRIGGER {guard}" for table, guard in guards),
        "COMMIT",
    ]
    return Snapshot("; ".join(said))


async def _rows(superuser: psycopg.AsyncConnection[Any], query: str) -> list[tuple[Any, ...]]:
    return await (await superuser.execute(query.encode())).fetchall()
