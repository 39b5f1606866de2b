"""The rules that PostgreSQL keeps by itself: nothing edited, nothing unbalanced, no state skipped.

Every guard is an ``ENABLE ALWAYS`` trigger, so that a replication role does not pass it by. The application's role may
add and read, and may change only the columns that carry work in progress.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY = (
    "ledger_txn",
    "ledger_entry",
    "ledger_block",
    "payment",
    "observation",
    "statement_file",
    "day_report",
    "due_item",
    "allocation",
    "audit_event",
)

#: Columns that are evidence: written once, whoever asks to change them later.
EVIDENCE = {
    "callback": "id, operator, request_id, method, headers, body, verdict, reason, received_at",
    "statement_line": "file_id, line_number, operator, kind, status, amount_xof, fee_xof, payer_msisdn, our_reference, "
    "operator_transaction_id, occurred_at, raw, raw_transaction_id, reference, moved_xof, remarks, subject, counts_at, "
    "due_xof, running_xof",
    "statement_upload": "id, operator, sha256, filename, size_bytes, received_by, received_at",
    "inquiry": "id, operator, request_id, operator_transaction_id, opened_at",
    "payment_request": "id, operator, reference, correlation_id, callback_token, idempotency_key, household_id, "
    "payer_msisdn, amount_xof, created_at",
    "reconciliation_break": "id, kind, operator, account, subject, about, day, operator_says_xof, we_say_xof, "
    "difference_xof, detail, payment_id, opened_at",
}

#: What the application may change: work in progress, never evidence and never money.
CHANGEABLE = {
    "payment_request": "state, submissions, inquiries, failures, submitted_at, next_attempt_at, settled_at, "
    "parked_at, last_detail",
    "callback": "attempts, next_attempt_at, handled_at, parked_at, last_error",
    "refused_callback": "refused, last_sha256, last_bytes, last_at",
    "inquiry": "attempts, next_attempt_at, closed_at, parked_at, last_detail",
    "operator_trouble": "kind, detail, seen_at",
    "statement_line": "bucket, matched_at, payment_id",
    "statement_upload": "content, state, attempts, next_attempt_at, motive, motive_lines, breaks_opened, file_id",
    "reconciliation_break": "owner, closed_at, closed_because, superseded_at",
    "household": "next_period_on",
    "parked_household": "attempts, next_attempt_at, why",
    "phone": "last_wallet",
    "ussd_session": "msisdn, version, content, expires_at",
    "outbox_sms": "state, attempts, next_attempt_at, sent_at, provider_id, last_error, trouble, delivery, reported_at",
    "sms_early_report": "state, words, received_at",
    "staff": "password_hash, disabled_at, name, role",
    "staff_session": "seen_at",
    "staff_device": "seen_at",
    "login_attempt": "failures, next_allowed_at, seen_at",
}

#: Rows that are only memory, not evidence.
FORGETTABLE = (
    "ussd_session",
    "staff_session",
    "staff_device",
    "login_attempt",
    "refused_callback",
    "sms_early_report",
    "operator_trouble",
    "parked_household",
)

#: The same table of states as payments.lifecycle, held a second time; a test compares the two.
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

#: The same table of states as payments.upload, held a second time; a test compares the two.
UPLOAD_STEPS = {
    "received": "reading",
    "reading": "received kept quarantined",
    "quarantined": "received",
    "kept": "matched parked",
    "parked": "kept",
    "matched": "",
}

#: One function for each table, because it runs for every row; both look at the whole transaction.
BALANCED = """
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    lines bigint;
    total numeric;
    is_new boolean;
BEGIN
    SELECT count(entry.line), coalesce(sum(entry.amount_xof), 0), ramu_is_written_now(txn.written_in, txn.xmin)
      INTO lines, total, is_new
      FROM ledger_txn txn LEFT JOIN ledger_entry entry ON entry.txn_id = txn.id
     WHERE txn.id = NEW.{column} GROUP BY txn.written_in, txn.xmin;
    lines := coalesce(lines, 0);
    IF lines < 2 OR total <> 0 THEN
        RAISE EXCEPTION 'ledger transaction % has % lines and is out of balance by % F', NEW.{column}, lines, total
            USING ERRCODE = 'check_violation';
    END IF;
    -- A balanced pair added to an old transaction would change it as surely as an update.
    IF is_new IS NOT TRUE THEN
        RAISE EXCEPTION 'ledger transaction % was written before: nothing is added to it', NEW.{column}
            USING ERRCODE = 'restrict_violation', HINT = 'Correct it with a new entry.';
    END IF;
    RETURN NULL;
