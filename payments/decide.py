"""Decides what a batch of evidence means, all of it together: which money is whose, and what became of each request.

The ladder is short and always climbed in the same order: the request whose ids or address the evidence carries, the
household that the payer's words name (by its number, or by a request that another operator was sent), the household of
the registered payer when there is exactly one, and otherwise suspense. Words that mean somebody whom we do not know end
in suspense too: the payer did not mean herself.

Only evidence that proves itself may credit; the rest moves nothing. Money that is known to have been taken back is
booked and held. A request moves to ``succeeded`` by money of its own alone.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from payments import doubts
from payments.dating import REACH, Dated, dated, dated_in_period, window
from payments.lifecycle import EVENT_OF_STATUS, Event, State, after, contradicts
from payments.match import (
    Credit,
    Decision,
    Evidence,
    FoundBreak,
    Known,
    MatchedBy,
    RequestFact,
    Reversal,
    Step,
)
from payments.money import MAX_AMOUNT_XOF
from payments.observation import CREDITING, HeldBecause, Observation, ObservedStatus, Provenance
from payments.reversals import reversed_xof

_LADDER = (MatchedBy.REFERENCE, MatchedBy.PAYER, MatchedBy.SUSPENSE)
_TRUST = (Provenance.QUERY, Provenance.STATEMENT, Provenance.SIGNED_CALLBACK, Provenance.MANUAL)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of evidence that counts, with its request, its moment and the money that it speaks of."""

    observed: Observation
    request: RequestFact | None
    dated: Dated
    credit: Credit | None

    @property
    def reversal(self) -> Reversal:
        """Give what it takes back, where that is what it says."""
        said, request_id = self.observed, self.request.id if self.request else None
        return Reversal(
            said.operator,
            said.operator_transaction_id,
            request_id,
            said.provenance,
            said.amount_xof,
            said.occurred_at,
        )


def decide(evidence: Sequence[Evidence], known: Known, now: datetime, reach: timedelta = REACH) -> Decision:
    """Turn evidence into credits, state changes and breaks; order and repetition do not change the money.

    ``reach`` is how long before its arrival money may have been paid that nobody asked for.
    """
    references = {fact.reference: fact for fact in known.requests.values()}
    pieces = [_piece(one, known, references, now, reach) for one in evidence if one.observation.provenance in CREDITING]
    credits_, doubted, collisions = _judged_together(pieces, known)
    credits_ = _seconds(credits_, known)
    steps, contradictions = _steps(pieces, credits_, known)
    breaks = [*collisions, *contradictions, *_told(credits_, pieces, known)]
    return Decision(credits_, steps, tuple(dict.fromkeys(breaks)), doubted)


def _piece(
    piece: Evidence, known: Known, references: Mapping[str, RequestFact], now: datetime, reach: timedelta
) -> _Piece:
    observed = piece.observation
    named = _named(piece, known, references)
    # Who was asked at one operator and pays at another names the household; the money is not that request's.
    request = named if named and named.operator == observed.operator else None
    if piece.window is not None:
        at = dated_in_period(observed.occurred_at, piece.window, now)
    else:
        at = dated(observed.occurred_at, window(now, request.created_at if request else None, reach), now)
    return _Piece(observed, request, at, _credit(observed, request, _household(observed, named, known), at.at))


def _named(piece: Evidence, known: Known, references: Mapping[str, RequestFact]) -> RequestFact | None:
    if piece.request_id is not None:
        return known.requests.get(piece.request_id)
    words = piece.observation.our_reference or ""
    return references.get(known.written.get(words, words))


def _credit(
    observed: Observation, request: RequestFact | None, household: tuple[int | None, MatchedBy], at: datetime
) -> Credit | None:
    if observed.status is not ObservedStatus.SUCCEEDED or not observed.operator_transaction_id:
        return None
    if observed.amount_xof is None or not 0 < observed.amount_xof <= MAX_AMOUNT_XOF:
        return None
    household_id, matched_by = household
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
        occurred_at=at,
        raw_transaction_id=observed.raw_transaction_id,
        payer_said=observed.payer_msisdn,
    )


def _household(observed: Observation, named: RequestFact | None, known: Known) -> tuple[int | None, MatchedBy]:
    if named is not None:
        return named.household_id, MatchedBy.REFERENCE
    words = observed.our_reference or ""
    if words in known.households:
        household_id = known.households[words]
        return household_id, MatchedBy.SUSPENSE if household_id is None else MatchedBy.REFERENCE
    registered = known.payers.get(observed.payer_msisdn or "", ())
    if len(registered) == 1:
        return registered[0], MatchedBy.PAYER
    return None, MatchedBy.SUSPENSE


def _judged_together(
    pieces: Sequence[_Piece], known: Known
) -> tuple[tuple[Credit, ...], tuple[Credit, ...], list[FoundBreak]]:
    """Choose one credit per operator transaction, the same one in whatever order the evidence came."""
    offered: dict[tuple[str, str], set[Credit]] = defaultdict(set)
    for piece in pieces:
        if piece.credit is not None:
            offered[piece.credit.key].add(piece.credit)
    reversals = _reversals(pieces, known)
    chosen: list[Credit] = []
    doubted: list[Credit] = []
    collisions: list[FoundBreak] = []
    for key, found in offered.items():
        best, *others = sorted(found, key=_preference)
        if key in known.payments:
            doubted += [best, *others]
        elif key in known.collided or _collide(found):
            collisions.append(doubts.collision(key, [best, *others]))
        else:
            chosen.append(_held_if_reversed(best, reversals))
            doubted += others
    return tuple(chosen), tuple(doubted), collisions


