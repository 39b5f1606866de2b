"""Hands queued messages to the sender: claim, send, record."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gateway.infra.database import Database
from gateway.infra.metrics import SMS_DROPPED, SMS_SENT
from gateway.jobs.deps import JobDeps
from gateway.sms.delivery import claim, record
from gateway.sms.reports import apply_early
from gateway.sms.senders.contract import ClaimedSms, SendOutcome, SendResult, SmsSender

log = structlog.stdlib.get_logger()

#: Senders know no repetition: what is claimed must be handed over well before the lease ends, however slow they are.
BATCH = 20
LEASE_S = 300
#: A sender that has not come back by then is left alone; what it had not said is sent again.
HAND_OVER_S = 280


async def send_sms(jobs: JobDeps, now: datetime) -> int:
    """Send what is due; return how many messages were handed over or left as no longer useful.

    A crash between handing over and recording sends a message again; its receipt number shows that it is the same.
    """
    worker_db = jobs.deps.worker_db
    claimed = await worker_db.transact(lambda connection: claim(connection, now, LEASE_S, BATCH))
    for kind in claimed.dropped:
        SMS_DROPPED.labels(kind).inc()
    if not claimed.messages:
        return len(claimed.dropped)
    results = await _handed_over(jobs.sender, claimed.messages)
    recorded = await _record(worker_db, results, jobs.deps.clock.now())
    await _read_early_reports(worker_db, recorded, jobs.deps.clock.now())
    _tell(jobs.sender.name, results)
    return len(claimed.messages) + len(claimed.dropped)


async def _handed_over(sender: SmsSender, messages: Sequence[ClaimedSms]) -> list[SendResult]:
    """Return one result for each message, whatever the sender did."""
    try:
        async with asyncio.timeout(HAND_OVER_S):
            told = {result.sms_id: result for result in await sender.send(list(messages))}
    except Exception as failed:
        log.exception("sms.sender_failed", sender=sender.name)
        told = {one.id: SendResult(one.id, SendOutcome.NETWORK, None, type(failed).__name__) for one in messages}
    return [told.get(one.id, SendResult(one.id, SendOutcome.NETWORK, None, "no result")) for one in messages]


async def _record(worker_db: Database, results: Sequence[SendResult], now: datetime) -> Sequence[SendResult]:
    """Record a batch; where the store refuses it, message by message, in the last resort the bare outcome.

    What cannot be recorded at all is sent again when its lease ends.
    """
    try:
        await worker_db.transact(lambda connection: record(connection, results, now))
    except SQLAlchemyError as refused:
        log.warning("sms.batch_not_recorded", messages=len(results), kind=type(refused).__name__)
        return [one for result in results for one in await _record_alone(worker_db, result, now)]
    return results


async def _record_alone(worker_db: Database, result: SendResult, now: datetime) -> Sequence[SendResult]:
    for one in ([result], [SendResult(result.sms_id, result.outcome)]):
        try:
            await worker_db.transact(partial(record, results=one, now=now))
        except SQLAlchemyError as refused:
            log.warning("sms.not_recorded", sms=result.sms_id, kind=type(refused).__name__)
        else:
            return one
    return []


async def _read_early_reports(worker_db: Database, results: Sequence[SendResult], now: datetime) -> None:
    # After the commit that makes the ids known: a report that came before it waits, one that comes after it finds them.
    known = [result.provider_id for result in results if result.provider_id is not None]
    if known:
        await worker_db.transact(lambda connection: apply_early(connection, known, now))


def _tell(sender: str, results: Sequence[SendResult]) -> None:
    for result in results:
        SMS_SENT.labels(sender, result.outcome).inc()
    for outcome in (SendOutcome.ACCOUNT, SendOutcome.BALANCE):
        said = [result.said for result in results if result.outcome is outcome]
        if said:
            log.error("sms.refused_by_provider", sender=sender, trouble=outcome, messages=len(said), said=said[0])
