"""What kinds of messages there are, what can become of one, and how long each is worth sending."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final


class SmsKind(StrEnum):
    """Which fact a message tells."""

    RECEIPT = "receipt"
    SUSPENSE = "suspense"
    REGISTERED = "registered"
    SITUATION = "situation"
    FAILURE = "failure"
    MOVED = "moved"


class SmsState(StrEnum):
    """Where a message stands; the last four are ends."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    DROPPED = "dropped"


#: How long after its fact a message of each kind is still worth sending; None waits without limit, for it tells of
#: money received. The others grow stale: sums move on, and nobody waits a day for "try again".
USEFUL_FOR: Final[Mapping[SmsKind, timedelta | None]] = {
    SmsKind.RECEIPT: None,
    SmsKind.SUSPENSE: None,
    SmsKind.REGISTERED: timedelta(days=7),
    SmsKind.SITUATION: timedelta(hours=2),
    SmsKind.FAILURE: timedelta(hours=12),
    SmsKind.MOVED: timedelta(days=7),
}
