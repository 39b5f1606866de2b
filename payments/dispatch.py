"""Hands requests out, to be sent or asked about: to one worker at a time, in good time, and never for ever.

A lease is an update that moves ``next_attempt_at`` past the slowest batch: who dies with it gives it back by silence.
Half of every batch at most is work that was tried before, so that a day's retries never stand before a new payment.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.lifecycle import State
from payments.match import RequestFact
from payments.operators.contract import Capabilities

#: After so many answers in a row that our own code could not take, a request waits for a person.
FAILURES_MAX = 12
#: The n-th of them waits n times n times this long: about five hours in all.
FAILURE_WAIT = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class ClaimedRequest:
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


CLAIM_TO_SUBMIT = text("""
    WITH tried AS (
        SELECT id FROM payment_request
         WHERE operator = :operator AND state = 'created' AND next_attempt_at <= :now AND created_at > :asked_before
           AND submitted_at IS NOT NULL
         ORDER BY next_attempt_at, id LIMIT :share FOR NO KEY UPDATE SKIP LOCKED),
    fresh AS (
        SELECT id FROM payment_request
         WHERE operator = :operator AND state = 'created' AND next_attempt_at <= :now AND created_at > :asked_before
           AND submitted_at IS NULL
         ORDER BY next_attempt_at, id LIMIT :batch - (SELECT count(*) FROM tried) FOR NO KEY UPDATE SKIP LOCKED)
    UPDATE payment_request SET state = 'submitted', submissions = submissions + 1, next_attempt_at = :lease_until,
                               submitted_at = :now
     WHERE id IN (SELECT id FROM tried UNION ALL SELECT id FROM fresh)
    RETURNING id, operator, reference, correlation_id, callback_token, payer_msisdn, amount_xof, state, submissions,
              inquiries, created_at, submitted_at, next_attempt_at
""")

CLAIM_TO_ASK = text("""
    WITH tried AS (
        SELECT id FROM payment_request
         WHERE operator = :operator AND state IN ('submitted', 'unknown', 'pending', 'expired')
           AND next_attempt_at <= :now AND LEAST(inquiries, 1) = 1
         ORDER BY next_attempt_at, id LIMIT :share FOR NO KEY UPDATE SKIP LOCKED),
    fresh AS (
        SELECT id FROM payment_request
         WHERE operator = :operator AND state IN ('submitted', 'unknown', 'pending', 'expired')
           AND next_attempt_at <= :now AND LEAST(inquiries, 1) = 0
         ORDER BY next_attempt_at, id LIMIT :batch - (SELECT count(*) FROM tried) FOR NO KEY UPDATE SKIP LOCKED)
    UPDATE payment_request SET inquiries = inquiries + 1, next_attempt_at = :lease_until
     WHERE id IN (SELECT id FROM tried UNION ALL SELECT id FROM fresh)
    RETURNING id, operator, reference, correlation_id, callback_token, payer_msisdn, amount_xof, state, submissions,
              inquiries, created_at, submitted_at, next_attempt_at