END $$;
"""

#: Which database transaction wrote a ledger transaction. ``xmin`` alone names the savepoint, not the transaction, and
#: comes round again after 2^32; the kept id alone could come round in a new cluster into which a dump was restored.
#: Together they cannot: the kept id must be ours, and the row's own writer must still be under way, which for a row
#: that we can see is only ever ourselves or one of our savepoints.
WRITTEN_IN = """
CREATE FUNCTION ramu_written_in() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    NEW.written_in := pg_current_xact_id()::text::bigint;
    RETURN NEW;
END $$;

CREATE FUNCTION ramu_is_written_now(written_in bigint, writer xid) RETURNS boolean LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    ours bigint := pg_current_xact_id()::text::bigint;
    -- A savepoint's id is larger than its transaction's; the writer's lacks the upper half, which ours gives it.
    steps_after bigint := (writer::text::bigint - ours) & 4294967295;
BEGIN
    IF written_in <> ours OR steps_after >= 2147483648 THEN
        RETURN false;
    END IF;
    RETURN pg_xact_status((ours + steps_after)::text::xid8) IS NOT DISTINCT FROM 'in progress';
END $$;
"""

#: Temporary tables stand last on every guard's path: a session could otherwise show a guard tables of its own making.
FUNCTIONS = """
CREATE FUNCTION ramu_refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% of % refused: rows of this table are added, never changed', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', HINT = 'Correct it with a new entry.';
END $$;

CREATE FUNCTION ramu_payment_posted() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    posted numeric;
BEGIN
    SELECT sum(amount_xof) INTO posted FROM ledger_entry
     WHERE txn_id = NEW.ledger_txn_id AND account = 'clearing/' || NEW.operator;
    IF posted IS DISTINCT FROM NEW.amount_xof THEN
        RAISE EXCEPTION 'payment % of % F is posted as % F', NEW.id, NEW.amount_xof, posted
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

-- As the owner, because it locks the due item: two transactions that each fit must not fit together by accident.
CREATE FUNCTION ramu_allocation_fits() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    owed bigint;
    owner_id bigint;
    allocated numeric;
    posted numeric;
BEGIN
    SELECT amount_xof, household_id INTO owed, owner_id FROM due_item WHERE id = NEW.due_item_id FOR NO KEY UPDATE;
    SELECT sum(amount_xof) INTO allocated FROM allocation WHERE due_item_id = NEW.due_item_id;
    IF allocated < 0 OR allocated > owed OR owner_id <> NEW.household_id THEN
        RAISE EXCEPTION 'due item % of household % owes % F and would hold % F of household %',
            NEW.due_item_id, owner_id, owed, allocated, NEW.household_id USING ERRCODE = 'check_violation';
    END IF;
    SELECT sum(amount_xof) INTO allocated FROM allocation
     WHERE ledger_txn_id = NEW.ledger_txn_id AND household_id = NEW.household_id;
    SELECT -sum(amount_xof) INTO posted FROM ledger_entry
     WHERE txn_id = NEW.ledger_txn_id AND household_id = NEW.household_id AND account = 'contributions';
    IF posted IS DISTINCT FROM allocated THEN
        RAISE EXCEPTION 'ledger transaction % brings household % contributions of % F and % F are allocated',
            NEW.ledger_txn_id, NEW.household_id, posted, allocated USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION ramu_request_step() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN ({steps}) THEN
        RAISE EXCEPTION 'payment request % cannot go from % to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION ramu_upload_step() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN ({upload_steps}) THEN
        RAISE EXCEPTION 'statement upload % cannot go from % to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    -- The bytes may leave only for the statement that holds the same ones.
    IF NEW.content IS DISTINCT FROM OLD.content AND NOT (NEW.content IS NULL AND EXISTS (
        SELECT FROM statement_file
         WHERE id = NEW.file_id AND operator = OLD.operator AND sha256 = OLD.sha256 AND content = OLD.content)) THEN
        RAISE EXCEPTION 'the bytes of statement upload % stand nowhere else', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.file_id IS NOT NULL AND NEW.file_id IS DISTINCT FROM OLD.file_id THEN
        RAISE EXCEPTION 'statement upload % has its file already', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""

