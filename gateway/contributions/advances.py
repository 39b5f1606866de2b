"""Money paid in advance of any due item: each franc keeps the day on which it was paid, and is spent oldest first.

What is held follows from the ledger and the allocations alone: what came in, by the day it was paid, less what was
spent of that very day. So it does not matter when the periods that it pays for are opened, or by whom.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.account import lock_households
from gateway.contributions.apply import Applied, MoneyFor, plan, write
from gateway.contributions.schemes import SchemeBook
from payments.ledger import chart
from payments.ledger.entry import Entry, LedgerTxn
from payments.ledger.post import post, reserve_ids

SPENT: Final = "advance_spent"

#: What takes a payment back takes back the day of that payment.
BY_DAY = text("""
    WITH moved AS (
        SELECT entry.household_id, entry.txn_id, entry.amount_xof, txn.kind,
               CAST(coalesce(original.effective_at, txn.effective_at) AT TIME ZONE 'UTC' AS date) AS day
          FROM ledger_entry entry
          JOIN ledger_txn txn ON txn.id = entry.txn_id
          LEFT JOIN ledger_txn original ON original.id = txn.reverses_id
         WHERE entry.household_id = ANY(CAST(:ids AS bigint[])) AND entry.account = :account
    )
    SELECT household_id, day, CAST(sum(amount_xof) AS bigint) AS amount_xof
      FROM (SELECT household_id, day, -amount_xof AS amount_xof FROM moved WHERE kind <> :spent
             UNION ALL
            SELECT moved.household_id, allocation.allocated_on, -allocation.amount_xof
              FROM moved JOIN allocation ON allocation.ledger_txn_id = moved.txn_id
             WHERE moved.kind = :spent) AS francs
     GROUP BY household_id, day ORDER BY household_id, day
""")


@dataclass(frozen=True, slots=True)
class Advance:
    """Francs that one household paid in advance on one day and that no due item has taken yet."""

    paid_on: date
    amount_xof: int


def held(by_day: Mapping[date, int]) -> tuple[Advance, ...]:
    """Give what is left of each day, oldest first; what a day lacks is taken from the youngest francs."""
    missing_xof = -sum(amount_xof for amount_xof in by_day.values() if amount_xof < 0)
    left: list[Advance] = []
    for day in sorted(by_day, reverse=True):
        taken_xof = min(missing_xof, max(0, by_day[day]))
        missing_xof -= taken_xof
        if by_day[day] > taken_xof:
            left.append(Advance(day, by_day[day] - taken_xof))
    return tuple(reversed(left))


async def read_advances(connection: AsyncConnection, household_ids: Sequence[int]) -> dict[int, tuple[Advance, ...]]:
    """Give what households hold in advance; those that hold nothing are left out."""
    wanted = {"ids": list(household_ids), "account": chart.ADVANCES, "spent": SPENT}
    by_household: dict[int, dict[date, int]] = defaultdict(dict)
    for row in (await connection.execute(BY_DAY, wanted)).all():
        by_household[row.household_id][row.day] = row.amount_xof
    advances = {household_id: held(by_day) for household_id, by_day in by_household.items()}
    return {household_id: found for household_id, found in advances.items() if found}


async def spend_advances(
    connection: AsyncConnection,
    book: SchemeBook,
    household_ids: Sequence[int],
    now: datetime,
    *,
    actor: str,
    ahead: bool = False,
) -> None:
    """Let money held in advance pay what has fallen due, or with ``ahead`` whatever the money behind it may pay.

    The ledger's lock is shared already: it comes before those of households, which are taken here.
    """
    await lock_households(connection, household_ids)
    advances = await read_advances(connection, household_ids)
    lots = [(household_id, lot) for household_id in sorted(advances) for lot in advances[household_id]]
    if not lots:
        return
    txn_ids = await reserve_ids(connection, len(lots))
    monies = [
        MoneyFor(household_id, txn_id, lot.amount_xof, lot.paid_on)
        for (household_id, lot), txn_id in zip(lots, txn_ids, strict=True)
    ]
    decided = await plan(connection, book, monies, now, ahead=ahead)
    spent = [(one.money.ledger_txn_id, _txn(one, now, actor)) for one in decided.applied if one.allocation.parts]
    await post(connection, spent, now)
    await write(connection, decided, now)


def _txn(applied: Applied, now: datetime, actor: str) -> LedgerTxn:
    money = applied.money
    spent_xof = money.amount_xof - applied.allocation.advance_xof
    first = min(part.item.period_start for part in applied.allocation.parts)
    return LedgerTxn(
        ref=f"advance/{money.household_id}/{first}/{money.ledger_txn_id}",
        kind=SPENT,
        effective_at=now,
        actor=actor,
        cause=f"period of {first} opened, paid on {money.paid_on}",
        entries=(
            Entry(chart.ADVANCES, spent_xof, money.household_id),
            Entry(chart.CONTRIBUTIONS, -spent_xof, money.household_id),
        ),
    )