""")

#: Whoever is not among ``:known`` has left us for good; its requests are given up by the same rule.
EXPIRE_UNSENT = text("""
    UPDATE payment_request SET state = 'expired', next_attempt_at = NULL,
                               last_detail = coalesce('never sent: ' || last_detail, 'never sent: too late')
     WHERE id IN (SELECT id FROM payment_request
                   WHERE CASE WHEN CAST(:operator AS text) IS NULL THEN operator <> ALL(CAST(:known AS text[]))
                              ELSE operator = CAST(:operator AS text) END
                     AND state = 'created' AND submissions = 0 AND created_at <= :asked_before
                   ORDER BY id LIMIT :batch FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING id, operator, reference, household_id, amount_xof, payer_msisdn, state, created_at
""")

#: What may have arrived is never said to be unsent: it is asked about, and the answer decides.
ASK_INSTEAD = text("""
    UPDATE payment_request SET state = 'unknown', next_attempt_at = :now
     WHERE id IN (SELECT id FROM payment_request
                   WHERE CASE WHEN CAST(:operator AS text) IS NULL THEN operator <> ALL(CAST(:known AS text[]))
                              ELSE operator = CAST(:operator AS text) END
                     AND state = 'created' AND submissions > 0 AND created_at <= :asked_before
                   ORDER BY id LIMIT :batch FOR NO KEY UPDATE SKIP LOCKED)
""")

BY_IDS = text("""
    SELECT id, operator, reference, correlation_id, callback_token, payer_msisdn, amount_xof, state, submissions,
           inquiries, created_at, submitted_at, next_attempt_at
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
NOT_ASKED = text("""
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

PARK_UNASKED = text("""
    UPDATE payment_request SET parked_at = :now, next_attempt_at = NULL,
                               last_detail = 'this operator cannot be asked any more'
     WHERE id IN (SELECT id FROM payment_request
                   WHERE operator <> ALL(CAST(:known AS text[])) AND next_attempt_at <= :due_before
                     AND state IN ('submitted', 'unknown', 'pending', 'expired')
                   LIMIT :batch FOR NO KEY UPDATE SKIP LOCKED)
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
        """Give it as the statements that put such work aside want it."""
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
        """Give the lease as the statements that claim want it."""
        return {
            "operator": self.operator,
            "now": self.now,
            "lease_until": self.now + timedelta(seconds=self.length_s),
            "batch": self.batch,
            # A single place goes to the one and to the other in turn, second by second.
            "share": self.batch // 2 if self.batch > 1 else self.now.second % 2,
        }


async def give_up_unsent(
    connection: AsyncConnection, operator: str | None, known: Sequence[str], asked_before: datetime, now: datetime
) -> list[RequestFact]:
    """Give up requests that nobody could send in time: a prompt hours after the call would only frighten its owner.

    ``operator`` None stands for every operator that is not ``known``.
    Returns: those of which it is certain that nothing was taken; the others are asked about.
    """
    values = {"operator": operator, "known": list(known), "asked_before": asked_before, "batch": 500}
    rows = (await connection.execute(EXPIRE_UNSENT, values)).all()
    await connection.execute(ASK_INSTEAD, {**values, "now": now})
    return [RequestFact(**{**row._asdict(), "state": State(row.state)}) for row in rows]


async def claim_to_submit(connection: AsyncConnection, lease: Lease, lifetime_s: int) -> list[ClaimedRequest]:
    """Take requests to be sent; from here on they may have reached the operator, whatever happens to us."""
    asked_before = lease.now - timedelta(seconds=lifetime_s)
    return await _claim(connection, CLAIM_TO_SUBMIT, {**lease.values(), "asked_before": asked_before})


async def claim_to_ask(connection: AsyncConnection, lease: Lease) -> list[ClaimedRequest]:
    """Take requests whose turn it is to be asked about."""
    return await _claim(connection, CLAIM_TO_ASK, lease.values())


async def _claim(connection: AsyncConnection, statement: TextClause, values: dict[str, object]) -> list[ClaimedRequest]:
    rows = (await connection.execute(statement, values)).all()
    return sorted((_claimed(row) for row in rows), key=lambda claimed: claimed.id)


async def read_claimed(connection: AsyncConnection, ids: Sequence[int]) -> list[ClaimedRequest]:
    """Read requests to ask about without claiming them: a message has pointed at them."""
    return [_claimed(row) for row in (await connection.execute(BY_IDS, {"ids": list(ids)})).all()]


def _claimed(row: Row[Any]) -> ClaimedRequest:
    values = row._asdict()
    return ClaimedRequest(**{**values, "state": State(values["state"])})


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


async def leave_unasked(connection: AsyncConnection, claimed: Sequence[tuple[int, datetime | None]]) -> None:
    """Give back requests that were not asked about, each with its next moment."""
    if claimed:
        ids, moments = ([*column] for column in zip(*claimed, strict=True))
        await connection.execute(NOT_ASKED, {"ids": ids, "moments": moments})


async def fail(connection: AsyncConnection, request_id: int, why: str, now: datetime) -> None:
    """Count an answer that our own code could not take; put the request off, or aside for a person."""
    await connection.execute(
        FAIL,
        {"id": request_id, "why": why[:500], "now": now, "failures_max": FAILURES_MAX, "wait": FAILURE_WAIT},
    )


async def park_unasked(connection: AsyncConnection, unreached: Unreached) -> int:
    """Put aside the sent requests of operators that cannot be asked; give how many."""
    return (await connection.execute(PARK_UNASKED, unreached.values())).rowcount


async def retry(connection: AsyncConnection, request_id: int, now: datetime) -> bool:
    """Let a parked request be asked about again, with all its tries; say whether there was one."""
    return (await connection.execute(RETRY, {"id": request_id, "now": now})).rowcount == 1


def next_inquiry_at(claimed: ClaimedRequest, capabilities: Capabilities, now: datetime) -> datetime | None:
    """Give the next moment of the operator's schedule, or None when asking has lasted long enough."""
    start = claimed.submitted_at or claimed.created_at
    if now >= start + timedelta(seconds=capabilities.ask_until_s):
        return None
    steps = capabilities.ask_after_s
    if claimed.inquiries < len(steps):
        return now + timedelta(seconds=steps[claimed.inquiries])
    last_s = steps[-1] if claimed.state is not State.EXPIRED else capabilities.expires_after_s
    return now + timedelta(seconds=last_s)


def next_sending_at(claimed: ClaimedRequest, capabilities: Capabilities, now: datetime) -> datetime:
    """Give the moment to send again what an operator did not take for a fault of ours; waits grow with its age.

    Units:   the first wait is that of the operator's schedule, and no wait passes the end of the prompt's lifetime.
    """
    age = max(now - claimed.created_at, timedelta(0))
    end = claimed.created_at + timedelta(seconds=capabilities.prompt_lifetime_s)
    return max(now, min(end, now + max(age // 2, timedelta(seconds=capabilities.ask_after_s[0]))))