#: What came in as advance by the day it was paid, less what was spent of that day. What takes a payment back takes back
#: the day of that payment.
ADVANCES = """
CREATE VIEW advance_movement AS
SELECT entry.household_id, CAST(coalesce(original.effective_at, txn.effective_at) AT TIME ZONE 'UTC' AS date) AS day,
       -entry.amount_xof AS amount_xof
  FROM ledger_entry entry
  JOIN ledger_txn txn ON txn.id = entry.txn_id
  LEFT JOIN ledger_txn original ON original.id = txn.reverses_id
 WHERE entry.account = 'advances' AND txn.kind <> 'advance_spent'
 UNION ALL
SELECT entry.household_id, allocation.allocated_on, -allocation.amount_xof
  FROM ledger_entry entry
  JOIN ledger_txn txn ON txn.id = entry.txn_id AND txn.kind = 'advance_spent'
  JOIN allocation ON allocation.ledger_txn_id = entry.txn_id AND allocation.household_id = entry.household_id
 WHERE entry.account = 'advances'
"""

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
        "allocation_fits",
        "CONSTRAINT",
        "AFTER INSERT ON allocation DEFERRABLE INITIALLY DEFERRED",
        "ramu_allocation_fits",
    ),
    ("payment_request_step", "", "BEFORE UPDATE ON payment_request", "ramu_request_step"),
    ("statement_upload_step", "", "BEFORE UPDATE ON statement_upload", "ramu_upload_step"),
)


def _pairs(steps: dict[str, str]) -> str:
    return ", ".join(f"('{old}', '{new}')" for old, news in steps.items() for new in news.split())


def _guard(name: str, kind: str, fires: str, function: str, level: str = "ROW") -> None:
    table = fires.split(" ON ")[1].split(maxsplit=1)[0]
    op.execute(f"CREATE {kind} TRIGGER {name} {fires} FOR EACH {level} EXECUTE FUNCTION {function}()")
    op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def upgrade() -> None:
    op.execute(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ramu_app') THEN "
        "RAISE EXCEPTION 'the role ramu_app does not exist' USING HINT = "
        "'Create it before migrating: CREATE ROLE ramu_app LOGIN PASSWORD ...'; END IF; END $$"
    )
    op.execute(FUNCTIONS.replace("{steps}", _pairs(STEPS)).replace("{upload_steps}", _pairs(UPLOAD_STEPS)))
    op.execute(WRITTEN_IN)
    op.execute(BALANCED.format(name="ramu_txn_balanced", column="id"))
    op.execute(BALANCED.format(name="ramu_entry_balanced", column="txn_id"))
    for guard in GUARDS:
        _guard(*guard)
    for table in APPEND_ONLY:
        _guard(f"{table}_kept", "", f"BEFORE UPDATE OR DELETE ON {table}", "ramu_refuse")
    for table, columns in EVIDENCE.items():
        _guard(f"{table}_evidence_kept", "", f"BEFORE UPDATE OF {columns} ON {table}", "ramu_refuse")
        _guard(f"{table}_kept", "", f"BEFORE DELETE ON {table}", "ramu_refuse")
    for table in (*APPEND_ONLY, *EVIDENCE):
        _guard(f"{table}_not_emptied", "", f"BEFORE TRUNCATE ON {table}", "ramu_refuse", "STATEMENT")
    op.execute(ADVANCES)
    op.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    op.execute("GRANT USAGE ON SCHEMA public TO ramu_app")
    op.execute("GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO ramu_app")
    op.execute("REVOKE INSERT ON alembic_version FROM ramu_app")
    op.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ramu_app")
    for table, columns in CHANGEABLE.items():
        op.execute(f"GRANT UPDATE ({columns}) ON {table} TO ramu_app")
    for table in FORGETTABLE:
        op.execute(f"GRANT DELETE ON {table} TO ramu_app")


def downgrade() -> None:
    op.execute("DROP VIEW advance_movement")
    op.execute("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM ramu_app")
    op.execute("REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM ramu_app")
    op.execute("REVOKE USAGE ON SCHEMA public FROM ramu_app")
    for function in (
        "ramu_written_in",
        "ramu_refuse",
        "ramu_txn_balanced",
        "ramu_entry_balanced",
        "ramu_payment_posted",
        "ramu_allocation_fits",
        "ramu_request_step",
        "ramu_upload_step",
    ):
        op.execute(f"DROP FUNCTION {function}() CASCADE")
    op.execute("DROP FUNCTION ramu_is_written_now(bigint, xid)")
