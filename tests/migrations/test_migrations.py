"""The schema goes up, down and up again; one migration at a time; a clear word when a role is missing."""

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError, OperationalError

from gateway.infra.migrate import MIGRATIONS, SchemaUnknown, config_for, head, migrate
from gateway.local.postgres.private import PrivatePostgres
from payments.columns import Table
from tests.conftest import Urls
from tests.databases import making
from tests.payments.books import hand

pytestmark = pytest.mark.database

#: The lock that migrations take one after the other.
MIGRATION_LOCK = 0x52414D55


#: What stands on one partition alone: its columns, keys and indexes are those of its table.
PARTITION = re.compile(r"(callback|observation|outbox_sms|statement_line)_[0-9]+")


@pytest.fixture
def empty(server: PrivatePostgres) -> Iterator[Urls]:
    name = f"empty_{os.getpid()}"
    with hand(server.superuser_url) as connection:
        for statement in making(name):
            connection.execute(statement)
        yield Urls(name, *(server.database_url(name, role) for role in ("ramu_app", "ramu_owner", "postgres")))
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def shape(url: str) -> list[tuple[object, ...]]:
    """Return every table, column, constraint, trigger, function and privilege of the application's role."""
    with hand(url) as connection:
        return connection.execute("""
            SELECT 'column', table_name || '.' || column_name, data_type || is_nullable FROM information_schema.columns
             WHERE table_schema = 'public'
            UNION ALL SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
              FROM pg_constraint WHERE connamespace = 'public'::regnamespace
            UNION ALL SELECT 'trigger', tgname, pg_get_triggerdef(oid) || tgenabled::text
              FROM pg_trigger WHERE NOT tgisinternal
            UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
            UNION ALL SELECT 'function', proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
            UNION ALL SELECT 'privilege', table_name || '.' || column_name, string_agg(privilege_type, ',' ORDER BY
                                                                                        privilege_type)
              FROM information_schema.column_privileges WHERE grantee = 'ramu_app' GROUP BY table_name, column_name
            UNION ALL SELECT 'privilege', 'database', string_agg(privilege_type, ',' ORDER BY privilege_type)
              FROM pg_database CROSS JOIN aclexplode(datacl)
             WHERE datname = current_database() AND grantee IN (0, 'ramu_app'::regrole) AND privilege_type <> 'CONNECT'
            HAVING count(*) > 0
             ORDER BY 1, 2, 3
        """).fetchall()


def test_up_down_to_nothing_and_up_again_is_the_same_schema(empty: Urls) -> None:
    assert migrate(empty.owner) == head()
    first = shape(empty.superuser)
    assert len(first) > 300
    command.downgrade(config_for(empty.owner), "base")
    left = [(kind, name) for kind, name, _ in shape(empty.superuser)]
    assert [row for row in left if "alembic_version" not in str(row[1])] == []
    migrate(empty.owner)
    assert shape(empty.superuser) == first


def test_the_application_may_make_tables_of_its_transactions_in_a_database_that_is_closed_to_others(
    empty: Urls,
) -> None:
    migrate(empty.owner)
    assert ("privilege", "database", "TEMPORARY") in shape(empty.superuser)
    with hand(empty.app) as application:
        application.execute("CREATE TEMPORARY TABLE passing (line integer)")


def test_every_migration_goes_down_one_step_and_up_again(empty: Urls) -> None:
    config = config_for(empty.owner)
    migrate(empty.owner)
    for revision in ScriptDirectory.from_config(config).walk_revisions():
        command.downgrade(config, "-1")
        with hand(empty.owner) as connection:
            at = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        assert at == (None if revision.down_revision is None else (revision.down_revision,))
    migrate(empty.owner)


def test_migrating_twice_changes_nothing(empty: Urls) -> None:
    migrate(empty.owner)
    first = shape(empty.superuser)
    assert migrate(empty.owner) == head()
    assert shape(empty.superuser) == first


def test_the_tables_in_code_and_the_tables_in_the_database_are_the_same(urls: Urls) -> None:
    command.check(config_for(urls.owner))


