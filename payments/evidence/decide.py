"""Decides what a batch of evidence means, all of it together: which money is whose, and what became of each request.

The ladder is short and always climbed in the same order: the request whose ids or address the evidence carries, the
household that the payer's words name (by its number, or by a request that another operator was sent), the household of
the registered payer when there is exactly one, and otherwise suspense. Words that mean somebody whom we do not know end
in suspense too: the payer did not mean herself. So does, for a reason of its own, what only a number would match whose
holder is in doubt.

Only evidence that proves itself may credit; the rest moves nothing. Money that is known to have been taken back is
booked and held. A request moves to ``succeeded`` by money of its own alone.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from payments.dating import REACH, Dated, dated, dated_in_period, window
from payments.evidence import doubts
from payments.evidence.facts import ConfirmedPayment, Decision, Evidence, FoundBreak, KnownFacts, MatchedBy, Reversal
from payments.evidence.reversals import reversed_xof
from payments.money import MAX_AMOUNT_XOF
from payments.observation import CREDITING, HoldReason, Observation, ObservedStatus, Provenance
from payments.requests.facts import RequestFact, StateChange
from payments.requests.lifecycle import EVENT_OF_STATUS, Event, State, after, contradicts

_LADDER = (MatchedBy.REFERENCE, MatchedBy.PAYER, MatchedBy.SUSPENSE)
_TRUST = (Provenance.QUERY, Provenance.STATEMENT, Provenance.SIGNED_CALLBACK, Provenance.MANUAL)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of evidence that counts, with its request, its moment and the money that it speaks of."""

    observed: Observation
    request: RequestFact | None
    dated: Dated
    confirmed: ConfirmedPayment | None

    @property
    def reversal(self) -> Reversal:
        """Return what it takes back, where that is what it says."""
        said, request_id = self.observed, self.request.id if self.request else None
        return Reversal(
            said.operator,
            said.operator_transaction_id,
            request_id,
            said.provenance,
            said.amount_xof,
            said.occurred_at,
        )


@dataclass(frozen=True, slots=True)
class _Whose:
    """The household that money is for, or none, how that is known, and why two people must say it."""

    party_id: int | None
    matched_by: MatchedBy
    hold_reason: HoldReason | None = None


_NOBODYS = _Whose(None, MatchedBy.SUSPENSE)
_IN_DOUBT = _Whose(None, MatchedBy.SUSPENSE, HoldReason.NUMBER_HELD)


def decide(evidence: Sequence[Evidence], known: KnownFacts, now: datetime, reach: timedelta = REACH) -> Decision:
    """Turn evidence into credits, state changes and breaks; order and repetition do not change the money.

    ``reach`` is how long before its arrival money may have been paid that nobody asked for.
    """
    references = {fact.reference: fact for fact in known.requests.values()}
    pieces = [_piece(one, known, references, now, reach) for one in evidence if one.observation.provenance in CREDITING]
    confirmed_payments, conflicting, collisions = _judged_together(pieces, known)
    confirmed_payments = _seconds(confirmed_payments, known)
    steps, contradictions = _steps(pieces, confirmed_payments, known)
    breaks = [*collisions, *contradictions, *_told(confirmed_payments, pieces, known)]
    return Decision(confirmed_payments, steps, tuple(dict.fromkeys(breaks)), conflicting)


def _piece(
    piece: Evidence, known: KnownFacts, references: Mapping[str, RequestFact], now: datetime, reach: timedelta
) -> _Piece:
    observed = piece.observation
    named = _named(piece, known, references)
    # Who was asked at one operator and pays at another names the household; the money is not that request's.
    request = named if named and named.operator == observed.operator else None
    if piece.window is not None:
        at = dated_in_period(observed.occurred_at, piece.window, now)
    else:
        at = dated(observed.occurred_at, window(now, request.created_at if request else None, reach), now)
    whose = _whose(observed, named, known, at.at)
    return _Piece(observed, request, at, _confirmed(observed, request, whose, at.at))


def _named(piece: Evidence, known: KnownFacts, references: Mapping[str, RequestFact]) -> RequestFact | None:
    if piece.request_id is not None:
        return known.requests.get(piece.request_id)
    words = piece.observation.our_reference or ""
    return references.get(known.written.get(words, words))