def _reversals(pieces: Sequence[_Piece], known: Known) -> list[Reversal]:
    return [*known.reversals, *(one.reversal for one in pieces if one.observed.status is ObservedStatus.REVERSED)]


def _preference(credit: Credit) -> tuple[object, ...]:
    # What was asked for directly outranks what was sent to us; then less money outranks more, for finance can add.
    rank = (_LADDER.index(credit.matched_by), credit.request_id is None, _TRUST.index(credit.provenance))
    rest = (credit.amount_xof, credit.request_id or 0, credit.household_id or 0, credit.occurred_at)
    words = (credit.payer_msisdn, credit.payer_said, credit.our_reference, credit.raw_transaction_id)
    return (*rank, *rest, credit.fee_xof or 0, *(word or "" for word in words))


def _collide(found: set[Credit]) -> bool:
    """Say whether two ways of writing one id speak of different money; no way of writing is the truer one."""
    said = {(one.written_as, one.amount_xof, one.payer_said) for one in found}
    return any(
        written != other and (amount_xof != other_xof or (payer and other_payer and payer != other_payer))
        for written, amount_xof, payer in said
        for other, other_xof, other_payer in said
    )


def _held_if_reversed(credit: Credit, reversals: Sequence[Reversal]) -> Credit:
    if reversed_xof(credit, reversals) < credit.amount_xof:
        return credit
    # It opens no rights, and nobody is asked to claim it: the operator has it back.
    return replace(credit, household_id=None, matched_by=MatchedBy.SUSPENSE, held_because=HeldBecause.REVERSED)


def _seconds(credits_: Sequence[Credit], known: Known) -> tuple[Credit, ...]:
    """Mark the money whose request had money already, before this batch or earlier in it."""
    paid = {payment.of_request for payment in known.payments.values() if payment.held_because is None}
    paid |= {fact.id for fact in known.requests.values() if fact.state is State.SUCCEEDED}
    judged = []
    for credit in sorted(credits_, key=lambda one: (one.occurred_at, one.key)):
        if credit.request_id is None or credit.held_because is not None:
            judged.append(credit)
            continue
        judged.append(replace(credit, is_second=credit.request_id in paid))
        paid.add(credit.request_id)
    return tuple(judged)


def _owners(pieces: Sequence[_Piece], credits_: Sequence[Credit], known: Known) -> dict[tuple[str, str], int]:
    """Give the one request that each piece of money belongs to; what is held belongs to none."""
    owners = {credit.key: credit.request_id for credit in credits_ if credit.request_id and credit.held_because is None}
    claims = sorted((one.request.id, one.credit.key) for one in pieces if one.request and one.credit)
    for request_id, key in claims:
        existing = known.payments.get(key)
        if existing is None or existing.held_because is not None:
            continue
        if existing.of_request is not None:
            owners[key] = existing.of_request
        elif existing.household_id == known.requests[request_id].household_id:
            owners.setdefault(key, request_id)
    return owners


def _steps(
    pieces: Sequence[_Piece], credits_: Sequence[Credit], known: Known
) -> tuple[tuple[Step, ...], list[FoundBreak]]:
    owners = _owners(pieces, credits_, known)
    states = {fact.id: fact.state for fact in known.requests.values()}
    breaks: list[FoundBreak] = []
    for piece in pieces:
        observed, request, event = piece.observed, piece.request, EVENT_OF_STATUS[piece.observed.status]
        if event is Event.OPERATOR_REVERSED:
            breaks += doubts.reversal(observed, request, piece.dated.at)
            continue
        if request is None or event is None:
            continue
        if event is Event.OPERATOR_SUCCEEDED:
            owner = owners.get(piece.credit.key) if piece.credit else None
            if piece.credit and owner and owner != request.id:
                breaks.append(doubts.other_request(piece.credit, request, known.requests.get(owner)))
            if owner != request.id:
                continue
        if contradicts(states[request.id], event):
            breaks.append(doubts.contradiction(observed, request, states[request.id], piece.dated.at))
        states[request.id] = after(states[request.id], event)
    for credit in credits_:
        # The operator took its only money back before it was ours: nobody is waited for any more.
        if credit.held_because is not None and credit.request_id and states[credit.request_id] is not State.SUCCEEDED:
            states[credit.request_id] = after(states[credit.request_id], Event.OPERATOR_REVERSED)
    moved = [fact for fact in known.requests.values() if states[fact.id] != fact.state]
    return tuple(Step(fact.id, fact.state, states[fact.id]) for fact in moved), breaks


def _told(credits_: Sequence[Credit], pieces: Sequence[_Piece], known: Known) -> Iterator[FoundBreak]:
    """Name what finance must know of the money that is credited now."""
    odd = sorted(
        (one for one in pieces if one.credit and one.dated.differs), key=lambda one: str(one.observed.occurred_at)
    )
    dates = {(one.credit.key, one.dated.at): one.observed.occurred_at for one in odd if one.credit}
    reversals = _reversals(pieces, known)
    for credit in credits_:
        request = known.requests.get(credit.request_id or 0)
        said_at = dates.get((credit.key, credit.occurred_at))
        if said_at is not None:
            yield doubts.date(credit, said_at)
        taken_xof = reversed_xof(credit, reversals)
        if taken_xof:
            yield doubts.taken_back(credit, taken_xof)
        if credit.is_second and request is not None:
            yield doubts.double_payment(credit, request)
        if request is not None and request.amount_xof != credit.amount_xof:
            yield doubts.asked_other_amount(credit, request)
