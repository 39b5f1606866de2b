"""What goes into the decision about a batch of evidence, and what comes out of it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from payments.dating import Window
from payments.lifecycle import State
from payments.observation import HeldBecause, Observation, ObservedStatus, Provenance


class MatchedBy(StrEnum):
    """How a payment found its household."""

    REFERENCE = "reference"
    PAYER = "payer"
    SUSPENSE = "suspense"


class BreakKind(StrEnum):
    """A difference that somebody must explain."""

    AMOUNT = "AMOUNT"
    ASKED_OTHER_AMOUNT = "ASKED_OTHER_AMOUNT"
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
    DATE = "DATE"


#: What an operator says of one operation, in the words of finance.
SAID: Final[Mapping[ObservedStatus, str]] = {
    ObservedStatus.PENDING: "en cours",
    ObservedStatus.SUCCEEDED: "réussie",
    ObservedStatus.FAILED: "échouée",
    ObservedStatus.EXPIRED: "expirée",
    ObservedStatus.REVERSED: "annulée",
    ObservedStatus.UNKNOWN: "d'état inconnu",
}

#: Where a request of ours stands, in the words of finance.
STANDS: Final[Mapping[State, str]] = {
    State.CREATED: "à envoyer",
    State.SUBMITTED: "envoyée",
    State.UNKNOWN: "sans réponse",
    State.PENDING: "en attente du payeur",
    State.SUCCEEDED: "payée",
    State.FAILED: "refusée ou abandonnée",
    State.EXPIRED: "expirée",
    State.REVERSED: "annulée",
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """An observation with the way it came; ``window`` holds the dates that a statement's own period allows."""

    observation: Observation
    request_id: int | None = None
    callback_id: int | None = None
    detail: str = ""
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class RequestFact:
    """What the matcher must know of one payment request."""

    id: int
    operator: str
    reference: str
    household_id: int
    amount_xof: int
    payer_msisdn: str
    state: State
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ExistingPayment:
    """A payment that was credited before, by whatever evidence came first.

    ``claimed_by`` is the request that evidence bound it to later, where it was credited without one.
    """

    id: int
    operator: str
    operator_transaction_id: str
    household_id: int | None
    amount_xof: int
    request_id: int | None = None
    payer_msisdn: str | None = None
    raw_transaction_id: str | None = None
    held_because: HeldBecause | None = None
    claimed_by: int | None = None

    @property
    def of_request(self) -> int | None:
        """Give the request whose money it is, if any."""
        return self.request_id or self.claimed_by


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
class Known:
    """Everything that was read before deciding.

    ``written`` gives the request's reference behind words that somebody typed. ``households`` gives the household that
    other words name, or None where they mean somebody whom we do not know; words that it does not hold say nothing.
    ``payers`` gives every household of a registered telephone number. ``payments`` holds, by operator and transaction,
    those that the evidence names and those of its requests; ``collided`` the transactions that only people may credit.
    """

    requests: Mapping[int, RequestFact] = field(default_factory=dict)
    households: Mapping[str, int | None] = field(default_factory=dict)
    payers: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    written: Mapping[str, str] = field(default_factory=dict)
    payments: Mapping[tuple[str, str], ExistingPayment] = field(default_factory=dict)
    reversals: Collection[Reversal] = ()
    collided: Collection[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Credit:
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
    household_id: int | None
    matched_by: MatchedBy
    provenance: Provenance
    occurred_at: datetime
    raw_transaction_id: str | None = None
    payer_said: str | None = None
    held_because: HeldBecause | None = None
    is_second: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Give what makes it this money and no other."""
        return self.operator, self.operator_transaction_id

    @property
    def written_as(self) -> str:
        """Give the transaction id as the evidence wrote it."""
        return self.raw_transaction_id or self.operator_transaction_id


@dataclass(frozen=True, slots=True)
class Step:
    """A payment request that moves from one state to another."""

    request_id: int
    before: State
    after: State


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
    detail: str
    operator_says_xof: int | None = None
    we_say_xof: int | None = None
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a batch of evidence leads to; at most one credit per operator transaction.

    ``doubted`` holds everything else that the batch said of those transactions, to be compared with what is booked.
    """

    credits: tuple[Credit, ...]
    steps: tuple[Step, ...]
    breaks: tuple[FoundBreak, ...]
    doubted: tuple[Credit, ...] = ()
