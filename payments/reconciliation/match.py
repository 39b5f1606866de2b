"""Which line and which payment are the same money; every line and every payment falls into exactly one bucket.

A *claim* is the first successful collection line of an operator transaction, in the order of the files and of their
lines: it is what the operator says of that money, once, however many files repeat it. Whatever the lines and the
payments are, a day's claims less its reversals equal what we hold plus the differences found here, to the franc.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from payments.observation import LineKind, ObservedStatus
from payments.reconciliation import difference
from payments.reconciliation.difference import Difference, DifferenceKind
from payments.reconciliation.facts import Booked, Claim, Known, Line


class Bucket(StrEnum):
    """Where a statement line ends."""

    MATCHED = "matched"
    RECOVERED = "recovered"
    SUSPENSE = "suspense"
    AMOUNT_DIFFERS = "amount_differs"
    STATUS_DIFFERS = "status_differs"
    REVERSAL = "reversal"
    DUPLICATE = "duplicate"
    NOT_MONEY = "not_money"
    UNREADABLE = "unreadable"


class PaymentBucket(StrEnum):
    """Where a payment of the statement's period ends."""

    MATCHED = "matched"
    AMOUNT_DIFFERS = "amount_differs"
    STATUS_DIFFERS = "status_differs"
    LEDGER_ONLY = "ledger_only"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The one bucket of one line, and the payment that it speaks of."""

    line_number: int
    bucket: Bucket
    payment_id: int | None = None


@dataclass(frozen=True, slots=True)
class Matched:
    """The outcome of each line in order, the breaks, and the transactions that are now named or even claimed."""

    outcomes: tuple[Outcome, ...]
    differences: tuple[Difference, ...]
    named_ids: frozenset[str]
    claimed_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was said by the lines so far; grows while a run of lines is judged."""

    claims: dict[str, Claim]
    reversed_ids: set[str]


_Judged = tuple[Outcome, tuple[Difference, ...]]


def to_recover(lines: Sequence[Line], known: Known) -> tuple[Line, ...]:
    """Pick the claims that we can credit and have not credited.

    Returns: at most one line per operator transaction, in order.
    """
    claimed, found = set(known.claims), []
    for line in lines:
        transaction_id = line.observation.operator_transaction_id
        if not line.is_claim or transaction_id is None or transaction_id in claimed:
            continue
        claimed.add(transaction_id)
        if transaction_id not in known.payments and line.is_bookable:
            found.append(line)
    return tuple(found)


def match(lines: Sequence[Line], known: Known) -> Matched:
    """Put every line into exactly one bucket and name what differs.

    Returns: one outcome per line, in order; ``known.payments`` must already hold what ``to_recover`` made us credit.
    """
    seen = _Seen(dict(known.claims), set(known.reversed_ids))
    judged = [_judge(line, known, seen) for line in lines]
    return Matched(
        outcomes=tuple(outcome for outcome, _ in judged),
        differences=tuple(found for _, differences in judged for found in differences),
        named_ids=frozenset(line.subject for line in lines if line.kind is LineKind.COLLECTION),
        claimed_ids=frozenset(seen.claims.keys() - known.claims.keys()),
    )


def payment_bucket(booked: Booked, claim: Claim | None, *, named: bool) -> PaymentBucket:
    """Put a payment into its bucket, from the claim on it or, without one, from whether any line names it."""
    if claim is not None:
        return PaymentBucket.MATCHED if claim.amount_xof == booked.amount_xof else PaymentBucket.AMOUNT_DIFFERS
    return PaymentBucket.STATUS_DIFFERS if named else PaymentBucket.LEDGER_ONLY


def unclaimed(payments: Mapping[str, Booked], named_ids: Collection[str]) -> tuple[Difference, ...]:
    """Open a break for each payment that no claim covers; ``named_ids`` are those that a line calls unsuccessful."""
    return tuple(
        difference.ours_alone(transaction_id, booked, named=transaction_id in named_ids)
        for transaction_id, booked in payments.items()
    )


def _judge(line: Line, known: Known, seen: _Seen) -> _Judged:
    match line.kind:
        case LineKind.COLLECTION if line.is_claim:
            return _claim(line, known, seen)
        case LineKind.COLLECTION:
            return _unsuccessful(line, known, seen)
        case LineKind.REVERSAL:
            return _reversal(line, known, seen)
        case LineKind.FEE | LineKind.TRANSFER | LineKind.OTHER:
            return Outcome(line.line_number, Bucket.NOT_MONEY), ()
        case _:
            assert_never(line.kind)


def _claim(line: Line, known: Known, seen: _Seen) -> _Judged:
    booked, first = known.payments.get(line.subject), seen.claims.get(line.subject)
    if first is not None:
        return _repeated(line, first, booked, known)
    if line.observation.operator_transaction_id is not None:
        seen.claims[line.subject] = Claim(line.observation.amount_xof, same_file=True)
    if booked is not None:
        return _held(line, booked, known)
    return Outcome(line.line_number, Bucket.UNREADABLE), (difference.statement_only(line, known.otherwise_on),)


def _held(line: Line, booked: Booked, known: Known) -> _Judged:
    found = difference.timing(line, booked)
    if booked.household_id is None:
        unidentified = DifferenceKind.UNIDENTIFIED
        found = (*found, difference.information(unidentified, line, booked, known.otherwise_on))
    claim = Claim(line.observation.amount_xof, same_file=True)
    if payment_bucket(booked, claim, named=True) is PaymentBucket.AMOUNT_DIFFERS:
        found = (*found, difference.amount(line, booked, known.otherwise_on))
        return Outcome(line.line_number, Bucket.AMOUNT_DIFFERS, booked.payment_id), found
    bucket = Bucket.MATCHED
    if booked.recovered:
        bucket = Bucket.SUSPENSE if booked.household_id is None else Bucket.RECOVERED
    return Outcome(line.line_number, bucket, booked.payment_id), found


def _repeated(line: Line, first: Claim, booked: Booked | None, known: Known) -> _Judged:
    outcome = Outcome(line.line_number, Bucket.DUPLICATE, booked.payment_id if booked else None)
    if not first.same_file and first.amount_xof == line.observation.amount_xof:
        # Statements overlap; the same line in a second file is no news.
        return outcome, ()
    return outcome, (difference.information(DifferenceKind.DUPLICATE, line, booked, known.otherwise_on),)


def _unsuccessful(line: Line, known: Known, seen: _Seen) -> _Judged:
    booked = known.payments.get(line.subject)
    if booked is None:
        return Outcome(line.line_number, Bucket.NOT_MONEY), ()
    if line.subject in seen.claims or line.subject in known.claimed_ids:
        found = difference.contradiction(line, booked, known.otherwise_on)
    else:
        found = difference.ours_alone(line.subject, booked, named=True)
    return Outcome(line.line_number, Bucket.STATUS_DIFFERS, booked.payment_id), (found,)


def _reversal(line: Line, known: Known, seen: _Seen) -> _Judged:
    if line.observation.status not in {ObservedStatus.SUCCEEDED, ObservedStatus.REVERSED}:
        return Outcome(line.line_number, Bucket.NOT_MONEY), ()
    booked = known.payments.get(line.subject)
    payment_id = booked.payment_id if booked else None
    if line.subject in seen.reversed_ids:
        return Outcome(line.line_number, Bucket.DUPLICATE, payment_id), ()
    seen.reversed_ids.add(line.subject)
    return Outcome(line.line_number, Bucket.REVERSAL, payment_id), (difference.reversal(line, known.otherwise_on),)
