"""Posts what the State, communes and other payers owe from the day on which they are charged."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from payments.ledger import chart
from payments.ledger.entry import Entry, LedgerTxn
from payments.ledger.post import post

CHARGED: Final = "charge"
ACTOR: Final = "rule/charges"


async def post_receivables(
    connection: AsyncConnection, txn_id: int, owed: Iterable[tuple[int, int]], now: datetime
) -> None:
    """Post under a reserved id what payers owe, which is a party and francs for each charge that names this id."""
    by_payer: Counter[int] = Counter()
    for party_id, amount_xof in owed:
        by_payer[party_id] += amount_xof
    entries = [
        entry
        for party_id, amount_xof in sorted(by_payer.items())
        for entry in (
            Entry(chart.RECEIVABLES, amount_xof, party_id),
            Entry(chart.QUOTE_PARTS, -amount_xof, party_id),
        )
    ]
    if not entries:
        return
    txn = LedgerTxn(
        ref=f"charges/{txn_id}",
        kind=CHARGED,
        effective_at=now,
        actor=ACTOR,
        reason="shares owed from the day on which they are charged",
        entries=tuple(entries),
    )
    await post(connection, [(txn_id, txn)], now)
