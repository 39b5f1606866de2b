"""Every table that holds money or evidence of money; written by this package only."""

from datetime import date
from typing import Annotated

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy import text as sql

from payments.break_kind import BreakKind
from payments.columns import (
    BY_ID,
    BigNumber,
    BigNumberKey,
    CountedId,
    DayKey,
    Document,
    Francs,
    Instant,
    NumberKey,
    OptionalDocument,
    OptionalFrancs,
    OptionalInstant,
    OptionalNumber,
    OptionalNumbers,
    OptionalText,
    PlainText,
    RawBytes,
    Table,
    TextDocument,
    TextKey,
    UniqueNumber,
    UniqueText,
    UniqueUuid,
    WritingTransaction,
    counted_in,
    due,
    one_of,
    positive,
)
from payments.evidence.tables import UnreadableCallback as UnreadableCallback
from payments.ledger.tables import Party as Party
from payments.observation import HoldReason, LineKind, ObservedStatus, Provenance, VerdictKind
from payments.reconciliation.upload import UploadState
from payments.requests.lifecycle import State

#: Rows that come in the order of their moments: a summary of each run of blocks finds those of a day.
IN_ORDER = {"pages_per_range": 16, "autosummarize": True}
AT_WORK = sql("state IN ('received', 'reading', 'stored')")
UNPLACED, COUNTED = sql("party_id IS NULL"), ["amount_xof"]


class PaymentRequest(Table, table=True):
    """We asked a wallet to pay."""

    __tablename__ = "payment_request"
    __table_args__ = (
        positive("amount_xof"),
        one_of("state", State),
        CheckConstraint("jsonb_typeof(operator_state) = 'object'", name="operator_state_is_an_object"),
        # No column that changes is in an index: a writing stays on its page and touches none of them.
        Index("ix_payment_request_payer_msisdn_created_at", "payer_msisdn", "created_at"),
        ForeignKeyConstraint(["party_id"], ["party.id"]),
        Index("ix_payment_request_created_at", "created_at", postgresql_using="brin", postgresql_with=IN_ORDER),
    )

    id: CountedId
    operator: PlainText
    reference: UniqueText
    correlation_id: UniqueUuid
    callback_token: UniqueText
    idempotency_key: UniqueText
    party_id: BigNumber
    payer_msisdn: PlainText
    amount_xof: Francs
    state: PlainText
    submissions: int = 0
    inquiries: int = 0
    failures: int = 0
    created_at: Instant
    submitted_at: OptionalInstant = None
    next_attempt_at: OptionalInstant = None
    finalised_at: OptionalInstant = None
    parked_at: OptionalInstant = None
    last_detail: OptionalText = None
    # What the operator gave us with its answer, and wants to hear again when it is asked.
    operator_request_id: OptionalText = None
    operator_state: OptionalDocument = None


class QueuedRequest(Table, table=True):
    """A request that waits for its time, for a person or for an answer; PostgreSQL keeps the row by itself."""

    __tablename__ = "payment_request_queue"
    __table_args__ = (
        ForeignKeyConstraint(["request_id"], ["payment_request.id"]),
        Index("ix_payment_request_queue_due", "operator", "was_polled", "next_attempt_at", "request_id"),
    )
    request_id: BigNumberKey
    operator: PlainText
    state: PlainText
    was_polled: bool
    next_attempt_at: OptionalInstant = None
    parked_at: OptionalInstant = None


class Callback(Table, table=True):
    """A message from an operator, byte for byte as received."""

    __tablename__ = "callback"
    __table_args__ = (
        one_of("verdict", VerdictKind),
        ForeignKeyConstraint(["request_id"], ["payment_request.id"]),
        due("callback", "attempts", "handled_at IS NULL AND parked_at IS NULL"),
        Index("ix_callback_request_id", "request_id"),
        Index("ix_callback_parked_at", "parked_at", postgresql_where=sql("parked_at IS NOT NULL")),
        BY_ID,
    )

    id: Annotated[int, counted_in("callback_id_seq")]
    operator: PlainText
    request_id: OptionalNumber = None
    method: PlainText
    path: PlainText
    query: PlainText
    headers: TextDocument
    body: RawBytes
    verdict: PlainText
    reason: PlainText
    received_at: Instant
    attempts: int = 0
    next_attempt_at: OptionalInstant = None
    handled_at: OptionalInstant = None
    parked_at: OptionalInstant = None
    last_error: OptionalText = None
    # Whose address it came from; not kept of those before migration 1004.
    sender: OptionalText = None


