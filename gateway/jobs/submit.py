"""Sends the requests whose dialogue is over: lease, call, record."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.infra.metrics import PUSHES
from gateway.jobs.deps import JobDeps, one_after_another
from gateway.jobs.lanes import Call, NotCalled, Raised, Word
from gateway.jobs.orders import order_for
from gateway.jobs.round import Round, go_round
from gateway.money.credit_evidence import credit_evidence
from gateway.money.messages import unsent_sms
from gateway.sms.outbox import queue
from payments.evidence.facts import Evidence
from payments.observation import Observation, ObservedStatus, Provenance
from payments.operators.contract import PushResult, Submitted
from payments.requests.dispatch import (
    LeasedRequest,
    fail,
    give_up_unsent,
    lease_to_submit,
    schedule,
    uncount,
)
from payments.requests.lifecycle import Event, State
from payments.requests.operator_state import Given, is_storable, store_given
from payments.requests.store import apply_events
from payments.requests.timetable import next_inquiry_at, next_sending_at

log = structlog.stdlib.get_logger()

#: What a clear answer to the push says; money is only believed from a status query, so SUCCEEDED is asked about.
STATUS = {
    PushResult.PENDING: ObservedStatus.PENDING,
    PushResult.SUCCEEDED: ObservedStatus.PENDING,
    PushResult.REFUSED: ObservedStatus.FAILED,
}
#: What an answer says of the operator; a payer's no is an answer like any other.
WORDS = {PushResult.UNKNOWN: Word.SILENT, PushResult.OUR_FAULT: Word.REFUSES_US}
#: The shortest life of a prompt that any operator has; for operators that are configured no more.
LIFETIME_OF_STRANGERS_S = 600

Sent = tuple[LeasedRequest, Submitted]


async def submit(jobs: JobDeps, now: datetime) -> int:
    """Send what is due to every operator that takes requests; return how many were sent."""
    return await one_after_another(jobs, submit_to, takers(jobs), now)


def takers(jobs: JobDeps) -> tuple[str, ...]:
    """Return the operators that take requests to pay."""
    return tuple(name for name in jobs.called() if jobs.capabilities(name).request_to_pay)


async def submit_to(jobs: JobDeps, operator: str, now: datetime) -> int:
    """Send what is due to one operator; return how many were sent."""
    client, lifetime_s = jobs.deps.clients[operator], jobs.capabilities(operator).prompt_lifetime_s
    lifetime = timedelta(seconds=lifetime_s)
    work = Round(
        job="submit",
        lease_due=lambda connection, lease: lease_to_submit(connection, lease, lifetime_s),
        call=Call(
            put=lambda request: client.request_to_pay(order_for(jobs.deps, request)),
            word=_word_of,
            why_not=lambda request, at: "too late" if at >= request.created_at + lifetime else None,
        ),
        write=lambda connection, outcomes, at: _record(
            connection, jobs, [(request, _submitted(outcome)) for request, outcome in outcomes], at
        ),
        put_off=lambda connection, request, why, at: fail(connection, request.id, why, at),
        count=lambda outcomes, _written: _count(operator, [outcome for _, outcome in outcomes]),
    )
    return await go_round(jobs, operator, now, work)


def _count(operator: str, outcomes: Sequence[Submitted | Raised | NotCalled]) -> None:
    for outcome in outcomes:
        PUSHES.labels(operator, outcome.result if isinstance(outcome, Submitted) else "not_called_or_raised").inc()


def _word_of(answer: Submitted) -> tuple[Word, str]:
    # Whoever gives our order a number answers, even in words that we do not know.
    word = Word.WELL if answer.operator_request_id else WORDS.get(answer.result, Word.WELL)
    return word, answer.detail


def _submitted(outcome: Submitted | Raised | NotCalled) -> Submitted:
    match outcome:
        case Raised(why):
            # The order may have left before the client broke: it is asked about like any lost answer.
            return Submitted(PushResult.UNKNOWN, detail=why)
        case NotCalled(why):
            return Submitted(PushResult.OUR_FAULT, detail=why)
        case _:
            return outcome


async def _record(connection: AsyncConnection, jobs: JobDeps, answers: Sequence[Sent], now: datetime) -> None:
    await credit_evidence(
        connection, [_evidence(*pair) for pair in answers if pair[1].result in STATUS], jobs.crediting(now)
    )
    events = [
        (leased.id, Event.ANSWER_LOST if answer.result is PushResult.UNKNOWN else Event.NOT_TAKEN)
        for leased, answer in answers
        if answer.result not in STATUS
    ]
    states = await apply_events(connection, events, now) if events else {}
    await store_given(
        connection, [Given(leased.id, answer.operator_request_id, answer.state) for leased, answer in answers]
    )
    for leased, answer in answers:
        if not is_storable(answer.state):
            log.error("operator.state_not_stored", operator=leased.operator, request_id=leased.id)
    not_taken = {
        leased.id
        for leased, answer in answers
        if answer.result is PushResult.OUR_FAULT and states.get(leased.id) is State.CREATED
    }
    await uncount(connection, sorted(not_taken))
    await schedule(connection, [_due(jobs, *pair, again=pair[0].id in not_taken, now=now) for pair in answers])


def _due(
    jobs: JobDeps, leased: LeasedRequest, answer: Submitted, *, again: bool, now: datetime
) -> tuple[int, datetime | None, str | None]:
    capabilities = jobs.capabilities(leased.operator)
    moment = (next_sending_at if again else next_inquiry_at)(leased, capabilities, now)
    return leased.id, moment, answer.detail or None


def _evidence(leased: LeasedRequest, answer: Submitted) -> Evidence:
    observed = Observation(
        operator=leased.operator,
        provenance=Provenance.QUERY,
        status=STATUS[answer.result],
        our_reference=leased.reference,
    )
    return Evidence(observed, leased.id, detail=answer.detail)


async def give_up(jobs: JobDeps, now: datetime) -> int:
    """Give up what nobody could send within its prompt's life, and tell the payer; return how many were given up.

    No call is made here, so that no operator that is silent, refuses us or has gone keeps a payer waiting for the word.
    """
    lifetimes: dict[str | None, int] = {
        name: operator.capabilities.prompt_lifetime_s for name, operator in jobs.deps.operators.items()
    }
    lifetimes[None] = LIFETIME_OF_STRANGERS_S
    return await jobs.deps.worker_db.transact(lambda connection: _give_up(connection, jobs, lifetimes, now))


async def _give_up(connection: AsyncConnection, jobs: JobDeps, lifetimes: dict[str | None, int], now: datetime) -> int:
    given_up = 0
    for operator, lifetime_s in lifetimes.items():
        requested_before = now - timedelta(seconds=lifetime_s)
        unsent = await give_up_unsent(connection, operator, sorted(jobs.deps.operators), requested_before, now)
        await queue(connection, [unsent_sms(fact, jobs.deps.service_code) for fact in unsent], now)
        given_up += len(unsent)
    return given_up
