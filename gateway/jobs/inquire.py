"""Asks operators about what messages pointed at, by a schedule that begins with the message and ends of itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.jobs.deps import JobDeps, one_after_another
from gateway.jobs.lanes import Call, NotCalled, Raised
from gateway.jobs.orders import order_for
from gateway.jobs.poll import ANSWERS_NOTHING, count_round, word_of
from gateway.jobs.round import Round, go_round
from gateway.money.credit_evidence import Credited, credit_evidence
from payments.evidence.facts import Evidence
from payments.evidence.inquiries import NOT_FOUND_MAX, End, InquiryOutcome, LeasedInquiry, lease_due, put_off, write
from payments.observation import ObservedStatus
from payments.operators.contract import Answer, Capabilities, OperatorClient, QueryResult
from payments.requests.dispatch import FAILURES_MAX, Lease, LeasedRequest, read_without_lease
from payments.requests.lifecycle import OPEN, State
from payments.requests.store import read_requests


@dataclass(frozen=True, slots=True)
class Question:
    """What a message pointed at, and the request that it is about, where it is about one of ours."""

    inquiry: LeasedInquiry
    request: LeasedRequest | None


Answered = tuple[Question, Answer | Raised | NotCalled]


async def inquire(jobs: JobDeps, now: datetime) -> int:
    """Put every question whose turn it is to its operator; return how many were put."""
    return await one_after_another(jobs, inquire_of, jobs.queried(), now)


async def inquire_of(jobs: JobDeps, operator: str, now: datetime) -> int:
    """Put the questions whose turn it is to one operator; return how many were put."""
    client, capabilities = jobs.deps.clients[operator], jobs.capabilities(operator)
    work = Round(
        job="inquire",
        lease_due=_lease_due,
        call=Call(
            put=lambda question: _ask(jobs, client, question),
            word=word_of,
            why_not=lambda question, _now: None if _may_be_asked(question, capabilities) else ANSWERS_NOTHING,
        ),
        write=lambda connection, answered, at: _record(connection, jobs, answered, at),
        put_off=lambda connection, question, why, at: write(
            connection, [put_off(question.inquiry, why, FAILURES_MAX)], at
        ),
        count=partial(count_round, operator),
    )
    return await go_round(jobs, operator, now, work)


async def _lease_due(connection: AsyncConnection, lease: Lease) -> list[Question]:
    leased = await lease_due(connection, lease)
    ids = sorted({inquiry.request_id for inquiry in leased if inquiry.request_id is not None})
    requests = {request.id: request for request in await read_without_lease(connection, ids)} if ids else {}
    return [Question(inquiry, requests.get(inquiry.request_id or 0)) for inquiry in leased]


def _may_be_asked(question: Question, capabilities: Capabilities) -> bool:
    return capabilities.query_transaction if question.request is None else capabilities.query_request


async def _ask(jobs: JobDeps, client: OperatorClient, question: Question) -> Answer:
    transaction_id = question.inquiry.operator_transaction_id
    if question.request is None:
        # The table holds it: what asks about no request asks about a transaction.
        return await client.query_transaction(transaction_id or "")
    order = order_for(jobs.deps, question.request)
    # A message only points: what the operator itself shows there counts, if it is money for our very request.
    if transaction_id is not None and jobs.capabilities(question.inquiry.operator).query_transaction:
        shown = await client.query_transaction(transaction_id)
        observed = shown.observation
        if observed and observed.our_reference == order.reference and observed.status is ObservedStatus.SUCCEEDED:
            return shown
    return await client.query(order)


async def _record(connection: AsyncConnection, jobs: JobDeps, answered: Sequence[Answered], now: datetime) -> Credited:
    # All of them before any household: that is the order in which everybody locks.
    asked = {question.request.id: question.request for question, _ in answered if question.request is not None}
    states = await read_requests(connection, asked, ())
    found = [
        Evidence(answer.observation, question.inquiry.request_id, detail=answer.detail)
        for question, answer in answered
        if isinstance(answer, Answer) and answer.observation
    ]
    credited = await credit_evidence(connection, found, jobs.crediting(now))
    watched = {
        request_id
        for request_id, fact in states.items()
        if fact.state in OPEN | {State.CREATED, State.EXPIRED} and asked[request_id].next_attempt_at is not None
    }
    await write(connection, [_outcome(question.inquiry, answer, watched) for question, answer in answered], now)
    return credited


def _outcome(inquiry: LeasedInquiry, answer: Answer | Raised | NotCalled, watched: set[int]) -> InquiryOutcome:
    match answer:
        case NotCalled(why):
            # What this operator never answers is for a person; what it was only spared is asked later.
            return InquiryOutcome(inquiry, End.PARKED if why == ANSWERS_NOTHING else End.NOT_CALLED, why)
        case Raised(why):
            return put_off(inquiry, why, FAILURES_MAX)
    if _decides(answer):
        return InquiryOutcome(inquiry, End.CLOSED)
    if inquiry.request_id in watched:
        return InquiryOutcome(inquiry, End.CLOSED, "the request is open and has a schedule of its own")
    why = f"the operator did not confirm it: {answer.result} {answer.detail}".strip()
    if answer.result is QueryResult.NOT_FOUND:
        return put_off(inquiry, why, NOT_FOUND_MAX)
    return put_off(inquiry, why)


def _decides(answer: Answer) -> bool:
    # "Still pending" is an answer after which the money may yet come, and nobody else would ask.
    observed = answer.observation
    return observed is not None and observed.status not in {ObservedStatus.PENDING, ObservedStatus.UNKNOWN}
