"""Reads stored callbacks: what proves itself is credited, what does not becomes an inquiry; nobody is called here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.infra.metrics import CALLBACKS_UNREADABLE
from gateway.jobs.apart import write_apart
from gateway.jobs.deps import JobDeps, one_after_another
from gateway.jobs.poll import count_posted
from gateway.money.credit_evidence import Credited, credit_evidence
from gateway.money.naming import written_references
from payments.errors import CallbackMalformed
from payments.evidence.callbacks import ATTEMPTS_MAX, StoredCallback, lease_due, mark_failed, mark_handled
from payments.evidence.facts import Evidence
from payments.evidence.inquiries import TRANSACTION_ID_CHARS_MAX, Pointer, open_inquiries
from payments.evidence.unreadable import mark_unreadable
from payments.observation import Observation, Provenance, VerdictKind
from payments.operators.readers import read_callback
from payments.requests.dispatch import Lease
from payments.requests.facts import RequestFact
from payments.requests.lifecycle import EVENT_OF_STATUS, contradicts
from payments.requests.store import read_requests

log = structlog.stdlib.get_logger()

#: So many questions does one message cause that nobody vouches for; the operator's standard sends one transaction each.
POINTERS_MAX = 20
#: Nobody outside is waited for while callbacks are read.
LEASE_S = 60
NAMES_NOTHING = "the message names nothing that could be asked about"
#: So many payments of one message are credited in one transaction; an operator's batch may hold a whole day.
SLICE = 500


@dataclass(frozen=True, slots=True)
class CallbackReading:
    """A callback, what it says, and why it could not be read when it could not."""

    callback: StoredCallback
    observations: tuple[Observation, ...]
    fault: str | None = None

    @property
    def is_proven(self) -> bool:
        """Return whether the body is what the operator wrote."""
        return self.callback.verdict is VerdictKind.ACCEPT


@dataclass(slots=True)
class Plan:
    """What becomes of callbacks: questions to keep, callbacks that are done with their remarks, and those set aside.

    ``unread`` are those that nobody vouches for and that name nothing: they are told, and wait for nobody.
    """

    pointers: list[Pointer] = field(default_factory=list)
    done: list[tuple[int, str | None]] = field(default_factory=list)
    parked: list[tuple[int, str]] = field(default_factory=list)
    unread: list[tuple[int, str]] = field(default_factory=list)


async def read_callbacks(jobs: JobDeps, now: datetime) -> int:
    """Read what is due of every operator; return how many callbacks were read."""
    return await one_after_another(jobs, read_callbacks_of, tuple(sorted(jobs.deps.operators)), now)


async def read_callbacks_of(jobs: JobDeps, operator: str, now: datetime) -> int:
    """Read what is due of one operator; one callback that cannot be handled never stops the others."""
    deps = jobs.deps
    lease = Lease(operator, now, LEASE_S, jobs.limits.batch)
    leased = await deps.worker_db.transact(lambda connection: lease_due(connection, lease))
    if not leased:
        return 0
    now = deps.clock.now()
    readings = []
    for callback in leased:
        if callback.attempts > ATTEMPTS_MAX:
            # Whoever read it never came back to say what became of it: it is not opened once more.
            await _set_aside(jobs, callback.id, "its readers ended before they could say why", now)
        else:
            readings.append(_read(jobs, callback))
    written = await write_apart(
        deps.worker_db,
        [reading for reading in readings if len(reading.observations) <= SLICE],
        lambda connection, some: _write(connection, jobs, some, now),
        lambda one, why: _in_slices(jobs, one, why, now),
    )
    for credited in written:
        count_posted(credited)
    for reading in readings:
        if len(reading.observations) > SLICE:
            await _in_slices(jobs, reading, None, now)
    return len(leased)


async def _set_aside(jobs: JobDeps, callback_id: int, why: str, now: datetime) -> None:
    await jobs.deps.worker_db.transact(lambda connection: mark_failed(connection, callback_id, why, now, park=True))


async def _in_slices(jobs: JobDeps, reading: CallbackReading, failed: str | None, now: datetime) -> None:
    """Credit what one callback says a slice at a time, so that one bad piece keeps no other from being money.

    Crediting twice credits once: all of it may be read again.
    """
    worker_db, bad = jobs.deps.worker_db, list[str]()

    async def note(_piece: Evidence, why: str) -> None:
        bad.append(why)

    evidence = _evidence(reading)
    for start in range(0, len(evidence), SLICE):
        pieces = evidence[start : start + SLICE]
        for credited in await write_apart(
            worker_db, pieces, lambda c, some: credit_evidence(c, some, jobs.crediting(now)), note
        ):
            count_posted(credited)
    why = f"{len(bad)} of {len(evidence)} could not be taken, {bad[0]}" if bad else failed
    if why is None:
        await worker_db.transact(lambda connection: _end(connection, jobs, reading, now))
    else:
        await worker_db.transact(lambda connection: mark_failed(connection, reading.callback.id, why, now))


def _read(jobs: JobDeps, callback: StoredCallback) -> CallbackReading:
    try:
        return CallbackReading(callback, read_callback(jobs.deps.operators[callback.operator], callback.as_request()))
    except CallbackMalformed as malformed:
        return CallbackReading(callback, (), malformed.why)
    except Exception as failure:
        log.exception("callbacks.reader_failed", callback_id=callback.id)
        return CallbackReading(callback, (), f"the reader failed: {type(failure).__name__}")


async def _write(
    connection: AsyncConnection, jobs: JobDeps, readings: Sequence[CallbackReading], now: datetime
) -> Credited:
    plan = await _planned(connection, jobs, readings)
    evidence = [piece for reading in readings for piece in _evidence(reading)]
    credited = await credit_evidence(connection, evidence, jobs.crediting(now))
    await _finish(connection, plan, now)
    return credited


async def _end(connection: AsyncConnection, jobs: JobDeps, reading: CallbackReading, now: datetime) -> None:
    await _finish(connection, await _planned(connection, jobs, [reading]), now)


async def _planned(connection: AsyncConnection, jobs: JobDeps, readings: Sequence[CallbackReading]) -> Plan:
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
        # What is proven costs no question in itself; what is not may name anything, and so may ask for a few only.
        pointers = [
            *(
                _contradicted(reading, requests, named)
                if reading.is_proven
                else islice(_pointers(reading, named), POINTERS_MAX)
            )
        ]
        questions = [found for one in pointers if (found := _answerable(jobs, one)) is not None]
        plan.pointers += questions
        if reading.is_proven and reading.fault is not None:
            plan.parked.append((reading.callback.id, reading.fault))
        elif reading.is_proven or pointers:
            plan.done.append((reading.callback.id, _remark(reading, pointers, can_query=bool(questions))))
        else:
            # Nobody signed it and it names nothing: anybody may have sent it, and no person has to look at each.
            CALLBACKS_UNREADABLE.labels(reading.callback.operator).inc()
            plan.unread.append((reading.callback.id, reading.fault or NAMES_NOTHING))
    return plan


async def _finish(connection: AsyncConnection, plan: Plan, now: datetime) -> None:
    await open_inquiries(connection, plan.pointers, now)
    for callback_id, why in plan.parked:
        await mark_failed(connection, callback_id, why, now, park=True)
    await mark_unreadable(connection, plan.unread, now)
    await mark_handled(connection, plan.done, now)


def _evidence(reading: CallbackReading) -> list[Evidence]:
    provenance = Provenance.SIGNED_CALLBACK if reading.is_proven else Provenance.UNVERIFIED_CALLBACK
    return [
        Evidence(replace(observed, provenance=provenance), reading.callback.request_id, reading.callback.id)
        for observed in reading.observations
    ]


def _pointers(reading: CallbackReading, named: Mapping[tuple[str, str], RequestFact]) -> Iterator[Pointer]:
    """Return what an unproven callback points at: its own address, else its transactions, else a reference of ours."""
    callback = reading.callback
    if callback.request_id is not None:
        named_ids = [found for one in reading.observations if (found := _transaction_named(one))]
        # The last word of one message is the one that its sender ended with.
        yield Pointer(callback.operator, callback.request_id, named_ids[-1] if named_ids else None)
        return
    for one in reading.observations:
        fact = named.get((callback.operator, one.our_reference or ""))
        if transaction_id := _transaction_named(one):
            yield Pointer(callback.operator, None, transaction_id)
        elif fact is not None:
            yield Pointer(callback.operator, fact.id, None)


def _transaction_named(observed: Observation) -> str | None:
    # As the operator wrote it: what it prints in small letters it may look up in small letters.
    written = observed.raw_transaction_id or observed.operator_transaction_id
    return written if written and len(written) <= TRANSACTION_ID_CHARS_MAX else None


def _contradicted(
    reading: CallbackReading, requests: Mapping[int, RequestFact], named: Mapping[tuple[str, str], RequestFact]
) -> Iterator[Pointer]:
    """Return the requests that stood otherwise than a proven callback says: its word is kept, and asked about too."""
    callback = reading.callback
    for observed in reading.observations:
        by_name = named.get((callback.operator, observed.our_reference or ""))
        fact = requests.get(callback.request_id) if callback.request_id is not None else by_name
        event = EVENT_OF_STATUS[observed.status]
        if fact is not None and event is not None and contradicts(fact.state, event):
            yield Pointer(callback.operator, fact.id, _transaction_named(observed))


def _answerable(jobs: JobDeps, pointer: Pointer) -> Pointer | None:
    """Return what the operator can be asked of it; what is shown of a transaction finds its request by itself."""
    if pointer.operator not in jobs.deps.clients:
        return None
    can = jobs.capabilities(pointer.operator)
    if pointer.request_id is not None and can.query_request:
        return pointer
    if pointer.operator_transaction_id is not None and can.query_transaction:
        return replace(pointer, request_id=None)
    return None


def _remark(reading: CallbackReading, pointers: Sequence[Pointer], *, can_query: bool) -> str | None:
    if reading.is_proven:
        return None if reading.observations else "nothing in it is about a payment"
    if pointers and can_query and reading.callback.request_id is None and len(reading.observations) > POINTERS_MAX:
        return f"only its first {POINTERS_MAX} transactions are asked about; the statement will tell of the others"
    return reading.fault if can_query else "this operator cannot be asked; its statements will tell"
