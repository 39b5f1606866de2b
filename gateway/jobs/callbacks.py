"""Reads stored callbacks: what proves itself is settled, what does not makes us ask the operator."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.jobs.ask import Asked, count_posted, questions, record
from gateway.jobs.deps import JobDeps
from gateway.jobs.orders import each
from gateway.settling import Settled
from payments.collect import read_claimed
from payments.errors import CallbackMalformed
from payments.inbox import StoredCallback, claim, mark_failed, mark_handled
from payments.match import Evidence
from payments.observation import Observation, ObservedStatus, Provenance, VerdictKind
from payments.operators.contract import Answer

log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Reading:
    """A callback, what it says, and why it could not be read when it could not."""

    callback: StoredCallback
    observations: tuple[Observation, ...]
    fault: str | None = None

    def transaction_ids(self) -> set[str]:
        """Give the operator's transactions that an unsolicited callback points at."""
        if self.callback.request_id is not None:
            return set()
        return {one.operator_transaction_id for one in self.observations if one.operator_transaction_id}


#: What operators said of the transactions that unsolicited callbacks point at.
Told = dict[tuple[str, str], Answer]


async def read_callbacks(jobs: JobDeps, now: datetime) -> int:
    """Read what is due; one callback that cannot be handled never stops the others."""
    deps, pace = jobs.deps, jobs.pace
    claimed = await deps.work.transact(lambda connection: claim(connection, now, pace.lease_s, pace.batch))
    if not claimed:
        return 0
    readings = [_read(jobs, callback) for callback in claimed]
    asked, told = await _ask(jobs, readings)
    try:
        count_posted(await deps.work.transact(lambda connection: _write(connection, jobs, readings, asked, told)))
    except Exception:
        log.exception("callbacks.batch_failed", count=len(readings))
        await _one_by_one(jobs, readings, asked, told)
    return len(claimed)


def _read(jobs: JobDeps, callback: StoredCallback) -> Reading:
    operator = jobs.deps.operators.get(callback.operator)
    if operator is None:
        return Reading(callback, (), "no operator of this name is configured any more")
    try:
        return Reading(callback, tuple(operator.parse_callback(callback.as_request())))
    except CallbackMalformed as malformed:
        return Reading(callback, (), malformed.why)
    except Exception as failure:
        log.exception("callbacks.reader_failed", callback_id=callback.id)
        return Reading(callback, (), f"the reader failed: {type(failure).__name__}")


async def _ask(jobs: JobDeps, readings: Sequence[Reading]) -> tuple[Asked, Told]:
    deps = jobs.deps
    request_ids = sorted({reading.callback.request_id for reading in readings if reading.callback.request_id})
    async with deps.work.single() as connection:
        requests = await read_claimed(connection, request_ids) if request_ids else []
    asked: Asked = []
    hints = {
        reading.callback.request_id: observed.operator_transaction_id
        for reading in readings
        for observed in reading.observations
        if reading.callback.request_id is not None and observed.operator_transaction_id is not None
    }
    for name, client in deps.clients.items():
        mine = [request for request in requests if request.operator == name]
        asked += await questions(jobs, client, mine, hints)
    wanted = sorted(
        {
            (reading.callback.operator, transaction_id)
            for reading in readings
            for transaction_id in reading.transaction_ids()
            if reading.callback.verdict is VerdictKind.ACCEPT_UNBOUND and reading.callback.operator in deps.clients
        }
    )
    answers = await each(wanted, lambda one: deps.clients[one[0]].query_transaction(one[1]), jobs.pace.calls_at_once)
    return asked, dict(answers)


async def _write(
    connection: AsyncConnection, jobs: JobDeps, readings: Sequence[Reading], asked: Asked, told: Told
) -> Settled:
    now = jobs.deps.clock.now()
    evidence = [piece for reading in readings for piece in _evidence(reading)]
    confirmed = [
        Evidence(answer.observation, None, detail=answer.detail) for answer in told.values() if answer.observation
    ]
    settled = await record(connection, jobs, asked, [*evidence, *confirmed])
    done: list[tuple[int, str | None]] = []
    for reading in readings:
        remark, park, finished = _outcome(reading, told)
        if finished:
            done.append((reading.callback.id, remark))
        else:
            await mark_failed(connection, reading.callback.id, remark or "", now, park=park)
    await mark_handled(connection, done, now)
    return settled


def _evidence(reading: Reading) -> list[Evidence]:
    bound = reading.callback.verdict is VerdictKind.ACCEPT
    provenance = Provenance.SIGNED_CALLBACK if bound else Provenance.UNBOUND_CALLBACK
    return [
        Evidence(replace(observed, provenance=provenance), reading.callback.request_id, reading.callback.id)
        for observed in reading.observations
    ]


def _outcome(reading: Reading, told: Told) -> tuple[str | None, bool, bool]:
    """Say of a callback its remark, whether a person must look, and whether it has said all it had to say.

    A callback on a request's own address is only a knock: the request is asked about by its schedule until it is
    settled, whatever the body was. An unsolicited one has no schedule behind it, so it is tried again itself.
    """
    callback = reading.callback
    if callback.verdict is VerdictKind.ACCEPT or callback.request_id is not None:
        return reading.fault, False, True
    if reading.fault is not None:
        return reading.fault, True, False
    transactions = reading.transaction_ids()
    if not transactions:
        return "the message names no transaction that could be asked about", True, False
    answers = [told.get((callback.operator, transaction_id)) for transaction_id in sorted(transactions)]
    undecided = [answer for answer in answers if answer is None or not _decides(answer)]
    if undecided:
        why = undecided[0].result if undecided[0] else "no way to ask this operator"
        return f"the operator did not confirm the transaction: {why}", False, False
    return None, False, True


def _decides(answer: Answer) -> bool:
    # "Still pending" is an answer after which the money may yet come, and nobody else would ask.
    observed = answer.observation
    return observed is not None and observed.status not in {ObservedStatus.PENDING, ObservedStatus.UNKNOWN}


async def _one_by_one(jobs: JobDeps, readings: Sequence[Reading], asked: Asked, told: Told) -> None:
    for reading in readings:
        try:
            await _alone(jobs, reading, asked, told)
        except Exception as failure:
            log.exception("callbacks.one_failed", callback_id=reading.callback.id)
            await _put_off(jobs, reading.callback.id, type(failure).__name__)


async def _alone(jobs: JobDeps, reading: Reading, asked: Asked, told: Told) -> None:
    mine = [pair for pair in asked if pair[0].id == reading.callback.request_id]
    about = {key: told[key] for key in told if key[1] in reading.transaction_ids()}
    count_posted(await jobs.deps.work.transact(lambda connection: _write(connection, jobs, [reading], mine, about)))


async def _put_off(jobs: JobDeps, callback_id: int, error: str) -> None:
    now = jobs.deps.clock.now()
    await jobs.deps.work.transact(lambda connection: mark_failed(connection, callback_id, error, now))
