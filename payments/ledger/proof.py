"""Proves in one pass that nothing is wrong with the books, before anybody asks what it is.

Each transaction, its entries and its payment are read once, side by side in the order of their ids, in runs of ids that
PostgreSQL shares out among its workers. Only when the pass finds something are the questions asked that name it.
"""

from typing import Final

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

#: Runs of ids for one pass: more than any server has processors for one statement, few enough to plan at once.
RUNS: Final = 8

#: Every id that there is lies between these two.
BEFORE_ALL: Final = -(2**63)
AFTER_ALL: Final = 2**63 - 1

IDS = text("SELECT coalesce(min(id), 0) AS first, coalesce(max(id), 0) AS last FROM ledger_txn")

#: The transactions of a run that at least one question of the books has a word about. ``other_count`` counts the
#: entries beside the operator's account, ``named_count`` those of them that stand on an account of somebody's own.
WRONG: Final = """
    SELECT 1
      FROM (SELECT txn_id, count(*) AS entry_count, sum(amount_xof) AS sum_xof,
                   sum(amount_xof) FILTER (WHERE is_clearing) AS cleared_xof,
                   max(amount_xof) FILTER (WHERE is_clearing) AS largest_xof,
                   min(account) FILTER (WHERE is_clearing) AS first_account,
                   max(account) FILTER (WHERE is_clearing) AS last_account,
                   count(*) FILTER (WHERE NOT is_clearing) AS other_count,
                   count(*) FILTER (WHERE is_named) AS named_count,
                   min(party_id) FILTER (WHERE is_named) AS first_party,
                   max(party_id) FILTER (WHERE is_named) AS last_party
              FROM (SELECT *, account LIKE 'clearing/%' AS is_clearing,
                           account NOT LIKE 'clearing/%' AND account NOT LIKE 'suspense/%' AS is_named
                      FROM ledger_entry WHERE txn_id > {after} AND txn_id <= {through}) AS entry
             GROUP BY txn_id) AS entries
      FULL JOIN (SELECT id, ref, effective_at FROM ledger_txn WHERE id > {after} AND id <= {through}) AS txn
        ON txn.id = entries.txn_id
      FULL JOIN (SELECT id, ledger_txn_id, operator, operator_transaction_id, party_id, amount_xof, occurred_at
                   FROM payment WHERE ledger_txn_id > {after} AND ledger_txn_id <= {through}) AS payment
        ON payment.ledger_txn_id = entries.txn_id
     WHERE txn.id IS NULL OR entries.txn_id IS NULL OR entry_count < 2 OR sum_xof <> 0
        OR CASE WHEN payment.id IS NULL THEN largest_xof > 0
                ELSE cleared_xof IS DISTINCT FROM payment.amount_xof
                  OR first_account <> 'clearing/' || operator OR last_account <> first_account
                  OR named_count <> CASE WHEN party_id IS NULL THEN 0 ELSE other_count END
                  OR first_party <> party_id OR last_party <> party_id
                  OR effective_at <> occurred_at
                  OR ref <> 'payment/' || operator || '/' || operator_transaction_id END
"""


def over_runs(query: str) -> TextClause:
    """Return a statement that counts the rows of a query over every run of ids, in parallel.

    ``query`` has {after} and {through} where the bounds of a run stand.
    """
    runs = (query.format(after=f":edge_{run}", through=f":edge_{run + 1}") for run in range(RUNS))
    # Counted and not cut off at the first: a limit would let the planner hope to be done at once, in one process.
    return text(f"SELECT count(*) FROM ({' UNION ALL '.join(runs)}) AS found")  # noqa: S608 - our own statements


def edges(first: int, last: int) -> dict[str, int]:
    """Return the bounds of the runs, of one size from the first id to the last; the outer ones reach beyond any id."""
    size = max(1, (last - first + RUNS) // RUNS)
    inner = {f"edge_{run}": first + run * size for run in range(1, RUNS)}
    return {"edge_0": BEFORE_ALL, **inner, f"edge_{RUNS}": AFTER_ALL}


ANY_WRONG = over_runs(WRONG)


async def is_whole(connection: AsyncConnection) -> bool:
    """Return whether every transaction balances and every payment stands where and as its transaction says."""
    first, last = (await connection.execute(IDS)).one()
    wrong: int = (await connection.execute(ANY_WRONG, edges(first, last))).scalar_one()
    return not wrong