def test_their_checks_keys_and_indexes_are_the_same_too(empty: Urls, urls: Urls) -> None:
    with hand(urls.owner) as reader, hand(empty.owner) as writer:
        # What an index is made by comes with the migrations.
        for (made_by,) in reader.execute(
            "SELECT pg_get_functiondef(oid) FROM pg_proc"
            " WHERE pronamespace = 'public'::regnamespace AND provolatile = 'i'"
        ).fetchall():
            writer.execute(made_by)
    engine = create_engine(empty.owner)
    with engine.begin() as connection:
        Table.metadata.create_all(connection)
    engine.dispose()
    with hand(urls.owner) as reader:
        views = reader.execute("SELECT viewname FROM pg_views WHERE schemaname = 'public'").fetchall()
    elsewhere = {"alembic_version", *(name for (name,) in views)}

    def declared(url: str) -> list[tuple[object, ...]]:
        return [
            (kind, name, made)
            for kind, name, made in shape(url)
            if kind in {"column", "constraint", "index"}
            and not str(made).startswith("TRIGGER")
            and not PARTITION.match(str(name))
            and not elsewhere & {str(name).split(".", maxsplit=1)[0], str(name).removesuffix("_pkc")}
        ]

    assert len(declared(empty.superuser)) > 500
    assert declared(empty.superuser) == declared(urls.superuser)


def test_there_is_one_head_and_one_line_of_migrations() -> None:
    script = ScriptDirectory.from_config(config_for("postgresql://"))
    assert len(script.get_heads()) == 1
    assert [revision.revision for revision in script.walk_revisions()][-1] == "1001"


def waiting_for_the_lock(observer: psycopg.Connection) -> int:
    row = observer.execute(
        "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
        " WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_a_second_migration_waits_for_the_first_and_finds_its_work_done(empty: Urls) -> None:
    reached: list[str] = []
    with hand(empty.owner) as first, hand(empty.superuser) as observer:
        first.execute("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
        second = threading.Thread(target=lambda: reached.append(migrate(empty.owner)))
        second.start()
        while waiting_for_the_lock(observer) < 1:
            assert second.is_alive()
        assert observer.execute("SELECT to_regclass('payment')").fetchone() == (None,)
        first.execute("SELECT pg_advisory_unlock(%s)", (MIGRATION_LOCK,))
        second.join()
    assert reached == [head()]


NEXT = """
from alembic import op

revision, down_revision = "next", "{head}"


def upgrade() -> None:
    op.execute("CREATE TABLE made_by_the_next (id bigint)")
    op.execute("ALTER TABLE payment ADD COLUMN of_the_next bigint")
"""


def test_a_migration_does_not_queue_behind_the_service_for_a_table(empty: Urls, tmp_path: Path) -> None:
    migrate(empty.owner)
    (tmp_path / "next.py").write_text(NEXT.replace("{head}", head()))
    config = config_for(empty.owner)
    config.set_main_option("version_locations", f"{MIGRATIONS / 'versions'}{os.pathsep}{tmp_path}")
    with hand(empty.superuser) as busy, busy.transaction():
        busy.execute("LOCK TABLE payment IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(OperationalError, match="lock timeout"):
            command.upgrade(config, "next")
    with hand(empty.superuser) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (head(),)
        assert connection.execute("SELECT to_regclass('made_by_the_next')").fetchone() == (None,)
    command.upgrade(config, "next")


def test_a_missing_role_is_named_with_the_words_that_make_it(server: PrivatePostgres, empty: Urls) -> None:
    with hand(server.superuser_url) as connection:
        connection.execute("ALTER ROLE ramu_app RENAME TO ramu_app_elsewhere")
        try:
            with pytest.raises(DBAPIError) as refused:
                migrate(empty.owner)
        finally:
            connection.execute("ALTER ROLE ramu_app_elsewhere RENAME TO ramu_app")
    assert "the role ramu_app does not exist" in str(refused.value)
    assert "CREATE ROLE ramu_app LOGIN" in str(refused.value)
    assert migrate(empty.owner) == head()


def test_a_schema_that_this_code_does_not_know_is_named_and_left_as_it_is(empty: Urls) -> None:
    with hand(empty.owner) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num text PRIMARY KEY)")
        connection.execute("INSERT INTO alembic_version VALUES ('0002')")
    before = shape(empty.superuser)
    with pytest.raises(SchemaUnknown) as refused:
        migrate(empty.owner)
    assert refused.value.revision == "0002"
    assert shape(empty.superuser) == before
