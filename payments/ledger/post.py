"""Writes balanced ledger transactions, each reference once, and says which of them are final.

Ids become visible out of order. A posting therefore marks, before it is handed any, the last id that was out by then;
whatever lies at or below the smallest such mark is final. The sequence must hand out its ids one by one (CACHE 1).
"""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.ledger.accounts import open_accounts
from payments.ledger.entry import LedgerTxn

#: "LEDG" in ASCII: the first half of the keys that postings hold. The second half is the last id that had been handed
#: out when the posting began (its low 32 bits): whoever seals knows by it below which id nobody writes any more.
LEDGER_LOCK = 0x4C454447

#: Every id that this transaction is handed afterwards is larger than the one in its key. Shared, so refused to nobody.
BEGIN_POSTING = text("""
    SELECT pg_advisory_xact_lock_shared(
               :space, CAST(((last_id + 2147483648) & 4294967295) - 2147483648 AS integer))
      FROM (SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END AS last_id FROM ledger_txn_id_seq) AS handed_out
""")

#: Asked before UNDER_WAY: whoever is handed a larger id afterwards cannot fall behind it.
LAST_ID = text("SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM ledger_txn_id_seq")

OF_POSTINGS = """
      FROM pg_locks
     WHERE locktype = 'advisory' AND objsubid = 2 AND classid = :space AND mode = 'ShareLock'
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

UNDER_WAY = text(f"""
    SELECT min(CAST(:last_id AS bigint) - ((CAST(:last_id AS bigint) - CAST(objid AS bigint)) & 4294967295))
    {OF_POSTINGS}
""")

#: Held alone for a moment, each key lets go of whoever had it when it was asked for.
WAIT = text(f"""
    SELECT pg_advisory_xact_lock(
               :space, CAST(((CAST(objid AS bigint) + 2147483648) & 4294967295) - 2147483648 AS integer))
      FROM (SELECT DISTINCT objid {OF_POSTINGS} ORDER BY objid) AS held
""")  # noqa: S608 - our own words

RESERVE = text("SELECT nextval('ledger_txn_id_seq') FROM generate_series(1, :count)")

INSERT_TXNS = text("""
    INSERT INTO ledger_txn (id, ref, kind, effective_at, posted_at, actor, reason, reverses_id)
    SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:refs AS text[]), CAST(:kinds AS text[]),
                         CAST(:effective AS timestamptz[]), CAST(:posted AS timestamptz[]), CAST(:actors AS text[]),
                         CAST(:reasons AS text[]), CAST(:reverses AS bigint[]))
""")

#: An operator's account says whose party its entries name. A line whose account is not open yet is not written.
INSERT_ENTRIES = text("""
    INSERT INTO ledger_entry (txn_id, line, account, party_id, amount_xof)
    SELECT new.txn_id, new.line, account.code, coalesce(new.party_id, account.party_id), new.amount_xof
      FROM unnest(CAST(:txn_ids AS bigint[]), CAST(:lines AS integer[]), CAST(:accounts AS text[]),
                  CAST(:parties AS bigint[]), CAST(:amounts AS bigint[]))
           AS new(txn_id, line, account, party_id, amount_xof)
      JOIN account ON account.code = new.account
        ON CONFLICT (txn_id, line) DO NOTHING
""")


async def begin_posting(connection: AsyncConnection) -> None:
    """Say that this database transaction is about to post: who locks more than this locks it first."""
    await connection.execute(BEGIN_POSTING, {"space": LEDGER_LOCK})


async def reserve_ids(connection: AsyncConnection, count: int) -> list[int]:
    """Reserve ids for ledger transactions that this database transaction is about to write.

    The lock is taken first, so that no block is sealed up to an id that may still be written; it keeps nobody waiting.
    """
    await begin_posting(connection)
    return list((await connection.execute(RESERVE, {"count": count})).scalars())


async def final_through(connection: AsyncConnection) -> int:
    """Return an id up to which every ledger transaction is there for good, or will never come.

    What is read afterwards, in a snapshot of its own, sees them all. Nobody waits for it and it waits for nobody.
    """
    last_id: int = (await connection.execute(LAST_ID)).scalar_one()
    asked = {"space": LEDGER_LOCK, "last_id": last_id}
    under_way: int | None = (await connection.execute(UNDER_WAY, asked)).scalar_one()
    return last_id if under_way is None else min(last_id, under_way)


async def wait_for_postings(connection: AsyncConnection) -> None:
    """Wait until every posting that is under way now has ended; new ones go on meanwhile."""
    await connection.execute(WAIT, {"space": LEDGER_LOCK})


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
            "reasons": [txn.reason for _, txn in txns],
            "reverses": [txn.reverses_id for _, txn in txns],
        },
    )
    lines = [(txn_id, line, entry) for txn_id, txn in txns for line, entry in enumerate(txn.entries, start=1)]
    values = {
        "txn_ids": [txn_id for txn_id, _, _ in lines],
        "lines": [line for _, line, _ in lines],
        "accounts": [entry.account for _, _, entry in lines],
        "parties": [entry.party_id for _, _, entry in lines],
        "amounts": [entry.amount_xof for _, _, entry in lines],
    }
    written = await connection.execute(INSERT_ENTRIES, values)
    if written.rowcount < len(lines):
        # An operator's first money: nothing is asked about accounts before, because almost all of them are open.
        await open_accounts(connection, {entry.account for _, _, entry in lines})
        await connection.execute(INSERT_ENTRIES, values)
