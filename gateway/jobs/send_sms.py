"""Hands queued messages to the sender: claim, send, record."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.jobs.deps import JobDeps
from gateway.metrics import SMS_SENT
from gateway.sms.outbox import claim, mark_failed, mark_sent
from gateway.sms.senders.contract import SendResult

#: Senders know no repetition: what is claimed must be handed over well before the lease ends, however slow they are.
BATCH = 20
LEASE_S = 300


async def send_sms(jobs: JobDeps, now: datetime) -> int:
    """Send what is due; give how many messages were handed over.

    A crash between handing over and recording sends a message again; its receipt number shows that it is the same.
    """
    work = jobs.deps.work
    claimed = await work.transact(lambda connection: claim(connection, now, LEASE_S, BATCH))
    if not claimed:
        return 0
    results = await jobs.sender.send(claimed)
    await work.transact(lambda connection: _record(connection, results, jobs.deps.clock.now()))
    for result in results:
        SMS_SENT.labels(jobs.sender.name, "taken" if result.provider_id else "refused").inc()
    return len(claimed)


async def _record(connection: AsyncConnection, results: list[SendResult], now: datetime) -> None:
    taken = [(result.sms_id, result.provider_id) for result in results if result.provider_id is not None]
    refused = [(result.sms_id, result.error) for result in results if result.provider_id is None]
    await mark_sent(connection, taken, now)
    await mark_failed(connection, refused, now)
