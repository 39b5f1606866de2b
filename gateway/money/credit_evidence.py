"""From evidence to money, rights and receipt, in one transaction: read, decide, write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.advances import spend_advances
from gateway.contributions.apply import AllocationRequest, Applied, plan, write
from gateway.contributions.parking import park
from gateway.contributions.schemes import SchemeCatalog
from gateway.members.phone_links import read_holders
from gateway.money.messages import failure_sms, receipts_sms, unplaced_sms
from gateway.money.naming import read_named, written_references
from gateway.money.promises import Promise, read_promises
from gateway.sms.outbox import OutgoingSms, queue
from payments.credit import NewPayment, amount_mismatches, insert_payments, post_payments
from payments.dating import REACH
from payments.evidence.booked import read_objections, read_payments
from payments.evidence.decide import decide
from payments.evidence.facts import Decision, Evidence, ExistingPayment, KnownFacts
from payments.evidence.store import bounded, insert_observations
from payments.identity import IdentityRule, identified
from payments.observation import CREDITING
from payments.reconciliation import late
from payments.reconciliation.breaks import record
from payments.requests.lifecycle import State
from payments.requests.store import move, read_requests

ACTOR = "job/credit"


@dataclass(frozen=True, slots=True)
class CreditingContext:
    """What crediting needs beside the evidence; ``identities`` are the rules of operators by name."""

    catalog: SchemeCatalog
    now: datetime
    service_code: str = ""
    reach: timedelta = REACH
    identities: Mapping[str, IdentityRule] = field(default_factory=dict)
    help_number: str = ""

    def identified(self, piece: Evidence) -> Evidence:
        """Return evidence whose ids are in the normal form of their operator, whichever way it came."""
        said = identified(piece.observation, self.identities.get(piece.observation.operator, IdentityRule()))
        return piece if said is piece.observation else replace(piece, observation=said)


@dataclass(frozen=True, slots=True)
class Credited:
    """What a batch of evidence did."""

    decision: Decision
    created: tuple[NewPayment, ...]
    existing: tuple[ExistingPayment, ...]
    breaks_opened: int


async def credit_evidence(
    connection: AsyncConnection, evidence: Sequence[Evidence], context: CreditingContext
) -> Credited:
    """Turn evidence into credits, allocations, states, breaks and messages; all of it or nothing.

    Locks are always taken in the same order: requests, payments, households, each by its id.
    """
    evidence = [bounded(context.identified(piece)) for piece in evidence]
    await insert_observations(connection, evidence, context.now)
    known = await _known(connection, evidence)
    decision = decide(evidence, known, context.now, context.reach)
    created, existing = await insert_payments(connection, decision.confirmed, context.now)
    if existing:
        # Somebody else booked part of it meanwhile: what that means for the rest is decided again, not guessed.
        booked_elsewhere = {(one.operator, one.operator_transaction_id): one for one in existing}
        known = replace(known, payments={**known.payments, **booked_elsewhere})
        decision = decide(evidence, known, context.now, context.reach)
        created = _as_decided(created, decision)
    applied = await _apply(connection, created, context)
    await move(connection, decision.steps, context.now)
    booked = [*known.payments.values(), *(payment.booked() for payment in created)]
    found = (*decision.breaks, *amount_mismatches((*decision.confirmed, *decision.conflicting), booked))
    opened = await record(connection, found, context.now)
    opened += await late.record_payments(connection, [payment.id for payment in created], context.now)
    asked = [payment.confirmed.request_id for payment in created if payment.confirmed.request_id is not None]
    promises = await read_promises(connection, asked)
    await queue(
        connection, _messages(created, applied, decision, known, promises=promises, context=context), context.now
    )
    return Credited(decision, tuple(created), tuple(known.payments.values()), opened)


def _as_decided(created: Sequence[NewPayment], decision: Decision) -> list[NewPayment]:
    confirmed_payments = {confirmed.key: confirmed for confirmed in decision.confirmed}
    return [replace(payment, confirmed=confirmed_payments[payment.confirmed.key]) for payment in created]


async def _known(connection: AsyncConnection, evidence: Sequence[Evidence]) -> KnownFacts:
    words = {piece.observation.our_reference for piece in evidence if piece.observation.our_reference}
    written = written_references(words)
    requests = await read_requests(
        connection, (piece.request_id for piece in evidence if piece.request_id is not None), written.values()
    )
    ours = {fact.reference for fact in requests.values()}
    keys = {
        (piece.observation.operator, piece.observation.operator_transaction_id)
        for piece in evidence
        if piece.observation.operator_transaction_id and piece.observation.provenance in CREDITING
    }
    payers = {piece.observation.payer_msisdn for piece in evidence if piece.observation.payer_msisdn}
    payers |= {fact.payer_msisdn for fact in requests.values()}
    # The requests are locked: nobody books money for them between this reading and our writing.
    payments = await read_payments(connection, keys, requests.keys())
    reversals, collided = await read_objections(connection, keys, requests.keys())
    return KnownFacts(
        requests=requests,
        households=await read_named(connection, {one for one in words if written.get(one) not in ours}),
        payers=await read_holders(connection, payers),
        written=written,
        payments={(one.operator, one.operator_transaction_id): one for one in payments},
        reversals=reversals,
        collided=collided,
    )


async def _apply(
    connection: AsyncConnection, created: Sequence[NewPayment], context: CreditingContext
) -> dict[int, Applied]:
    monies = [
        AllocationRequest(
            household_id=payment.confirmed.party_id,
            ledger_txn_id=payment.ledger_txn_id,
            amount_xof=payment.confirmed.amount_xof,
            paid_on=payment.confirmed.occurred_at.date(),
        )
        for payment in sorted(created, key=lambda one: (one.confirmed.occurred_at, one.id))
        if payment.confirmed.party_id is not None
    ]
    # Money that was there before pays before what comes now, whether or not a job has opened its period.
    households = sorted({money.household_id for money in monies})
    if households:
        await spend_advances(connection, context.catalog, households, context.now, actor=ACTOR, ahead=True)
    decided = await plan(connection, context.catalog, monies, context.now)
    await park(connection, decided.faults, context.now)
    by_txn = {one.money.ledger_txn_id: one for one in decided.applied}
    applied = {payment.id: by_txn[payment.ledger_txn_id] for payment in created if payment.ledger_txn_id in by_txn}
    advances_xof = {payment_id: one.allocation.advance_xof for payment_id, one in applied.items()}
    await post_payments(connection, created, advances_xof, context.now)
    await write(connection, decided, context.now)
    return applied


def _messages(
    created: Sequence[NewPayment],
    applied: Mapping[int, Applied],
    decision: Decision,
    known: KnownFacts,
    *,
    promises: Mapping[int, Promise],
    context: CreditingContext,
) -> list[OutgoingSms]:
    today = context.now.date()
    # Each with the number that its money came from, or was asked of, and when: one batch may hold money from before and
    # from after a number changed hands.
    told: list[tuple[OutgoingSms | None, str | None, datetime | None]] = [
        (sms, payment.confirmed.payer_msisdn, payment.confirmed.occurred_at)
        for payment in created
        for sms in (
            receipts_sms(payment, applied[payment.id], today, promises.get(payment.confirmed.request_id or 0))
            if payment.id in applied
            else [unplaced_sms(payment, context.help_number)]
        )
    ]
    failed = [known.requests[step.request_id] for step in decision.steps if step.after is State.FAILED]
    told += [(failure_sms(fact, context.service_code), fact.payer_msisdn, fact.created_at) for fact in failed]
    return [
        sms
        for sms, payer, at in told
        if sms is not None and not (sms.msisdn == payer and _is_anothers(sms.msisdn, at, known))
    ]


def _is_anothers(msisdn: str, at: datetime | None, known: KnownFacts) -> bool:
    """Return whether a number has changed hands since the moment that a message tells of: then it is told to nobody."""
    return at is not None and any(one.since is not None and at < one.since for one in known.payers.get(msisdn, ()))
