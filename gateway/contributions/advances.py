"""Money paid in advance of any due item: each franc keeps the day on which it was paid, and is spent oldest first.

What is held follows from the ledger and the allocations alone: what came in, by the day it was paid, less what was
spent of that very day. So it does not matter when the periods that it pays for are opened, or by whom.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.apply import AllocationRequest, Applied, plan, write
from gateway.contributions.held_advances import read_advances
from gateway.contributions.households import lock_households
from gateway.contributions.schemes import SchemeCatalog
from payments.ledger import chart
from payments.ledger.entry import Entry, LedgerTxn
from payments.ledger.post import post, reserve_ids

SPENT: Final = "advance_spent"


async def spend_advances(
    connection: AsyncConnection,
    catalog: SchemeCatalog,
    household_ids: Sequence[int],
    now: datetime,
    *,
    actor: str,
    ahead: bool = False,
) -> Mapping[int, str]:
    """Let money held in advance pay what has fallen due, or with ``ahead`` whatever the money behind it may pay.

    Return why the accounts of some could not be worked out: what they hold waits.

    The ledger's lock is shared already: it comes before those of households, which are taken here.
    """
    await lock_households(connection, household_ids)
    advances = await read_advances(connection, household_ids)
    lots = [(household_id, lot) for household_id in sorted(advances) for lot in advances[household_id]]
    if not lots:
        return {}
    txn_ids = await reserve_ids(connection, len(lots))
    monies = [
        AllocationRequest(household_id, txn_id, lot.amount_xof, lot.paid_on)
        for (household_id, lot), txn_id in zip(lots, txn_ids, strict=True)
    ]
    decided = await plan(connection, catalog, monies, now, ahead=ahead)
    spent = [(one.money.ledger_txn_id, _txn(one, now, actor)) for one in decided.applied if one.allocation.lines]
    await post(connection, spent, now)
    await write(connection, decided, now)
    return decided.faults


def _txn(applied: Applied, now: datetime, actor: str) -> LedgerTxn:
    money = applied.money
    spent_xof = money.amount_xof - applied.allocation.advance_xof
    first = min(line.item.period_start for line in applied.allocation.lines)
    return LedgerTxn(
        ref=f"advance/{money.household_id}/{first}/{money.ledger_txn_id}",
        kind=SPENT,
        effective_at=now,
        actor=actor,
        reason=f"period of {first} opened, paid on {money.paid_on}",
        entries=(
            Entry(chart.ADVANCES, spent_xof, money.household_id),
            Entry(chart.CONTRIBUTIONS, -spent_xof, money.household_id),
        ),
    )