class Inquiry(Table, table=True):
    """A transaction or a request that a message pointed at, asked about by a schedule of its own."""

    __tablename__ = "inquiry"
    __table_args__ = (
        CheckConstraint("request_id IS NOT NULL OR operator_transaction_id IS NOT NULL", name="asks_about_something"),
        UniqueConstraint("operator", "request_id", "operator_transaction_id", postgresql_nulls_not_distinct=True),
        ForeignKeyConstraint(["request_id"], ["payment_request.id"]),
        due("inquiry", "attempts", "next_attempt_at IS NOT NULL"),
        Index("ix_inquiry_parked_at", "parked_at", postgresql_where=sql("parked_at IS NOT NULL")),
    )

    id: CountedId
    operator: PlainText
    request_id: OptionalNumber = None
    operator_transaction_id: OptionalText = None
    attempts: int = 0
    opened_at: Instant
    next_attempt_at: OptionalInstant = None
    closed_at: OptionalInstant = None
    parked_at: OptionalInstant = None
    last_detail: OptionalText = None


class OperatorTrouble(Table, table=True):
    """An operator that refuses us or does not answer one kind of call; gone when it answers again."""

    __tablename__ = "operator_trouble"

    operator: TextKey
    job: TextKey
    kind: PlainText
    detail: PlainText
    since: Instant
    seen_at: Instant


class ObservationRow(Table, table=True):
    """One piece of evidence as it was read; statement lines keep theirs in ``statement_line``."""

    __tablename__ = "observation"
    __table_args__ = (
        one_of("provenance", Provenance),
        one_of("status", ObservedStatus),
        ForeignKeyConstraint(["request_id"], ["payment_request.id"]),
        Index("ix_observation_request_id", "request_id"),
        Index("ix_observation_operator_operator_transaction_id", "operator", "operator_transaction_id"),
        BY_ID,
    )

    id: Annotated[int, counted_in("observation_id_seq")]
    operator: PlainText
    provenance: PlainText
    status: PlainText
    amount_xof: OptionalFrancs = None
    fee_xof: OptionalFrancs = None
    payer_msisdn: OptionalText = None
    our_reference: OptionalText = None
    operator_transaction_id: OptionalText = None
    occurred_at: OptionalInstant = None
    observed_at: Instant
    request_id: OptionalNumber = None
    callback_id: OptionalNumber = None
    detail: PlainText
    raw_transaction_id: OptionalText = None
    remarks: PlainText


class LedgerTxnRow(Table, table=True):
    """A balanced set of entries with its author and its reason."""

    __tablename__ = "ledger_txn"
    __table_args__ = (
        ForeignKeyConstraint(["reverses_id"], ["ledger_txn.id"]),
        Index("uq_ledger_txn_reverses_id", "reverses_id", unique=True, postgresql_where=sql("reverses_id IS NOT NULL")),
    )

    id: CountedId
    ref: UniqueText
    kind: PlainText
    effective_at: Instant
    posted_at: Instant
    actor: PlainText
    reason: PlainText
    reverses_id: OptionalNumber = None
    written_in: WritingTransaction


class LedgerEntry(Table, table=True):
    """One line of a ledger transaction; above zero debits, below zero credits."""

    __tablename__ = "ledger_entry"
    __table_args__ = (
        CheckConstraint("amount_xof <> 0", name="amount_xof_moves"),
        ForeignKeyConstraint(["txn_id"], ["ledger_txn.id"]),
        ForeignKeyConstraint(["account"], ["account.code"]),
        ForeignKeyConstraint(["party_id"], ["party.id"]),
        # What a party holds in advance is asked at every turn; its other entries are found by their transaction.
        Index("ix_ledger_entry_advances", "party_id", postgresql_where=sql("account = 'advances'")),
    )

    txn_id: BigNumberKey
    line: NumberKey
    account: PlainText
    party_id: BigNumber
    amount_xof: Francs


