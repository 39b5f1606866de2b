"""From evidence to money, rights and receipt, in one transaction: read, decide, write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.advances import spend_advances
from gateway.contributions.apply import Applied, MoneyFor, plan, write
from gateway.contributions.parking import park
from gateway.contributions.schemes import SchemeBook
from gateway.naming import read_named, read_payers, written_references
from gateway.receipts import failure_sms, receipt_sms, unplaced_sms
from gateway.sms.outbox import OutgoingSms, queue
from payments.booked import read_doubts, read_payments
from payments.collect import move, read_requests
from payments.credit import NewPayment, differing, insert_payments, post_payments
from payments.dating import REACH
from payments.decide import decide
from payments.evidence import bounded, keep
from payments.identity import IdentityRule, identified
from payments.lifecycle import State
from payments.match import Decision, Evidence, ExistingPayment, Known, RequestFact
from payments.observation import CREDITING
from payments.reconciliation import late
from payments.reconciliation.breaks import record

ACTOR = "job/settle"


@dataclass(frozen=True, slots=True)
class SettleContext:
    """What settling needs beside the evidence; ``identities`` are the rules of operators by name."""

    book: SchemeBook
    now: datetime
    service_code: str = ""
    reach: timedelta = REACH
    identities: Mapping[str, IdentityRule] = field(default_factory=dict)

    def identified(self, piece: Evidence) -> Evidence:
        """Give evidence whose ids are in the normal form of their operator, whichever door it came through."""
        said = identified(piece.observation, self.identities.get(piece.observation.operator, IdentityRule()))
        return piece if said is piece.observation else replace(piece, observation=said)


@dataclass(frozen=True, slots=True)
class Settled:
    """What a batch of evidence did."""

    decision: Decision
    created: tuple[NewPayment, ...]
    existing: tuple[ExistingPayment, ...]
    breaks_opened: int


async def settle(connection: AsyncConnection, evidence: Sequence[Evidence], context: SettleContext) -> Settled:
    """Turn evidence into credits, allocations, states, breaks and messages; all of it or nothing.

    Locks are always taken in the same order: requests, payments, households, each by its id.
    """
    evidence = [bounded(context.identified(piece)) for piece in evidence]
    await keep(connection, evidence, context.now)
    known = await _known(connection, evidence)
    decision = decide(evidence, known, context.now, context.reach)
    created, existing = await insert_payments(connection, decision.credits, context.now)
    if existing:
        # Somebody else booked part of it meanwhile: what that means for the rest is decided again, not guessed.
        booked_elsewhere = {(one.operator, one.operator_transaction_id): one for one in existing}
        known = replace(known, payments={**known.payments, **booked_elsewhere})
        decision = decide(evidence, known, context.now, context.reach)
        created = _as_decided(created, decision)
    applied = await _apply(connection, created, context)
    await move(connection, decision.steps, context.now)
    booked = [*known.payments.values(), *(payment.booked() for payment in created)]
    found = (*decision.breaks, *differing((*decision.credits, *decision.doubted), booked))
    opened = await record(connection, found, context.now)
    opened += await late.record_payments(connection, [payment.id for payment in created], context.now)
    await queue(connection, _messages(created, applied, decision, known, context), context.now)
    return Settled(decision, tuple(created), tuple(known.payments.values()), opened)


def _as_decided(created: Sequence[NewPayment], decision: Decision) -> list[NewPayment]:
    credits_ = {credit.key: credit for credit in decision.credits}
    return [replace(payment, credit=credits_[payment.credit.key]) for payment in created]


async def _known(connection: AsyncConnection, evidence: Sequence[Evidence]) -> Known:
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
    payers = {
        piece.observation.payer_msisdn
        for piece in evidence
        if piece.observation.payer_msisdn and piece.request_id is None
    }
    # The requests are locked: nobody books money for them between this reading and our writing.
    payments = await read_payments(connection, keys, requests.keys())
    reversals, collided = await read_doubts(connection, keys, requests.keys())
    return Known(
        requests=requests,
        households=await read_named(connection, {one for one in words if written.get(one) not in ours}),
        payers=await read_payers(connection, payers),
        written=written,
        payments={(one.operator, one.operator_transaction_id): one for one in payments},
        reversals=reversals,
        collided=collided,
    )


async def _apply(
    connection: AsyncConnection, created: Sequence[NewPayment], context: SettleContext
) -> dict[int, Applied]:
    monies = [
        MoneyFor(
            household_id=payment.credit.household_id,
            ledger_txn_id=payment.ledger_txn_id,
            amount_xof=payment.credit.amount_xof,
            paid_on=payment.credit.occurred_at.date(),
        )
        for payment in sorted(created, key=lambda one: (one.credit.occurred_at, one.id))
        if payment.credit.household_id is not None
    ]
    # Money that was there before pays before what comes now, whether or not a job has opened its period.
    households = sorted({money.household_id for money in monies})
    if households:
        await spend_advances(connection, context.book, households, context.now, actor=ACTOR, ahead=True)
    decided = await plan(connection, context.book, monies, context.now)
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
    known: Known,
    context: SettleContext,
) -> list[OutgoingSms]:
    today = context.now.date()
    told = [
        receipt_sms(payment, applied[payment.id], today) if payment.id in applied else unplaced_sms(payment)
        for payment in created
    ]
    failed: list[RequestFact] = [
        known.requests[step.request_id] for step in decision.steps if step.after is State.FAILED
    ]
    return [sms for sms in told if sms is not None] + [failure_sms(fact, context.service_code) for fact in failed]
