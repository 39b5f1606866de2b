"""Reads what is known of money before new evidence about it is judged: payments, reversals, collisions."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.match import BreakKind, ExistingPayment, Reversal
from payments.observation import HeldBecause, Provenance

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
    SELECT named.id, named.operator, named.operator_transaction_id, named.household_id, named.amount_xof,
           named.request_id, named.payer_msisdn, named.raw_transaction_id, named.held_because,
           CASE WHEN named.request_id IS NULL AND named.household_id IS NOT NULL THEN
               (SELECT request.id
                  FROM observation said
                  JOIN payment_request request
                    ON request.id = said.request_id
                    OR (said.request_id IS NULL AND request.reference = said.our_reference)
                 WHERE said.operator = named.operator AND said.operator_transaction_id = named.operator_transaction_id
                   AND said.status = 'succeeded' AND said.provenance <> 'unbound_callback'
                   AND request.operator = named.operator AND request.household_id = named.household_id
                 ORDER BY said.id LIMIT 1) END AS claimed_by
      FROM named ORDER BY named.id
""")

REVERSALS: Final = text("""
    SELECT said.operator, said.operator_transaction_id, said.request_id, said.provenance, said.amount_xof,
           said.occurred_at, '' AS name
      FROM unnest(CAST(:operators AS text[]), CAST(:transactions AS text[])) AS asked(operator, name)
     CROSS JOIN LATERAL (SELECT * FROM observation WHERE observation.operator = asked.operator
                            AND observation.operator_transaction_id = asked.name OFFSET 0) AS said
     WHERE said.status = 'reversed' AND said.provenance <> 'unbound_callback'
     UNION
    SELECT said.operator, said.operator_transaction_id, said.request_id, said.provenance, said.amount_xof,
           said.occurred_at, ''
      FROM unnest(CAST(:requests AS bigint[])) AS asked(id)
     CROSS JOIN LATERAL (SELECT * FROM observation WHERE observation.request_id = asked.id OFFSET 0) AS said
     WHERE said.operator_transaction_id IS NULL AND said.status = 'reversed' AND said.provenance <> 'unbound_callback'
     UNION
    SELECT said.operator, said.operator_transaction_id, NULL, 'statement', said.amount_xof, said.occurred_at,
           coalesce(said.reference, '') || '/' || row_number() OVER (
               PARTITION BY said.file_id, said.operator, said.operator_transaction_id, said.reference, said.amount_xof,
                            said.occurred_at ORDER BY said.line_number)
      FROM unnest(CAST(:operators AS text[]), CAST(:transactions AS text[])) AS asked(operator, name)
     CROSS JOIN LATERAL (SELECT * FROM statement_line WHERE statement_line.operator = asked.operator
                            AND statement_line.subject = asked.name OFFSET 0) AS said
     WHERE said.operator_transaction_id IS NOT NULL
       AND (said.kind = 'reversal' AND said.status IN ('succeeded', 'reversed')
         OR said.kind = 'collection' AND said.status = 'reversed')
""")

#: Whatever people made of the break: only they may credit what it names.
COLLIDED: Final = text("""
    SELECT DISTINCT found.operator, found.about AS subject
      FROM unnest(CAST(:operators AS text[]), CAST(:transactions AS text[])) AS asked(operator, name)
      JOIN reconciliation_break found
        ON found.kind = :kind AND found.operator = asked.operator AND found.about = asked.name
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
        ExistingPayment(
            **{**row._asdict(), "held_because": HeldBecause(row.held_because) if row.held_because else None}
        )
        for row in rows.all()
    ]


async def read_reversals(
    connection: AsyncConnection, keys: Collection[Key], request_ids: Collection[int]
) -> list[Reversal]:
    """Read everything that says of these transactions that they were taken back, from whatever kept source."""
    if not keys:
        return []
    rows = await connection.execute(REVERSALS, {**_names(keys), "requests": sorted(set(request_ids))})
    return [Reversal(**{**row._asdict(), "provenance": Provenance(row.provenance)}) for row in rows.all()]


async def read_collided(connection: AsyncConnection, keys: Collection[Key]) -> set[Key]:
    """Give those of these transactions whose id was found to mean different money."""
    if not keys:
        return set()
    rows = await connection.execute(COLLIDED, {**_names(keys), "kind": BreakKind.COLLISION})
    return {(row.operator, row.subject) for row in rows.all()}


def _names(keys: Collection[Key]) -> dict[str, list[str]]:
    ordered = sorted(set(keys))
    return {"operators": [operator for operator, _ in ordered], "transactions": [name for _, name in ordered]}
