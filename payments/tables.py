"""Every table that holds money or evidence of money; written by this package only."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlmodel import Field

from payments.columns import (
    Table,
    amount,
    document,
    identity,
    instant,
    number,
    number_type,
    one_of,
    positive,
    raw_bytes,
    text,
)
from payments.lifecycle import State
from payments.observation import HeldBecause, LineKind, ObservedStatus, Provenance, VerdictKind
from payments.upload import UploadState


class PaymentRequest(Table, table=True):
    """We asked a wallet to pay."""

    __tablename__ = "payment_request"
    __table_args__ = (
        positive("amount_xof"),
        one_of("state", State),
        Index(
            "ix_payment_request_due",
            "operator",
            sql("LEAST(inquiries, 1)"),
            "next_attempt_at",
            postgresql_where=sql("next_attempt_at IS NOT NULL"),
        ),
        Index("ix_payment_request_parked_at", "parked_at", postgresql_where=sql("parked_at IS NOT NULL")),
        Index("ix_payment_request_to_send", "operator", "next_attempt_at", postgresql_where=sql("state = 'created'")),
        Index("ix_payment_request_payer_msisdn_created_at", "payer_msisdn", "created_at"),
        Index("ix_payment_request_household_id_created_at", "household_id", "created_at"),
    )

    id: int = identity()
    operator: str = text()
    reference: str = text(unique=True)
    correlation_id: UUID = Field(default=None, sa_type=PG_UUID(as_uuid=True), unique=True, nullable=False)
    callback_token: str = text(unique=True)
    idempotency_key: str = text(unique=True)
    household_id: int = number()
    payer_msisdn: str = text()
    amount_xof: int = amount()
    state: str = text()
    submissions: int = Field(default=0, nullable=False)
    inquiries: int = Field(default=0, nullable=False)
    failures: int = Field(default=0, nullable=False)
    created_at: datetime = instant()
    submitted_at: datetime | None = instant(nullable=True)
    next_attempt_at: datetime | None = instant(nullable=True)
    settled_at: datetime | None = instant(nullable=True)
    parked_at: datetime | None = instant(nullable=True)
    last_detail: str | None = text(nullable=True)


class Callback(Table, table=True):
    """A message from an operator, byte for byte as received."""

    __tablename__ = "callback"
    __table_args__ = (
        one_of("verdict", VerdictKind),
        ForeignKeyConstraint(["request_id"], ["payment_request.id"]),
        Index(
            "ix_callback_due",
            "operator",
            sql("LEAST(attempts, 1)"),
            "next_attempt_at",
            postgresql_where=sql("handled_at IS NULL AND parked_at IS NULL"),
        ),
        Index("ix_callback_request_id", "request_id"),
        Index("ix_callback_parked_at", "parked_at", postgresql_where=sql("parked_at IS NOT NULL")),
    )

    id: int = identity()
    operator: str = text()
    request_id: int | None = number(nullable=True)
    method: str = text()
    headers: dict[str, Any] = document()
    body: bytes = raw_bytes()
    verdict: str = text()
    reason: str = text()
    received_at: datetime = instant()
    attempts: int = Field(default=0, nullable=False)
    next_attempt_at: datetime | None = instant(nullable=True)
    handled_at: datetime | None = instant(nullable=True)
    parked_at: datetime | None = instant(nullable=True)
    last_error: str | None = text(nullable=True)


class RefusedCallback(Table, table=True):
    """What was refused at the door of an operator: how often, of whom and why; never the body."""

    __tablename__ = "refused_callback"

    operator: str = text(primary_key=True)
    day: date = Field(default=None, primary_key=True)
    sender: str = text(primary_key=True)
    reason: str = text(primary_key=True)
    refused: int = number()
    last_sha256: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    last_bytes: int = number()
    last_at: datetime = instant()


class Inquiry(Table, table=True):
    """A transaction or a request that a message pointed at, asked about by a schedule of its own."""

    __tablename__ = "inquiry"
    __table_args__ = (
        CheckConstraint("request_id IS NOT NULL OR operator_transaction_id IS NOT NULL", name="asks_about_something"),
        UniqueConstraint("operator", "request_id", "operator_transaction_id", postgresql_nulls_not_distinct=True),
        ForeignKeyConstraint(["request_id"], ["payment_request.id"]),
        Index(
            "ix_inquiry_due",
            "operator",
            sql("LEAST(attempts, 1)"),
            "next_attempt_at",
            postgresql_where=sql("next_attempt_at IS NOT NULL"),
        ),
        Index("ix_inquiry_parked_at", "parked_at", postgresql_where=sql("parked_at IS NOT NULL")),
    )

    id: int = identity()
    operator: str = text()
    request_id: int | None = number(nullable=True)
    operator_transaction_id: str | None = text(nullable=True)
    attempts: int = Field(default=0, nullable=False)
    opened_at: datetime = instant()
    next_attempt_at: datetime | None = instant(nullable=True)
    closed_at: datetime | None = instant(nullable=True)
    parked_at: datetime | None = instant(nullable=True)
    last_detail: str | None = text(nullable=True)


class OperatorTrouble(Table, table=True):
    """An operator that refuses us or does not answer one kind of call; gone when it answers again."""

    __tablename__ = "operator_trouble"

    operator: str = text(primary_key=True)
    job: str = text(primary_key=True)
    kind: str = text()
    detail: str = text()
    since: datetime = instant()
    seen_at: datetime = instant()


class ObservationRow(Table, table=True):
    """One piece of evidence as it was read; statement lines keep theirs in ``statement_line``."""

    __tablename__ = "observation"
    __table_args__ = (
        one_of("provenance", Provenance),
        one_of("status", ObservedStatus),
        ForeignKeyConstraint(["request_id"], ["payment_request.id"]),
        ForeignKeyConstraint(["callback_id"], ["callback.id"]),
        Index("ix_observation_request_id", "request_id"),
        Index("ix_observation_operator_operator_transaction_id", "operator", "operator_transaction_id"),
    )

    id: int = identity()
    operator: str = text()
    provenance: str = text()
    status: str = text()
    amount_xof: int | None = amount(nullable=True)
    fee_xof: int | None = amount(nullable=True)
    payer_msisdn: str | None = text(nullable=True)
    our_reference: str | None = text(nullable=True)
    operator_transaction_id: str | None = text(nullable=True)
    occurred_at: datetime | None = instant(nullable=True)
    observed_at: datetime = instant()
    request_id: int | None = number(nullable=True)
    callback_id: int | None = number(nullable=True)
    detail: str = text()
    raw_transaction_id: str | None = text(nullable=True)
    remarks: str = text()


class LedgerTxnRow(Table, table=True):
    """A balanced set of entries with its author and its cause."""

    __tablename__ = "ledger_txn"
    __table_args__ = (
        ForeignKeyConstraint(["reverses_id"], ["ledger_txn.id"]),
        Index("ix_ledger_txn_effective_at", "effective_at"),
    )

    id: int = identity()
    ref: str = text(unique=True)
    kind: str = text()
    effective_at: datetime = instant()
    posted_at: datetime = instant()
    actor: str = text()
    cause: str = text()
    reverses_id: int | None = Field(default=None, nullable=True, unique=True, sa_type=number_type())
    # The database transaction that wrote the row, set by the database itself; entries join it in that one only.
    written_in: int = Field(
        default=None,
        sa_type=number_type(),
        nullable=False,
        sa_column_kwargs={"server_default": sql("(pg_current_xact_id()::text::bigint)")},
    )


class LedgerEntry(Table, table=True):
    """One line of a ledger transaction; above zero debits, below zero credits."""

    __tablename__ = "ledger_entry"
    __table_args__ = (
        CheckConstraint("amount_xof <> 0", name="amount_xof_moves"),
        ForeignKeyConstraint(["txn_id"], ["ledger_txn.id"]),
        Index(
            "ix_ledger_entry_household_id_account",
            "household_id",
            "account",
            postgresql_where=sql("household_id IS NOT NULL"),
        ),
        Index("ix_ledger_entry_account_txn_id", "account", "txn_id"),
    )

    txn_id: int = Field(default=None, sa_type=number_type(), primary_key=True)
    line: int = Field(default=None, primary_key=True)
    account: str = text()
    household_id: int | None = number(nullable=True)
    amount_xof: int = amount()


class LedgerBlock(Table, table=True):
    """A sealed run of ledger transactions, chained to the block before."""

    __tablename__ = "ledger_block"

    seq: int = Field(default=None, sa_type=number_type(), primary_key=True)
    after_txn_id: int = number()
    through_txn_id: int = number()
    txn_count: int = Field(default=0, nullable=False)
    previous_sha256: bytes = raw_bytes()
    sha256: bytes = raw_bytes()
    sealed_at: datetime = instant()


class Payment(Table, table=True):
    """Money that an operator holds for us, once per operator transaction, for ever."""

    __tablename__ = "payment"
    __table_args__ = (
        UniqueConstraint("operator", "operator_transaction_id"),
        UniqueConstraint("ledger_txn_id"),
        positive("amount_xof"),
        one_of("matched_by", ("reference", "payer", "suspense")),
        CheckConstraint("(household_id IS NULL) = (matched_by = 'suspense')", name="suspense_has_no_household"),
        one_of("held_because", HeldBecause),
        CheckConstraint("held_because IS NULL OR household_id IS NULL", name="held_has_no_household"),
        one_of("provenance", Provenance),
        CheckConstraint("provenance <> 'unbound_callback'", name="provenance_proves"),
        ForeignKeyConstraint(["request_id"], ["payment_request.id"]),
        ForeignKeyConstraint(["ledger_txn_id"], ["ledger_txn.id"], deferrable=True, initially="DEFERRED"),
        Index("ix_payment_operator_occurred_at", "operator", "occurred_at"),
        Index("ix_payment_household_id_posted_at", "household_id", "posted_at"),
        Index("ix_payment_request_id", "request_id"),
        Index("ix_payment_suspense_payer", "payer_msisdn", postgresql_where=sql("household_id IS NULL")),
    )

    id: int = identity()
    operator: str = text()
    operator_transaction_id: str = text()
    request_id: int | None = number(nullable=True)
    household_id: int | None = number(nullable=True)
    amount_xof: int = amount()
    fee_xof: int | None = amount(nullable=True)
    payer_msisdn: str | None = text(nullable=True)
    our_reference: str | None = text(nullable=True)
    matched_by: str = text()
    provenance: str = text()
    occurred_at: datetime = instant()
    posted_at: datetime = instant()
    ledger_txn_id: int = number()
    receipt_number: str = text(unique=True)
    raw_transaction_id: str | None = text(nullable=True)
    held_because: str | None = text(nullable=True)


class StatementFile(Table, table=True):
    """An operator's statement, byte for byte, once per content."""

    __tablename__ = "statement_file"
    __table_args__ = (
        UniqueConstraint("operator", "sha256"),
        Index("ix_statement_file_operator_covered_until", "operator", "covered_until"),
    )

    id: int = identity()
    operator: str = text()
    sha256: bytes = raw_bytes()
    filename: str = text()
    content: bytes = raw_bytes()
    account: str = text()
    period_start: datetime = instant()
    period_end: datetime = instant()
    covered_until: datetime = instant()
    opening_xof: int | None = amount(nullable=True)
    closing_xof: int | None = amount(nullable=True)
    line_count: int = Field(default=0, nullable=False)
    collected_xof: int = amount()
    fees_xof: int = amount()
    printed_collected_xof: int | None = amount(nullable=True)
    printed_fees_xof: int | None = amount(nullable=True)
    gap_xof: int = amount()
    imported_by: str = text()
    imported_at: datetime = instant()


