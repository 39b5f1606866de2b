"""What households hold on an account, always derived from the entries."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

OF_HOUSEHOLDS = text("""
    SELECT party_id, CAST(sum(amount_xof) AS bigint) AS balance_xof
      FROM ledger_entry
     WHERE party_id = ANY(CAST(:ids AS bigint[])) AND account = :account
     GROUP BY party_id
""")


async def balances_of(connection: AsyncConnection, account: str, party_ids: Sequence[int]) -> dict[int, int]:
    """Return the balance of one account for each household that has entries on it.

    Units:   whole francs; below zero where the household is in credit.
    """
    rows = await connection.execute(OF_HOUSEHOLDS, {"ids": list(party_ids), "account": account})
    return {row.party_id: row.balance_xof for row in rows.all()}
