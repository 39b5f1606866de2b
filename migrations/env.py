"""Runs migrations as the owner of the tables, one at a time, and never waits long for a lock."""

from alembic import context
from sqlalchemy import create_engine, pool, text

import gateway.staff.tables
import gateway.tables
import payments.tables

#: A migration that cannot have its lock at once must not queue in front of the service.
LOCK_TIMEOUT_MS = 4_000
STATEMENT_TIMEOUT_MS = 60_000
#: "RAMU" in ASCII: one migration at a time, however many are started.
MIGRATION_LOCK = 0x52414D55

PARTITIONS = text("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")

TABLES = gateway.tables.Table.metadata


def migrate_online() -> None:
    """Connect as the owner and apply what is missing, in one transaction."""
    engine = create_engine(context.config.attributes["owner_url"], poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"SET statement_timeout = {STATEMENT_TIMEOUT_MS}"))
        # Another migration may work for longer than any lock is worth waiting for.
        connection.execute(text(f"SELECT pg_advisory_lock({MIGRATION_LOCK})"))
        connection.execute(text(f"SET lock_timeout = {LOCK_TIMEOUT_MS}"))
        connection.commit()
        partitions = set(connection.execute(PARTITIONS).scalars())
        connection.commit()
        context.configure(
            connection=connection,
            # Partitions come and go with what they hold; their tables are what code and database agree about.
            include_name=lambda name, kind, _parents: kind != "table" or name not in partitions,
            target_metadata=TABLES,
            compare_type=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    engine.dispose()


assert TABLES is payments.tables.Table.metadata  # noqa: S101 - both packages describe one database
if context.is_offline_mode():
    raise SystemExit("migrations need the database they change; there is no offline mode")
migrate_online()