class StatementUpload(Table, table=True):
    """A statement file as somebody handed it in, and what has become of it; its bytes stand in one place at a time."""

    __tablename__ = "statement_upload"
    __table_args__ = (
        UniqueConstraint("operator", "sha256"),
        one_of("state", UploadState),
        CheckConstraint("(content IS NULL) = (file_id IS NOT NULL)", name="bytes_in_one_place"),
        CheckConstraint("(state IN ('kept', 'matched', 'parked')) = (file_id IS NOT NULL)", name="file_when_kept"),
        ForeignKeyConstraint(["file_id"], ["statement_file.id"]),
        Index(
            "ix_statement_upload_due",
            "next_attempt_at",
            postgresql_where=sql("state IN ('received', 'reading', 'kept')"),
        ),
        Index("ix_statement_upload_aside", "received_at", postgresql_where=sql("state IN ('quarantined', 'parked')")),
        Index("ix_statement_upload_file_id", "file_id", unique=True),
    )

    id: int = identity()
    operator: str = text()
    sha256: bytes = raw_bytes()
    filename: str = text()
    size_bytes: int = number()
    content: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)
    received_by: str = text()
    received_at: datetime = instant()
    state: str = text()
    attempts: int = Field(default=0, nullable=False)
    next_attempt_at: datetime | None = instant(nullable=True)
    motive: str | None = text(nullable=True)
    motive_lines: list[int] | None = document(nullable=True)
    breaks_opened: int = Field(default=0, nullable=False)
    file_id: int | None = number(nullable=True)


