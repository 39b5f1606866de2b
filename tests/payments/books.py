"""Books with a little of everything in them, and three hands that try to change them by SQL."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
from psycopg import sql

from gateway.infra.database import Pool, Timeouts, open_database
from gateway.local.postgres.private import PrivatePostgres
from tests.conftest import TEMPLATE, Urls
from tests.databases import copying
from tests.fixed import CountedIds, TestClock
from tests.stories import paid
from tests.world import AMINATA, open_world

AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)

#: Every table whose rows are added and never changed.
APPEND_ONLY = (
    "ledger_txn",
    "ledger_entry",
    "ledger_block",
    "payment",
    "observation",
    "statement_file",
    "statement_chunk",
    "day_report",
    "allocation",
    "audit_event",
    "charge",
    "share_payer",
    "party",
    "suspense_assignment",
)

#: What may change in a table that is otherwise evidence.
WORK_IN_PROGRESS = {
    "enrolment": {"valid_to"},
    "phone_link": {"valid_to", "last_wallet"},
    "account": {"syscohada_code"},
    "callback": {"attempts", "next_attempt_at", "handled_at", "parked_at", "last_error"},
    "statement_line": {"bucket", "matched_at", "payment_id"},
    "statement_upload": {
        "state",
        "attempts",
        "next_attempt_at",
        "motive",
        "motive_lines",
        "breaks_opened",
        "file_id",
    },
    "payment_request": {
        "state",
        "submissions",
        "inquiries",
        "failures",
        "submitted_at",
        "next_attempt_at",
        "parked_at",
        "finalised_at",
        "operator_request_id",
        "operator_state",
        "last_detail",
    },
    "reconciliation_break": {"owner", "closed_at", "close_reason", "superseded_at"},
}

#: What the application's role must never be able to do, to the guards or around them.
FORBIDDEN_TO_APP = [
    "CREATE TABLE mine (a int)",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE SCHEMA mine",
    "CREATE TRIGGER mine BEFORE INSERT ON payment FOR EACH ROW EXECUTE FUNCTION ramu_refuse()",
    "ALTER TABLE ledger_entry DISABLE TRIGGER ALL",
    "ALTER TABLE ledger_entry DISABLE TRIGGER ledger_entry_kept",
    "DROP TRIGGER ledger_entry_kept ON ledger_entry",
    "ALTER TABLE payment DROP CONSTRAINT uq_payment_operator_operator_transaction_id",
    "ALTER FUNCTION ramu_refuse() OWNER TO ramu_app",
    "CREATE OR REPLACE FUNCTION ramu_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "DROP TABLE ledger_entry",
    "SET session_replication_role = replica",
    "SET ROLE ramu_owner",
    "SELECT rolpassword FROM pg_authid",
    "SELECT pg_read_file('/etc/hostname')",
    "COPY payment TO PROGRAM 'cat'",
    "SELECT lo_export(1, 'x')",
    "INSERT INTO alembic_version VALUES ('9999')",
    "UPDATE alembic_version SET version_num = '9999'",
    "UPDATE scheme SET rules = rules",
    "UPDATE phone_link SET party_id = 1",
    "UPDATE household SET ramu_number = ramu_number",
    "UPDATE member SET is_head = is_head",
    "UPDATE outbox_sms SET body = body",
    "UPDATE staff SET login = login",
    "DELETE FROM outbox_sms",
    "DELETE FROM staff",
    "SELECT setval('payment_id_seq', 1)",
]

#: The accounts of two operators of which no money has come yet.
ACCOUNTS = """
    INSERT INTO party (kind) VALUES ('suspense'), ('operator'), ('suspense');
    INSERT INTO account (code, kind, operator, party_id, syscohada_code)
    SELECT named.kind || '/' || named.operator, named.kind, named.operator, id, '0'
      FROM (VALUES (2, 'suspense', 'sandbox'), (1, 'clearing', 'other'), (0, 'suspense', 'other'))
           AS named(place, kind, operator)
      JOIN party ON party.id = (SELECT max(id) FROM party) - named.place
"""

#: Money of nobody, and the assignment that took it out of suspense for the first household.
ASSIGNED = """
    INSERT INTO ledger_txn (id, ref, kind, effective_at, posted_at, actor, reason)
    VALUES (9001, 'a1', 'payment', %(at)s, %(at)s, 'a', 'c'), (9002, 'a2', 'assignment', %(at)s, %(at)s, 'a', 'c');
    INSERT INTO ledger_entry (txn_id, line, account, amount_xof, party_id)
    SELECT txn_id, line, new.account, amount_xof, coalesce(account.party_id, 1)
      FROM (VALUES (9001, 1, 'clearing/sandbox', 700), (9001, 2, 'suspense/sandbox', -700),
                   (9002, 1, 'suspense/sandbox', 700), (9002, 2, 'advances', -700))
           AS new(txn_id, line, account, amount_xof) JOIN account ON account.code = new.account;
    INSERT INTO payment (id, operator, operator_transaction_id, amount_xof, matched_by, provenance, occurred_at,
                         posted_at, ledger_txn_id, receipt_number)
    VALUES (9001, 'sandbox', 'assigned', 700, 'suspense', 'query', %(at)s, %(at)s, 9001, 'assigned');
    INSERT INTO suspense_assignment (payment_id, turn, party_id, ledger_txn_id, assigned_at)
    VALUES (9001, 1, 1, 9002, %(at)s)
