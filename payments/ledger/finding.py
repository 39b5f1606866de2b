"""What a verification of the books can find wrong."""

from dataclasses import dataclass
from enum import StrEnum

from payments.detail import Detail


class FindingKind(StrEnum):
    """One way in which the books can be untrue."""

    CONTENT_CHANGED = "content_changed"
    ROWS_MISSING = "rows_missing"
    ROWS_INSERTED = "rows_inserted"
    CHAIN_BROKEN = "chain_broken"
    HEAD_LOST = "head_lost"
    DAY_CHANGED = "day_changed"
    DAY_CHAIN_BROKEN = "day_chain_broken"
    EVIDENCE_CHANGED = "evidence_changed"
    STATEMENT_CHANGED = "statement_changed"
    PAYMENT_MOVED = "payment_moved"
    PAYMENT_RENAMED = "payment_renamed"
    ALLOCATION_MOVED = "allocation_moved"
    CHARGE_EXCEEDED = "charge_exceeded"
    CHARGE_NOT_POSTED = "charge_not_posted"
    UNBALANCED = "unbalanced"
    TOTAL_CHANGED = "total_changed"
    ENTRY_WITHOUT_TXN = "entry_without_txn"
    LEDGER_NOT_ZERO = "ledger_not_zero"
    PAYMENT_NOT_POSTED = "payment_not_posted"
    PAYMENT_ELSEWHERE = "payment_elsewhere"
    CLEARING_WITHOUT_PAYMENT = "clearing_without_payment"
    ALLOCATION_NOT_POSTED = "allocation_not_posted"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found wrong, with the sealed block it lies in where there is one."""

    block_seq: int | None
    kind: FindingKind
    detail: Detail
