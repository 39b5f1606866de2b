"""Decides what evidence means: which household a payment belongs to, and what became of each request.

The ladder is short and always climbed in the same order: the request whose ids or address the evidence carries, a
reference that the payer gave, the household of the registered payer when there is exactly one, and otherwise suspense.
Only evidence that proves itself may credit; the rest moves nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from payments.dating import Window
from payments.lifecycle import EVENT_OF_STATUS, Event, State, after, contradicts
from payments.observation import CREDITING, Observation, ObservedStatus, Provenance


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

_LADDER = (MatchedBy.REFERENCE, MatchedBy.PAYER, MatchedBy.SUSPENSE)
_TRUST = (Provenance.QUERY, Provenance.STATEMENT, Provenance.SIGNED_CALLBACK, Provenance.MANUAL)


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


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that was read before deciding.

    ``households`` gives the household of a reference that is not one of our requests' (a RAMU number, say), and
    ``payers`` every household of a registered telephone number.
    """

    requests: Mapping[int, RequestFact] = field(default_factory=dict)
    households: Mapping[str, int] = field(default_factory=dict)
    payers: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Credit:
    """Money that an operator confirmed, with the household it is for, or none."""

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


@dataclass(frozen=True, slots=True)
class Step:
    """A payment request that moves from one state to another."""

    request_id: int
    before: State
    after: State


