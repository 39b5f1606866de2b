"""Sends the requests whose dialogue is over: claim, call, record."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.jobs.deps import JobDeps
from gateway.jobs.orders import each, order_for
from gateway.metrics import PUSHES
from gateway.receipts import failure_sms
from gateway.settling import settle
from gateway.sms.outbox import queue
from payments.collect import ClaimedRequest, apply_events, claim_to_submit, expire_unsent, next_inquiry_at, schedule
from payments.lifecycle import Event
from payments.match import Evidence
from payments.observation import Observation, ObservedStatus, Provenance
from payments.operators.contract import OperatorClient, PushResult, Submitted

#: What a clear answer to the push says; money is only believed from a status query, so SUCCEEDED is asked about.
STATUS = {
    PushResult.PENDING: ObservedStatus.PENDING,
    PushResult.SUCCEEDED: ObservedStatus.PENDING,
    PushResult.REFUSED: ObservedStatus.FAILED,
}


async def submit(jobs: JobDeps, now: datetime) -> int:
    """Send what is due to every operator that takes requests; give how many were sent."""
    sent = 0
    for name, client in jobs.deps.clients.items():
        if jobs.deps.operators[name].capabilities.request_to_pay:
            sent += await _submit_to(jobs, name, client, now)
    return sent


async def _submit_to(jobs: JobDeps, operator: str, client: OperatorClient, now: datetime) -> int:
    deps, pace = jobs.deps, jobs.pace
    claimed = await deps.work.transact(lambda connection: _claim(connection, jobs, operator, now))
    answers = await each(claimed, lambda request: client.request_to_pay(order_for(deps, request)), pace.calls_at_once)
    if answers:
        heard_at = deps.clock.now()
        await deps.work.transact(lambda connection: _record(connection, jobs, answers, heard_at))
    for _, submitted in answers:
        PUSHES.labels(operator, submitted.result).inc()
    return len(answers)


async def _claim(connection: AsyncConnection, jobs: JobDeps, operator: str, now: datetime) -> list[ClaimedRequest]:
    lifetime_s = jobs.deps.operators[operator].capabilities.prompt_lifetime_s
    unsent = await expire_unsent(connection, operator, now, lifetime_s)
    await queue(connection, [failure_sms(fact, jobs.deps.service_code) for fact in unsent], now)
    return await claim_to_submit(connection, operator, now, jobs.pace.lease_s, jobs.pace.batch)


async def _record(
    connection: AsyncConnection, jobs: JobDeps, answers: list[tuple[ClaimedRequest, Submitted]], now: datetime
) -> None:
    lost = [(claimed.id, Event.ANSWER_LOST) for claimed, answer in answers if answer.result is PushResult.UNKNOWN]
    await settle(connection, [_evidence(*pair) for pair in answers if pair[1].result in STATUS], jobs.settling(now))
    if lost:
        await apply_events(connection, lost, now)
    capabilities = {name: operator.capabilities for name, operator in jobs.deps.operators.items()}
    await schedule(
        connection,
        [
            (claimed.id, next_inquiry_at(claimed, capabilities[claimed.operator], now), answer.detail or None)
            for claimed, answer in answers
        ],
    )


def _evidence(claimed: ClaimedRequest, answer: Submitted) -> Evidence:
    observed = Observation(
        operator=claimed.operator,
        provenance=Provenance.QUERY,
        status=STATUS[answer.result],
        our_reference=claimed.reference,
    )
    return Evidence(observed, claimed.id, detail=answer.detail)
