"""Reads what is known of money before new evidence about it is judged: payments, reversals, collisions."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.break_kind import BreakKind
from payments.evidence.facts import ExistingPayment, Reversal
from payments.observation import HoldReason, Provenance

#: One look at an index for each name, whatever the planner believes of a table that has just grown.
PAYMENTS: Final = text("""
    WITH named AS (
        SELECT held.* FROM unnest(CAST(:operators AS text[]), CAST(:transactions AS text[])) AS asked(operator, name)
         CROSS JOIN LATERAL (SELECT * FROM payment WHERE payment.operator = asked.operator
                                AND payment.operator_transaction_id = asked.name LIMIT 1) AS held
         UNION
        SELECT held.* FROM unnest(CAST(:requests AS bigint[])) AS asked(id)
         CROSS JOIN LATERAL (SELECT * FROM payment WHERE payment.request_id = asked.id OFFSET 0) AS held
    )
    SELECT named.id, named.operator, named.operator_transaction_id, named.party_id, named.amount_xof,
           named.request_id, named.payer_msisdn, named.raw_transaction_id, named.hold_reason,
           CASE WHEN named.request_id IS NULL AND named.party_id IS NOT NULL THEN
               (SELECT request.id
                  FROM observation said
                  JOIN payment_request request
                    ON request.id = said.request_id
                    OR (said.request_id IS NULL AND request.reference = said.our_reference)
                 WHERE said.operator = named.operator AND said.operator_transaction_id = named.operator_transaction_id
                   AND said.status = 'succeeded' AND said.provenance <> 'unverified_callback'
                   AND request.operator = named.operator AND request.party_id = named.party_id
                 ORDER BY said.id LIMIT 1) END AS bound_request_id
      FROM named ORDER BY named.id
""")

#: What speaks against crediting: that it was taken back, whoever said so, or, in the rows of a collision, that its id
#: means different money. Whatever people made of that break, only they may credit what it names.
DOUBTS: Final = text("""
    WITH asked AS (
        SELECT * FROM unnest(CAST(:operators AS text[]), CAST(:transactions AS text[])) AS asked(operator, name)
    )
    SELECT said.operator, said.operator_transaction_id, said.request_id, said.provenance, said.amount_xof,
           said.occurred_at, '' AS name, false AS is_collision
      FROM asked
     CROSS JOIN LATERAL (SELECT * FROM observation WHERE observation.operator = asked.operator
                            AND observation.operator_transaction_id = asked.name OFFSET 0) AS said
     WHERE said.status = 'reversed' AND said.provenance <> 'unverified_callback'
     UNION
    SELECT said.operator, said.operator_transaction_id, said.request_id, said.provenance, said.amount_xof,
           said.occurred_at, '', false
      FROM unnest(CAST(:requests AS bigint[])) AS wanted(id)
     CROSS JOIN LATERAL (SELECT * FROM observation WHERE observation.request_id = wanted.id OFFSET 0) AS said
     WHERE said.operator_transaction_id IS NULL AND said.status = 'reversed'
       AND said.provenance <> 'unverified_callback'
     UNION
    SELECT said.operator, said.operator_transaction_id, NULL, 'statement', said.amount_xof, said.occurred_at,
           coalesce(said.reference, '') || '/' || row_number() OVER (
               PARTITION BY said.file_id, said.operator, said.operator_transaction_id, said.reference, said.amount_xof,
                            said.occurred_at ORDER BY said.line_number), false
      FROM asked
     CROSS JOIN LATERAL (SELECT * FROM statement_line WHERE statement_line.operator = asked.operator
                            AND statement_line.subject = asked.name OFFSET 0) AS said
     WHERE said.operator_transaction_id IS NOT NULL
       AND (said.kind = 'reversal' AND said.status IN ('succeeded', 'reversed')
         OR said.kind = 'collection' AND said.status = 'reversed')
     UNION
    SELECT found.operator, found.about, NULL, NULL, NULL, NULL, '', true
      FROM asked
      JOIN reconciliation_break AS found
        ON found.kind = :collision AND found.operator = asked.operator AND found.about = asked.name
       AND found.superseded_at IS NULL
""")

#: The operator's name for one piece of money, beside the operator.
Key = tuple[str, str]


async def read_payments(
    connection: AsyncConnection, keys: Collection[Key], request_ids: Collection[int] = ()
) -> list[ExistingPayment]:
    """Read the payments of these transactions and of these requests."""
    if not keys and not request_ids:
        return []
    rows = await connection.execute(PAYMENTS, {**_names(keys), "requests": sorted(set(request_ids))})
    return [
        ExistingPayment(**{**row._asdict(), "hold_reason": HoldReason(row.hold_reason) if row.hold_reason else None})
        for row in rows.all()
    ]


async def read_objections(
    connection: AsyncConnection, keys: Collection[Key], request_ids: Collection[int]
) -> tuple[list[Reversal], set[Key]]:
    """Read everything that says of these transactions that they were taken back, and those whose ids collide."""
    if not keys:
        return [], set()
    asked = {**_names(keys), "requests": sorted(set(request_ids)), "collision": BreakKind.COLLISION}
    reversals: list[Reversal] = []
    collided: set[Key] = set()
    for row in (await connection.execute(DOUBTS, asked)).all():
        if row.is_collision:
            collided.add((row.operator, row.operator_transaction_id))
            continue
        fields = row._asdict()
        del fields["is_collision"]
        reversals.append(Reversal(**{**fields, "provenance": Provenance(row.provenance)}))
    return reversals, collided


def _names(keys: Collection[Key]) -> dict[str, list[str]]:
    ordered = sorted(set(keys))
    return {"operators": [operator for operator, _ in ordered], "transactions": [name for _, name in ordered]}
