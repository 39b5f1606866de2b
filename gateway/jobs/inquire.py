"""Asks operators about what messages pointed at, by a schedule that begins with the message and ends of itself."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.jobs.apart import write_apart
from gateway.jobs.ask import count_answers, count_posted, word_of
from gateway.jobs.deps import JobDeps, one_after_another
from gateway.jobs.lanes import Call, NotCalled, Raised
from gateway.jobs.orders import order_for
from gateway.settling import Settled, settle
from payments.collect import read_requests
from payments.dispatch import FAILURES_MAX, ClaimedRequest, read_claimed
from payments.inquiries import NOT_FOUND_MAX, End, Inquiry, Outcome, claim, put_off, write
from payments.lifecycle import OPEN, State
from payments.match import Evidence
from payments.observation import ObservedStatus
from payments.operators.contract import Answer, OperatorClient, QueryResult

Heard = tuple[Inquiry, Answer | Raised | NotCalled]


async def inquire(jobs: JobDeps, now: datetime) -> int:
    """Put every question whose turn it is to its operator; give how many were put."""
    return await one_after_another(jobs, inquire_of, jobs.called(), now)


async def inquire_of(jobs: JobDeps, operator: str, now: datetime) -> int:
    """Put the questions whose turn it is to one operator; give how many were put."""
    deps, lane = jobs.deps, jobs.lanes.of("inquire", operator)
    room = jobs.room(lane, now)
    if not room:
        return 0
    client, lease = deps.clients[operator], jobs.lease(operator, now, room)
    claimed = await deps.work.transact(lambda connection: claim(connection, lease))
    if not claimed:
        return 0
    jobs.lanes.used(lane, len(claimed))
    requests = await _requests(jobs, claimed)
    call: Call[Inquiry, Answer] = Call(lambda inquiry: _question(jobs, client, inquiry, requests), word_of)
    heard = await lane.put(
        claimed, call, deps.clock, jobs.capabilities(operator).calls_at_once, jobs.pace.question_timeout_s
    )
    now = deps.clock.now()
    written = await write_apart(
        deps.work,
        heard,
        lambda connection, some: _record(connection, jobs, some, requests, now),
        lambda one, why: deps.work.transact(
            lambda connection: write(connection, [put_off(one[0], why, FAILURES_MAX)], now)
        ),
    )
    for settled in written:
        count_posted(settled)
    count_answers(operator, [answer for _, answer in heard if not isinstance(answer, NotCalled)])
    await lane.tell(deps.work, now)
    return len(heard)


async def _requests(jobs: JobDeps, claimed: Sequence[Inquiry]) -> Mapping[int, ClaimedRequest]:
    ids = sorted({inquiry.request_id for inquiry in claimed if inquiry.request_id is not None})
    if not ids:
        return {}
    async with jobs.deps.work.single() as connection:
        return {request.id: request for request in await read_claimed(connection, ids)}


async def _question(
    jobs: JobDeps, client: OperatorClient, inquiry: Inquiry, requests: Mapping[int, ClaimedRequest]
) -> Answer:
    hint = inquiry.operator_transaction_id
    if inquiry.request_id is None:
        # The table holds it: what asks about no request asks about a transaction.
        return await client.query_transaction(hint or "")
    order = order_for(jobs.deps, requests[inquiry.request_id])
    # A message only points: what the operator itself shows there counts, if it is money for our very request.
    if hint is not None:
        shown = await client.query_transaction(hint)
        observed = shown.observation
        if observed and observed.our_reference == order.reference and observed.status is ObservedStatus.SUCCEEDED:
            return shown
    return await client.query(order)


async def _record(
    connection: AsyncConnection,
    jobs: JobDeps,
    heard: Sequence[Heard],
    requests: Mapping[int, ClaimedRequest],
    now: datetime,
) -> Settled:
    # All of them before any household: that is the order in which everybody locks.
    states = await read_requests(connection, (inquiry.request_id for inquiry, _ in heard if inquiry.request_id), ())
    found = [
        Evidence(answer.observation, inquiry.request_id, detail=answer.detail)
        for inquiry, answer in heard
        if isinstance(answer, Answer) and answer.observation
    ]
    settled = await settle(connection, found, jobs.settling(now))
    watched = {
        request_id
        for request_id, fact in states.items()
        if fact.state in OPEN | {State.CREATED, State.EXPIRED} and requests[request_id].next_attempt_at is not None
    }
    await write(connection, [_outcome(inquiry, answer, watched) for inquiry, answer in heard], now)
    return settled


def _outcome(inquiry: Inquiry, answer: Answer | Raised | NotCalled, watched: set[int]) -> Outcome:
    match answer:
        case NotCalled(why):
            return Outcome(inquiry, End.NOT_ASKED, why)
        case Raised(why):
            return put_off(inquiry, why, FAILURES_MAX)
    if _decides(answer):
        return Outcome(inquiry, End.CLOSED)
    if inquiry.request_id in watched:
        return Outcome(inquiry, End.CLOSED, "the request is open and has a schedule of its own")
    why = f"the operator did not confirm it: {answer.result} {answer.detail}".strip()
    if answer.result is QueryResult.NOT_FOUND:
        return put_off(inquiry, why, NOT_FOUND_MAX)
    return put_off(inquiry, why)


def _decides(answer: Answer) -> bool:
    # "Still pending" is an answer after which the money may yet come, and nobody else would ask.
    observed = answer.observation
    return observed is not None and observed.status not in {ObservedStatus.PENDING, ObservedStatus.UNKNOWN}
