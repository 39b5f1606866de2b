"""Every table about people, what they owe, what we tell them and who works here."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint
from sqlalchemy import text as sql
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
    text,
)


class SchemeRow(Table, table=True):
    """One version of a contribution scheme; an approved version never changes."""

    __tablename__ = "scheme"
    __table_args__ = (
        one_of("status", ("draft", "approved", "active", "retired")),
        one_of("legal_status", ("LEGAL", "DERIVED", "ILLUSTRATIVE")),
    )

    code: str = text(primary_key=True)
    version: int = Field(default=None, primary_key=True)
    status: str = text()
    legal_status: str = text()
    legal_reference: str = text()
    valid_from: date = Field(default=None, nullable=False)
    valid_to: date | None = Field(default=None, nullable=True)
    rules: dict[str, Any] = document()
    approved_by: str = text()
    loaded_at: datetime = instant()


class Household(Table, table=True):
    """The unit that contributes: a RAMU number, a scheme and how many people it covers."""

    __tablename__ = "household"
    __table_args__ = (
        CheckConstraint("ramu_number ~ '^[0-9]{10}$'", name="ramu_number_shape"),
        CheckConstraint("people_count BETWEEN 1 AND 99", name="people_count_plausible"),
        CheckConstraint("children_count BETWEEN 0 AND people_count", name="children_count_plausible"),
        ForeignKeyConstraint(["scheme_code", "scheme_version"], ["scheme.code", "scheme.version"]),
        Index("ix_household_next_period_on", "next_period_on"),
    )

    id: int = identity()
    ramu_number: str = text(unique=True)
    activity: str = text()
    cercle_code: str = text()
    people_count: int = Field(default=None, nullable=False)
    children_count: int = Field(default=0, nullable=False)
    scheme_code: str = text()
    scheme_version: int = Field(default=None, nullable=False)
    registered_on: date = Field(default=None, nullable=False)
    registered_at: datetime = instant()
    next_period_on: date = Field(default=None, nullable=False)


class ParkedHousehold(Table, table=True):
    """A household whose account cannot be worked out: why, and when it is looked at again."""

    __tablename__ = "parked_household"
    __table_args__ = (ForeignKeyConstraint(["household_id"], ["household.id"]),)

    household_id: int = Field(default=None, sa_type=number_type(), primary_key=True)
    attempts: int = Field(default=0, nullable=False)
    parked_at: datetime = instant()
    next_attempt_at: datetime = instant()
    why: str = text()


class Member(Table, table=True):
    """A person covered through a household."""

    __tablename__ = "member"
    __table_args__ = (
        ForeignKeyConstraint(["household_id"], ["household.id"]),
        Index("uq_member_head", "household_id", unique=True, postgresql_where=sql("is_head")),
    )

    id: int = identity()
    household_id: int = number(index=True)
    name: str = text()
    is_head: bool = Field(default=False, nullable=False)


class Phone(Table, table=True):
    """A number registered to a household: who it shows its situation to and whose payments it makes."""

    __tablename__ = "phone"
    __table_args__ = (
        CheckConstraint("msisdn ~ '^[+][0-9]{8,15}$'", name="msisdn_e164"),
        ForeignKeyConstraint(["household_id"], ["household.id"]),
        Index("ix_phone_household_id", "household_id"),
    )

    msisdn: str = text(primary_key=True)
    household_id: int = number()
    last_wallet: str | None = text(nullable=True)
    registered_at: datetime = instant()


class DueItem(Table, table=True):
    """A dated amount that a household owes for one period."""

    __tablename__ = "due_item"
    __table_args__ = (
        UniqueConstraint("household_id", "scheme_code", "period_start"),
        positive("amount_xof"),
        CheckConstraint("gross_xof >= amount_xof", name="gross_covers_amount"),
        CheckConstraint("period_end >= period_start", name="period_forward"),
        ForeignKeyConstraint(["household_id"], ["household.id"]),
        ForeignKeyConstraint(["scheme_code", "scheme_version"], ["scheme.code", "scheme.version"]),
    )

    id: int = identity()
    household_id: int = number()
    scheme_code: str = text()
    scheme_version: int = Field(default=None, nullable=False)
    period_start: date = Field(default=None, nullable=False)
    period_end: date = Field(default=None, nullable=False)
    due_on: date = Field(default=None, nullable=False)
    label: str = text()
    gross_xof: int = amount()
    amount_xof: int = amount()
    opened_at: datetime = instant()


class AllocationRow(Table, table=True):
    """Money applied to one due item by one ledger transaction."""

    __tablename__ = "allocation"
    __table_args__ = (
        UniqueConstraint("ledger_txn_id", "due_item_id"),
        CheckConstraint("amount_xof <> 0", name="amount_xof_moves"),
        ForeignKeyConstraint(["household_id"], ["household.id"]),
        ForeignKeyConstraint(["due_item_id"], ["due_item.id"]),
        ForeignKeyConstraint(["ledger_txn_id"], ["ledger_txn.id"]),
        Index("ix_allocation_due_item_id", "due_item_id"),
        Index("ix_allocation_household_id", "household_id"),
    )

    id: int = identity()
    household_id: int = number()
    due_item_id: int = number()
    ledger_txn_id: int = number()
    amount_xof: int = amount()
    allocated_on: date = Field(default=None, nullable=False)


class UssdSession(Table, table=True):
    """Where a caller stands in a dialogue; never the truth about money."""

    __tablename__ = "ussd_session"
    __table_args__ = (Index("ix_ussd_session_expires_at", "expires_at"),)

    aggregator: str = text(primary_key=True)
    session_id: str = text(primary_key=True)
    msisdn: str = text()
    version: int = Field(default=0, nullable=False)
    content: str = text()
    expires_at: datetime = instant()


class OutboxSms(Table, table=True):
    """A message that must reach a phone, once per key."""

    __tablename__ = "outbox_sms"
    __table_args__ = (
        one_of("kind", ("receipt", "suspense", "registered", "situation", "failure")),
        one_of("state", ("queued", "sent", "delivered", "undelivered", "failed", "dropped")),
        CheckConstraint("(state = 'queued') = (next_attempt_at IS NOT NULL)", name="queued_has_a_next_attempt"),
        # New messages and repeated ones are two queues, so that neither stands behind the other.
        Index(
            "ix_outbox_sms_fresh", "next_attempt_at", "id", postgresql_where=sql("state = 'queued' AND attempts = 0")
        ),
        Index(
            "ix_outbox_sms_again", "next_attempt_at", "id", postgresql_where=sql("state = 'queued' AND attempts > 0")
        ),
        Index("ix_outbox_sms_unfinished", "state", "id", postgresql_where=sql("state NOT IN ('sent', 'delivered')")),
        Index("ix_outbox_sms_provider_id", "provider_id", postgresql_where=sql("provider_id IS NOT NULL")),
        Index("ix_outbox_sms_household_id", "household_id"),
    )

    id: int = identity()
    key: str = text(unique=True)
    kind: str = text()
    household_id: int | None = number(nullable=True)
    msisdn: str = text()
    body: str = text()
    state: str = text()
    attempts: int = Field(default=0, nullable=False)
    queued_at: datetime = instant()
    next_attempt_at: datetime | None = instant(nullable=True)
    sent_at: datetime | None = instant(nullable=True)
    provider_id: str | None = text(nullable=True)
    last_error: str | None = text(nullable=True)
    # Past this moment nobody needs the message; without one it waits without limit.
    useful_until: datetime | None = instant(nullable=True)
    # The request that the message calls failed: it is sent only while that is so.
    failed_request_id: int | None = number(nullable=True)
    # What keeps it waiting, or why it was given up: an outcome of the last hand-over.
    trouble: str | None = text(nullable=True)
    # The network's last word, and when it came.
    delivery: str | None = text(nullable=True)
    reported_at: datetime | None = instant(nullable=True)


class SmsEarlyReport(Table, table=True):
    """A delivery report whose message is not known, or not known yet: it may come before our own commit."""

    __tablename__ = "sms_early_report"

    provider_id: str = text(primary_key=True)
    state: str = text()
    words: str = text()
    received_at: datetime = instant()


class SandboxSms(Table, table=True):
    """What the sandbox sender 'sent': kept, so that a person can read it on the browser phone."""

    __tablename__ = "sandbox_sms"
    __table_args__ = (Index("ix_sandbox_sms_msisdn_sent_at", "msisdn", "sent_at"),)

    id: int = identity()
    key: str = text(unique=True)
    msisdn: str = text()
    body: str = text()
    sent_at: datetime = instant()


class Staff(Table, table=True):
    """A person who works with the console."""

    __tablename__ = "staff"
    __table_args__ = (one_of("role", ("desk", "finance", "accountant", "auditor", "admin")),)

    id: int = identity()
    login: str = text(unique=True)
    name: str = text()
    role: str = text()
    password_hash: str = text()
    created_at: datetime = instant()
    disabled_at: datetime | None = instant(nullable=True)


class StaffSession(Table, table=True):
    """A login in progress; only the digest of its token is kept."""

    __tablename__ = "staff_session"
    __table_args__ = (ForeignKeyConstraint(["staff_id"], ["staff.id"]),)

    token_sha256: bytes = Field(default=None, sa_type=LargeBinary, primary_key=True)
    staff_id: int = number(index=True)
    csrf_token: str = text()
    started_at: datetime = instant()
    seen_at: datetime = instant()


class StaffDevice(Table, table=True):
    """A browser from which a colleague came in; only the digest of its token is kept."""

    __tablename__ = "staff_device"
    __table_args__ = (ForeignKeyConstraint(["staff_id"], ["staff.id"]),)

    token_sha256: bytes = Field(default=None, sa_type=LargeBinary, primary_key=True)
    staff_id: int = number(index=True)
    issued_at: datetime = instant()
    seen_at: datetime = instant()


class LoginAttempt(Table, table=True):
    """Mistakes at the door under one key, the digest of a source, an account or a browser; soon forgotten."""

    __tablename__ = "login_attempt"
    __table_args__ = (Index("ix_login_attempt_seen_at", "seen_at"),)

    key: bytes = Field(default=None, sa_type=LargeBinary, primary_key=True)
    failures: int = Field(default=0, nullable=False)
    next_allowed_at: datetime = instant()
    seen_at: datetime = instant()


class AuditEvent(Table, table=True):
    """Who did what, when and why; only ever added to."""

    __tablename__ = "audit_event"
    __table_args__ = (Index("ix_audit_event_subject", "subject"),)

    id: int = identity()
    at: datetime = instant()
    actor: str = text()
    action: str = text()
    subject: str = text()
    detail: dict[str, Any] = document()
