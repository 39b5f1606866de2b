"""What is due of requests, found in a narrow queue and judged where it stands.

A request is written several times in a minute and looked for by many keys. If the columns that say when it is due had
an index of their own there, each writing would touch every index of the table, at random places of books of years. So
PostgreSQL keeps them beside it, for the few requests that wait (trigger ``ramu_queue_request``): like an index, the
queue says where to look, and what is found is judged and locked in ``payment_request`` itself.
"""

from typing import Final

from sqlalchemy import text

QUEUED: Final = "payment_request_queue queue JOIN payment_request request ON request.id = queue.request_id"
IN_ORDER: Final = "ORDER BY queue.next_attempt_at, queue.request_id"
LOCKED: Final = "FOR NO KEY UPDATE OF request SKIP LOCKED"
LEASED: Final = """id, operator, reference, correlation_id, callback_token, payer_msisdn, amount_xof, state,
              submissions, inquiries, created_at, submitted_at, next_attempt_at, operator_request_id, operator_state"""
#: Of one operator, or of all that are not known any more.
OF_OPERATOR: Final = """CASE WHEN CAST(:operator AS text) IS NULL THEN queue.operator <> ALL(CAST(:known AS text[]))
                              ELSE queue.operator = CAST(:operator AS text) END"""
SENDABLE: Final = """queue.operator = :operator AND queue.state = 'created' AND queue.next_attempt_at <= :now
           AND request.state = 'created' AND request.next_attempt_at <= :now AND created_at > :requested_before"""
POLLABLE: Final = """queue.operator = :operator AND queue.next_attempt_at <= :now AND request.next_attempt_at <= :now
           AND request.state IN ('submitted', 'unknown', 'pending', 'expired')"""

LEASE_TO_SUBMIT = text(f"""
    WITH tried AS (
        SELECT request.id FROM {QUEUED} WHERE {SENDABLE} AND submitted_at IS NOT NULL
         {IN_ORDER} LIMIT :share {LOCKED}),
    fresh AS (
        SELECT request.id FROM {QUEUED} WHERE {SENDABLE} AND submitted_at IS NULL
         {IN_ORDER} LIMIT :batch - (SELECT count(*) FROM tried) {LOCKED})
    UPDATE payment_request SET state = 'submitted', submissions = submissions + 1, next_attempt_at = :lease_until,
                               submitted_at = :now
     WHERE id IN (SELECT id FROM tried UNION ALL SELECT id FROM fresh)
    RETURNING {LEASED}
""")  # noqa: S608 - our own words

LEASE_TO_POLL = text(f"""
    WITH tried AS (
        SELECT request.id FROM {QUEUED} WHERE {POLLABLE} AND queue.was_polled AND inquiries > 0
         {IN_ORDER} LIMIT :share {LOCKED}),
    fresh AS (
        SELECT request.id FROM {QUEUED} WHERE {POLLABLE} AND NOT queue.was_polled AND inquiries = 0
         {IN_ORDER} LIMIT :batch - (SELECT count(*) FROM tried) {LOCKED})
    UPDATE payment_request SET inquiries = inquiries + 1, next_attempt_at = :lease_until
     WHERE id IN (SELECT id FROM tried UNION ALL SELECT id FROM fresh)
    RETURNING {LEASED}
""")  # noqa: S608 - our own words

#: Whoever is not among ``:known`` has left us for good; its requests are given up by the same rule.
EXPIRE_UNSENT = text(f"""
    UPDATE payment_request SET state = 'expired', next_attempt_at = NULL,
                               last_detail = coalesce('never sent: ' || last_detail, 'never sent: too late')
     WHERE id IN (SELECT request.id FROM {QUEUED}
                   WHERE {OF_OPERATOR}
                     AND queue.state = 'created' AND request.state = 'created' AND submissions = 0
                     AND created_at <= :requested_before
                   ORDER BY request.id LIMIT :batch {LOCKED})
    RETURNING id, operator, reference, party_id, amount_xof, payer_msisdn, state, created_at
""")  # noqa: S608 - our own words

#: What may have arrived is never said to be unsent: it is asked about, and the answer decides.
POLL_INSTEAD = text(f"""
    UPDATE payment_request SET state = 'unknown', next_attempt_at = :now
     WHERE id IN (SELECT request.id FROM {QUEUED}
                   WHERE {OF_OPERATOR}
                     AND queue.state = 'created' AND request.state = 'created' AND submissions > 0
                     AND created_at <= :requested_before
                   ORDER BY request.id LIMIT :batch {LOCKED})
""")  # noqa: S608 - our own words

PARK_UNREACHABLE = text(f"""
    UPDATE payment_request SET parked_at = :now, next_attempt_at = NULL,
                               last_detail = 'this operator cannot be asked any more'
     WHERE id IN (SELECT request.id FROM {QUEUED}
                   WHERE queue.operator <> ALL(CAST(:known AS text[])) AND queue.next_attempt_at <= :due_before
                     AND request.next_attempt_at <= :due_before
                     AND request.state IN ('submitted', 'unknown', 'pending', 'expired')
                   LIMIT :batch {LOCKED})
""")  # noqa: S608 - our own words

#: What a person must look at is asked about no more, and so never hears that it has waited long enough.
EXPIRE_PARKED = text(f"""
    UPDATE payment_request SET state = 'expired'
     WHERE id IN (SELECT request.id FROM {QUEUED}
                   WHERE queue.parked_at IS NOT NULL AND request.parked_at IS NOT NULL
                     AND request.state IN ('submitted', 'unknown', 'pending') AND created_at <= :asked_before
                   LIMIT :batch {LOCKED})
""")  # noqa: S608 - our own words
