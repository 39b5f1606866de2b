"""Asks operators what became of requests: the schedule's job when no callback came, the callback's when one did."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.jobs.deps import JobDeps
from gateway.jobs.orders import each, order_for
from gateway.metrics import PAYMENTS_POSTED, QUERIES
from gateway.settling import Settled, settle
from payments.collect import ClaimedRequest, apply_events, claim_to_ask, next_inquiry_at, read_requests, schedule
from payments.lifecycle import OPEN, Event, State
from payments.match import Evidence
from payments.observation import ObservedStatus
from payments.operators.contract import Answer, Capabilities, OperatorClient, PushOrder, QueryResult

#: An operator that took our request may need this long to show it; before, "never seen" means nothing.
SEEN_AFTER = timedelta(seconds=60)
#: So often is one request sent under the same ids; afterwards it is only asked about.
SUBMISSIONS_MAX = 5

Asked = list[tuple[ClaimedRequest, Answer]]


async def ask(jobs: JobDeps, now: datetime) -> int:
    """Ask about every request whose turn it is; give how many were asked."""
    return sum([await _ask_one(jobs, name, client, now) for name, client in jobs.deps.clients.items()])


async def _ask_one(jobs: JobDeps, operator: str, client: OperatorClient, now: datetime) -> int:
    deps, pace = jobs.deps, jobs.pace
    claimed = await deps.work.transact(
        lambda connection: claim_to_ask(connection, operator, now, pace.lease_s, pace.batch)
    )
    answers = await questions(jobs, client, claimed)
    if answers:
        count_posted(await deps.work.transact(lambda connection: record(connection, jobs, answers, ())))
    return len(answers)


async def questions(
    jobs: JobDeps, client: OperatorClient, claimed: Sequence[ClaimedRequest], hints: Mapping[int, str] | None = None
) -> Asked:
    """Put the questions, outside any transaction; ``hints`` gives the transactions that callbacks spoke of."""
    pointed = hints or {}
    answers = await each(
        claimed,
        lambda request: _question(client, order_for(jobs.deps, request), pointed.get(request.id)),
        jobs.pace.calls_at_once,
    )
    for request, answer in answers:
        QUERIES.labels(request.operator, answer.result).inc()
    return answers


async def _question(client: OperatorClient, order: PushOrder, hint: str | None) -> Answer:
    # A callback only points: what the operator itself shows there counts, if it is money for our very request.
    if hint is not None:
        shown = await client.query_transaction(hint)
        observed = shown.observation
        if observed and observed.our_reference == order.reference and observed.status is ObservedStatus.SUCCEEDED:
            return shown
    return await client.query(order)


async def record(connection: AsyncConnection, jobs: JobDeps, answers: Asked, more: Sequence[Evidence]) -> Settled:
    """Write what the operators said, with ``more`` evidence that came along, and when to ask again."""
    now = jobs.deps.clock.now()
    # All of them before any household: that is the order in which everybody locks.
    await read_requests(connection, (claimed.id for claimed, _ in answers), ())
    found = [
        Evidence(answer.observation, claimed.id, detail=answer.detail)
        for claimed, answer in answers
        if answer.observation
    ]
    settled = await settle(connection, [*more, *found], jobs.settling(now))
    capabilities = {name: operator.capabilities for name, operator in jobs.deps.operators.items()}
    events = [
        (claimed.id, event)
        for claimed, answer in answers
        for event in _events(claimed, answer, capabilities[claimed.operator], now)
    ]
    states = await apply_events(connection, events, now) if events else {}
    await schedule(
        connection,
        [
            (
                claimed.id,
                _next(claimed, states.get(claimed.id), capabilities[claimed.operator], now),
                answer.detail or None,
            )
            for claimed, answer in answers
        ],
    )
    return settled


def count_posted(settled: Settled) -> None:
    """Count what was posted, once it is committed: a transaction may be run more than once."""
    for payment in settled.created:
        PAYMENTS_POSTED.labels(payment.credit.operator, payment.credit.provenance).inc()


def _events(claimed: ClaimedRequest, answer: Answer, capabilities: Capabilities, now: datetime) -> list[Event]:
    events = []
    sent_at = claimed.submitted_at or claimed.created_at
    never_seen = answer.result is QueryResult.NOT_FOUND and now >= sent_at + SEEN_AFTER
    in_time = now < claimed.created_at + timedelta(seconds=capabilities.prompt_lifetime_s)
    if never_seen and in_time and claimed.state in OPEN and claimed.submissions < SUBMISSIONS_MAX:
        events.append(Event.NEVER_ARRIVED)
    elif claimed.state is State.SUBMITTED and answer.observation is None:
        events.append(Event.ANSWER_LOST)
    if now >= claimed.created_at + timedelta(seconds=capabilities.expires_after_s):
        events.append(Event.WAITED_LONG_ENOUGH)
    return events


def _next(claimed: ClaimedRequest, state: State | None, capabilities: Capabilities, now: datetime) -> datetime | None:
    if state is State.CREATED:
        return now
    return next_inquiry_at(claimed, capabilities, now)
