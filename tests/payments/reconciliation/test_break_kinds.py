"""One list of kinds of break: the database holds it, and finance has a label for each."""

import psycopg
import pytest
from psycopg.errors import CheckViolation

from gateway.console.break_labels import BREAKS
from gateway.local.postgres.private import PrivatePostgres
from payments.break_kind import BreakKind
from tests.payments.books import open_books

INSERT = (
    "INSERT INTO reconciliation_break (kind, operator, account, subject, about, day, difference_xof, detail, opened_at)"
    " SELECT %s, operator, account, 'of its own', about, day, difference_xof, detail, opened_at"
    "   FROM reconciliation_break LIMIT 1"
)


@pytest.mark.database
def test_a_break_of_every_kind_may_be_written_and_of_no_other(server: PrivatePostgres) -> None:
    def every(connection: psycopg.Connection) -> None:
        for kind in BreakKind:
            connection.execute(INSERT, (kind,))

    with open_books(server) as books:
        books.attempt(every)
        with pytest.raises(CheckViolation, match="ck_reconciliation_break_kind_known"):
            books.attempt(lambda connection: connection.execute(INSERT, ("MISTAKE",)))


def test_every_kind_of_break_has_its_label_and_no_label_is_of_nothing() -> None:
    assert set(BREAKS) == set(BreakKind)
