"""The first schema: the tables, and the rules that PostgreSQL keeps by itself; the SQL stands in ``migrations/initial``.

Every guard is an ``ENABLE ALWAYS`` trigger, so that a replication role does not pass it by. The application's role may
add and read, and may change only the columns that carry work in progress.
"""

import re
from pathlib import Path

from alembic import op

# Higher than any number of the migrations that this one replaced: a database of theirs is told by its number.
revision = "1001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = (
    "ledger_txn",
    "ledger_entry",
    "ledger_block",
    "ledger_total",
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
    "sms_key",
    "detached_partition",
)

#: Columns that are evidence: written once, whoever asks to change them later.
EVIDENCE = {
    "enrolment": "id, party_id, member_id, scheme_code, scheme_version, valid_from",
    "phone_link": "msisdn, valid_from, party_id, answers_from",
    "account": "code, kind, operator, party_id",
    "callback": "id, operator, request_id, method, path, query, headers, body, verdict, reason, received_at",
    "statement_line": "file_id, line_number, operator, kind, status, amount_xof, fee_xof, payer_msisdn, our_reference, "
    "operator_transaction_id, occurred_at, raw, raw_transaction_id, reference, moved_xof, remarks, subject, counts_at, "
    "due_xof, running_xof",
    "statement_upload": "id, operator, sha256, filename, size_bytes, received_by, received_at",
    "inquiry": "id, operator, request_id, operator_transaction_id, opened_at",
    "payment_request": "id, operator, reference, correlation_id, callback_token, idempotency_key, party_id, "
    "payer_msisdn, amount_xof, created_at",
    "reconciliation_break": "id, kind, operator, account, subject, about, day, operator_amount_xof, ledger_amount_xof, "
    "difference_xof, detail, payment_id, opened_at",
}

#: What the application may change: work in progress, never evidence and never money.
CHANGEABLE = {
    "enrolment": "valid_to",
    "account": "syscohada_code",
    "payment_request": "state, submissions, inquiries, failures, submitted_at, next_attempt_at, finalised_at, "
    "parked_at, last_detail, operator_request_id, operator_state",
    "callback": "attempts, next_attempt_at, handled_at, parked_at, last_error",
    "refused_callback": "refused, last_sha256, last_bytes, last_at",
    "inquiry": "attempts, next_attempt_at, closed_at, parked_at, last_detail",
    "operator_trouble": "kind, detail, seen_at",
    "statement_line": "bucket, matched_at, payment_id",
    "statement_upload": "state, attempts, next_attempt_at, motive, motive_lines, breaks_opened, file_id",
    "reconciliation_break": "owner, closed_at, close_reason, superseded_at",
    "household": "next_period_on, enrolment_id",
    "parked_household": "attempts, next_attempt_at, why",
    "phone_link": "valid_to, last_wallet",
    "ussd_session": "msisdn, version, content, expires_at",
    "outbox_sms": "state, attempts, next_attempt_at, sent_at, provider_id, last_error, trouble, delivery, reported_at",
    "sms_early_report": "state, words, received_at",
    "staff": "password_hash, disabled_at, name, role",
    "staff_session": "seen_at",
    "staff_device": "seen_at",
    "login_attempt": "failures, next_allowed_at, seen_at",
}

#: Rows that are only memory, or derived, not evidence.
FORGETTABLE = (
    "coverage",
    "ussd_session",
    "staff_session",
    "staff_device",
    "login_attempt",
    "refused_callback",
    "sms_early_report",
    "operator_trouble",
    "parked_household",
)

#: The same table of states as payments.requests.lifecycle, held a second time; a test compares the two.
STEPS = {
    "created": "submitted unknown pending succeeded failed reversed expired",
    "submitted": "created unknown pending succeeded failed reversed expired",
    "unknown": "created pending succeeded failed reversed expired",
    "pending": "succeeded failed reversed expired",
    "succeeded": "reversed",
    "failed": "succeeded reversed",
    "expired": "succeeded failed reversed",
    "reversed": "",
}

#: The same table of states as payments.reconciliation.upload, held a second time; a test compares the two.
UPLOAD_STEPS = {
    "received": "reading",
    "reading": "received stored quarantined",
    "quarantined": "received",
    "stored": "matched parked",
    "parked": "stored",
    "matched": "",
}

#: Trigger name, table, when it fires, function.
GUARDS = (
    ("ledger_txn_written_in", "", "BEFORE INSERT ON ledger_txn", "ramu_written_in"),
    (
        "ledger_txn_balanced",
        "CONSTRAINT",
        "AFTER INSERT ON ledger_txn DEFERRABLE INITIALLY DEFERRED",
        "ramu_txn_balanced",
    ),
    (
        "ledger_entry_balanced",
        "CONSTRAINT",
        "AFTER INSERT ON ledger_entry DEFERRABLE INITIALLY DEFERRED",
        "ramu_entry_balanced",
    ),
    ("payment_posted", "CONSTRAINT", "AFTER INSERT ON payment DEFERRABLE INITIALLY DEFERRED", "ramu_payment_posted"),
    (
        "suspense_assignment_moves",
        "CONSTRAINT",
        "AFTER INSERT ON suspense_assignment DEFERRABLE INITIALLY DEFERRED",
        "ramu_assignment_moves",
    ),
    (
        "allocation_fits",
        "CONSTRAINT",
        "AFTER INSERT ON allocation DEFERRABLE INITIALLY DEFERRED",
        "ramu_allocation_fits",
    ),
    (
        "charge_fits",
        "CONSTRAINT",
        "AFTER INSERT ON charge DEFERRABLE INITIALLY DEFERRED",
        "ramu_charge_fits",
        "NEW.sequence > 1",
    ),
    (
        "charge_posted",
        "CONSTRAINT",
        "AFTER INSERT ON charge DEFERRABLE INITIALLY DEFERRED",
        "ramu_charge_posted",
        "NEW.ledger_txn_id IS NOT NULL",
    ),
    ("payment_request_step", "", "BEFORE UPDATE ON payment_request", "ramu_request_step"),
    (
        "payment_request_queued",
        "",
        "AFTER INSERT OR UPDATE OF state, inquiries, next_attempt_at, parked_at ON payment_request",
        "ramu_queue_request",
    ),
    ("statement_upload_step", "", "BEFORE UPDATE ON statement_upload", "ramu_upload_step"),
)


