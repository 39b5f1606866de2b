"""Sends the requests whose dialogue is over: claim, call, record."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.jobs.apart import write_apart
from gateway.jobs.deps import JobDeps, one_after_another
from gateway.jobs.lanes import Call, NotCalled, Raised, Word
from gateway.jobs.orders import order_for
from gateway.metrics import PUSHES
from gateway.receipts import unsent_sms
from gateway.settling import settle
from gateway.sms.outbox import queue
from payments.collect import apply_events
from payments.dispatch import (
    ClaimedRequest,
    claim_to_submit,
    fail,
    give_up_unsent,
    next_inquiry_at,
    next_sending_at,
    schedule,
    uncount,
)
from payments.lifecycle import Event, State
from payments.match import Evidence
from payments.observation import Observation, ObservedStatus, Provenance
from payments.operators.contract import PushResult, Submitted

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

Sent = tuple[ClaimedRequest, Submitted]


async def submit(jobs: JobDeps, now: datetime) -> int:
    """Send what is due to every operator that takes requests; give how many were sent."""
    return await one_after_another(jobs, submit_to, takers(jobs), now)


def takers(jobs: JobDeps) -> tuple[str, ...]:
    """Give the operators that take requests to pay."""
    return tuple(name for name in jobs.called() if jobs.capabilities(name).request_to_pay)


async def submit_to(jobs: JobDeps, operator: str, now: datetime) -> int:
    """Send what is due to one operator; give how many were sent."""
    deps, lane = jobs.deps, jobs.lanes.of("submit", operator)
    room = jobs.room(lane, now)
    if not room:
        return 0
    capabilities, client = jobs.capabilities(operator), deps.clients[operator]
    lease = jobs.lease(operator, now, room)
    claimed = await deps.work.transact(
        lambda connection: claim_to_submit(connection, lease, capabilities.prompt_lifetime_s)
    )
    if not claimed:
        return 0
    jobs.lanes.used(lane, len(claimed))
    lifetime = timedelta(seconds=capabilities.prompt_lifetime_s)
    call: Call[ClaimedRequest, Submitted] = Call(
        put=lambda request: client.request_to_pay(order_for(deps, request)),
        word=_word_of,
        until=lambda request: request.created_at + lifetime,
    )
    outcomes = await lane.put(claimed, call, deps.clock, capabilities.calls_at_once, jobs.pace.question_timeout_s)
    answers = [(request, _submitted(outcome)) for request, outcome in outcomes]
    now = deps.clock.now()
    await write_apart(
        deps.work,
        answers,
        lambda connection, some: _record(connection, jobs, some, now),
        lambda one, why: deps.work.transact(lambda connection: fail(connection, one[0].id, why, now)),
    )
    for _, outcome in outcomes:
        PUSHES.labels(operator, outcome.result if isinstance(outcome, Submitted) else "not_called_or_raised").inc()
    await lane.tell(deps.work, now)
    return len(answers)


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
    await settle(connection, [_evidence(*pair) for pair in answers if pair[1].result in STATUS], jobs.settling(now))
    events = [
        (claimed.id, Event.ANSWER_LOST if answer.result is PushResult.UNKNOWN else Event.NOT_TAKEN)
        for claimed, answer in answers
        if answer.result not in STATUS
    ]
    states = await apply_events(connection, events, now) if events else {}
    not_taken = {
        claimed.id
        for claimed, answer in answers
        if answer.result is PushResult.OUR_FAULT and states.get(claimed.id) is State.CREATED
    }
    await uncount(connection, sorted(not_taken))
    await schedule(connection, [_due(jobs, *pair, again=pair[0].id in not_taken, now=now) for pair in answers])


def _due(
    jobs: JobDeps, claimed: ClaimedRequest, answer: Submitted, *, again: bool, now: datetime
) -> tuple[int, datetime | None, str | None]:
    capabilities = jobs.capabilities(claimed.operator)
    moment = (next_sending_at if again else next_inquiry_at)(claimed, capabilities, now)
    return claimed.id, moment, answer.detail or None


def _evidence(claimed: ClaimedRequest, answer: Submitted) -> Evidence:
    observed = Observation(
        operator=claimed.operator,
        provenance=Provenance.QUERY,
        status=STATUS[answer.result],
        our_reference=claimed.reference,
    )
    return Evidence(observed, claimed.id, detail=answer.detail)


async def give_up(jobs: JobDeps, now: datetime) -> int:
    """Give up what nobody could send within its prompt's life, and tell the payer; give how many were given up.

    No call is made here, so that no operator that is silent, refuses us or has gone keeps a payer waiting for the word.
    """
    lifetimes: dict[str | None, int] = {
        name: operator.capabilities.prompt_lifetime_s for name, operator in jobs.deps.operators.items()
    }
    lifetimes[None] = LIFETIME_OF_STRANGERS_S
    return await jobs.deps.work.transact(lambda connection: _give_up(connection, jobs, lifetimes, now))


async def _give_up(connection: AsyncConnection, jobs: JobDeps, lifetimes: dict[str | None, int], now: datetime) -> int:
    given_up = 0
    for operator, lifetime_s in lifetimes.items():
        asked_before = now - timedelta(seconds=lifetime_s)
        unsent = await give_up_unsent(connection, operator, sorted(jobs.deps.operators), asked_before, now)
        await queue(connection, [unsent_sms(fact, jobs.deps.service_code) for fact in unsent], now)
        given_up += len(unsent)
    return given_up
