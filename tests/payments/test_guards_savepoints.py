"""A ledger transaction is joined only by the database transaction that wrote it, whatever savepoints stand between."""

from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg
import pytest
from psycopg.errors import CheckViolation, RestrictViolation

from gateway.local.postgres.private import PrivatePostgres
from tests.payments.books import AT, Books, hand, open_books, plain

pytestmark = pytest.mark.database

LATE = "written before: nothing is added to it"
Act = Callable[[psycopg.Connection], object]


@pytest.fixture(scope="module")
def books(server: PrivatePostgres) -> Iterator[Books]:
    with open_books(server) as opened:
        yield opened


@pytest.fixture(params=["app", "owner", "superuser", "superuser as replica"])
def attempt(request: pytest.FixtureRequest, books: Books) -> Callable[[Act], None]:
    """Do something as each role in one database transaction that every guard judges at its end."""
    role = str(request.param)
    url = getattr(books.urls, role.split(maxsplit=1)[0])

    def judged(act: Act) -> None:
        def as_role(connection: psycopg.Connection) -> None:
            if role.endswith("replica"):
                connection.execute("SET session_replication_role = replica")
            # Open the transaction, so that every block of the acts is a savepoint in it; SHOW takes no snapshot.
            connection.execute("SHOW server_version")
            act(connection)

        books.attempt(as_role, url)

    return judged


def begin(connection: psycopg.Connection, written_in: int | None = None) -> int:
    """Write a ledger transaction without its lines; ``written_in`` is what a forger would like it to say."""
    named, value = (", written_in", ", %s") if written_in is not None else ("", "")
    row = connection.execute(
        f"INSERT INTO ledger_txn (ref, kind, effective_at, posted_at, actor, reason{named})"  # noqa: S608
        f" VALUES (gen_random_uuid()::text, 'test', %s, %s, 'test', 'test'{value}) RETURNING id",
        (AT, AT) if written_in is None else (AT, AT, written_in),
    ).fetchone()
    assert row is not None
    return int(row[0])


def add(connection: psycopg.Connection, txn_id: int, *amounts_xof: int, first_line: int = 1) -> None:
    for line, amount_xof in enumerate(amounts_xof, start=first_line):
        connection.execute(
            "INSERT INTO ledger_entry (txn_id, line, account, amount_xof, party_id) VALUES (%s, %s, 'advances', %s, 1)",
            (txn_id, line, amount_xof),
        )


def whole_in_a_savepoint(connection: psycopg.Connection) -> None:
    with connection.transaction():
        add(connection, begin(connection), 5, -5)


def head_outside_lines_inside(connection: psycopg.Connection) -> None:
    txn_id = begin(connection)
    with connection.transaction():
        add(connection, txn_id, 5, -5)


def head_inside_lines_outside(connection: psycopg.Connection) -> None:
    with connection.transaction():
        txn_id = begin(connection)
    add(connection, txn_id, 5, -5)


def each_line_in_a_deeper_one(connection: psycopg.Connection) -> None:
    with connection.transaction(), connection.transaction():
        txn_id = begin(connection)
        with connection.transaction():
            add(connection, txn_id, 5)
            with connection.transaction():
                add(connection, txn_id, -5, first_line=2)


def tried_again_after_a_rollback(connection: psycopg.Connection) -> None:
    for _ in range(3):
        with connection.transaction(force_rollback=True):
            add(connection, begin(connection), 5, -5)
    with connection.transaction():
        add(connection, begin(connection), 5, -5)


def lines_rolled_back_and_written_again(connection: psycopg.Connection) -> None:
    txn_id = begin(connection)
    with connection.transaction(force_rollback=True):
        add(connection, txn_id, 7, -7)
    with connection.transaction():
        add(connection, txn_id, 5, -5)


def with_more_savepoints_than_a_backend_keeps(connection: psycopg.Connection) -> None:
    """PostgreSQL keeps 64 savepoints of a transaction in shared memory, and looks the others up."""
    txn_ids = []
    for _ in range(70):
        with connection.transaction():
            txn_ids.append(begin(connection))
    for txn_id in txn_ids:
        add(connection, txn_id, 5, -5)


def judged_at_once(connection: psycopg.Connection) -> None:
    with connection.transaction():
        add(connection, begin(connection), 5, -5)
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")