class LedgerBlock(Table, table=True):
    """A sealed run of ledger transactions, chained to the block before."""

    __tablename__ = "ledger_block"

    seq: BigNumberKey
    after_txn_id: BigNumber
    through_txn_id: BigNumber
    txn_count: int = 0
    previous_sha256: RawBytes
    sha256: RawBytes
    sealed_at: Instant


class LedgerTotal(Table, table=True):
    """What was debited and credited to one account from the first transaction through the last of a block."""

    __tablename__ = "ledger_total"
    __table_args__ = (
        ForeignKeyConstraint(["block_seq"], ["ledger_block.seq"]),
        CheckConstraint("debit_xof >= 0 AND credit_xof >= 0", name="sides_are_sums"),
    )

    block_seq: BigNumberKey
    account: TextKey
    debit_xof: Francs
    credit_xof: Francs


class Payment(Table, table=True):
    """Money that an operator holds for us, once per operator transaction, for ever."""

    __tablename__ = "payment"
    __table_args__ = (
        UniqueConstraint("operator", "operator_transaction_id"),
        UniqueConstraint("ledger_txn_id"),
        positive("amount_xof"),
        one_of("matched_by", ("reference", "payer", "suspense")),
        CheckConstraint("(party_id IS NULL) = (matched_by = 'suspense')", name="suspense_has_no_party"),
        one_of("hold_reason", HoldReason),
        CheckConstraint("hold_reason IS NULL OR party_id IS NULL", name="on_hold_has_no_party"),
        one_of("provenance", Provenance),
        CheckConstraint("provenance <> 'unverified_callback'", name="provenance_proves"),
        ForeignKeyConstraint(["request_id"], ["payment_request.id"]),
        ForeignKeyConstraint(["party_id"], ["party.id"]),
        ForeignKeyConstraint(["ledger_txn_id"], ["ledger_txn.id"], deferrable=True, initially="DEFERRED"),
        Index("ix_payment_operator_occurred_at", "operator", "occurred_at"),
        Index("ix_payment_party_id_posted_at", "party_id", "posted_at"),
        Index("ix_payment_request_id", "request_id"),
        Index("ix_payment_amount_xof", "amount_xof", "occurred_at", "id"),
        Index("ix_payment_unasked_payer", "payer_msisdn", postgresql_where=sql("request_id IS NULL")),
        Index("ix_payment_suspense_payer", "payer_msisdn", postgresql_where=UNPLACED),
        Index("ix_payment_suspense", "occurred_at", "id", postgresql_include=COUNTED, postgresql_where=UNPLACED),
    )

    id: CountedId
    operator: PlainText
    operator_transaction_id: PlainText
    request_id: OptionalNumber = None
    party_id: OptionalNumber = None
    amount_xof: Francs
    fee_xof: OptionalFrancs = None
    payer_msisdn: OptionalText = None
    our_reference: OptionalText = None
    matched_by: PlainText
    provenance: PlainText
    occurred_at: Instant
    posted_at: Instant
    ledger_txn_id: BigNumber
    receipt_number: UniqueText
    raw_transaction_id: OptionalText = None
    hold_reason: OptionalText = None


class StatementFile(Table, table=True):
    """An operator's statement as it was read, once per content; its bytes are those of its upload."""

    __tablename__ = "statement_file"
    __table_args__ = (
        UniqueConstraint("operator", "sha256"),
        Index("ix_statement_file_operator_covered_until", "operator", "covered_until"),
    )

    id: CountedId
    operator: PlainText
    sha256: RawBytes
    filename: PlainText
    account: PlainText
    period_start: Instant
    period_end: Instant
    covered_until: Instant
    opening_xof: OptionalFrancs = None
    closing_xof: OptionalFrancs = None
    line_count: int = 0
    collected_xof: Francs
    fees_xof: Francs
    printed_collected_xof: OptionalFrancs = None
    printed_fees_xof: OptionalFrancs = None
    gap_xof: Francs
    is_in_time: bool
    imported_by: PlainText
    imported_at: Instant