@dataclass(frozen=True, slots=True)
class FoundBreak:
    """A difference to be kept once per (kind, operator, subject)."""

    kind: BreakKind
    operator: str
    subject: str
    occurred_at: datetime
    difference_xof: int
    detail: str
    operator_says_xof: int | None = None
    we_say_xof: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a batch of evidence leads to; at most one credit per operator transaction.

    ``doubted`` holds what the same batch also said of a credited transaction, with another amount.
    """

    credits: tuple[Credit, ...]
    steps: tuple[Step, ...]
    breaks: tuple[FoundBreak, ...]
    doubted: tuple[Credit, ...] = ()


def decide(evidence: Sequence[Evidence], known: Known, now: datetime) -> Decision:
    """Turn evidence into credits, state changes and breaks; order and repetition do not change the money."""
    references = {(fact.operator, fact.reference): fact for fact in known.requests.values()}
    states = {fact.id: fact.state for fact in known.requests.values()}
    offered: list[Credit] = []
    breaks: list[FoundBreak] = []
    for piece in evidence:
        observed = piece.observation
        if observed.provenance not in CREDITING:
            continue
        request = _request_of(piece, known, references)
        credit = _credit(observed, request, known, now)
        if credit is not None:
            offered.append(credit)
        event = EVENT_OF_STATUS[observed.status]
        if event is Event.OPERATOR_REVERSED:
            breaks += _reversal(observed, request, now)
            continue
        if request is None or event is None or (event is Event.OPERATOR_SUCCEEDED and credit is None):
            continue
        if contradicts(states[request.id], event):
            breaks.append(_contradiction(observed, request, states[request.id], now))
        states[request.id] = after(states[request.id], event)
    chosen, doubted = _chosen(offered)
    for credit in chosen:
        breaks += _asked_other_amount(credit, known.requests.get(credit.request_id or 0))
    steps = tuple(
        Step(fact.id, fact.state, states[fact.id]) for fact in known.requests.values() if states[fact.id] != fact.state
    )
    return Decision(chosen, steps, tuple(breaks), doubted)


def _chosen(offered: Sequence[Credit]) -> tuple[tuple[Credit, ...], tuple[Credit, ...]]:
    """Choose one credit per operator transaction, the same one in whatever order the evidence came."""
    best: dict[tuple[str, str], Credit] = {}
    for credit in sorted(offered, key=_preference):
        best.setdefault((credit.operator, credit.operator_transaction_id), credit)
    doubted = tuple(
        credit
        for credit in offered
        if credit.amount_xof != best[credit.operator, credit.operator_transaction_id].amount_xof
    )
    return tuple(best.values()), doubted


def _preference(credit: Credit) -> tuple[object, ...]:
    # What was asked for directly outranks what was sent to us; then less money outranks more, for finance can add.
    rank = (_LADDER.index(credit.matched_by), _TRUST.index(credit.provenance), credit.amount_xof)
    rest = (credit.request_id or 0, credit.household_id or 0, credit.occurred_at, credit.fee_xof or 0)
    return (*rank, *rest, credit.payer_msisdn or "", credit.our_reference or "")


def _request_of(piece: Evidence, known: Known, references: Mapping[tuple[str, str], RequestFact]) -> RequestFact | None:
    if piece.request_id is not None:
        return known.requests.get(piece.request_id)
    return references.get((piece.observation.operator, piece.observation.our_reference or ""))


def _credit(observed: Observation, request: RequestFact | None, known: Known, now: datetime) -> Credit | None:
    if observed.status is not ObservedStatus.SUCCEEDED:
        return None
    if not observed.operator_transaction_id or not observed.amount_xof or observed.amount_xof < 0:
        return None
    household_id, matched_by = _household(observed, request, known)
    return Credit(
        operator=observed.operator,
        operator_transaction_id=observed.operator_transaction_id,
        amount_xof=observed.amount_xof,
        fee_xof=observed.fee_xof,
        payer_msisdn=observed.payer_msisdn or (request.payer_msisdn if request else None),
        our_reference=observed.our_reference,
        request_id=request.id if request else None,
        household_id=household_id,
        matched_by=matched_by,
        provenance=observed.provenance,
        occurred_at=observed.occurred_at or now,
    )


def _household(observed: Observation, request: RequestFact | None, known: Known) -> tuple[int | None, MatchedBy]:
    if request is not None:
        return request.household_id, MatchedBy.REFERENCE
    named = known.households.get(observed.our_reference or "")
    if named is not None:
        return named, MatchedBy.REFERENCE
    registered = known.payers.get(observed.payer_msisdn or "", ())
    if len(registered) == 1:
        return registered[0], MatchedBy.PAYER
    return None, MatchedBy.SUSPENSE


def _asked_other_amount(credit: Credit, request: RequestFact | None) -> list[FoundBreak]:
    if request is None or request.amount_xof == credit.amount_xof:
        return []
    return [
        FoundBreak(
            kind=BreakKind.ASKED_OTHER_AMOUNT,
            operator=credit.operator,
            subject=credit.operator_transaction_id,
            occurred_at=credit.occurred_at,
            difference_xof=0,
            operator_says_xof=credit.amount_xof,
            we_say_xof=credit.amount_xof,
            detail=f"la demande {request.reference} était de {request.amount_xof} F, "
            f"l'opérateur a pris {credit.amount_xof} F",
        )
    ]


def _contradiction(observed: Observation, request: RequestFact, state: State, now: datetime) -> FoundBreak:
    before, said = STANDS[state], SAID[observed.status]
    return FoundBreak(
        kind=BreakKind.STATUS,
        operator=request.operator,
        subject=f"{request.reference}:{state}:{observed.status}",
        occurred_at=observed.occurred_at or now,
        difference_xof=0,
        operator_says_xof=observed.amount_xof,
        we_say_xof=request.amount_xof,
        detail=f"la demande {request.reference} était {before}, l'opérateur la dit maintenant {said}",
    )


def _reversal(observed: Observation, request: RequestFact | None, now: datetime) -> list[FoundBreak]:
    subject = observed.operator_transaction_id or (request.reference if request else None)
    if subject is None:
        return []
    amount_xof = observed.amount_xof or (request.amount_xof if request else None)
    reversed_one = f"la demande {request.reference}" if request else f"l'opération {subject}"
    return [
        FoundBreak(
            kind=BreakKind.REVERSAL,
            operator=observed.operator,
            # A name of its own: the statement's line about the same reversal carries the day's difference.
            subject=f"{subject}:{observed.status}",
            occurred_at=observed.occurred_at or now,
            difference_xof=0,
            operator_says_xof=amount_xof,
            we_say_xof=amount_xof,
            detail=f"l'opérateur dit {reversed_one} annulée ; le grand livre attend deux personnes",
        )
    ]
