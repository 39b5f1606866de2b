"""Asks operators what became of requests, by the schedule of each."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.infra.metrics import PAYMENTS_POSTED, QUERIES
from gateway.jobs.deps import JobDeps, one_after_another
from gateway.jobs.lanes import Call, NotCalled, Raised, Word
from gateway.jobs.orders import order_for
from gateway.jobs.round import Round, go_round
from gateway.money.credit_evidence import Credited, credit_evidence
from payments.evidence.facts import Evidence
from payments.operators.contract import Answer, Capabilities, QueryResult
from payments.requests.dispatch import LeasedRequest, fail, lease_to_poll, leave_unpolled, schedule
from payments.requests.lifecycle import OPEN, Event, State
from payments.requests.store import apply_events, read_requests
from payments.requests.timetable import next_inquiry_at

#: An operator that took our request may need this long to show it; before, "never seen" means nothing.
SEEN_AFTER = timedelta(seconds=60)
#: So often is one request sent under the same ids; afterwards it is only asked about.
SUBMISSIONS_MAX = 5

ANSWERS_NOTHING = "this operator answers no such question"
#: What an answer says of the operator; that it knows nothing is an answer like any other.
WORDS = {QueryResult.UNREACHABLE: Word.SILENT, QueryResult.OUR_FAULT: Word.REFUSES_US}

Answered = tuple[LeasedRequest, Answer | Raised | NotCalled]


async def poll(jobs: JobDeps, now: datetime) -> int:
    """Ask every operator about every request whose turn it is; return how many were asked."""
    return await one_after_another(jobs, poll_operator, jobs.called(), now)


async def poll_operator(jobs: JobDeps, operator: str, now: datetime) -> int:
    """Ask one operator about every request whose turn it is; return how many were asked.

    One that answers no such question is never asked: its requests only wait until they have waited long enough.
    """
    client, can_answer = jobs.deps.clients[operator], jobs.capabilities(operator).query_request
    work = Round(
        job="poll",
        lease_due=lease_to_poll,
        call=Call(
            put=lambda request: client.query(order_for(jobs.deps, request)),
            word=word_of,
            why_not=lambda _request, _now: None if can_answer else ANSWERS_NOTHING,
        ),
        write=lambda connection, answered, at: _record(connection, jobs, answered, at),
        put_off=lambda connection, request, why, at: fail(connection, request.id, why, at),
        count=partial(count_round, operator),
    )
    return await go_round(jobs, operator, now, work)


def word_of(answer: Answer) -> tuple[Word, str]:
    """Return what an answer says of the operator."""
    return WORDS.get(answer.result, Word.WELL), answer.detail


def count_round(
    operator: str, answered: Sequence[tuple[object, Answer | Raised | NotCalled]], written: Sequence[Credited]
) -> None:
    """Count what questions brought, and what was posted of it."""
    for credited in written:
        count_posted(credited)
    for _, answer in answered:
        if not isinstance(answer, NotCalled):
            QUERIES.labels(operator, answer.result if isinstance(answer, Answer) else "raised").inc()


def count_posted(credited: Credited) -> None:
    """Count what was posted, once it is committed: a transaction may be run more than once."""
    for payment in credited.created:
        PAYMENTS_POSTED.labels(payment.confirmed.operator, payment.confirmed.provenance).inc()


async def _record(connection: AsyncConnection, jobs: JobDeps, answered: Sequence[Answered], now: datetime) -> Credited:
    """Write what the operators said, and when to ask again."""
    # All of them before any household: that is the order in which everybody locks.
    await read_requests(connection, (leased.id for leased, _ in answered), ())
    answers = [(leased, answer) for leased, answer in answered if isinstance(answer, Answer)]
    found = [
        Evidence(answer.observation, leased.id, detail=answer.detail)
        for leased, answer in answers
        if answer.observation
    ]
    credited = await credit_evidence(connection, found, jobs.crediting(now))
    events = [
        (leased.id, event)
        for leased, answer in answered
        for event in _events(leased, answer, jobs.capabilities(leased.operator), now)
    ]
    states = await apply_events(connection, events, now) if events else {}
    due = [
        (leased.id, _next(leased, states.get(leased.id), jobs.capabilities(leased.operator), now), answer.detail)
        for leased, answer in answers
    ]
    await schedule(connection, [(request_id, moment, detail or None) for request_id, moment, detail in due])
    uncalled = [
        (leased.id, _as_before(leased, jobs.capabilities(leased.operator), now))
        for leased, answer in answered
        if isinstance(answer, NotCalled)
    ]
    await leave_unpolled(connection, uncalled)
    for leased, answer in answered:
        if isinstance(answer, Raised):
            await fail(connection, leased.id, answer.why, now)
    return credited


def _events(
    leased: LeasedRequest, answer: Answer | Raised | NotCalled, capabilities: Capabilities, now: datetime
) -> list[Event]:
    events = _answer_events(leased, answer, capabilities, now) if isinstance(answer, Answer) else []
    is_over = now >= leased.created_at + timedelta(seconds=capabilities.expires_after_s)
    return [*events, Event.WAITED_LONG_ENOUGH] if is_over else events


def _answer_events(leased: LeasedRequest, answer: Answer, capabilities: Capabilities, now: datetime) -> list[Event]:
    sent_at = leased.submitted_at or leased.created_at
    never_seen = answer.result is QueryResult.NOT_FOUND and now >= sent_at + SEEN_AFTER
    in_time = now < leased.created_at + timedelta(seconds=capabilities.prompt_lifetime_s)
    if never_seen and in_time and leased.state in OPEN and leased.submissions < SUBMISSIONS_MAX:
        return [Event.NEVER_ARRIVED]
    if leased.state is State.SUBMITTED and answer.observation is None:
        return [Event.ANSWER_LOST]
    return []


def _next(leased: LeasedRequest, state: State | None, capabilities: Capabilities, now: datetime) -> datetime | None:
    if state is State.CREATED:
        return now
    return next_inquiry_at(leased, capabilities, now)


def _as_before(leased: LeasedRequest, capabilities: Capabilities, now: datetime) -> datetime | None:
    return next_inquiry_at(replace(leased, inquiries=leased.inquiries - 1), capabilities, now)
