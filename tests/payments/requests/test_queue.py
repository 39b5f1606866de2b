"""What waits of requests stands in a narrow queue, whoever writes them; moving one on touches no index of its table."""

import psycopg
import pytest

from tests.conftest import Urls, plain

pytestmark = pytest.mark.database

NEW = """
    INSERT INTO payment_request (operator, reference, correlation_id, callback_token, idempotency_key, party_id,
                                 payer_msisdn, amount_xof, state, submissions, inquiries, failures, created_at,
                                 next_attempt_at)
    SELECT 'sandbox', 'R' || n, gen_random_uuid(), 't' || n, 'k' || n, (SELECT min(id) FROM party), '+22370000001',
           500, 'created', 0, 0, 0, now(), now()
      FROM generate_series(1, 8) AS n
"""
KEPT = "SELECT request_id, state, was_polled, next_attempt_at, parked_at FROM payment_request_queue ORDER BY request_id"
WAITING = """
    SELECT id, state, inquiries > 0, next_attempt_at, parked_at FROM payment_request
     WHERE next_attempt_at IS NOT NULL OR parked_at IS NOT NULL OR state IN ('created', 'unknown') ORDER BY id
"""
#: A life each: sent, asked, answered; parked and taken up again; expired, and paid after all.
LIVES = (
    "UPDATE payment_request SET state = 'submitted', submitted_at = now(), next_attempt_at = now() + interval '1 min'",
    "UPDATE payment_request SET inquiries = inquiries + 1 WHERE id % 2 = 0",
    "UPDATE payment_request SET state = 'pending', next_attempt_at = now() + interval '2 min' WHERE id % 3 = 0",
    "UPDATE payment_request SET parked_at = now(), next_attempt_at = NULL WHERE id % 4 = 0",
    "UPDATE payment_request SET parked_at = NULL, next_attempt_at = now() WHERE parked_at IS NOT NULL AND id > 4",
    "UPDATE payment_request SET state = 'unknown', next_attempt_at = NULL WHERE id = 1",
    "UPDATE payment_request SET state = 'expired', next_attempt_at = NULL WHERE id = 2",
    "UPDATE payment_request SET state = 'succeeded', parked_at = NULL, next_attempt_at = NULL",
)
HOT = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'payment_request'"


def test_the_queue_holds_what_waits_and_nothing_else(urls: Urls) -> None:
    with psycopg.connect(plain(urls.app), autocommit=True) as connection:
        _begin(connection)
        assert len(connection.execute(KEPT).fetchall()) == 8
        for step in LIVES:
            connection.execute(step.encode())
            assert connection.execute(KEPT).fetchall() == connection.execute(WAITING).fetchall(), step
        assert connection.execute(KEPT).fetchall() == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("INSERT INTO payment_request_queue VALUES (1, 'sandbox', 'created', false, now(), NULL)")


def test_a_request_that_moves_on_touches_no_index(urls: Urls) -> None:
    with psycopg.connect(plain(urls.app), autocommit=True) as connection:
        _begin(connection)
        for step in LIVES:
            connection.execute(step.encode())
        connection.execute("SELECT pg_stat_force_next_flush()")
        row = connection.execute(HOT).fetchone()
    assert row is not None
    assert row[0] > 20
    assert row[0] == row[1]


def _begin(connection: psycopg.Connection) -> None:
    connection.execute("INSERT INTO party (kind) VALUES ('household')")
    connection.execute(NEW)
