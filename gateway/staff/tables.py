"""Every table about those who work here: who they are, how they came in and what they did."""

from sqlalchemy import ForeignKeyConstraint, Index

from payments.columns import (
    BytesKey,
    CountedId,
    Document,
    IndexedNumber,
    Instant,
    OptionalInstant,
    PlainText,
    Table,
    UniqueText,
    one_of,
)


class Staff(Table, table=True):
    """A person who works with the console."""

    __tablename__ = "staff"
    __table_args__ = (one_of("role", ("desk", "finance", "accountant", "auditor", "admin")),)

    id: CountedId
    login: UniqueText
    name: PlainText
    role: PlainText
    password_hash: PlainText
    created_at: Instant
    disabled_at: OptionalInstant = None
    # Until then the password is one that somebody else knows, and only good for choosing another; empty for one's own.
    one_time_until: OptionalInstant = None


class StaffSession(Table, table=True):
    """A login in progress; only the digest of its token is kept."""

    __tablename__ = "staff_session"
    __table_args__ = (ForeignKeyConstraint(["staff_id"], ["staff.id"]),)

    token_sha256: BytesKey
    staff_id: IndexedNumber
    csrf_token: PlainText
    started_at: Instant
    seen_at: Instant


class StaffDevice(Table, table=True):
    """A browser from which a colleague came in; only the digest of its token is kept."""

    __tablename__ = "staff_device"
    __table_args__ = (ForeignKeyConstraint(["staff_id"], ["staff.id"]),)

    token_sha256: BytesKey
    staff_id: IndexedNumber
    issued_at: Instant
    seen_at: Instant


class LoginAttempt(Table, table=True):
    """Failed logins under one key, the digest of a source, an account or a browser; soon forgotten."""

    __tablename__ = "login_attempt"
    __table_args__ = (Index("ix_login_attempt_seen_at", "seen_at"),)

    key: BytesKey
    failures: int = 0
    next_allowed_at: Instant
    seen_at: Instant


class AuditEvent(Table, table=True):
    """Who did what, when and why; only ever added to."""

    __tablename__ = "audit_event"
    __table_args__ = (Index("ix_audit_event_subject", "subject"),)

    id: CountedId
    at: Instant
    actor: PlainText
    action: PlainText
    subject: PlainText
    detail: Document
