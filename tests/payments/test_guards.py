"""Attacks in SQL: each says which guard stopped it, and a legal act beside it shows that the guard is not a wall."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import (
    CheckViolation,
    ForeignKeyViolation,
    InsufficientPrivilege,
    NotNullViolation,
    RestrictViolation,
    UniqueViolation,
)

from gateway.local.postgres.private import PrivatePostgres
from payments.requests.lifecycle import TRANSITIONS, State
from tests.conftest import Urls
from tests.payments.books import (
    APPEND_ONLY,
    AT,
    FORBIDDEN_TO_APP,
    WORK_IN_PROGRESS,
    Books,
    columns,
    hand,
    open_books,
    plain,
    set_itself,
)
from tests.payments.postings import add_entry, contributed, credit, post, suspended

pytestmark = pytest.mark.database

KEPT = "rows of this table are added, never changed"

Act = Callable[[psycopg.Connection], object]


@pytest.fixture(scope="module")
def books(server: PrivatePostgres) -> Iterator[Books]:
    with open_books(server) as opened:
        yield opened


@pytest.fixture(params=["app", "owner", "superuser as replica"])
def attacker(request: pytest.FixtureRequest, books: Books) -> Iterator[tuple[str, psycopg.Connection]]:
    role = str(request.param)
    url = {"app": books.urls.app, "owner": books.urls.owner}.get(role, books.urls.superuser)
    with hand(url, replica=role.startswith("superuser")) as connection:
        yield role, connection


def allocate(connection: psycopg.Connection, household_id: int, item_id: int, txn_id: int, amount_xof: int) -> None:
    connection.execute(
        "INSERT INTO allocation (party_id, charge_id, ledger_txn_id, amount_xof, allocated_on)"
        " VALUES (%s, %s, %s, %s, '2026-11-23')",
        (household_id, item_id, txn_id, amount_xof),
    )


def moussas_item(connection: psycopg.Connection) -> tuple[int, int]:
    """Return the charge that Moussa has not paid and what it is worth."""
    row = connection.execute("SELECT id, amount_xof FROM charge WHERE payer_party_id = 2").fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def test_nobody_changes_removes_or_empties_what_was_added(attacker: tuple[str, psycopg.Connection]) -> None:
    role, connection = attacker
    refusal = InsufficientPrivilege if role == "app" else RestrictViolation
    tried = 0
    for table in (*APPEND_ONLY, *WORK_IN_PROGRESS):
        found = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
        assert found is not None and found[0] > 0, table  # noqa: PT018 - one fact
        kept = [name for name in columns(connection, table) if name not in WORK_IN_PROGRESS.get(table, set())]
        attacks = [set_itself(table, name) for name in kept]
        attacks += [
            sql.SQL("DELETE FROM {}").format(sql.Identifier(table)),
            sql.SQL("TRUNCATE {} CASCADE").format(sql.Identifier(table)),
        ]
        for attack in attacks:
            with pytest.raises(refusal) as refused:
                connection.execute(attack)
            if role != "app":
                assert KEPT in str(refused.value), attack.as_string()
            tried += 1
    assert tried > 130, tried


def test_work_in_progress_may_be_recorded(books: Books) -> None:
    with hand(books.urls.app) as connection:
        for table, names in WORK_IN_PROGRESS.items():
            for name in names:
                assert connection.execute(set_itself(table, name)).rowcount > 0, (table, name)


def test_a_payment_posted_once_and_balanced_is_taken(books: Books) -> None:
    with hand(books.urls.app) as connection, connection.transaction():
        suspended(connection, "legal")
    with hand(books.urls.app) as connection:
        kept = connection.execute("SELECT amount_xof FROM payment WHERE operator_transaction_id = 'legal'").fetchall()
    assert kept == [(500,)]


REFUSED_POSTINGS: list[tuple[str, Act, type[psycopg.Error], str]] = [
    (
        "unbalanced",
        lambda c: post(c, "x", ("advances", 5, 1), ("contributions", -4, 1)),
        CheckViolation,
        "out of balance by 1 F",
    ),
    ("a single line", lambda c: post(c, "x", ("advances", 5, 1)), CheckViolation, "has 1 lines"),
    ("no line at all", lambda c: post(c, "x"), CheckViolation, "has 0 lines"),
    (
        "a line that moves nothing",
        lambda c: post(c, "x", ("advances", 0, 1), ("contributions", 0, 1)),
        CheckViolation,
        "ck_ledger_entry_amount_xof_moves",
    ),
    (
        "more than a bigint",
        lambda c: post(c, "x", ("advances", 2**63, 1), ("contributions", -(2**63), 1)),
        psycopg.errors.NumericValueOutOfRange,
        "bigint out of range",
    ),
    (
        "an entry without its transaction",
        lambda c: add_entry(c, 4_000_000, 1, ("advances", 5, 1)),
        ForeignKeyViolation,
        "fk_ledger_entry_txn_id_ledger_txn",
    ),
    (
        "a reference twice",
        lambda c: [contributed(c, "x", 5), contributed(c, "x", 5)],
        UniqueViolation,
        "uq_ledger_txn_ref",
    ),
]


@pytest.mark.parametrize(
    ("act", "refusal", "guard"), [row[1:] for row in REFUSED_POSTINGS], ids=[row[0] for row in REFUSED_POSTINGS]
)
@pytest.mark.parametrize("role", ["app", "owner"])
def test_a_posting_that_is_not_double_entry_is_refused(
    books: Books, act: Act, refusal: type[psycopg.Error], guard: str, role: str
) -> None:
    with pytest.raises(refusal, match=guard):
        books.attempt(act, getattr(books.urls, role))


def test_a_replica_role_balances_its_entries_too(books: Books) -> None:
    def unbalanced(connection: psycopg.Connection) -> None:
        connection.execute("SET session_replication_role = replica")
        post(connection, "x", ("advances", 5, 1), ("contributions", -4, 1))

    with pytest.raises(CheckViolation, match="out of balance"):
        books.attempt(unbalanced, books.urls.superuser)


@pytest.mark.parametrize("role", ["app", "owner", "superuser"])
def test_not_even_a_balanced_pair_is_added_to_an_old_transaction(books: Books, role: str) -> None:
    def old(connection: psycopg.Connection) -> int:
        row = connection.execute("SELECT min(id) FROM ledger_txn").fetchone()
        assert row is not None
        return int(row[0])

    def pair(connection: psycopg.Connection) -> None:
        add_entry(connection, old(connection), 8, ("advances", 5, 1))
        add_entry(connection, old(connection), 9, ("contributions", -5, 1))

    url = getattr(books.urls, role)
    with pytest.raises(RestrictViolation, match="written before: nothing is added to it"):
        books.attempt(pair, url)
    with pytest.raises(CheckViolation, match="out of balance by 5 F"):
        books.attempt(lambda connection: add_entry(connection, old(connection), 8, ("advances", 5, 1)), url)


def test_a_guard_does_not_look_into_a_table_of_the_sessions_own_making(books: Books) -> None:
    def shadowed(connection: psycopg.Connection) -> None:
        connection.execute("CREATE TEMP TABLE ledger_entry (txn_id bigint, amount_xof bigint)")
        connection.execute("SET search_path = pg_temp, public")
        txn_id = post(connection, "x")
        connection.execute("INSERT INTO ledger_entry VALUES (%s, 5), (%s, -5)", (txn_id, txn_id))

    with pytest.raises(CheckViolation, match="has 0 lines"):
        books.attempt(shadowed)


REFUSED_PAYMENTS: list[tuple[str, Act, type[psycopg.Error], str]] = [
    (
        "the same operator transaction twice",
        lambda c: [suspended(c), credit(c, contributed(c, "y", 5), "T1", 500, receipt_number="other")],
        UniqueViolation,
        "uq_payment_operator_operator_transaction_id",
    ),
    (
        "two payments on one posting",
        lambda c: credit(c, suspended(c), "T2", 500),
        UniqueViolation,
        "uq_payment_ledger_txn_id",
    ),
    (
        "a receipt number twice",
        lambda c: [suspended(c), credit(c, contributed(c, "y", 5), "T2", 500, receipt_number="T1")],
        UniqueViolation,
        "uq_payment_receipt_number",
    ),
    (
        "another amount than posted",
        lambda c: credit(c, post(c, "x", ("clearing/sandbox", 500, None), ("suspense/sandbox", -500, None)), "T", 501),
        CheckViolation,
        "of 501 F is posted as 500 F",
    ),
    (
        "posted at another operator",
        lambda c: credit(c, post(c, "x", ("clearing/other", 500, None), ("suspense/other", -500, None)), "T", 500),
        CheckViolation,
        "is posted as <NULL> F",
    ),
    (
        "posted nowhere",
        lambda c: credit(c, 4_000_000, "T", 500),
        psycopg.Error,
        "fk_payment_ledger_txn_id_ledger_txn|is posted as <NULL> F",
    ),
    (
        "nothing",
        lambda c: credit(c, 1, "T", 0),
        CheckViolation,
        "ck_payment_amount_xof_positive",
    ),
    (
        "less than nothing",
        lambda c: credit(c, 1, "T", -500),
        CheckViolation,
        "ck_payment_amount_xof_positive",
    ),
    (
        "more than anybody pays",
        lambda c: credit(c, 1, "T", 1_000_000_000),
        CheckViolation,
        "ck_payment_amount_xof_positive",
    ),
    (
        "on the word of a callback that proves nothing",
        lambda c: credit(c, 1, "T", 500, provenance="unverified_callback"),
        CheckViolation,
        "ck_payment_provenance_proves",
    ),
    (
        "on somebody's word",
        lambda c: credit(c, 1, "T", 500, provenance="rumour"),
        CheckViolation,
        "ck_payment_provenance_known",
    ),
    (
        "in suspense for a known household",
        lambda c: credit(c, 1, "T", 500, party_id=1),
        CheckViolation,
        "ck_payment_suspense_has_no_party",
    ),
    (
        "without an operator transaction",
        lambda c: credit(c, 1, "T", 500, operator_transaction_id=None),
        NotNullViolation,
        "operator_transaction_id",
    ),
]


@pytest.mark.parametrize(
    ("act", "refusal", "guard"), [row[1:] for row in REFUSED_PAYMENTS], ids=[row[0] for row in REFUSED_PAYMENTS]
)
@pytest.mark.parametrize("role", ["app", "owner"])
def test_a_payment_that_is_not_money_held_is_refused(
    books: Books, act: Act, refusal: type[psycopg.Error], guard: str, role: str
) -> None:
    with pytest.raises(refusal, match=guard):
        books.attempt(act, getattr(books.urls, role))


def reverse(connection: psycopg.Connection, ref: str, reversed_id: int) -> None:
    txn_id = connection.execute(
        "INSERT INTO ledger_txn (ref, kind, effective_at, posted_at, actor, reason, reverses_id)"
        " VALUES (%s, 'reversal', %s, %s, 'a', 'c', %s) RETURNING id",
        (ref, AT, AT, reversed_id),
    ).fetchone()
    assert txn_id is not None
    add_entry(connection, txn_id[0], 1, ("advances", -5, 2))
    add_entry(connection, txn_id[0], 2, ("contributions", 5, 2))


def test_a_transaction_is_reversed_once_and_never_twice(books: Books) -> None:
    def reversed_times(connection: psycopg.Connection, times: int) -> None:
        txn_id = contributed(connection, "x", 5)
        for time in range(times):
            reverse(connection, f"r{time}", txn_id)

    books.attempt(lambda connection: reversed_times(connection, 1))
    for url in (books.urls.app, books.urls.owner):
        with pytest.raises(UniqueViolation, match="uq_ledger_txn_reverses_id"):
            books.attempt(lambda connection: reversed_times(connection, 2), url)


def test_an_allocation_that_fits_is_taken(books: Books) -> None:
    def fits(connection: psycopg.Connection) -> None:
        item_id, owed_xof = moussas_item(connection)
        allocate(connection, 2, item_id, contributed(connection, "x", owed_xof), owed_xof)

    books.attempt(fits)


@pytest.mark.parametrize("role", ["app", "owner"])
@pytest.mark.parametrize(
    ("household_id", "allocated_xof", "posted_xof", "guard"),
    [
        (2, 21_001, 21_001, "owes 21000 F and would hold 21001 F"),
        (2, -1, -1, "would hold -1 F"),
        (1, 21_000, 21_000, "charge [0-9]+ .* of party 2 .* of party 1"),
        (2, 21_000, 20_999, "brings party 2 contributions of 20999 F and 21000 F are allocated"),
    ],
    ids=["above what is owed", "below nothing", "another household's item", "more than was posted"],
)
def test_an_allocation_that_does_not_fit_is_refused(  # noqa: PLR0917 - the case
    books: Books, role: str, household_id: int, allocated_xof: int, posted_xof: int, guard: str
) -> None:
    def misfit(connection: psycopg.Connection) -> None:
        item_id, _ = moussas_item(connection)
        txn_id = contributed(connection, "x", posted_xof, household_id)
        allocate(connection, household_id, item_id, txn_id, allocated_xof)

    with pytest.raises(CheckViolation, match=guard):
        books.attempt(misfit, getattr(books.urls, role))


def test_an_allocation_needs_contributions_in_its_own_transaction(books: Books) -> None:
    def unposted(connection: psycopg.Connection) -> None:
        item_id, _ = moussas_item(connection)
        allocate(connection, 2, item_id, suspended(connection), 500)

    with pytest.raises(CheckViolation, match="contributions of <NULL> F and 500 F are allocated"):
        books.attempt(unposted)


def waits_for(observer: psycopg.Connection, blocked: int, blocker: int) -> bool:
    row = observer.execute("SELECT %s = ANY(pg_blocking_pids(%s))", (blocker, blocked)).fetchone()
    return row is not None and bool(row[0])


@pytest.mark.usefixtures("world")
def test_two_allocations_that_fit_alone_do_not_fit_together(urls: Urls) -> None:
    refused: list[Exception] = []

    def commit(connection: psycopg.Connection) -> None:
        try:
            connection.commit()
        except psycopg.Error as failure:
            refused.append(failure)

    with (
        closing(psycopg.connect(plain(urls.app))) as first,
        closing(psycopg.connect(plain(urls.app))) as second,
        hand(urls.superuser) as observer,
    ):
        item_id, owed_xof = moussas_item(first)
        for connection, name in ((first, "a"), (second, "b")):
            allocate(connection, 2, item_id, contributed(connection, name, owed_xof), owed_xof)
        first.execute("SET CONSTRAINTS ALL IMMEDIATE")
        waiting = threading.Thread(target=commit, args=(second,))
        waiting.start()
        while not waits_for(observer, second.info.backend_pid, first.info.backend_pid):
            assert waiting.is_alive(), "the second allocation did not wait for the first"
        first.commit()
        waiting.join()
    [failure] = refused
    assert isinstance(failure, CheckViolation)
    assert "would hold 42000 F" in str(failure)


def test_the_database_allows_exactly_the_steps_of_the_table_of_states(books: Books) -> None:
    allowed = {(old, new) for old, row in TRANSITIONS.items() for new in row.values() if old is not new}
    seen: set[tuple[State, State]] = set()
    with hand(books.urls.owner) as connection:
        connection.execute("ALTER TABLE payment_request DISABLE TRIGGER payment_request_step")
        made = {}
        for old in State:
            for new in State:
                made[old, new] = connection.execute(
                    "INSERT INTO payment_request (operator, reference, correlation_id, callback_token, idempotency_key,"
                    " party_id, payer_msisdn, amount_xof, state, submissions, inquiries, failures, created_at)"
                    " VALUES ('sandbox', %(name)s, gen_random_uuid(), %(name)s, %(name)s, 1, '+22370000001', 100,"
                    " %(old)s, 0, 0, 0, %(at)s) RETURNING id",
                    {"name": f"{old}-{new}", "old": old, "at": AT},
                ).fetchone()
        connection.execute("ALTER TABLE payment_request ENABLE ALWAYS TRIGGER payment_request_step")
    with hand(books.urls.app) as connection:
        for (old, new), row in made.items():
            assert row is not None
            move = ("UPDATE payment_request SET state = %s WHERE id = %s", (new, row[0]))
            if (old, new) in allowed or old is new:
                assert connection.execute(*move).rowcount == 1
                seen.add((old, new))
            else:
                with pytest.raises(CheckViolation, match=f"cannot go from {old} to {new}"):
                    connection.execute(*move)
        with pytest.raises(CheckViolation, match="cannot go from"):
            connection.execute("UPDATE payment_request SET state = 'paid'")
    assert len(made) == 64
    assert seen == allowed | {(state, state) for state in State}


@pytest.mark.parametrize("attack", FORBIDDEN_TO_APP)
def test_the_application_may_not_touch_the_guards_or_look_behind_them(books: Books, attack: str) -> None:
    with hand(books.urls.app) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute(sql.SQL(attack))  # type: ignore[arg-type]


def test_every_guard_fires_always(books: Books) -> None:
    with hand(books.urls.owner) as connection:
        found = connection.execute(
            "SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal AND tgname NOT LIKE 'RI_%'"
        ).fetchall()
    assert len(found) > 25
    assert {enabled for _, enabled in found} == {"A"}
