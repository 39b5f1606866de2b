"""What goes into the decision about a batch of evidence, and what comes out of it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from payments.break_kind import BreakKind
from payments.dating import Window
from payments.detail import Detail
from payments.observation import HoldReason, Observation, Provenance
from payments.requests.facts import RequestFact, StateChange


class MatchedBy(StrEnum):
    """How a payment found its household."""

    REFERENCE = "reference"
    PAYER = "payer"
    SUSPENSE = "suspense"


@dataclass(frozen=True, slots=True)
class Evidence:
    """An observation with the way it came; ``window`` holds the dates that a statement's own period allows."""

    observation: Observation
    request_id: int | None = None
    callback_id: int | None = None
    detail: str = ""
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class ExistingPayment:
    """A payment that was credited before, by whatever evidence came first.

    ``bound_request_id`` is the request that evidence bound it to later, where it was credited without one.
    """

    id: int
    operator: str
    operator_transaction_id: str
    party_id: int | None
    amount_xof: int
    request_id: int | None = None
    payer_msisdn: str | None = None
    raw_transaction_id: str | None = None
    hold_reason: HoldReason | None = None
    bound_request_id: int | None = None

    @property
    def is_taken_back(self) -> bool:
        """Return whether the operator had it back before it counted: then it is the money of no request."""
        return self.hold_reason is HoldReason.REVERSED

    @property
    def of_request(self) -> int | None:
        """Return the request whose money it is, if any."""
        return self.request_id or self.bound_request_id


@dataclass(frozen=True, slots=True)
class Reversal:
    """What one piece of evidence says was taken back; the whole of it where it names no amount.

    ``name`` tells apart two lines of one statement that look alike.
    """

    operator: str
    operator_transaction_id: str | None
    request_id: int | None
    provenance: Provenance
    amount_xof: int | None
    occurred_at: datetime | None
    name: str = ""


@dataclass(frozen=True, slots=True)
class NumberHolder:
    """Who held a telephone number, and the time for which it speaks for her; an end that is missing is open.

    ``is_held`` says that the number may be somebody else's by now, and that a person has yet to decide it.
    """

    party_id: int
    since: datetime | None = None
    until: datetime | None = None
    is_held: bool = False

    def held_at(self, at: datetime) -> bool:
        """Return whether what the number did at a moment was hers."""
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class KnownFacts:
    """Everything that was read before deciding.

    ``written`` gives the request's reference behind words that somebody typed. ``households`` gives the household that
    other words name, or None where they mean somebody whom we do not know; words that it does not hold say nothing.
    ``payers`` gives everybody who held a telephone number. ``payments`` holds, by operator and transaction,
    those that the evidence names and those of its requests; ``collided`` the transactions that only people may credit.
    """

    requests: Mapping[int, RequestFact] = field(default_factory=dict)
    households: Mapping[str, int | None] = field(default_factory=dict)
    payers: Mapping[str, tuple[NumberHolder, ...]] = field(default_factory=dict)
    written: Mapping[str, str] = field(default_factory=dict)
    payments: Mapping[tuple[str, str], ExistingPayment] = field(default_factory=dict)
    reversals: Collection[Reversal] = ()
    collided: Collection[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class ConfirmedPayment:
    """Money that an operator confirmed, with the household it is for, or none.

    ``occurred_at`` is the moment that the books take; ``payer_said`` is the payer whom the evidence itself names.
    ``is_second`` says that its request had money already.
    """

    operator: str
    operator_transaction_id: str
    amount_xof: int
    fee_xof: int | None
    payer_msisdn: str | None
    our_reference: str | None
    request_id: int | None
    party_id: int | None
    matched_by: MatchedBy
    provenance: Provenance
    occurred_at: datetime
    raw_transaction_id: str | None = None
    payer_said: str | None = None
    hold_reason: HoldReason | None = None
    is_second: bool = False

    @property
    def is_taken_back(self) -> bool:
        """Return whether the operator had it back before it counted: then it is the money of no request."""
        return self.hold_reason is HoldReason.REVERSED

    @property
    def key(self) -> tuple[str, str]:
        """Return what makes it this money and no other."""
        return self.operator, self.operator_transaction_id

    @property
    def written_as(self) -> str:
        """Return the transaction id as the evidence wrote it."""
        return self.raw_transaction_id or self.operator_transaction_id


@dataclass(frozen=True, slots=True)
class FoundBreak:
    """A difference to be kept once per (kind, operator, subject).

    ``transaction_id`` links the payment where the subject is a name of its own.
    """

    kind: BreakKind
    operator: str
    subject: str
    occurred_at: datetime
    difference_xof: int
    detail: Detail
    operator_amount_xof: int | None = None
    ledger_amount_xof: int | None = None
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a batch of evidence leads to; at most one credit per operator transaction.

    ``conflicting`` holds everything else that the batch said of those transactions, to be compared with what is booked.
    """

    confirmed: tuple[ConfirmedPayment, ...]
    steps: tuple[StateChange, ...]
    breaks: tuple[FoundBreak, ...]
    conflicting: tuple[ConfirmedPayment, ...] = ()
