"""What PostgreSQL itself holds about a statement that was handed in: its steps, and that its bytes never vanish."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.errors import CheckViolation, DatabaseError, InsufficientPrivilege, RestrictViolation

from gateway.local.postgres.private import PrivatePostgres
from payments.reconciliation.upload import STEPS, UploadState
from tests.payments.books import AT, Books, hand, open_books

pytestmark = pytest.mark.database

INSERT_FILE = (
    "INSERT INTO statement_file (id, operator, sha256, filename, account, period_start, period_end,"
    " covered_until, line_count, collected_xof, fees_xof, gap_xof, is_in_time, imported_by, imported_at)"
)

WITH_FILE = {UploadState.STORED, UploadState.PARKED, UploadState.MATCHED}


@pytest.fixture(scope="module")
def books(server: PrivatePostgres) -> Iterator[Books]:
    with open_books(server) as opened:
        yield opened


def upload_in(connection: psycopg.Connection, state: UploadState, content: str) -> int:
    """Write a file that stands in a state, by hand."""
    file_id = None
    if state in WITH_FILE:
        row = connection.execute(
            INSERT_FILE  # noqa: S608 - our own words
            + " SELECT max(id) + 1, 'sandbox', %s, 'f', 'RAMU', %s, %s, %s, 0, 0, 0, 0, true, 'test',"
            " %s FROM statement_file RETURNING id",
            (content.encode(), AT, AT, AT, AT),
        ).fetchone()
        assert row is not None
        file_id = row[0]
    row = connection.execute(
        "INSERT INTO statement_upload (operator, sha256, filename, size_bytes, received_by, received_at,"
        " state, attempts, breaks_opened, file_id)"
        " VALUES ('sandbox', %s, 'f', 1, 'test', %s, %s, 0, 0, %s) RETURNING id",
        (content.encode(), AT, state.value, file_id),
    ).fetchone()
    assert row is not None
    connection.execute("INSERT INTO statement_chunk VALUES (%s, 0, %s)", (row[0], content.encode()))
    return int(row[0])


def test_the_database_allows_exactly_the_steps_of_an_upload(books: Books) -> None:
    with hand(books.urls.owner) as connection:
        for old in UploadState:
            for new in UploadState:
                upload_id = upload_in(connection, old, f"{old}-{new}")
                if new in WITH_FILE and old not in WITH_FILE:
                    connection.execute(
                        INSERT_FILE  # noqa: S608 - our own words
                        + " SELECT 1000 + id, operator, sha256, filename, 'RAMU', received_at,"
                        " received_at, received_at, 0, 0, 0, 0, true, 'test', received_at FROM statement_upload"
                        " WHERE id = %s",
                        (upload_id,),
                    )
                    change = ", file_id = 1000 + id"
                else:
                    change = ""
                try:
                    connection.execute(
                        f"UPDATE statement_upload SET state = %s{change} WHERE id = %s",  # noqa: S608 - the case
                        (new.value, upload_id),
                    )
                    allowed = True
                except DatabaseError:
                    allowed = False
                assert allowed == (old is new or new in STEPS[old]), (old, new)


def test_the_bytes_of_an_upload_stay_and_its_file_is_the_one_that_was_read_of_them(books: Books) -> None:
    with hand(books.urls.app) as connection:
        upload_id = upload_in(connection, UploadState.READING, "these bytes")
        stranger = upload_in(connection, UploadState.MATCHED, "other bytes")
        file_of_stranger = "(SELECT file_id FROM statement_upload WHERE id = %s)"
        with pytest.raises(RestrictViolation):
            connection.execute(
                f"UPDATE statement_upload SET state = 'stored', file_id = {file_of_stranger} WHERE id = %s",  # noqa: S608
                (stranger, upload_id),
            )
        with pytest.raises((RestrictViolation, CheckViolation)):
            connection.execute("UPDATE statement_upload SET file_id = NULL WHERE id = %s", (stranger,))
        with pytest.raises(DatabaseError):
            connection.execute("DELETE FROM statement_upload WHERE id = %s", (upload_id,))
    for url in (books.urls.app, books.urls.owner):
        for change in ("UPDATE statement_chunk SET content = 'altered'", "DELETE FROM statement_chunk"):
            with hand(url) as connection, pytest.raises((RestrictViolation, InsufficientPrivilege)):
                connection.execute(change.encode())
