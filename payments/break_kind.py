"""Every kind of difference that somebody must explain, whoever found it: evidence, a statement, or a signed day."""

from enum import StrEnum
from typing import Final


class BreakKind(StrEnum):
    """Why two figures or two words differ; of money that crosses midnight TIMING is the operator's day."""

    AMOUNT = "AMOUNT"
    ASKED_OTHER_AMOUNT = "ASKED_OTHER_AMOUNT"
    STATEMENT_ONLY = "STATEMENT_ONLY"
    LEDGER_ONLY = "LEDGER_ONLY"
    STATUS = "STATUS"
    REVERSAL = "REVERSAL"
    DUPLICATE = "DUPLICATE"
    UNIDENTIFIED = "UNIDENTIFIED"
    OTHER_HOUSEHOLD = "OTHER_HOUSEHOLD"
    OTHER_REQUEST = "OTHER_REQUEST"
    OTHER_PAYER = "OTHER_PAYER"
    DOUBLE_PAYMENT = "DOUBLE_PAYMENT"
    COLLISION = "COLLISION"
    UNKNOWN_SERVICE = "UNKNOWN_SERVICE"
    TIMING = "TIMING"
    TIMING_BOOKED = "TIMING_BOOKED"
    ADDED = "ADDED"
    DROPPED = "DROPPED"
    CORRECTED = "CORRECTED"
    DATE = "DATE"
    CONTINUITY = "CONTINUITY"
    TOTALS = "TOTALS"
    LATE_FOR_SEALED_DAY = "LATE_FOR_SEALED_DAY"


#: What needs nobody: it is told, and does not wait.
INFORMING: Final = frozenset(
    {BreakKind.ASKED_OTHER_AMOUNT, BreakKind.TIMING, BreakKind.TIMING_BOOKED, BreakKind.LATE_FOR_SEALED_DAY}
)
