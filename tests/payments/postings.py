"""Postings and payments written by hand, as somebody with SQL would."""

import psycopg
from psycopg import sql

from tests.payments.books import AT


def post(connection: psycopg.Connection, ref: str, *entries: tuple[str, int, int | None]) -> int:
    """Write a ledger transaction by hand."""
    row = connection.execute(
        "INSERT INTO ledger_txn (ref, kind, effective_at, posted_at, actor, reason)"
        " VALUES (%s, 'test', %s, %s, 'test', 'test') RETURNING id",
        (ref, AT, AT),
    ).fetchone()
    assert row is not None
    for line, entry in enumerate(entries, start=1):
        add_entry(connection, row[0], line, entry)
    return int(row[0])


def add_entry(connection: psycopg.Connection, txn_id: int, line: int, entry: tuple[str, int, int | None]) -> None:
    """Write one line: its account, its francs, its party, or else that of its account."""
    account, amount_xof, party_id = entry
    connection.execute(
        "INSERT INTO ledger_entry (txn_id, line, account, amount_xof, party_id) VALUES"
        " (%s, %s, %s, %s, coalesce(%s::bigint, (SELECT party_id FROM account WHERE code = %s)))",
        (txn_id, line, account, amount_xof, party_id, account),
    )


def credit(connection: psycopg.Connection, txn_id: int, name: str, amount_xof: int, **more: object) -> None:
    """Write a payment by hand."""
    row = {
        "operator": "sandbox",
        "operator_transaction_id": name,
        "amount_xof": amount_xof,
        "matched_by": "suspense",
        "provenance": "query",
        "occurred_at": AT,
        "posted_at": AT,
        "ledger_txn_id": txn_id,
        "receipt_number": name,
        **more,
    }
    connection.execute(
        sql.SQL("INSERT INTO payment ({}) VALUES ({})").format(
            sql.SQL(", ").join(map(sql.Identifier, row)), sql.SQL(", ").join(map(sql.Placeholder, row))
        ),
        row,
    )


def suspended(connection: psycopg.Connection, name: str = "T1", amount_xof: int = 500) -> int:
    """Credit a stranger's payment as the service does."""
    txn_id = post(connection, name, ("clearing/sandbox", amount_xof, None), ("suspense/sandbox", -amount_xof, None))
    credit(connection, txn_id, name, amount_xof)
    return txn_id


def contributed(connection: psycopg.Connection, ref: str, amount_xof: int, household_id: int = 2) -> int:
    """Move money of a household from its advances to its contributions."""
    return post(connection, ref, ("advances", amount_xof, household_id), ("contributions", -amount_xof, household_id))
