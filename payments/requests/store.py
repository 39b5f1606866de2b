"""Asks wallets for money: keeps the request, and records what became of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.requests.facts import RequestFact, StateChange
from payments.requests.lifecycle import Event, State, after
from payments.requests.queue import EXPIRE_PARKED


@dataclass(frozen=True, slots=True)
class NewPaymentRequest:
    """A request to be kept before anything leaves the house; every id comes from outside.

    Units:   amount_xof in whole francs; payer_msisdn in E.164.
    """

    operator: str
    reference: str
    correlation_id: UUID
    callback_token: str
    idempotency_key: str
    party_id: int
    payer_msisdn: str
    amount_xof: int
    created_at: datetime
    next_attempt_at: datetime


@dataclass(frozen=True, slots=True)
class Requested:
    """The request that stands behind an idempotency key."""

    reference: str
    created: bool


@dataclass(frozen=True, slots=True)
class PromptAlreadyOpen:
    """The wallet's phone already shows a prompt; a second one would only confuse its owner."""

    reference: str


@dataclass(frozen=True, slots=True)
class NameTaken:
    """One of the request's own ids exists already, by a chance in thousands of millions: others must be drawn."""


INSERT = text("""
    INSERT INTO payment_request (operator, reference, correlation_id, callback_token, idempotency_key, party_id,
                                 payer_msisdn, amount_xof, state, submissions, inquiries, failures, created_at,
                                 next_attempt_at)
    SELECT :operator, :reference, CAST(:correlation_id AS uuid), :callback_token, :idempotency_key, :party_id,
           :payer_msisdn, :amount_xof, 'created', 0, 0, 0, :created_at, :next_attempt_at
        ON CONFLICT DO NOTHING
    RETURNING reference
""")

BY_KEY = text("SELECT reference FROM payment_request WHERE idempotency_key = :idempotency_key")

#: A prompt lives from the moment it was last sent; nothing is sent, or sent again, later than its life after the call.
OPEN_PROMPT = text("""
    SELECT reference FROM payment_request
     WHERE payer_msisdn = :payer_msisdn AND state IN ('created', 'submitted', 'unknown', 'pending')
       AND coalesce(submitted_at, created_at) > :opened_after
     ORDER BY created_at DESC LIMIT 1
""")

#: Two requests for one phone at the same instant: the second waits here and then sees the first.
ONE_PHONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended(:payer_msisdn, 0))")

RELEASE = text("""
    UPDATE payment_request SET next_attempt_at = :now
     WHERE payer_msisdn = :payer_msisdn AND state = 'created' AND next_attempt_at > :now
""")

#: What may have reached the operator goes its way: only what certainly did not is taken back.
WITHDRAW = text("""
    UPDATE payment_request SET state = 'expired', next_attempt_at = NULL, last_detail = 'never sent: withdrawn'
     WHERE payer_msisdn = :payer_msisdn AND state = 'created' AND submissions = 0
""")

#: A finalised request is asked no more; an open one keeps the moment that its schedule gives.
MOVE = text("""
    UPDATE payment_request
       SET state = step.state,
           finalised_at = CASE WHEN step.state IN ('succeeded', 'failed', 'reversed') THEN :now END,
           parked_at = CASE WHEN step.state IN ('succeeded', 'failed', 'reversed') THEN NULL ELSE parked_at END,
           next_attempt_at = CASE WHEN step.state IN ('succeeded', 'failed', 'reversed') THEN NULL
                                  ELSE next_attempt_at END
      FROM unnest(CAST(:ids AS bigint[]), CAST(:states AS text[])) AS step(id, state)
     WHERE payment_request.id = step.id
""")

#: Locked in the order of their ids, so that two batches never wait for each other crosswise.
REQUESTS = text("""
    SELECT id, operator, reference, party_id, amount_xof, payer_msisdn, state, created_at
      FROM payment_request
     WHERE id = ANY(CAST(:ids AS bigint[])) OR reference = ANY(CAST(:references AS text[]))
     ORDER BY id
       FOR NO KEY UPDATE
""")


