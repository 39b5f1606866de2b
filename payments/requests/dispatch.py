"""Hands requests out, to be sent or asked about: to one worker at a time, in good time, and never for ever.

A lease is an update that moves ``next_attempt_at`` past the slowest batch: who dies with it gives it back by silence.
Half of every batch at most is work that was tried before, so that a day's retries never stand before a new payment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.requests.facts import RequestFact
from payments.requests.lifecycle import State
from payments.requests.queue import EXPIRE_UNSENT, LEASE_TO_POLL, LEASE_TO_SUBMIT, PARK_UNREACHABLE, POLL_INSTEAD

#: After so many answers in a row that our own code could not take, a request waits for a person.
FAILURES_MAX = 12
#: The n-th of them waits n times n times this long: about five hours in all.
FAILURE_WAIT = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class LeasedRequest:
    """A request that this worker alone may act on until its lease ends."""

    id: int
    operator: str
    reference: str
    correlation_id: UUID
    callback_token: str
    payer_msisdn: str
    amount_xof: int
    state: State
    submissions: int
    inquiries: int
    created_at: datetime
    submitted_at: datetime | None
    next_attempt_at: datetime | None
    operator_request_id: str | None
    operator_state: Mapping[str, object] | None


BY_IDS = text("""
    SELECT id, operator, reference, correlation_id, callback_token, payer_msisdn, amount_xof, state, submissions,
           inquiries, created_at, submitted_at, next_attempt_at, operator_request_id, operator_state
      FROM payment_request WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id
""")

SCHEDULE = text("""
    UPDATE payment_request SET next_attempt_at = due.at, last_detail = due.detail, failures = 0
      FROM unnest(CAST(:ids AS bigint[]), CAST(:moments AS timestamptz[]), CAST(:details AS text[]))
           AS due(id, at, detail)
     WHERE payment_request.id = due.id AND state NOT IN ('succeeded', 'failed', 'reversed')
""")

#: A sending that was certainly not taken leaves no trace in the count of those that may have arrived.
NOT_SENT = text("""
    UPDATE payment_request SET submissions = GREATEST(submissions - 1, 0)
     WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'created'
""")

#: A question that was not put is no step of the schedule, and no answer that our code could take.
NOT_CALLED = text("""
    UPDATE payment_request SET inquiries = GREATEST(inquiries - 1, 0), next_attempt_at = due.at
      FROM unnest(CAST(:ids AS bigint[]), CAST(:moments AS timestamptz[])) AS due(id, at)
     WHERE payment_request.id = due.id AND state NOT IN ('succeeded', 'failed', 'reversed')
""")

FAIL = text("""
    UPDATE payment_request
       SET failures = failures + 1,
           last_detail = :why,
           parked_at = CASE WHEN failures + 1 >= :failures_max THEN CAST(:now AS timestamptz) END,
           next_attempt_at = CASE WHEN failures + 1 < :failures_max
                                  THEN CAST(:now AS timestamptz)
                                       + (failures + 1) * (failures + 1) * CAST(:wait AS interval) END
     WHERE id = :id AND state NOT IN ('succeeded', 'failed', 'reversed')
""")

#: As if it had been due since it was sent: the queue goes by moments.
ASK_FIRST = text("""
    UPDATE payment_request SET next_attempt_at = submitted_at
     WHERE payer_msisdn = :payer_msisdn AND state IN ('submitted', 'unknown', 'pending')
       AND submitted_at IS NOT NULL AND next_attempt_at > :now
""")

RETRY = text("""
    UPDATE payment_request SET parked_at = NULL, failures = 0, next_attempt_at = :now
     WHERE id = :id AND parked_at IS NOT NULL
