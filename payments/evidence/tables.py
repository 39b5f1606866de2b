"""What came to the address of an operator and was not read: refused before it was kept, or kept and unreadable."""

from sqlalchemy import CheckConstraint, Index
from sqlalchemy import text as sql

from payments.columns import (
    BigNumber,
    BigNumberKey,
    DayKey,
    Instant,
    OptionalBytes,
    OptionalInstant,
    OptionalText,
    PlainText,
    Table,
    TextKey,
)

STILL_OPEN = sql("closed_at IS NULL")


class RefusedCallback(Table, table=True):
    """What was refused at the address of an operator: how often, of whom and why; never the body."""

    __tablename__ = "refused_callback"

    operator: TextKey
    day: DayKey
    sender: TextKey
    reason: TextKey
    refused: BigNumber
    last_sha256: OptionalBytes = None
    last_bytes: BigNumber
    last_at: Instant


class UnreadableCallback(Table, table=True):
    """A callback that came to nothing, and what was decided of it; it outlives the callback, whose body may leave.

    One that is parked waits for a person; any other is told and asks nothing of anybody. What was closed and not
    dismissed is tried again.
    """

    __tablename__ = "unreadable_callback"
    __table_args__ = (
        CheckConstraint("(dismissed_by IS NULL) = (dismiss_reason IS NULL)", name="dismissed_for_a_reason"),
        CheckConstraint("dismissed_by IS NULL OR closed_at IS NOT NULL", name="dismissed_is_closed"),
        # None to the callback: it leaves the database with its stretch.
        Index("ix_unreadable_callback_open", "is_parked", "callback_id", postgresql_where=STILL_OPEN),
        Index("ix_unreadable_callback_sender", "operator", "sender", "callback_id", postgresql_where=STILL_OPEN),
    )

    callback_id: BigNumberKey
    operator: PlainText
    sender: PlainText
    received_at: Instant
    noticed_at: Instant
    is_parked: bool
    why: PlainText
    closed_at: OptionalInstant = None
    dismissed_by: OptionalText = None
    dismiss_reason: OptionalText = None