PARTITIONS_CLOSED = """
    DO $$ DECLARE part regclass; BEGIN
        FOR part IN SELECT oid FROM pg_class WHERE relispartition AND relkind = 'r' LOOP
            EXECUTE format('REVOKE ALL ON %s FROM ramu_app', part);
        END LOOP;
    END $$
"""

SQL = Path(__file__).parents[1] / "initial"
TABLES = ("money.sql", "people.sql")


def _sql(name: str) -> str:
    return (SQL / name).read_text(encoding="utf-8")


def _pairs(steps: dict[str, str]) -> str:
    return ", ".join(f"('{old}', '{new}')" for old, news in steps.items() for new in news.split())


def _guard(name: str, kind: str, fires: str, function: str, only: str = "", *, level: str = "ROW") -> None:
    table = fires.split(" ON ")[1].split(maxsplit=1)[0]
    when = f"WHEN ({only})" if only else ""
    op.execute(f"CREATE {kind} TRIGGER {name} {fires} FOR EACH {level} {when} EXECUTE FUNCTION {function}()")
    op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def upgrade() -> None:
    op.execute(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ramu_app') THEN "
        "RAISE EXCEPTION 'the role ramu_app does not exist' USING HINT = "
        "'Create it before migrating: CREATE ROLE ramu_app LOGIN PASSWORD ...'; END IF; END $$"
    )
    for name in TABLES:
        op.execute(_sql(name))
    op.execute(_sql("guards.sql").replace("{steps}", _pairs(STEPS)).replace("{upload_steps}", _pairs(UPLOAD_STEPS)))
    for table, column in (("txn", "id"), ("entry", "txn_id")):
        op.execute(_sql("balanced.sql").replace("{table}", table).replace("{column}", column))
    op.execute(_sql("views.sql"))
    op.execute(_sql("partitions.sql"))
    for guard in GUARDS:
        _guard(*guard)
    for table in APPEND_ONLY:
        _guard(f"{table}_kept", "", f"BEFORE UPDATE OR DELETE ON {table}", "ramu_refuse")
    for table, columns in EVIDENCE.items():
        _guard(f"{table}_evidence_kept", "", f"BEFORE UPDATE OF {columns} ON {table}", "ramu_refuse")
        _guard(f"{table}_kept", "", f"BEFORE DELETE ON {table}", "ramu_refuse")
    for table in (*APPEND_ONLY, *EVIDENCE):
        _guard(f"{table}_not_emptied", "", f"BEFORE TRUNCATE ON {table}", "ramu_refuse", level="STATEMENT")
    op.execute("SELECT ramu_grow()")
    # The lines of a statement are judged in a table of their transaction alone.
    op.execute(_on_this_database("GRANT TEMPORARY ON DATABASE %I TO ramu_app"))
    op.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    op.execute("GRANT USAGE ON SCHEMA public TO ramu_app")
    op.execute("GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO ramu_app")
    op.execute("REVOKE INSERT ON alembic_version, payment_request_queue, detached_partition FROM ramu_app")
    # Partitions are reached through their tables alone.
    op.execute(PARTITIONS_CLOSED)
    op.execute("REVOKE EXECUTE ON FUNCTION ramu_detach FROM PUBLIC")
    op.execute("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO ramu_app")
    for table, columns in CHANGEABLE.items():
        op.execute(f"GRANT UPDATE ({columns}) ON {table} TO ramu_app")
    for table in FORGETTABLE:
        op.execute(f"GRANT DELETE ON {table} TO ramu_app")


def _on_this_database(statement: str) -> str:
    return f"DO $$ BEGIN EXECUTE format('{statement}', current_database()); END $$"


def downgrade() -> None:
    op.execute(_on_this_database("REVOKE TEMPORARY ON DATABASE %I FROM ramu_app"))
    op.execute("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM ramu_app")
    op.execute("REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM ramu_app")
    op.execute("REVOKE USAGE ON SCHEMA public FROM ramu_app")
    for view in reversed(re.findall(r"^CREATE VIEW (\w+)", _sql("views.sql"), re.MULTILINE)):
        op.execute(f"DROP VIEW {view}")
    op.execute("ALTER TABLE household DROP CONSTRAINT fk_household_id_enrolment_id_enrolment")
    tables = [table for name in TABLES for table in re.findall(r"^CREATE TABLE (\w+)", _sql(name), re.MULTILINE)]
    for table in reversed(tables):
        op.execute(f"DROP TABLE {table}")
    functions = re.findall(r"^CREATE FUNCTION (\w+)", _sql("guards.sql") + _sql("partitions.sql"), re.MULTILINE)
    for function in (*functions, "ramu_txn_balanced", "ramu_entry_balanced"):
        op.execute(f"DROP FUNCTION {function}")
