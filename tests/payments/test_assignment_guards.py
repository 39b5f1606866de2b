"""What leaves suspense is said once, moves the whole payment, and names who got it; every hand is held to it."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.errors import CheckViolation, ForeignKeyViolation, NotNullViolation, UniqueViolation

from gateway.local.postgres.private import PrivatePostgres
from tests.payments.books import AT, Books, open_books
from tests.payments.postings import post, suspended

pytestmark = pytest.mark.database


@pytest.fixture(scope="module")
def books(server: PrivatePostgres) -> Iterator[Books]:
    with open_books(server) as opened:
        yield opened


ASSIGNMENTS: list[tuple[str, int, int, int, tuple[tuple[str, int, int | None], ...], str]] = [
    (
        "of money that is somebody's",
        1,
        1,
        1,
        (("suspense/sandbox", 500, None), ("advances", -500, 1)),
        "payment 1 never waited in suspense",
    ),
    (
        "of less than the payment",
        0,
        1,
        1,
        (("suspense/sandbox", 499, None), ("advances", -499, 1)),
        "of 500 F leaves suspense as 499 F and comes to party 1 as 499 F",
    ),
    (
        "to another party than the ledger's",
        0,
        1,
        2,
        (("suspense/sandbox", 500, None), ("advances", -500, 1)),
        "comes to party 2 as <NULL> F",
    ),
    (
        "from another operator's suspense",
        0,
        1,
        1,
        (("suspense/other", 500, None), ("advances", -500, 1)),
        "leaves suspense as <NULL> F",
    ),
    (
        "undone before it was made",
        0,
        2,
        1,
        (("suspense/sandbox", -500, None), ("advances", 500, 1)),
        "turn 2 of payment [0-9]+ follows no turn 1",
    ),
    ("into suspense", 0, 1, 1, (("suspense/sandbox", -500, None), ("advances", 500, 1)), "leaves suspense as -500 F"),
]


def assign(connection: psycopg.Connection, payment_id: int, turn: int, party_id: int, txn_id: int) -> None:
    connection.execute(
        "INSERT INTO suspense_assignment (payment_id, turn, party_id, ledger_txn_id, assigned_at)"
        " VALUES (%s, %s, %s, %s, %s)",
        (payment_id, turn, party_id, txn_id, AT),
    )


def waiting_payment(connection: psycopg.Connection) -> int:
    """Credit a stranger's 500 F and return the payment."""
    suspended(connection, "stranger")
    row = connection.execute("SELECT id FROM payment WHERE operator_transaction_id = 'stranger'").fetchone()
    assert row is not None
    return int(row[0])


def in_suspense(connection: psycopg.Connection, payment_id: int) -> bool:
    row = connection.execute("SELECT count(*) FROM payment_in_suspense WHERE id = %s", (payment_id,)).fetchone()
    return row == (1,)


@pytest.mark.parametrize("role", ["app", "owner", "superuser"])
@pytest.mark.parametrize(
    ("payment_id", "turn", "party_id", "entries", "guard"),
    [row[1:] for row in ASSIGNMENTS],
    ids=[row[0] for row in ASSIGNMENTS],
)
def test_an_assignment_that_does_not_move_its_payment_is_refused(  # noqa: PLR0917 - the case
    books: Books,
    role: str,
    payment_id: int,
    turn: int,
    party_id: int,
    entries: tuple[tuple[str, int, int | None], ...],
    guard: str,
) -> None:
    def misplaced(connection: psycopg.Connection) -> None:
        if role == "superuser":
            connection.execute("SET session_replication_role = replica")
        txn_id = post(connection, "x", *entries)
        assign(connection, payment_id or waiting_payment(connection), turn, party_id, txn_id)

    with pytest.raises(CheckViolation, match=guard):
        books.attempt(misplaced, getattr(books.urls, role))


def test_money_leaves_suspense_comes_back_and_leaves_again(books: Books) -> None:
    def there_and_back(connection: psycopg.Connection) -> None:
        payment_id = waiting_payment(connection)
        assert in_suspense(connection, payment_id)
        for turn, party_id in ((1, 1), (2, 1), (3, 2)):
            sign = 1 if turn % 2 else -1
            entries = (("suspense/sandbox", 500 * sign, None), ("advances", -500 * sign, party_id))
            assign(connection, payment_id, turn, party_id, post(connection, f"turn {turn}", *entries))
            assert in_suspense(connection, payment_id) == (turn == 2)

    books.attempt(there_and_back)


@pytest.mark.parametrize("role", ["app", "owner"])
def test_one_payment_is_not_assigned_twice_nor_taken_back_from_another(books: Books, role: str) -> None:
    def twice(connection: psycopg.Connection, turn: int, party_id: int) -> None:
        payment_id = waiting_payment(connection)
        out = (("suspense/sandbox", 500, None), ("advances", -500, 1))
        assign(connection, payment_id, 1, 1, post(connection, "out", *out))
        sign = 1 if turn % 2 else -1
        again = (("suspense/sandbox", 500 * sign, None), ("advances", -500 * sign, party_id))
        assign(connection, payment_id, turn, party_id, post(connection, "again", *again))

    url = getattr(books.urls, role)
    with pytest.raises(UniqueViolation, match="pk_suspense_assignment"):
        books.attempt(lambda connection: twice(connection, 1, 2), url)
    with pytest.raises(CheckViolation, match="was assigned to party 1, not to 2"):
        books.attempt(lambda connection: twice(connection, 2, 2), url)


@pytest.mark.parametrize(
    ("entry", "guard"),
    [
        (("advances", 5, 999_999), "fk_ledger_entry_party_id_party"),
        (("cellar", 5, 1), "fk_ledger_entry_account_account"),
    ],
    ids=["a party that is not", "an account that is not"],
)
def test_every_entry_names_a_party_and_an_account_that_exist(
    books: Books, entry: tuple[str, int, int], guard: str
) -> None:
    with pytest.raises(ForeignKeyViolation, match=guard):
        books.attempt(lambda connection: post(connection, "x", entry, ("contributions", -5, 1)))
    with pytest.raises(NotNullViolation, match="party_id"):
        books.attempt(lambda connection: post(connection, "x", ("advances", 5, None), ("contributions", -5, 1)))