"""

ONE_OF_EACH = """
    INSERT INTO statement_file (id, operator, sha256, filename, account, period_start, period_end,
                                covered_until, line_count, collected_xof, fees_xof, gap_xof, is_in_time, imported_by,
                                imported_at)
    VALUES (1, 'sandbox', '\\x01', 'f', 'RAMU', %(at)s, %(at)s, %(at)s, 1, 100, 0, 0, true, 'test', %(at)s);
    INSERT INTO statement_line (file_id, line_number, operator, kind, status, raw, moved_xof, remarks, subject,
                                counts_at, due_xof, running_xof)
    VALUES (1, 1, 'sandbox', 'collection', 'succeeded', 'raw', 100, '', 's', %(at)s, 100, 100);
    INSERT INTO statement_upload (operator, sha256, filename, size_bytes, received_by, received_at, state,
                                  attempts, breaks_opened)
    VALUES ('sandbox', '\\x01', 'f', 1, 'test', %(at)s, 'reading', 1, 0);
    INSERT INTO statement_chunk (upload_id, number, content) SELECT max(id), 0, '\\x01' FROM statement_upload;
    INSERT INTO day_report (day, seq, content, previous_sha256, sha256, ledger_head_sha256, closed_by, closed_at)
    VALUES ('2026-11-23', 1, '{}', '\\x00', '\\x01', '\\x02', 'test', %(at)s);
    INSERT INTO audit_event (at, actor, action, subject, detail) VALUES (%(at)s, 'a', 'b', 'c', '{}');
    INSERT INTO reconciliation_break (kind, operator, account, subject, about, day, difference_xof, detail, opened_at)
    VALUES ('STATUS', 'sandbox', '', 's', 's', '2026-11-23', 0, '{"code": "in_no_statement"}', %(at)s);
    INSERT INTO ledger_block (seq, after_txn_id, through_txn_id, txn_count, previous_sha256, sha256, sealed_at)
    VALUES (999, 998, 999, 1, '\\x00', '\\x01', %(at)s)
"""


def plain(url: str) -> str:
    """Return an address that psycopg itself understands."""
    return url.replace("postgresql+psycopg://", "postgresql://")


@dataclass(frozen=True)
class Books:
    """The addresses at which three hands reach the books of one household that paid."""

    urls: Urls

    def attempt(self, act: Callable[[psycopg.Connection], object], url: str | None = None) -> None:
        """Do something in one transaction, let every deferred guard judge it, and leave nothing behind."""
        with closing(psycopg.connect(plain(url or self.urls.app))) as connection:
            act(connection)
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            connection.rollback()


@contextmanager
def open_books(server: PrivatePostgres) -> Iterator[Books]:
    """Make a database of its own in which a payment happened."""
    name = f"books_{os.getpid()}"
    urls = Urls(name, *(server.database_url(name, role) for role in ("ramu_app", "ramu_owner", "postgres")))
    with hand(server.superuser_url) as connection:
        for statement in copying(TEMPLATE, name):
            connection.execute(statement)
        try:
            asyncio.run(_a_payment(urls.app))
            add_one_of_each(urls.owner)
            yield Books(urls)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


async def _a_payment(url: str) -> None:
    database = open_database(url, Pool(), Timeouts())
    async with open_world(database, TestClock(), CountedIds()) as world:
        await paid(world, AMINATA, "S1")
    await database.close()


def add_one_of_each(owner_url: str) -> None:
    """Fill the tables that the story of a payment leaves empty."""
    with psycopg.connect(plain(owner_url), autocommit=True) as connection:
        with connection.transaction():
            for statement in f"{ACCOUNTS};{ASSIGNED}".split(";"):
                connection.execute(sql.SQL(statement), {"at": AT})  # type: ignore[arg-type]
        for statement in ONE_OF_EACH.split(";"):
            connection.execute(sql.SQL(statement), {"at": AT})  # type: ignore[arg-type]


@contextmanager
def hand(url: str, *, replica: bool = False) -> Iterator[psycopg.Connection]:
    """Open a connection whose statements each stand alone; a replica's does not fire ordinary triggers."""
    with psycopg.connect(plain(url), autocommit=True) as connection:
        if replica:
            connection.execute("SET session_replication_role = replica")
        yield connection


def columns(connection: psycopg.Connection, table: str) -> list[str]:
    """Name the columns of a table."""
    found = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND table_schema = 'public'"
        " ORDER BY ordinal_position",
        (table,),
    )
    return [str(name) for (name,) in found]


def set_itself(table: str, column: str) -> sql.Composed:
    """Write the mildest change there is: a column set to what it holds."""
    return sql.SQL("UPDATE {table} SET {column} = {column}").format(
        table=sql.Identifier(table), column=sql.Identifier(column)
    )