def _confirmed(
    observed: Observation, request: RequestFact | None, whose: _Whose, at: datetime
) -> ConfirmedPayment | None:
    if observed.status is not ObservedStatus.SUCCEEDED or not observed.operator_transaction_id:
        return None
    if observed.amount_xof is None or not 0 < observed.amount_xof <= MAX_AMOUNT_XOF:
        return None
    return ConfirmedPayment(
        operator=observed.operator,
        operator_transaction_id=observed.operator_transaction_id,
        amount_xof=observed.amount_xof,
        fee_xof=observed.fee_xof,
        payer_msisdn=observed.payer_msisdn or (request.payer_msisdn if request else None),
        our_reference=observed.our_reference,
        request_id=request.id if request else None,
        party_id=whose.party_id,
        matched_by=whose.matched_by,
        provenance=observed.provenance,
        occurred_at=at,
        raw_transaction_id=observed.raw_transaction_id,
        payer_said=observed.payer_msisdn,
        hold_reason=whose.hold_reason,
    )


def _whose(observed: Observation, named: RequestFact | None, known: KnownFacts, at: datetime) -> _Whose:
    if named is not None:
        # The phone showed this household to whoever asked: while nobody knows whose number it is, nor do we whom she
        # meant. Another number that pays it has named it in so many words.
        own = observed.payer_msisdn in {None, named.payer_msisdn}
        asked = known.payers.get(named.payer_msisdn, ()) if own else ()
        is_held = any(one.is_held and one.party_id == named.party_id for one in asked)
        return _IN_DOUBT if is_held else _Whose(named.party_id, MatchedBy.REFERENCE)
    words = observed.our_reference or ""
    if words in known.households:
        party_id = known.households[words]
        return _NOBODYS if party_id is None else _Whose(party_id, MatchedBy.REFERENCE)
    holders = [one for one in known.payers.get(observed.payer_msisdn or "", ()) if one.held_at(at)]
    if any(one.is_held for one in holders):
        return _IN_DOUBT
    parties = {one.party_id for one in holders}
    return _Whose(parties.pop(), MatchedBy.PAYER) if len(parties) == 1 else _NOBODYS


def _judged_together(
    pieces: Sequence[_Piece], known: KnownFacts
) -> tuple[tuple[ConfirmedPayment, ...], tuple[ConfirmedPayment, ...], list[FoundBreak]]:
    """Choose one credit per operator transaction, the same one in whatever order the evidence came."""
    offered: dict[tuple[str, str], set[ConfirmedPayment]] = defaultdict(set)
    for piece in pieces:
        if piece.confirmed is not None:
            offered[piece.confirmed.key].add(piece.confirmed)
    reversals = _reversals(pieces, known)
    chosen: list[ConfirmedPayment] = []
    conflicting: list[ConfirmedPayment] = []
    collisions: list[FoundBreak] = []
    for key, found in offered.items():
        best, *others = sorted(found, key=_preference)
        if key in known.payments:
            conflicting += [best, *others]
        elif key in known.collided or _collide(found):
            collisions.append(doubts.collision(key, [best, *others]))
        else:
            chosen.append(_held_if_reversed(best, reversals))
            conflicting += others
    return tuple(chosen), tuple(conflicting), collisions


def _reversals(pieces: Sequence[_Piece], known: KnownFacts) -> list[Reversal]:
    return [*known.reversals, *(one.reversal for one in pieces if one.observed.status is ObservedStatus.REVERSED)]


def _preference(confirmed: ConfirmedPayment) -> tuple[object, ...]:
    # What was asked for directly outranks what was sent to us; then less money outranks more, for finance can add.
    rank = (_LADDER.index(confirmed.matched_by), confirmed.request_id is None, _TRUST.index(confirmed.provenance))
    rest = (confirmed.amount_xof, confirmed.request_id or 0, confirmed.party_id or 0, confirmed.occurred_at)
    words = (confirmed.payer_msisdn, confirmed.payer_said, confirmed.our_reference, confirmed.raw_transaction_id)
    # What is said outranks what is left out, and nothing said is not the same as nothing: two that tie here would be
    # chosen between by chance.
    fee = (confirmed.fee_xof is None, confirmed.fee_xof or 0)
    return (*rank, *rest, fee, *((word is None, word or "") for word in words))


def _collide(found: set[ConfirmedPayment]) -> bool:
    """Return whether two ways of writing one id speak of different money; no way of writing is the truer one."""
    said = {(one.written_as, one.amount_xof, one.payer_said) for one in found}
    return any(
        written != other and (amount_xof != other_xof or (payer and other_payer and payer != other_payer))
        for written, amount_xof, payer in said
        for other, other_xof, other_payer in said
    )