class StatementLineRow(Table, table=True):
    """One line of a statement and, once it was matched, the bucket it fell into."""

    __tablename__ = "statement_line"
    __table_args__ = (
        one_of("kind", LineKind),
        one_of("status", ObservedStatus),
        CheckConstraint("(bucket IS NULL) = (matched_at IS NULL)", name="bucket_has_a_moment"),
        ForeignKeyConstraint(["file_id"], ["statement_file.id"]),
        ForeignKeyConstraint(["payment_id"], ["payment.id"]),
        Index("ix_statement_line_unmatched", "file_id", "line_number", postgresql_where=sql("matched_at IS NULL")),
        Index("ix_statement_line_operator_subject", "operator", "subject"),
        Index("ix_statement_line_file_id_counts_at_line_number", "file_id", "counts_at", "line_number"),
    )

    file_id: int = Field(default=None, sa_type=number_type(), primary_key=True)
    line_number: int = Field(default=None, primary_key=True)
    operator: str = text()
    kind: str = text()
    status: str = text()
    amount_xof: int | None = amount(nullable=True)
    fee_xof: int | None = amount(nullable=True)
    payer_msisdn: str | None = text(nullable=True)
    our_reference: str | None = text(nullable=True)
    operator_transaction_id: str | None = text(nullable=True)
    occurred_at: datetime | None = instant(nullable=True)
    raw: str = text()
    raw_transaction_id: str | None = text(nullable=True)
    reference: str | None = text(nullable=True)
    moved_xof: int = amount()
    remarks: str = text()
    subject: str = text()
    counts_at: datetime = instant()
    due_xof: int = amount()
    running_xof: int = amount()
    bucket: str | None = text(nullable=True)
    matched_at: datetime | None = instant(nullable=True)
    payment_id: int | None = number(nullable=True)