""")


@dataclass(frozen=True, slots=True)
class Unreached:
    """Work that has been due since ``due_before``, and is of none of these operators: nobody here does it."""

    operators: Sequence[str]
    due_before: datetime
    batch: int
    now: datetime

    def values(self) -> dict[str, object]:
        """Return it as the statements that put such work aside want it."""
        return {"known": list(self.operators), "due_before": self.due_before, "batch": self.batch, "now": self.now}


@dataclass(frozen=True, slots=True)
class Lease:
    """How much work of one operator is taken, and for how long.

    Units:   length_s in seconds.
    """

    operator: str
    now: datetime
    length_s: int
    batch: int

    def values(self) -> dict[str, object]:
        """Return the lease as the statements that lease want it."""
        return {
            "operator": self.operator,
            "now": self.now,
            "lease_until": self.now + timedelta(seconds=self.length_s),
            "batch": self.batch,
            # A single place goes to the one and to the other in turn, second by second.
            "share": self.batch // 2 if self.batch > 1 else self.now.second % 2,
        }


async def give_up_unsent(
    connection: AsyncConnection, operator: str | None, known: Sequence[str], requested_before: datetime, now: datetime
) -> list[RequestFact]:
    """Give up requests that nobody could send in time: a prompt hours after the call would only frighten its owner.

    ``operator`` None stands for every operator that is not ``known``.
    Returns: those of which it is certain that nothing was taken; the others are asked about.
    """
    values = {"operator": operator, "known": list(known), "requested_before": requested_before, "batch": 500}
    rows = (await connection.execute(EXPIRE_UNSENT, values)).all()
    await connection.execute(POLL_INSTEAD, {**values, "now": now})
    return [RequestFact(**{**row._asdict(), "state": State(row.state)}) for row in rows]


async def lease_to_submit(connection: AsyncConnection, lease: Lease, lifetime_s: int) -> list[LeasedRequest]:
    """Take requests to be sent; from here on they may have reached the operator, whatever happens to us."""
    requested_before = lease.now - timedelta(seconds=lifetime_s)
    return await _lease(connection, LEASE_TO_SUBMIT, {**lease.values(), "requested_before": requested_before})


async def lease_to_poll(connection: AsyncConnection, lease: Lease) -> list[LeasedRequest]:
    """Take requests whose turn it is to be asked about."""
    return await _lease(connection, LEASE_TO_POLL, lease.values())


async def _lease(connection: AsyncConnection, statement: TextClause, values: dict[str, object]) -> list[LeasedRequest]:
    rows = (await connection.execute(statement, values)).all()
    return sorted((_leased_request(row) for row in rows), key=lambda leased: leased.id)


async def read_without_lease(connection: AsyncConnection, ids: Sequence[int]) -> list[LeasedRequest]:
    """Read requests to ask about without leasing them: a message has pointed at them."""
    return [_leased_request(row) for row in (await connection.execute(BY_IDS, {"ids": list(ids)})).all()]


def _leased_request(row: Row[Any]) -> LeasedRequest:
    values = row._asdict()
    return LeasedRequest(**{**values, "state": State(values["state"])})


async def schedule(connection: AsyncConnection, due: Sequence[tuple[int, datetime | None, str | None]]) -> None:
    """Write when each request is next asked about or sent, with what the operator said last."""
    if due:
        await connection.execute(
            SCHEDULE,
            {
                "ids": [request_id for request_id, _, _ in due],
                "moments": [moment for _, moment, _ in due],
                "details": [detail[:500] if detail else None for _, _, detail in due],
            },
        )


async def uncount(connection: AsyncConnection, ids: Sequence[int]) -> None:
    """Take back the last sending of requests that an operator certainly did not take."""
    if ids:
        await connection.execute(NOT_SENT, {"ids": list(ids)})


async def leave_unpolled(connection: AsyncConnection, leased: Sequence[tuple[int, datetime | None]]) -> None:
    """Give back requests that were not asked about, each with its next moment."""
    if leased:
        ids, moments = ([*column] for column in zip(*leased, strict=True))
        await connection.execute(NOT_CALLED, {"ids": ids, "moments": moments})


async def fail(connection: AsyncConnection, request_id: int, why: str, now: datetime) -> None:
    """Count an answer that our own code could not take; put the request off, or aside for a person."""
    await connection.execute(
        FAIL,
        {"id": request_id, "why": why[:500], "now": now, "failures_max": FAILURES_MAX, "wait": FAILURE_WAIT},
    )


async def park_unreachable(connection: AsyncConnection, unreached: Unreached) -> int:
    """Put aside the sent requests of operators that cannot be asked; return how many."""
    return (await connection.execute(PARK_UNREACHABLE, unreached.values())).rowcount


async def ask_first(connection: AsyncConnection, payer_msisdn: str, now: datetime) -> int:
    """Put the question about what a phone waits for before all others, as its owner asks for; return how many moved.

    What is still to be sent is left alone. A question that somebody is putting right now is put once more, and does no
    harm: the same ids are asked about, and one answer counts.
    """
    return (await connection.execute(ASK_FIRST, {"payer_msisdn": payer_msisdn, "now": now})).rowcount


async def retry(connection: AsyncConnection, request_id: int, now: datetime) -> bool:
    """Let a parked request be asked about again, with all its tries; return whether there was one."""
    return (await connection.execute(RETRY, {"id": request_id, "now": now})).rowcount == 1
