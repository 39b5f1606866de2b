"""The first tables; the rules that PostgreSQL keeps by itself follow in the next migration."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


OUTBOX_INDEXES = (
    ("ix_outbox_sms_fresh", ["next_attempt_at", "id"], "state = 'queued' AND attempts = 0"),
    ("ix_outbox_sms_again", ["next_attempt_at", "id"], "state = 'queued' AND attempts > 0"),
    ("ix_outbox_sms_unfinished", ["state", "id"], "state NOT IN ('sent', 'delivered')"),
    ("ix_outbox_sms_provider_id", ["provider_id"], "provider_id IS NOT NULL"),
)


def upgrade() -> None:
    op.create_table(
        "audit_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
    )
    op.create_index("ix_audit_event_subject", "audit_event", ["subject"], unique=False)
    op.create_table(
        "day_report",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("previous_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("ledger_head_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("closed_by", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_day_report")),
        sa.UniqueConstraint("seq", name=op.f("uq_day_report_seq")),
    )
    op.create_table(
        "ledger_block",
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("after_txn_id", sa.BigInteger(), nullable=False),
        sa.Column("through_txn_id", sa.BigInteger(), nullable=False),
        sa.Column("txn_count", sa.Integer(), nullable=False),
        sa.Column("previous_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_ledger_block")),
    )
    op.create_table(
        "ledger_txn",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("reverses_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "written_in",
            sa.BigInteger(),
            server_default=sa.text("(pg_current_xact_id()::text::bigint)"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["reverses_id"], ["ledger_txn.id"], name=op.f("fk_ledger_txn_reverses_id_ledger_txn")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_txn")),
        sa.UniqueConstraint("ref", name=op.f("uq_ledger_txn_ref")),
        sa.UniqueConstraint("reverses_id", name=op.f("uq_ledger_txn_reverses_id")),
    )
    op.create_index("ix_ledger_txn_effective_at", "ledger_txn", ["effective_at"], unique=False)
    op.create_table(
        "outbox_sms",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("household_id", sa.BigInteger(), nullable=True),
        sa.Column("msisdn", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("useful_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_request_id", sa.BigInteger(), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("delivery", sa.Text(), nullable=True),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('receipt', 'suspense', 'registered', 'situation', 'failure')",
            name=op.f("ck_outbox_sms_kind_known"),
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'sent', 'delivered', 'undelivered', 'failed', 'dropped')",
            name=op.f("ck_outbox_sms_state_known"),
        ),
        sa.CheckConstraint(
            "(state = 'queued') = (next_attempt_at IS NOT NULL)",
            name=op.f("ck_outbox_sms_queued_has_a_next_attempt"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_sms")),
        sa.UniqueConstraint("key", name=op.f("uq_outbox_sms_key")),
    )
    op.create_table(
        "sms_early_report",
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("provider_id", name=op.f("pk_sms_early_report")),
    )
    for name, columns, where in OUTBOX_INDEXES:
        op.create_index(name, "outbox_sms", columns, unique=False, postgresql_where=sa.text(where))
    op.create_index("ix_outbox_sms_household_id", "outbox_sms", ["household_id"], unique=False)
    op.create_table(
        "payment_request",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("correlation_id", sa.UUID(), nullable=False),
        sa.Column("callback_token", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("household_id", sa.BigInteger(), nullable=False),
        sa.Column("payer_msisdn", sa.Text(), nullable=False),
        sa.Column("amount_xof", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("submissions", sa.Integer(), nullable=False),
        sa.Column("inquiries", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_detail", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('created', 'submitted', 'unknown', 'pending', 'succeeded', 'failed', 'expired', 'reversed')",
            name=op.f("ck_payment_request_state_known"),
        ),
        sa.CheckConstraint(
            "amount_xof > 0 AND amount_xof <= 999999999", name=op.f("ck_payment_request_amount_xof_positive")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_request")),
        sa.UniqueConstraint("callback_token", name=op.f("uq_payment_request_callback_token")),
        sa.UniqueConstraint("correlation_id", name=op.f("uq_payment_request_correlation_id")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_payment_request_idempotency_key")),
        sa.UniqueConstraint("reference", name=op.f("uq_payment_request_reference")),
    )
    op.create_index(
        "ix_payment_request_due",
        "payment_request",
        ["operator", sa.text("LEAST(inquiries, 1)"), "next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("next_attempt_at IS NOT NULL"),
    )
    op.create_index(
        "ix_payment_request_parked_at",
        "payment_request",
        ["parked_at"],
        unique=False,
        postgresql_where=sa.text("parked_at IS NOT NULL"),
    )
    op.create_index(
        "ix_payment_request_to_send",
        "payment_request",
        ["operator", "next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("state = 'created'"),
    )
    op.create_index(
        "ix_payment_request_household_id_created_at", "payment_request", ["household_id", "created_at"], unique=False
    )
    op.create_index(
        "ix_payment_request_payer_msisdn_created_at", "payment_request", ["payer_msisdn", "created_at"], unique=False
    )
    op.create_table(
        "sandbox_sms",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("msisdn", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sandbox_sms")),
        sa.UniqueConstraint("key", name=op.f("uq_sandbox_sms_key")),
    )
    op.create_index("ix_sandbox_sms_msisdn_sent_at", "sandbox_sms", ["msisdn", "sent_at"], unique=False)
    op.create_table(
        "scheme",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("legal_status", sa.Text(), nullable=False),
        sa.Column("legal_reference", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("rules", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "legal_status IN ('LEGAL', 'DERIVED', 'ILLUSTRATIVE')", name=op.f("ck_scheme_legal_status_known")
        ),
        sa.CheckConstraint("status IN ('draft', 'approved', 'active', 'retired')", name=op.f("ck_scheme_status_known")),
        sa.PrimaryKeyConstraint("code", "version", name=op.f("pk_scheme")),
    )
    op.create_table(
        "staff",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "role IN ('desk', 'finance', 'accountant', 'auditor', 'admin')", name=op.f("ck_staff_role_known")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("login", name=op.f("uq_staff_login")),
    )
    op.create_table(
        "statement_file",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("period_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("period_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("covered_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opening_xof", sa.BigInteger(), nullable=True),
        sa.Column("closing_xof", sa.BigInteger(), nullable=True),
        sa.Column("line_count", sa.Integer(), nullable=False),
        sa.Column("collected_xof", sa.BigInteger(), nullable=False),
        sa.Column("fees_xof", sa.BigInteger(), nullable=False),
        sa.Column("printed_collected_xof", sa.BigInteger(), nullable=True),
        sa.Column("printed_fees_xof", sa.BigInteger(), nullable=True),
        sa.Column("gap_xof", sa.BigInteger(), nullable=False),
        sa.Column("imported_by", sa.Text(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement_file")),
        sa.UniqueConstraint("operator", "sha256", name=op.f("uq_statement_file_operator_sha256")),
    )
    op.create_index(
        "ix_statement_file_operator_covered_until", "statement_file", ["operator", "covered_until"], unique=False
    )
    op.create_table(
        "statement_upload",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("received_by", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("motive", sa.Text(), nullable=True),
        sa.Column("motive_lines", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("breaks_opened", sa.Integer(), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(content IS NULL) = (file_id IS NOT NULL)", name=op.f("ck_statement_upload_bytes_in_one_place")
        ),
        sa.CheckConstraint(
            "(state IN ('kept', 'matched', 'parked')) = (file_id IS NOT NULL)",
            name=op.f("ck_statement_upload_file_when_kept"),
        ),
        sa.CheckConstraint(
            "state IN ('received', 'reading', 'quarantined', 'kept', 'parked', 'matched')",
            name=op.f("ck_statement_upload_state_known"),
        ),
        sa.ForeignKeyConstraint(
            ["file_id"], ["statement_file.id"], name=op.f("fk_statement_upload_file_id_statement_file")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement_upload")),
        sa.UniqueConstraint("operator", "sha256", name=op.f("uq_statement_upload_operator_sha256")),
    )
    op.create_index(
        "ix_statement_upload_due",
        "statement_upload",
        ["next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('received', 'reading', 'kept')"),
    )
    op.create_index(
        "ix_statement_upload_aside",
        "statement_upload",
        ["received_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('quarantined', 'parked')"),
    )
    op.create_index("ix_statement_upload_file_id", "statement_upload", ["file_id"], unique=True)
    op.create_table(
        "ussd_session",
        sa.Column("aggregator", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("msisdn", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("aggregator", "session_id", name=op.f("pk_ussd_session")),
    )
    op.create_index("ix_ussd_session_expires_at", "ussd_session", ["expires_at"], unique=False)
    op.create_table(
        "callback",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=True),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.CheckConstraint("verdict IN ('accept', 'accept_unbound', 'reject')", name=op.f("ck_callback_verdict_known")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["payment_request.id"], name=op.f("fk_callback_request_id_payment_request")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callback")),
    )
    op.create_index(
        "ix_callback_due",
        "callback",
        ["operator", sa.text("LEAST(attempts, 1)"), "next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("handled_at IS NULL AND parked_at IS NULL"),
    )
    op.create_index(
        "ix_callback_parked_at",
        "callback",
        ["parked_at"],
        unique=False,
        postgresql_where=sa.text("parked_at IS NOT NULL"),
    )
    op.create_index("ix_callback_request_id", "callback", ["request_id"], unique=False)
    op.create_table(
        "refused_callback",
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.Column("last_sha256", sa.LargeBinary(), nullable=True),
        sa.Column("last_bytes", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("operator", "day", "sender", "reason", name=op.f("pk_refused_callback")),
    )
    op.create_table(
        "inquiry",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=True),
        sa.Column("operator_transaction_id", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_detail", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "request_id IS NOT NULL OR operator_transaction_id IS NOT NULL",
            name=op.f("ck_inquiry_asks_about_something"),
        ),
        sa.ForeignKeyConstraint(
            ["request_id"], ["payment_request.id"], name=op.f("fk_inquiry_request_id_payment_request")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inquiry")),
        sa.UniqueConstraint(
            "operator",
            "request_id",
            "operator_transaction_id",
            name=op.f("uq_inquiry_operator_request_id_operator_transaction_id"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index(
        "ix_inquiry_due",
        "inquiry",
        ["operator", sa.text("LEAST(attempts, 1)"), "next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("next_attempt_at IS NOT NULL"),
    )
    op.create_index(
        "ix_inquiry_parked_at",
        "inquiry",
        ["parked_at"],
        unique=False,
        postgresql_where=sa.text("parked_at IS NOT NULL"),
    )
    op.create_table(
        "operator_trouble",
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("operator", "job", name=op.f("pk_operator_trouble")),
    )
    op.create_table(
        "household",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("ramu_number", sa.Text(), nullable=False),
        sa.Column("activity", sa.Text(), nullable=False),
        sa.Column("cercle_code", sa.Text(), nullable=False),
        sa.Column("people_count", sa.Integer(), nullable=False),
        sa.Column("children_count", sa.Integer(), nullable=False),
        sa.Column("scheme_code", sa.Text(), nullable=False),
        sa.Column("scheme_version", sa.Integer(), nullable=False),
        sa.Column("registered_on", sa.Date(), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_period_on", sa.Date(), nullable=False),
        sa.CheckConstraint("ramu_number ~ '^[0-9]{10}$'", name=op.f("ck_household_ramu_number_shape")),
        sa.CheckConstraint(
            "children_count BETWEEN 0 AND people_count", name=op.f("ck_household_children_count_plausible")
        ),
        sa.CheckConstraint("people_count BETWEEN 1 AND 99", name=op.f("ck_household_people_count_plausible")),
        sa.ForeignKeyConstraint(
            ["scheme_code", "scheme_version"],
            ["scheme.code", "scheme.version"],
            name=op.f("fk_household_scheme_code_scheme_version_scheme"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_household")),
        sa.UniqueConstraint("ramu_number", name=op.f("uq_household_ramu_number")),
    )
    op.create_index("ix_household_next_period_on", "household", ["next_period_on"], unique=False)
    op.create_table(
        "ledger_entry",
        sa.Column("txn_id", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("household_id", sa.BigInteger(), nullable=True),
        sa.Column("amount_xof", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_xof <> 0", name=op.f("ck_ledger_entry_amount_xof_moves")),
        sa.ForeignKeyConstraint(["txn_id"], ["ledger_txn.id"], name=op.f("fk_ledger_entry_txn_id_ledger_txn")),
        sa.PrimaryKeyConstraint("txn_id", "line", name=op.f("pk_ledger_entry")),
    )
    op.create_index("ix_ledger_entry_account_txn_id", "ledger_entry", ["account", "txn_id"], unique=False)
    op.create_index(
        "ix_ledger_entry_household_id_account",
        "ledger_entry",
        ["household_id", "account"],
        unique=False,
        postgresql_where=sa.text("household_id IS NOT NULL"),
    )
    op.create_table(
        "payment",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("operator_transaction_id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=True),
        sa.Column("household_id", sa.BigInteger(), nullable=True),
        sa.Column("amount_xof", sa.BigInteger(), nullable=False),
        sa.Column("fee_xof", sa.BigInteger(), nullable=True),
        sa.Column("payer_msisdn", sa.Text(), nullable=True),
        sa.Column("our_reference", sa.Text(), nullable=True),
        sa.Column("matched_by", sa.Text(), nullable=False),
        sa.Column("provenance", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ledger_txn_id", sa.BigInteger(), nullable=False),
        sa.Column("receipt_number", sa.Text(), nullable=False),
        sa.Column("raw_transaction_id", sa.Text(), nullable=True),
        sa.Column("held_because", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "held_because IS NULL OR household_id IS NULL", name=op.f("ck_payment_held_has_no_household")
        ),
        sa.CheckConstraint("held_because IN ('reversed')", name=op.f("ck_payment_held_because_known")),
        sa.CheckConstraint(
            "(household_id IS NULL) = (matched_by = 'suspense')", name=op.f("ck_payment_suspense_has_no_household")
        ),
        sa.CheckConstraint(
            "matched_by IN ('reference', 'payer', 'suspense')", name=op.f("ck_payment_matched_by_known")
        ),
        sa.CheckConstraint("provenance <> 'unbound_callback'", name=op.f("ck_payment_provenance_proves")),
        sa.CheckConstraint(
            "provenance IN ('signed_callback', 'unbound_callback', 'query', 'statement', 'manual')",
            name=op.f("ck_payment_provenance_known"),
        ),
        sa.CheckConstraint("amount_xof > 0 AND amount_xof <= 999999999", name=op.f("ck_payment_amount_xof_positive")),
        sa.ForeignKeyConstraint(
            ["ledger_txn_id"],
            ["ledger_txn.id"],
            name=op.f("fk_payment_ledger_txn_id_ledger_txn"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["request_id"], ["payment_request.id"], name=op.f("fk_payment_request_id_payment_request")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment")),
        sa.UniqueConstraint("ledger_txn_id", name=op.f("uq_payment_ledger_txn_id")),
        sa.UniqueConstraint(
            "operator", "operator_transaction_id", name=op.f("uq_payment_operator_operator_transaction_id")
        ),
        sa.UniqueConstraint("receipt_number", name=op.f("uq_payment_receipt_number")),
    )
    op.create_index("ix_payment_household_id_posted_at", "payment", ["household_id", "posted_at"], unique=False)
    op.create_index("ix_payment_operator_occurred_at", "payment", ["operator", "occurred_at"], unique=False)
    op.create_index("ix_payment_request_id", "payment", ["request_id"], unique=False)
    op.create_index(
        "ix_payment_suspense_payer",
        "payment",
        ["payer_msisdn"],
        unique=False,
        postgresql_where=sa.text("household_id IS NULL"),
    )
    op.create_table(
        "staff_session",
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("staff_id", sa.BigInteger(), nullable=False),
        sa.Column("csrf_token", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_session_staff_id_staff")),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_staff_session")),
    )
    op.create_index(op.f("ix_staff_session_staff_id"), "staff_session", ["staff_id"], unique=False)
    op.create_table(
        "staff_device",
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("staff_id", sa.BigInteger(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_staff_device_staff_id_staff")),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_staff_device")),
    )
    op.create_index(op.f("ix_staff_device_staff_id"), "staff_device", ["staff_id"], unique=False)
    op.create_table(
        "login_attempt",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_allowed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_login_attempt")),
    )
    op.create_index("ix_login_attempt_seen_at", "login_attempt", ["seen_at"], unique=False)
    op.create_table(
        "parked_household",
        sa.Column("household_id", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["household_id"], ["household.id"], name=op.f("fk_parked_household_household_id_household")
        ),
        sa.PrimaryKeyConstraint("household_id", name=op.f("pk_parked_household")),
    )
    op.create_table(
        "due_item",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("household_id", sa.BigInteger(), nullable=False),
        sa.Column("scheme_code", sa.Text(), nullable=False),
        sa.Column("scheme_version", sa.Integer(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("gross_xof", sa.BigInteger(), nullable=False),
        sa.Column("amount_xof", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_xof > 0 AND amount_xof <= 999999999", name=op.f("ck_due_item_amount_xof_positive")),
        sa.CheckConstraint("gross_xof >= amount_xof", name=op.f("ck_due_item_gross_covers_amount")),
        sa.CheckConstraint("period_end >= period_start", name=op.f("ck_due_item_period_forward")),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_due_item_household_id_household")),
        sa.ForeignKeyConstraint(
            ["scheme_code", "scheme_version"],
            ["scheme.code", "scheme.version"],
            name=op.f("fk_due_item_scheme_code_scheme_version_scheme"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_due_item")),
        sa.UniqueConstraint(
            "household_id",
            "scheme_code",
            "period_start",
            name=op.f("uq_due_item_household_id_scheme_code_period_start"),
        ),
    )
    op.create_table(
        "member",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("household_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_head", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_member_household_id_household")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member")),
    )
    op.create_index(op.f("ix_member_household_id"), "member", ["household_id"], unique=False)
    op.create_index("uq_member_head", "member", ["household_id"], unique=True, postgresql_where=sa.text("is_head"))
    op.create_table(
        "observation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("provenance", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("amount_xof", sa.BigInteger(), nullable=True),
        sa.Column("fee_xof", sa.BigInteger(), nullable=True),
        sa.Column("payer_msisdn", sa.Text(), nullable=True),
        sa.Column("our_reference", sa.Text(), nullable=True),
        sa.Column("operator_transaction_id", sa.Text(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=True),
        sa.Column("callback_id", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("raw_transaction_id", sa.Text(), nullable=True),
        sa.Column("remarks", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "provenance IN ('signed_callback', 'unbound_callback', 'query', 'statement', 'manual')",
            name=op.f("ck_observation_provenance_known"),
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'succeeded', 'failed', 'expired', 'reversed', 'unknown')",
            name=op.f("ck_observation_status_known"),
        ),
        sa.ForeignKeyConstraint(["callback_id"], ["callback.id"], name=op.f("fk_observation_callback_id_callback")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["payment_request.id"], name=op.f("fk_observation_request_id_payment_request")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_observation")),
    )
    op.create_index(
        "ix_observation_operator_operator_transaction_id",
        "observation",
        ["operator", "operator_transaction_id"],
        unique=False,
    )
    op.create_index("ix_observation_request_id", "observation", ["request_id"], unique=False)
    op.create_table(
        "phone",
        sa.Column("msisdn", sa.Text(), nullable=False),
        sa.Column("household_id", sa.BigInteger(), nullable=False),
        sa.Column("last_wallet", sa.Text(), nullable=True),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("msisdn ~ '^[+][0-9]{8,15}$'", name=op.f("ck_phone_msisdn_e164")),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_phone_household_id_household")),
        sa.PrimaryKeyConstraint("msisdn", name=op.f("pk_phone")),
    )
    op.create_index("ix_phone_household_id", "phone", ["household_id"], unique=False)
    op.create_table(
        "reconciliation_break",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("operator_says_xof", sa.BigInteger(), nullable=True),
        sa.Column("we_say_xof", sa.BigInteger(), nullable=True),
        sa.Column("difference_xof", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.BigInteger(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_because", sa.Text(), nullable=True),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payment.id"], name=op.f("fk_reconciliation_break_payment_id_payment")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation_break")),
    )
    op.create_index(
        "uq_reconciliation_break_standing",
        "reconciliation_break",
        ["kind", "operator", "account", "subject"],
        unique=True,
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.create_index(
        "ix_reconciliation_break_operator_about",
        "reconciliation_break",
        ["operator", "about"],
        unique=False,
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.create_index("ix_reconciliation_break_operator_day", "reconciliation_break", ["operator", "day"], unique=False)
    op.create_table(
        "statement_line",
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.Column("line_number", sa.Integer(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("amount_xof", sa.BigInteger(), nullable=True),
        sa.Column("fee_xof", sa.BigInteger(), nullable=True),
        sa.Column("payer_msisdn", sa.Text(), nullable=True),
        sa.Column("our_reference", sa.Text(), nullable=True),
        sa.Column("operator_transaction_id", sa.Text(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("raw_transaction_id", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("moved_xof", sa.BigInteger(), nullable=False),
        sa.Column("remarks", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("counts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_xof", sa.BigInteger(), nullable=False),
        sa.Column("running_xof", sa.BigInteger(), nullable=False),
        sa.Column("bucket", sa.Text(), nullable=True),
        sa.Column("matched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("payment_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('collection', 'reversal', 'fee', 'transfer', 'other')", name=op.f("ck_statement_line_kind_known")
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'succeeded', 'failed', 'expired', 'reversed', 'unknown')",
            name=op.f("ck_statement_line_status_known"),
        ),
        sa.CheckConstraint(
            "(bucket IS NULL) = (matched_at IS NULL)", name=op.f("ck_statement_line_bucket_has_a_moment")
        ),
        sa.ForeignKeyConstraint(
            ["file_id"], ["statement_file.id"], name=op.f("fk_statement_line_file_id_statement_file")
        ),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_statement_line_payment_id_payment")),
        sa.PrimaryKeyConstraint("file_id", "line_number", name=op.f("pk_statement_line")),
    )
    op.create_index(
        "ix_statement_line_file_id_counts_at_line_number",
        "statement_line",
        ["file_id", "counts_at", "line_number"],
        unique=False,
    )
    op.create_index("ix_statement_line_operator_subject", "statement_line", ["operator", "subject"], unique=False)
    op.create_index(
        "ix_statement_line_unmatched",
        "statement_line",
        ["file_id", "line_number"],
        unique=False,
        postgresql_where=sa.text("matched_at IS NULL"),
    )
    op.create_table(
        "allocation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("household_id", sa.BigInteger(), nullable=False),
        sa.Column("due_item_id", sa.BigInteger(), nullable=False),
        sa.Column("ledger_txn_id", sa.BigInteger(), nullable=False),
        sa.Column("amount_xof", sa.BigInteger(), nullable=False),
        sa.Column("allocated_on", sa.Date(), nullable=False),
        sa.CheckConstraint("amount_xof <> 0", name=op.f("ck_allocation_amount_xof_moves")),
        sa.ForeignKeyConstraint(["due_item_id"], ["due_item.id"], name=op.f("fk_allocation_due_item_id_due_item")),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_allocation_household_id_household")),
        sa.ForeignKeyConstraint(
            ["ledger_txn_id"], ["ledger_txn.id"], name=op.f("fk_allocation_ledger_txn_id_ledger_txn")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allocation")),
        sa.UniqueConstraint("ledger_txn_id", "due_item_id", name=op.f("uq_allocation_ledger_txn_id_due_item_id")),
    )
    op.create_index("ix_allocation_due_item_id", "allocation", ["due_item_id"], unique=False)
    op.create_index("ix_allocation_household_id", "allocation", ["household_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_allocation_household_id", table_name="allocation")
    op.drop_index("ix_allocation_due_item_id", table_name="allocation")
    op.drop_table("allocation")
    op.drop_index(
        "ix_statement_line_unmatched", table_name="statement_line", postgresql_where=sa.text("matched_at IS NULL")
    )
    op.drop_index("ix_statement_line_operator_subject", table_name="statement_line")
    op.drop_index("ix_statement_line_file_id_counts_at_line_number", table_name="statement_line")
    op.drop_table("statement_line")
    op.drop_index(
        "uq_reconciliation_break_standing",
        table_name="reconciliation_break",
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.drop_index("ix_reconciliation_break_operator_day", table_name="reconciliation_break")
    op.drop_index(
        "ix_reconciliation_break_operator_about",
        table_name="reconciliation_break",
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.drop_table("reconciliation_break")
    op.drop_index("ix_phone_household_id", table_name="phone")
    op.drop_table("phone")
    op.drop_index("ix_observation_request_id", table_name="observation")
    op.drop_index("ix_observation_operator_operator_transaction_id", table_name="observation")
    op.drop_table("observation")
    op.drop_index("uq_member_head", table_name="member", postgresql_where=sa.text("is_head"))
    op.drop_index(op.f("ix_member_household_id"), table_name="member")
    op.drop_table("member")
    op.drop_table("due_item")
    op.drop_index(op.f("ix_staff_session_staff_id"), table_name="staff_session")
    op.drop_table("staff_session")
    op.drop_index("ix_payment_suspense_payer", table_name="payment", postgresql_where=sa.text("household_id IS NULL"))
    op.drop_index("ix_payment_request_id", table_name="payment")
    op.drop_index("ix_payment_operator_occurred_at", table_name="payment")
    op.drop_index("ix_payment_household_id_posted_at", table_name="payment")
    op.drop_table("payment")
    op.drop_index(
        "ix_ledger_entry_household_id_account",
        table_name="ledger_entry",
        postgresql_where=sa.text("household_id IS NOT NULL"),
    )
    op.drop_index("ix_ledger_entry_account_txn_id", table_name="ledger_entry")
    op.drop_table("ledger_entry")
    op.drop_index("ix_household_next_period_on", table_name="household")
    op.drop_table("parked_household")
    op.drop_table("household")
    op.drop_table("refused_callback")
    op.drop_table("operator_trouble")
    op.drop_index("ix_inquiry_parked_at", table_name="inquiry", postgresql_where=sa.text("parked_at IS NOT NULL"))
    op.drop_index("ix_inquiry_due", table_name="inquiry", postgresql_where=sa.text("next_attempt_at IS NOT NULL"))
    op.drop_table("inquiry")
    op.drop_index("ix_callback_request_id", table_name="callback")
    op.drop_index("ix_callback_parked_at", table_name="callback", postgresql_where=sa.text("parked_at IS NOT NULL"))
    op.drop_index(
        "ix_callback_due", table_name="callback", postgresql_where=sa.text("handled_at IS NULL AND parked_at IS NULL")
    )
    op.drop_table("callback")
    op.drop_index("ix_ussd_session_expires_at", table_name="ussd_session")
    op.drop_table("ussd_session")
    op.drop_index("ix_statement_upload_file_id", table_name="statement_upload")
    op.drop_index(
        "ix_statement_upload_aside",
        table_name="statement_upload",
        postgresql_where=sa.text("state IN ('quarantined', 'parked')"),
    )
    op.drop_index(
        "ix_statement_upload_due",
        table_name="statement_upload",
        postgresql_where=sa.text("state IN ('received', 'reading', 'kept')"),
    )
    op.drop_table("statement_upload")
    op.drop_index("ix_statement_file_operator_covered_until", table_name="statement_file")
    op.drop_table("statement_file")
    op.drop_index("ix_login_attempt_seen_at", table_name="login_attempt")
    op.drop_table("login_attempt")
    op.drop_index(op.f("ix_staff_device_staff_id"), table_name="staff_device")
    op.drop_table("staff_device")
    op.drop_table("staff")
    op.drop_table("scheme")
    op.drop_index("ix_sandbox_sms_msisdn_sent_at", table_name="sandbox_sms")
    op.drop_table("sandbox_sms")
    op.drop_index("ix_payment_request_payer_msisdn_created_at", table_name="payment_request")
    op.drop_index("ix_payment_request_household_id_created_at", table_name="payment_request")
    op.drop_index(
        "ix_payment_request_to_send", table_name="payment_request", postgresql_where=sa.text("state = 'created'")
    )
    op.drop_index(
        "ix_payment_request_due", table_name="payment_request", postgresql_where=sa.text("next_attempt_at IS NOT NULL")
    )
    op.drop_index(
        "ix_payment_request_parked_at",
        table_name="payment_request",
        postgresql_where=sa.text("parked_at IS NOT NULL"),
    )
    op.drop_table("payment_request")
    op.drop_index("ix_outbox_sms_household_id", table_name="outbox_sms")
    for name, _, where in OUTBOX_INDEXES:
        op.drop_index(name, table_name="outbox_sms", postgresql_where=sa.text(where))
    op.drop_table("sms_early_report")
    op.drop_table("outbox_sms")
    op.drop_index("ix_ledger_txn_effective_at", table_name="ledger_txn")
    op.drop_table("ledger_txn")
    op.drop_table("ledger_block")
    op.drop_table("day_report")
    op.drop_index("ix_audit_event_subject", table_name="audit_event")
    op.drop_table("audit_event")
