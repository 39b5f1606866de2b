"""Reads stored callbacks: what proves itself is settled, what does not is kept as a question; nobody is called here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.jobs.apart import write_apart
from gateway.jobs.ask import count_posted
from gateway.jobs.deps import JobDeps, one_after_another
from gateway.metrics import CALLBACKS_UNREADABLE
from gateway.naming import written_references
from gateway.settling import Settled, settle
from payments.collect import read_requests
from payments.dispatch import Lease
from payments.errors import CallbackMalformed
from payments.inbox import ATTEMPTS_MAX, StoredCallback, claim, mark_failed, mark_handled
from payments.inquiries import TRANSACTION_ID_CHARS_MAX, Knock, open_inquiries
from payments.lifecycle import EVENT_OF_STATUS, contradicts
from payments.match import Evidence, RequestFact
from payments.observation import Observation, Provenance, VerdictKind
from payments.operators.doors import read_callback

log = structlog.stdlib.get_logger()

#: So many questions does one message cause that nobody vouches for; the operator's standard sends one transaction each.
KNOCKS_MAX = 20
#: Nobody outside is waited for while callbacks are read.
LEASE_S = 60
#: So many payments of one message are settled in one transaction; an operator's batch may hold a whole day.
SLICE = 500


@dataclass(frozen=True, slots=True)
class Reading:
    """A callback, what it says, and why it could not be read when it could not."""

    callback: StoredCallback
    observations: tuple[Observation, ...]
    fault: str | None = None

    @property
    def is_proven(self) -> bool:
        """Say whether the body is what the operator wrote."""
        return self.callback.verdict is VerdictKind.ACCEPT


@dataclass(slots=True)
class Plan:
    """What becomes of callbacks: questions to keep, callbacks that are done with their remarks, and those set aside."""

    asked: list[Knock] = field(default_factory=list)
    done: list[tuple[int, str | None]] = field(default_factory=list)
    parked: list[tuple[int, str]] = field(default_factory=list)


async def read_callbacks(jobs: JobDeps, now: datetime) -> int:
    """Read what is due of every operator; give how many callbacks were read."""
    return await one_after_another(jobs, read_callbacks_of, tuple(sorted(jobs.deps.operators)), now)


async def read_callbacks_of(jobs: JobDeps, operator: str, now: datetime) -> int:
    """Read what is due of one operator; one callback that cannot be handled never stops the others."""
    deps = jobs.deps
    lease = Lease(operator, now, LEASE_S, jobs.pace.batch)
    claimed = await deps.work.transact(lambda connection: claim(connection, lease))
    if not claimed:
        return 0
    now = deps.clock.now()
    readings = []
    for callback in claimed:
        if callback.attempts > ATTEMPTS_MAX:
            # Whoever read it never came back to say what became of it: it is not opened once more.
            await _set_aside(jobs, callback.id, "its readers ended before they could say why", now)
        else:
            readings.append(_read(jobs, callback))
    written = await write_apart(
        deps.work,
        [reading for reading in readings if len(reading.observations) <= SLICE],
        lambda connection, some: _write(connection, jobs, some, now),
        lambda one, why: _in_slices(jobs, one, why, now),
    )
    for settled in written:
        count_posted(settled)
    for reading in readings:
        if len(reading.observations) > SLICE:
            await _in_slices(jobs, reading, None, now)
    return len(claimed)


async def _set_aside(jobs: JobDeps, callback_id: int, why: str, now: datetime) -> None:
    await jobs.deps.work.transact(lambda connection: mark_failed(connection, callback_id, why, now, park=True))


async def _in_slices(jobs: JobDeps, reading: Reading, failed: str | None, now: datetime) -> None:
    """Settle what one callback says a slice at a time, so that one bad piece keeps no other from being money.

    Settling twice credits once: all of it may be read again.
    """
    work, bad = jobs.deps.work, list[str]()

    async def note(_piece: Evidence, why: str) -> None:
        bad.append(why)

    evidence = _evidence(reading)
    for start in range(0, len(evidence), SLICE):
        pieces = evidence[start : start + SLICE]
        for settled in await write_apart(work, pieces, lambda c, some: settle(c, some, jobs.settling(now)), note):
            count_posted(settled)
    why = f"{len(bad)} of {len(evidence)} could not be taken, {bad[0]}" if bad else failed
    if why is None:
        await work.transact(lambda connection: _end(connection, jobs, reading, now))
    else:
        await work.transact(lambda connection: mark_failed(connection, reading.callback.id, why, now))


def _read(jobs: JobDeps, callback: StoredCallback) -> Reading:
    try:
        return Reading(callback, read_callback(jobs.deps.operators[callback.operator], callback.as_request()))
    except CallbackMalformed as malformed:
        return Reading(callback, (), malformed.why)
    except Exception as failure:
        log.exception("callbacks.reader_failed", callback_id=callback.id)
        return Reading(callback, (), f"the reader failed: {type(failure).__name__}")


async def _write(connection: AsyncConnection, jobs: JobDeps, readings: Sequence[Reading], now: datetime) -> Settled:
    plan = await _planned(connection, jobs, readings)
    evidence = [piece for reading in readings for piece in _evidence(reading)]
    settled = await settle(connection, evidence, jobs.settling(now))
    await _finish(connection, plan, now)
    return settled


async def _end(connection: AsyncConnection, jobs: JobDeps, reading: Reading, now: datetime) -> None:
    await _finish(connection, await _planned(connection, jobs, [reading]), now)


async def _planned(connection: AsyncConnection, jobs: JobDeps, readings: Sequence[Reading]) -> Plan:
    """Decide what becomes of callbacks by the states before; the requests stay locked from here on."""
    # All of them before any household: that is the order in which everybody locks.
    written = written_references(
        {one.our_reference for reading in readings for one in reading.observations if one.our_reference}
    )
    requests = await read_requests(
        connection,
        (reading.callback.request_id for reading in readings if reading.callback.request_id),
        written.values(),
    )
    ours = {fact.reference: fact for fact in requests.values()}
    named = {
        (ours[reference].operator, words): ours[reference] for words, reference in written.items() if reference in ours
    }
    plan = Plan()
    for reading in readings:
        can_ask = reading.callback.operator in jobs.deps.clients
        # What is proven costs no question in itself; what is not may name anything, and so may ask for a few only.
        knocks = [
            *(_doubts(reading, requests, named) if reading.is_proven else islice(_knocks(reading, named), KNOCKS_MAX))
        ]
        plan.asked += knocks if can_ask else []
        if reading.is_proven and reading.fault is not None:
            plan.parked.append((reading.callback.id, reading.fault))
        else:
            plan.done.append((reading.callback.id, _remark(reading, knocks, can_ask=can_ask)))
    return plan


async def _finish(connection: AsyncConnection, plan: Plan, now: datetime) -> None:
    await open_inquiries(connection, plan.asked, now)
    for callback_id, why in plan.parked:
        await mark_failed(connection, callback_id, why, now, park=True)
    await mark_handled(connection, plan.done, now)


def _evidence(reading: Reading) -> list[Evidence]:
    provenance = Provenance.SIGNED_CALLBACK if reading.is_proven else Provenance.UNBOUND_CALLBACK
    return [
        Evidence(replace(observed, provenance=provenance), reading.callback.request_id, reading.callback.id)
        for observed in reading.observations
    ]


def _knocks(reading: Reading, named: Mapping[tuple[str, str], RequestFact]) -> Iterator[Knock]:
    """Give what an unproven callback points at: its own address, else its transactions, else a reference of ours."""
    callback = reading.callback
    if callback.request_id is not None:
        hints = [found for one in reading.observations if (found := _asked_by(one))]
        # The last word of one message is the one that its sender ended with.
        yield Knock(callback.operator, callback.request_id, hints[-1] if hints else None)
        return
    for one in reading.observations:
        fact = named.get((callback.operator, one.our_reference or ""))
        if transaction_id := _asked_by(one):
            yield Knock(callback.operator, None, transaction_id)
        elif fact is not None:
            yield Knock(callback.operator, fact.id, None)


def _asked_by(observed: Observation) -> str | None:
    # As the operator wrote it: what it prints in small letters it may look up in small letters.
    written = observed.raw_transaction_id or observed.operator_transaction_id
    return written if written and len(written) <= TRANSACTION_ID_CHARS_MAX else None


def _doubts(
    reading: Reading, requests: Mapping[int, RequestFact], named: Mapping[tuple[str, str], RequestFact]
) -> Iterator[Knock]:
    """Give the requests that stood otherwise than a proven callback says: its word is kept, and asked about besides."""
    callback = reading.callback
    for observed in reading.observations:
        by_name = named.get((callback.operator, observed.our_reference or ""))
        fact = requests.get(callback.request_id) if callback.request_id is not None else by_name
        event = EVENT_OF_STATUS[observed.status]
        if fact is not None and event is not None and contradicts(fact.state, event):
            yield Knock(callback.operator, fact.id, _asked_by(observed))


def _remark(reading: Reading, knocks: Sequence[Knock], *, can_ask: bool) -> str | None:
    if reading.is_proven:
        return None if reading.observations else "nothing in it is about a payment"
    if knocks and can_ask and reading.callback.request_id is None and len(reading.observations) > KNOCKS_MAX:
        return f"only its first {KNOCKS_MAX} transactions are asked about; the statement will tell of the others"
    if knocks:
        return reading.fault if can_ask else "this operator cannot be asked; its statements will tell"
    # Nobody signed it and it names nothing: anybody may have sent it, and no person is asked to look at each.
    CALLBACKS_UNREADABLE.labels(reading.callback.operator).inc()
    return reading.fault or "the message names nothing that could be asked about"
