"""How much of one operator transaction is known to have been taken back, whoever said so and how often."""

from collections import defaultdict
from collections.abc import Iterable

from payments.evidence.facts import ConfirmedPayment, Reversal
from payments.observation import Provenance


def reversed_xof(confirmed: ConfirmedPayment, reversals: Iterable[Reversal]) -> int:
    """Add up what one source says was taken back of this money, and believe the source that says most.

    A source repeats itself: what it says twice with the same amount and date is one reversal. Two sources speak of the
    same reversal, each with a date of its own, so their sums are never added.
    Units:   whole francs, from nothing to the whole amount.
    """
    by_source: dict[Provenance, int] = defaultdict(int)
    for one in {found for found in reversals if _concerns(found, confirmed)}:
        named = one.amount_xof is not None and 0 < one.amount_xof < confirmed.amount_xof
        by_source[one.provenance] += one.amount_xof if named and one.amount_xof else confirmed.amount_xof
    return min(max(by_source.values(), default=0), confirmed.amount_xof)


def _concerns(found: Reversal, confirmed: ConfirmedPayment) -> bool:
    if found.operator != confirmed.operator:
        return False
    if found.operator_transaction_id:
        return found.operator_transaction_id == confirmed.operator_transaction_id
    return found.request_id is not None and found.request_id == confirmed.request_id