class StatementUpload(Table, table=True):
    """A statement file as somebody handed it in, and what has become of it."""

    __tablename__ = "statement_upload"
    __table_args__ = (
        UniqueConstraint("operator", "sha256"),
        one_of("state", UploadState),
        CheckConstraint("(state IN ('stored', 'matched', 'parked')) = (file_id IS NOT NULL)", name="file_when_stored"),
        ForeignKeyConstraint(["file_id"], ["statement_file.id"]),
        Index("ix_statement_upload_due", "next_attempt_at", postgresql_where=AT_WORK),
        Index("ix_statement_upload_aside", "received_at", postgresql_where=sql("state IN ('quarantined', 'parked')")),
        Index("ix_statement_upload_file_id", "file_id", unique=True),
    )

    id: CountedId
    operator: PlainText
    sha256: RawBytes
    filename: PlainText
    size_bytes: BigNumber
    received_by: PlainText
    received_at: Instant
    state: PlainText
    attempts: int = 0
    next_attempt_at: OptionalInstant = None
    motive: OptionalDocument = None
    motive_lines: OptionalNumbers = None
    breaks_opened: int = 0
    file_id: OptionalNumber = None


class StatementChunk(Table, table=True):
    """A piece of a statement file, byte for byte; the pieces in their order are the file."""

    __tablename__ = "statement_chunk"
    __table_args__ = (ForeignKeyConstraint(["upload_id"], ["statement_upload.id"]),)

    upload_id: BigNumberKey
    number: NumberKey
    content: RawBytes


class StatementLineRow(Table, table=True):
    """One line of a statement and, once it was matched, the bucket it fell into."""

    __tablename__ = "statement_line"
    __table_args__ = (
        one_of("kind", LineKind),
        one_of("status", ObservedStatus),
        CheckConstraint("(bucket IS NULL) = (matched_at IS NULL)", name="bucket_has_a_moment"),
        ForeignKeyConstraint(["file_id"], ["statement_file.id"], deferrable=True, initially="IMMEDIATE"),
        ForeignKeyConstraint(["payment_id"], ["payment.id"]),
        Index("ix_statement_line_unmatched", "file_id", "line_number", postgresql_where=sql("matched_at IS NULL")),
        Index("ix_statement_line_operator_subject", "operator", "subject"),
        Index("ix_statement_line_file_id_counts_at_line_number", "file_id", "counts_at", "line_number"),
        {"postgresql_partition_by": "RANGE (file_id)"},
    )

    file_id: BigNumberKey
    line_number: NumberKey
    operator: PlainText
    kind: PlainText
    status: PlainText
    amount_xof: OptionalFrancs = None
    fee_xof: OptionalFrancs = None
    payer_msisdn: OptionalText = None
    our_reference: OptionalText = None
    operator_transaction_id: OptionalText = None
    occurred_at: OptionalInstant = None
    raw: PlainText
    raw_transaction_id: OptionalText = None
    reference: OptionalText = None
    moved_xof: Francs
    remarks: PlainText
    subject: PlainText
    counts_at: Instant
    due_xof: Francs
    running_xof: Francs
    bucket: OptionalText = None
    matched_at: OptionalInstant = None
    payment_id: OptionalNumber = None


class Break(Table, table=True):
    """A difference between two sides that somebody must explain."""

    __tablename__ = "reconciliation_break"
    __table_args__ = (
        one_of("kind", BreakKind),
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
            "ix_reconciliation_break_operator_about", "operator", "about", postgresql_where=sql("superseded_at IS NULL")
        ),
        Index("ix_reconciliation_break_day_operator_id", "day", "operator", "id"),
        Index("ix_reconciliation_break_open", "day", "operator", "id", postgresql_where=sql("closed_at IS NULL")),
    )

    id: CountedId
    kind: PlainText
    operator: PlainText
    account: PlainText
    subject: PlainText
    about: PlainText
    day: date
    operator_amount_xof: OptionalFrancs = None
    ledger_amount_xof: OptionalFrancs = None
    difference_xof: Francs
    detail: Document
    payment_id: OptionalNumber = None
    owner: OptionalText = None
    opened_at: Instant
    closed_at: OptionalInstant = None
    close_reason: OptionalText = None
    superseded_at: OptionalInstant = None


class DayReport(Table, table=True):
    """The sealed reconciliation of one day, chained to the day that was signed before it."""

    __tablename__ = "day_report"

    day: DayKey
    seq: UniqueNumber
    content: PlainText
    previous_sha256: RawBytes
    sha256: RawBytes
    ledger_head_sha256: RawBytes
    closed_by: PlainText
    closed_at: Instant