def _held_if_reversed(confirmed: ConfirmedPayment, reversals: Sequence[Reversal]) -> ConfirmedPayment:
    if reversed_xof(confirmed, reversals) < confirmed.amount_xof:
        return confirmed
    # It opens no rights, and nobody is invited to take it: the operator has it back.
    return replace(confirmed, party_id=None, matched_by=MatchedBy.SUSPENSE, hold_reason=HoldReason.REVERSED)


def _seconds(confirmed_payments: Sequence[ConfirmedPayment], known: KnownFacts) -> tuple[ConfirmedPayment, ...]:
    """Mark the money whose request had money already, before this batch or earlier in it."""
    paid = {payment.of_request for payment in known.payments.values() if not payment.is_taken_back}
    paid |= {fact.id for fact in known.requests.values() if fact.state is State.SUCCEEDED}
    judged = []
    for confirmed in sorted(confirmed_payments, key=lambda one: (one.occurred_at, one.key)):
        if confirmed.request_id is None or confirmed.is_taken_back:
            judged.append(confirmed)
            continue
        judged.append(replace(confirmed, is_second=confirmed.request_id in paid))
        paid.add(confirmed.request_id)
    return tuple(judged)


def _owners(
    pieces: Sequence[_Piece], confirmed_payments: Sequence[ConfirmedPayment], known: KnownFacts
) -> dict[tuple[str, str], int]:
    """Return the one request that each piece of money belongs to; what is held belongs to none."""
    owners = {
        confirmed.key: confirmed.request_id
        for confirmed in confirmed_payments
        if confirmed.request_id and not confirmed.is_taken_back
    }
    bindings = sorted((one.request.id, one.confirmed.key) for one in pieces if one.request and one.confirmed)
    for request_id, key in bindings:
        existing = known.payments.get(key)
        if existing is None or existing.is_taken_back:
            continue
        if existing.of_request is not None:
            owners[key] = existing.of_request
        elif existing.party_id == known.requests[request_id].party_id:
            owners.setdefault(key, request_id)
    return owners


def _steps(
    pieces: Sequence[_Piece], confirmed_payments: Sequence[ConfirmedPayment], known: KnownFacts
) -> tuple[tuple[StateChange, ...], list[FoundBreak]]:
    owners = _owners(pieces, confirmed_payments, known)
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
            owner = owners.get(piece.confirmed.key) if piece.confirmed else None
            if piece.confirmed and owner and owner != request.id:
                breaks.append(doubts.other_request(piece.confirmed, request, known.requests.get(owner)))
            if owner != request.id:
                continue
        if contradicts(states[request.id], event):
            breaks.append(doubts.contradiction(observed, request, states[request.id], piece.dated.at))
        states[request.id] = after(states[request.id], event)
    for confirmed in confirmed_payments:
        # The operator took its only money back before it was ours: nobody is waited for any more.
        if confirmed.is_taken_back and confirmed.request_id and states[confirmed.request_id] is not State.SUCCEEDED:
            states[confirmed.request_id] = after(states[confirmed.request_id], Event.OPERATOR_REVERSED)
    moved = [fact for fact in known.requests.values() if states[fact.id] != fact.state]
    return tuple(StateChange(fact.id, fact.state, states[fact.id]) for fact in moved), breaks


def _told(
    confirmed_payments: Sequence[ConfirmedPayment], pieces: Sequence[_Piece], known: KnownFacts
) -> Iterator[FoundBreak]:
    """Name what finance must know of the money that is credited now."""
    odd = sorted(
        (one for one in pieces if one.confirmed and one.dated.differs), key=lambda one: str(one.observed.occurred_at)
    )
    dates = {(one.confirmed.key, one.dated.at): one.observed.occurred_at for one in odd if one.confirmed}
    reversals = _reversals(pieces, known)
    for confirmed in confirmed_payments:
        request = known.requests.get(confirmed.request_id or 0)
        said_at = dates.get((confirmed.key, confirmed.occurred_at))
        if said_at is not None:
            yield doubts.date(confirmed, said_at)
        taken_xof = reversed_xof(confirmed, reversals)
        if taken_xof:
            yield doubts.taken_back(confirmed, taken_xof)
        if confirmed.is_second and request is not None:
            yield doubts.double_payment(confirmed, request)
        if request is not None and request.amount_xof != confirmed.amount_xof:
            yield doubts.asked_other_amount(confirmed, request)
