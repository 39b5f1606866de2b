"""How much of one operator transaction is known to have been taken back, whoever said so and how often."""

from collections import defaultdict
from collections.abc import Iterable

from payments.match import Credit, Reversal
from payments.observation import Provenance


def reversed_xof(credit: Credit, reversals: Iterable[Reversal]) -> int:
    """Add up what one source says was taken back of this money, and believe the source that says most.

    A source repeats itself: what it says twice with the same amount and date is one reversal. Two sources speak of the
    same reversal, each with a date of its own, so their sums are never added.
    Units:   whole francs, from nothing to the whole amount.
    """
    by_source: dict[Provenance, int] = defaultdict(int)
    for one in {found for found in reversals if _concerns(found, credit)}:
        named = one.amount_xof is not None and 0 < one.amount_xof < credit.amount_xof
        by_source[one.provenance] += one.amount_xof if named and one.amount_xof else credit.amount_xof
    return min(max(by_source.values(), default=0), credit.amount_xof)


def _concerns(found: Reversal, credit: Credit) -> bool:
    if found.operator != credit.operator:
        return False
    if found.operator_transaction_id:
        return found.operator_transaction_id == credit.operator_transaction_id
    return found.request_id is not None and found.request_id == credit.request_id