def repeatable(connection: psycopg.Connection) -> None:
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    connection.execute("SELECT count(*) FROM ledger_txn")
    head_inside_lines_outside(connection)


@pytest.mark.parametrize(
    "act",
    [
        whole_in_a_savepoint,
        head_outside_lines_inside,
        head_inside_lines_outside,
        each_line_in_a_deeper_one,
        tried_again_after_a_rollback,
        lines_rolled_back_and_written_again,
        with_more_savepoints_than_a_backend_keeps,
        judged_at_once,
        repeatable,
    ],
    ids=lambda act: act.__name__,
)
def test_a_posting_through_savepoints_is_taken(attempt: Callable[[Act], None], act: Act) -> None:
    attempt(act)


def old_txn_id(books: Books) -> int:
    with hand(books.urls.owner) as connection:
        row = connection.execute("SELECT min(id) FROM ledger_txn").fetchone()
    assert row is not None
    return int(row[0])


def test_no_savepoint_opens_an_old_transaction(books: Books, attempt: Callable[[Act], None]) -> None:
    txn_id = old_txn_id(books)

    def pair_in_a_savepoint(connection: psycopg.Connection) -> None:
        with connection.transaction(), connection.transaction():
            add(connection, txn_id, 5, -5, first_line=8)

    with pytest.raises(RestrictViolation, match=LATE):
        attempt(pair_in_a_savepoint)


def test_savepoints_let_nothing_unbalanced_through(attempt: Callable[[Act], None]) -> None:
    def half_is_rolled_back(connection: psycopg.Connection) -> None:
        txn_id = begin(connection)
        add(connection, txn_id, 5, 3, -8)
        with connection.transaction(force_rollback=True):
            add(connection, txn_id, -2, first_line=4)
        with connection.transaction():
            add(connection, txn_id, 2, first_line=4)

    with pytest.raises(CheckViolation, match="out of balance by 2 F"):
        attempt(half_is_rolled_back)


def test_what_a_forger_says_of_the_transaction_is_not_kept(books: Books) -> None:
    """The value is set by the database; a later transaction that was announced finds the door closed."""
    with closing(psycopg.connect(plain(books.urls.app))) as connection:
        ours = xact(connection)
        txn_id = begin(connection, written_in=ours + 1)
        add(connection, txn_id, 5, -5)
        connection.commit()
        assert xact(connection) == ours + 1, "the next transaction of a quiet server"
        kept = connection.execute("SELECT written_in FROM ledger_txn WHERE id = %s", (txn_id,)).fetchone()
        assert kept == (ours,)
        add(connection, txn_id, 5, -5, first_line=3)
        with pytest.raises(RestrictViolation, match=LATE):
            connection.commit()


def xact(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
    assert row is not None
    return int(row[0])


def set_guards(connection: psycopg.Connection, word: str) -> None:
    connection.execute(f"ALTER TABLE ledger_txn {word} TRIGGER ledger_txn_written_in")
    connection.execute(f"ALTER TABLE ledger_txn {word} TRIGGER ledger_txn_balanced")
    connection.execute(f"ALTER TABLE ledger_entry {word} TRIGGER ledger_entry_balanced")


def restored(books: Books, ahead: int) -> tuple[int, int]:
    """Leave a row as a restored dump does: its kept id is one that this cluster has still to give."""
    with hand(books.urls.superuser) as connection:
        set_guards(connection, "DISABLE")
        with connection.transaction():
            kept = xact(connection) + ahead
            txn_id = begin(connection, written_in=kept)
            add(connection, txn_id, 5, -5)
        set_guards(connection, "ENABLE ALWAYS")
    return txn_id, kept


def test_a_new_cluster_that_reaches_an_old_rows_id_may_not_add_to_it(books: Books) -> None:
    """After a restore the counter starts low and meets, one day, each id that the old cluster gave."""
    txn_id, kept = restored(books, ahead=40)
    with closing(psycopg.connect(plain(books.urls.app))) as connection:
        while (ours := xact(connection)) < kept:
            connection.commit()
        assert ours == kept
        add(connection, txn_id, 5, -5, first_line=3)
        with pytest.raises(RestrictViolation, match=LATE):
            connection.commit()
