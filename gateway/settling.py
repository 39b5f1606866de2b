"""From evidence to money, rights and receipt, in one transaction: read, decide, write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.apply import Applied, MoneyFor, plan, write
from gateway.contributions.schemes import SchemeBook
from gateway.receipts import failure_sms, receipt_sms, suspense_sms
from gateway.sms.outbox import OutgoingSms, queue
from payments.collect import move, read_requests
from payments.credit import ExistingPayment, NewPayment, differing, insert_payments, post_payments
from payments.evidence import keep
from payments.lifecycle import State
from payments.match import Decision, Evidence, Known, RequestFact, decide
from payments.reconciliation.breaks import record

#: A registered number stands for its household, a RAMU number too.
PAYERS = text("SELECT msisdn, household_id FROM phone WHERE msisdn = ANY(CAST(:msisdns AS text[]))")
NUMBERS = text("SELECT ramu_number, id FROM household WHERE ramu_number = ANY(CAST(:numbers AS text[]))")


@dataclass(frozen=True, slots=True)
class SettleContext:
    """What settling needs beside the evidence."""

    book: SchemeBook
    now: datetime
    service_code: str = ""


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
    await keep(connection, evidence, context.now)
    known = await _known(connection, evidence)
    decision = decide(evidence, known, context.now)
    created, existing = await insert_payments(connection, decision.credits, context.now)
    applied = await _apply(connection, created, context)
    await move(connection, decision.steps, context.now)
    booked = [*existing, *(payment.booked() for payment in created)]
    found = (*decision.breaks, *differing((*decision.credits, *decision.doubted), booked))
    opened = await record(connection, found, context.now)
    await queue(connection, _messages(created, applied, decision, known, context), context.now)
    return Settled(decision, tuple(created), tuple(existing), opened)


async def _known(connection: AsyncConnection, evidence: Sequence[Evidence]) -> Known:
    named = {piece.observation.our_reference for piece in evidence if piece.observation.our_reference}
    requests = await read_requests(
        connection, (piece.request_id for piece in evidence if piece.request_id is not None), named
    )
    mine = {fact.reference for fact in requests.values()}
    return Known(
        requests=requests,
        households=await _households(connection, named - mine),
        payers=await _payers(connection, evidence),
    )


async def _households(connection: AsyncConnection, references: set[str]) -> Mapping[str, int]:
    # People write the same number with and without spaces.
    numbers = {reference: reference.replace(" ", "") for reference in references}
    if not numbers:
        return {}
    rows = await connection.execute(NUMBERS, {"numbers": sorted(set(numbers.values()))})
    households = {row.ramu_number: row.id for row in rows.all()}
    return {reference: households[number] for reference, number in numbers.items() if number in households}


async def _payers(connection: AsyncConnection, evidence: Sequence[Evidence]) -> Mapping[str, tuple[int, ...]]:
    msisdns = {
        piece.observation.payer_msisdn
        for piece in evidence
        if piece.observation.payer_msisdn and piece.request_id is None
    }
    if not msisdns:
        return {}
    rows = await connection.execute(PAYERS, {"msisdns": sorted(msisdns)})
    return {row.msisdn: (row.household_id,) for row in rows.all()}


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
    decided = await plan(connection, context.book, monies, context.now)
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
        receipt_sms(payment, applied[payment.id], today) if payment.id in applied else suspense_sms(payment)
        for payment in created
    ]
    failed: list[RequestFact] = [
        known.requests[step.request_id] for step in decision.steps if step.after is State.FAILED
    ]
    return [sms for sms in told if sms is not None] + [failure_sms(fact, context.service_code) for fact in failed]
