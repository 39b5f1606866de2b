"""Writes balanced ledger transactions, each reference once."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.ledger.entry import LedgerTxn

#: "LEDG" in ASCII. Posting shares this lock; sealing takes it alone, and so knows that no smaller id is under way.
LEDGER_LOCK = 0x4C454447

SHARE_LOCK = text("SELECT pg_advisory_xact_lock_shared(:key)")

RESERVE = text("SELECT nextval('ledger_txn_id_seq') FROM generate_series(1, :count)")

INSERT_TXNS = text("""
    INSERT INTO ledger_txn (id, ref, kind, effective_at, posted_at, actor, cause, reverses_id)
    SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:refs AS text[]), CAST(:kinds AS text[]),
                         CAST(:effective AS timestamptz[]), CAST(:posted AS timestamptz[]), CAST(:actors AS text[]),
                         CAST(:causes AS text[]), CAST(:reverses AS bigint[]))
""")

INSERT_ENTRIES = text("""
    INSERT INTO ledger_entry (txn_id, line, account, household_id, amount_xof)
    SELECT * FROM unnest(CAST(:txn_ids AS bigint[]), CAST(:lines AS integer[]), CAST(:accounts AS text[]),
                         CAST(:households AS bigint[]), CAST(:amounts AS bigint[]))
""")


async def share_ledger(connection: AsyncConnection) -> None:
    """Take the lock that posting shares; whoever locks households first must take it before them."""
    await connection.execute(SHARE_LOCK, {"key": LEDGER_LOCK})


async def reserve_ids(connection: AsyncConnection, count: int) -> list[int]:
    """Reserve ids for ledger transactions that this database transaction is about to write.

    The shared lock is taken first: an id handed out while a block is being sealed would fall behind it.
    """
    await share_ledger(connection)
    return list((await connection.execute(RESERVE, {"count": count})).scalars())


async def post(connection: AsyncConnection, txns: Sequence[tuple[int, LedgerTxn]], posted_at: object) -> None:
    """Write transactions under the ids reserved for them; a reference that exists already is a fault and raises."""
    if not txns:
        return
    await connection.execute(
        INSERT_TXNS,
        {
            "ids": [txn_id for txn_id, _ in txns],
            "refs": [txn.ref for _, txn in txns],
            "kinds": [txn.kind for _, txn in txns],
            "effective": [txn.effective_at for _, txn in txns],
            "posted": [posted_at for _ in txns],
            "actors": [txn.actor for _, txn in txns],
            "causes": [txn.cause for _, txn in txns],
            "reverses": [txn.reverses_id for _, txn in txns],
        },
    )
    lines = [(txn_id, line, entry) for txn_id, txn in txns for line, entry in enumerate(txn.entries, start=1)]
    await connection.execute(
        INSERT_ENTRIES,
        {
            "txn_ids": [txn_id for txn_id, _, _ in lines],
            "lines": [line for _, line, _ in lines],
            "accounts": [entry.account for _, _, entry in lines],
            "households": [entry.household_id for _, _, entry in lines],
            "amounts": [entry.amount_xof for _, _, entry in lines],
        },
    )
