"""Writes allocations, many at once."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

INSERT = text("""
    INSERT INTO allocation (party_id, charge_id, ledger_txn_id, amount_xof, allocated_on)
    SELECT * FROM unnest(CAST(:parties AS bigint[]), CAST(:charges AS bigint[]), CAST(:txns AS bigint[]),
                         CAST(:amounts AS bigint[]), CAST(:days AS date[]))
""")


async def insert_allocations(connection: AsyncConnection, rows: Sequence[tuple[int, int, int, int, date]]) -> None:
    """Write allocations: party, charge, ledger transaction, francs, day."""
    if not rows:
        return
    parties, charges, txns, amounts, days = (list(column) for column in zip(*rows, strict=True))
    await connection.execute(
        INSERT, {"parties": parties, "charges": charges, "txns": txns, "amounts": amounts, "days": days}
    )
