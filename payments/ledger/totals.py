"""Running sums of every account: kept at the end of each block, so that no balance is added up from the beginning.

The sums are derived. They are written in the transaction that seals their block, and ``ramu ledger verify`` adds up the
entries themselves and compares.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

#: The sums of the block before, and what the entries of this one add.
KEEP: Final = text("""
    INSERT INTO ledger_total (block_seq, account, debit_xof, credit_xof)
    SELECT :seq, account, sum(debit_xof), sum(credit_xof)
      FROM (SELECT account, debit_xof, credit_xof FROM ledger_total WHERE block_seq = :seq - 1
             UNION ALL
            SELECT account, greatest(amount_xof, 0), greatest(-amount_xof, 0)
              FROM ledger_entry WHERE txn_id > :after AND txn_id <= :through) AS known
     GROUP BY account
""")

#: The sums of the last block, and the entries that no block holds yet.
TOTALS: Final = text("""
    WITH last AS (SELECT seq, through_txn_id FROM ledger_block ORDER BY seq DESC LIMIT 1)
    SELECT account, sum(debit_xof) AS debit_xof, sum(credit_xof) AS credit_xof
      FROM (SELECT account, debit_xof, credit_xof FROM ledger_total WHERE block_seq = (SELECT seq FROM last)
             UNION ALL
            SELECT account, greatest(amount_xof, 0), greatest(-amount_xof, 0)
              FROM ledger_entry WHERE txn_id > coalesce((SELECT through_txn_id FROM last), 0)) AS known
     GROUP BY account ORDER BY account
""")

#: Each account whose kept sums are not those of its sealed entries.
CHANGED: Final = text("""
    WITH last AS (SELECT seq, through_txn_id FROM ledger_block ORDER BY seq DESC LIMIT 1),
    added AS (
        SELECT account, sum(greatest(amount_xof, 0)) AS debit_xof, sum(greatest(-amount_xof, 0)) AS credit_xof
          FROM ledger_entry WHERE txn_id <= (SELECT through_txn_id FROM last) GROUP BY account)
    SELECT jsonb_build_object('code', 'account_total_otherwise', 'account', account,
                              'kept_debit_xof', coalesce(kept.debit_xof, 0),
                              'kept_credit_xof', coalesce(kept.credit_xof, 0),
                              'debit_xof', coalesce(added.debit_xof, 0), 'credit_xof', coalesce(added.credit_xof, 0))
      FROM (SELECT * FROM ledger_total WHERE block_seq = (SELECT seq FROM last)) AS kept
      FULL JOIN added USING (account)
     WHERE (kept.debit_xof, kept.credit_xof) IS DISTINCT FROM (added.debit_xof, added.credit_xof)
     ORDER BY account LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class AccountTotal:
    """What was ever debited and credited to one account.

    Units:   whole francs, both sides above zero.
    """

    account: str
    debit_xof: int
    credit_xof: int

    @property
    def balance_xof(self) -> int:
        """Return what stands on the account; above zero when it is in debit."""
        return self.debit_xof - self.credit_xof


async def keep_totals(connection: AsyncConnection, seq: int, after_txn_id: int, through_txn_id: int) -> None:
    """Write the sums at the end of a block that has just been written."""
    await connection.execute(KEEP, {"seq": seq, "after": after_txn_id, "through": through_txn_id})


async def account_totals(connection: AsyncConnection) -> tuple[AccountTotal, ...]:
    """Return the sums of every account that was ever used, as of now."""
    rows = (await connection.execute(TOTALS)).all()
    return tuple(AccountTotal(row.account, int(row.debit_xof), int(row.credit_xof)) for row in rows)