class Break(Table, table=True):
    """A difference between two sides that somebody must explain."""

    __tablename__ = "reconciliation_break"
    __table_args__ = (
        ForeignKeyConstraint(["payment_id"], ["payment.id"]),
        Index(
            "uq_reconciliation_break_standing",
            "kind",
            "operator",
            "account",
            "subject",
            unique=True,
            postgresql_where=sql("superseded_at IS NULL"),
        ),
        Index(
            "ix_reconciliation_break_operator_about",
            "operator",
            "about",
            postgresql_where=sql("superseded_at IS NULL"),
        ),
        Index("ix_reconciliation_break_operator_day", "operator", "day"),
    )

    id: int = identity()
    kind: str = text()
    operator: str = text()
    account: str = text()
    subject: str = text()
    about: str = text()
    day: date = Field(default=None, nullable=False)
    operator_says_xof: int | None = amount(nullable=True)
    we_say_xof: int | None = amount(nullable=True)
    difference_xof: int = amount()
    detail: str = text()
    payment_id: int | None = number(nullable=True)
    owner: str | None = text(nullable=True)
    opened_at: datetime = instant()
    closed_at: datetime | None = instant(nullable=True)
    closed_because: str | None = text(nullable=True)
    superseded_at: datetime | None = instant(nullable=True)


class DayReport(Table, table=True):
    """The sealed reconciliation of one day, chained to the day that was signed before it."""

    __tablename__ = "day_report"

    day: date = Field(default=None, primary_key=True)
    seq: int = Field(default=None, sa_type=number_type(), nullable=False, unique=True)
    content: str = text()
    previous_sha256: bytes = raw_bytes()
    sha256: bytes = raw_bytes()
    ledger_head_sha256: bytes = raw_bytes()
    closed_by: str = text()
    closed_at: datetime = instant()