async def request_payment(
    connection: AsyncConnection, new: NewPaymentRequest, prompt_lifetime_s: int
) -> Requested | PromptAlreadyOpen | NameTaken:
    """Store one request per idempotency key, unless the payer's phone already has a prompt open.

    Returns: ``NameTaken`` when nothing was kept and the caller must come again with other ids.
    """
    await connection.execute(ONE_PHONE_AT_A_TIME, {"payer_msisdn": new.payer_msisdn})
    kept = (await connection.execute(BY_KEY, {"idempotency_key": new.idempotency_key})).scalar_one_or_none()
    if kept is not None:
        return Requested(kept, created=False)
    opened_after = new.created_at - timedelta(seconds=prompt_lifetime_s)
    waiting = await connection.execute(OPEN_PROMPT, {"payer_msisdn": new.payer_msisdn, "opened_after": opened_after})
    open_reference = waiting.scalar_one_or_none()
    if open_reference is not None:
        return PromptAlreadyOpen(open_reference)
    values = {name: getattr(new, name) for name in NewPaymentRequest.__slots__}
    reference = (await connection.execute(INSERT, values)).scalar_one_or_none()
    if reference is not None:
        return Requested(reference, created=True)
    # Either somebody kept this very request a moment ago, or one of its ids is another request's.
    kept = (await connection.execute(BY_KEY, {"idempotency_key": new.idempotency_key})).scalar_one_or_none()
    return NameTaken() if kept is None else Requested(kept, created=False)


async def release(connection: AsyncConnection, payer_msisdn: str, now: datetime) -> None:
    """Let the push of a caller whose dialogue has just ended go out at once."""
    await connection.execute(RELEASE, {"payer_msisdn": payer_msisdn, "now": now})


async def withdraw(connection: AsyncConnection, payer_msisdn: str) -> int:
    """Take back what was asked of a phone and not sent yet; return how much that was."""
    return (await connection.execute(WITHDRAW, {"payer_msisdn": payer_msisdn})).rowcount


async def is_kept(connection: AsyncConnection, idempotency_key: str) -> bool:
    """Return whether a request stands behind a key already."""
    kept = await connection.execute(BY_KEY, {"idempotency_key": idempotency_key})
    return kept.scalar_one_or_none() is not None


async def move(connection: AsyncConnection, steps: Sequence[StateChange], now: datetime) -> None:
    """Write the states that the matcher decided."""
    if steps:
        await connection.execute(
            MOVE, {"ids": [step.request_id for step in steps], "states": [step.after for step in steps], "now": now}
        )


async def read_requests(
    connection: AsyncConnection, ids: Iterable[int], references: Iterable[str]
) -> dict[int, RequestFact]:
    """Read and lock the requests that the evidence is about."""
    wanted = {"ids": sorted(set(ids)), "references": sorted(set(references))}
    if not wanted["ids"] and not wanted["references"]:
        return {}
    rows = (await connection.execute(REQUESTS, wanted)).all()
    return {row.id: RequestFact(**{**row._asdict(), "state": State(row.state)}) for row in rows}


async def apply_events(
    connection: AsyncConnection, events: Sequence[tuple[int, Event]], now: datetime
) -> dict[int, State]:
    """Tell requests what happened to them apart from any evidence about money.

    Returns: the state in which each of them now stands.
    """
    facts = await read_requests(connection, (request_id for request_id, _ in events), ())
    states = {request_id: fact.state for request_id, fact in facts.items()}
    for request_id, event in events:
        states[request_id] = after(states[request_id], event)
    changed = [
        StateChange(fact.id, fact.state, states[fact.id]) for fact in facts.values() if states[fact.id] != fact.state
    ]
    await move(connection, changed, now)
    return states


async def expire_parked(connection: AsyncConnection, asked_before: datetime, batch: int) -> int:
    """Give up waiting for requests that were put aside; money that comes after all is taken as ever.

    Returns: how many.
    """
    return (await connection.execute(EXPIRE_PARKED, {"asked_before": asked_before, "batch": batch})).rowcount
