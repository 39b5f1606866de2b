"""Asks operators what became of requests, by the schedule of each."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.jobs.apart import write_apart
from gateway.jobs.deps import JobDeps, one_after_another
from gateway.jobs.lanes import Call, NotCalled, Raised, Word
from gateway.jobs.orders import order_for
from gateway.metrics import PAYMENTS_POSTED, QUERIES
from gateway.settling import Settled, settle
from payments.collect import apply_events, read_requests
from payments.dispatch import ClaimedRequest, claim_to_ask, fail, leave_unasked, next_inquiry_at, schedule
from payments.lifecycle import OPEN, Event, State
from payments.match import Evidence
from payments.operators.contract import Answer, Capabilities, QueryResult

#: An operator that took our request may need this long to show it; before, "never seen" means nothing.
SEEN_AFTER = timedelta(seconds=60)
#: So often is one request sent under the same ids; afterwards it is only asked about.
SUBMISSIONS_MAX = 5

#: What an answer says of the operator; that it knows nothing is an answer like any other.
WORDS = {QueryResult.UNREACHABLE: Word.SILENT, QueryResult.OUR_FAULT: Word.REFUSES_US}

Heard = tuple[ClaimedRequest, Answer | Raised | NotCalled]


async def ask(jobs: JobDeps, now: datetime) -> int:
    """Ask every operator about every request whose turn it is; give how many were asked."""
    return await one_after_another(jobs, ask_one, jobs.called(), now)


async def ask_one(jobs: JobDeps, operator: str, now: datetime) -> int:
    """Ask one operator about every request whose turn it is; give how many were asked."""
    deps, lane = jobs.deps, jobs.lanes.of("ask", operator)
    room = jobs.room(lane, now)
    if not room:
        return 0
    client, lease = deps.clients[operator], jobs.lease(operator, now, room)
    claimed = await deps.work.transact(lambda connection: claim_to_ask(connection, lease))
    if not claimed:
        return 0
    jobs.lanes.used(lane, len(claimed))
    call: Call[ClaimedRequest, Answer] = Call(lambda request: client.query(order_for(deps, request)), word_of)
    heard = await lane.put(
        claimed, call, deps.clock, jobs.capabilities(operator).calls_at_once, jobs.pace.question_timeout_s
    )
    now = deps.clock.now()
    written = await write_apart(
        deps.work,
        heard,
        lambda connection, some: _record(connection, jobs, some, now),
        lambda one, why: deps.work.transact(lambda connection: fail(connection, one[0].id, why, now)),
    )
    for settled in written:
        count_posted(settled)
    count_answers(operator, [answer for _, answer in heard if not isinstance(answer, NotCalled)])
    await lane.tell(deps.work, now)
    return len(heard)


def word_of(answer: Answer) -> tuple[Word, str]:
    """Give what an answer says of the operator."""
    return WORDS.get(answer.result, Word.WELL), answer.detail


def count_answers(operator: str, answers: Sequence[Answer | Raised]) -> None:
    """Count what questions brought."""
    for answer in answers:
        QUERIES.labels(operator, answer.result if isinstance(answer, Answer) else "raised").inc()


def count_posted(settled: Settled) -> None:
    """Count what was posted, once it is committed: a transaction may be run more than once."""
    for payment in settled.created:
        PAYMENTS_POSTED.labels(payment.credit.operator, payment.credit.provenance).inc()


async def _record(connection: AsyncConnection, jobs: JobDeps, heard: Sequence[Heard], now: datetime) -> Settled:
    """Write what the operators said, and when to ask again."""
    # All of them before any household: that is the order in which everybody locks.
    await read_requests(connection, (claimed.id for claimed, _ in heard), ())
    answers = [(claimed, answer) for claimed, answer in heard if isinstance(answer, Answer)]
    found = [
        Evidence(answer.observation, claimed.id, detail=answer.detail)
        for claimed, answer in answers
        if answer.observation
    ]
    settled = await settle(connection, found, jobs.settling(now))
    events = [
        (claimed.id, event)
        for claimed, answer in heard
        for event in _events(claimed, answer, jobs.capabilities(claimed.operator), now)
    ]
    states = await apply_events(connection, events, now) if events else {}
    due = [
        (claimed.id, _next(claimed, states.get(claimed.id), jobs.capabilities(claimed.operator), now), answer.detail)
        for claimed, answer in answers
    ]
    await schedule(connection, [(request_id, moment, detail or None) for request_id, moment, detail in due])
    unasked = [
        (claimed.id, _as_before(claimed, jobs.capabilities(claimed.operator), now))
        for claimed, answer in heard
        if isinstance(answer, NotCalled)
    ]
    await leave_unasked(connection, unasked)
    for claimed, answer in heard:
        if isinstance(answer, Raised):
            await fail(connection, claimed.id, answer.why, now)
    return settled


def _events(
    claimed: ClaimedRequest, answer: Answer | Raised | NotCalled, capabilities: Capabilities, now: datetime
) -> list[Event]:
    told = _told(claimed, answer, capabilities, now) if isinstance(answer, Answer) else []
    is_over = now >= claimed.created_at + timedelta(seconds=capabilities.expires_after_s)
    return [*told, Event.WAITED_LONG_ENOUGH] if is_over else told


def _told(claimed: ClaimedRequest, answer: Answer, capabilities: Capabilities, now: datetime) -> list[Event]:
    sent_at = claimed.submitted_at or claimed.created_at
    never_seen = answer.result is QueryResult.NOT_FOUND and now >= sent_at + SEEN_AFTER
    in_time = now < claimed.created_at + timedelta(seconds=capabilities.prompt_lifetime_s)
    if never_seen and in_time and claimed.state in OPEN and claimed.submissions < SUBMISSIONS_MAX:
        return [Event.NEVER_ARRIVED]
    if claimed.state is State.SUBMITTED and answer.observation is None:
        return [Event.ANSWER_LOST]
    return []


def _next(claimed: ClaimedRequest, state: State | None, capabilities: Capabilities, now: datetime) -> datetime | None:
    if state is State.CREATED:
        return now
    return next_inquiry_at(claimed, capabilities, now)


def _as_before(claimed: ClaimedRequest, capabilities: Capabilities, now: datetime) -> datetime | None:
    return next_inquiry_at(replace(claimed, inquiries=claimed.inquiries - 1), capabilities, now)
