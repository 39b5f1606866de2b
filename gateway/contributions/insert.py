"""Writes due items and allocations, many at once."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.account import HouseholdAccount
from gateway.contributions.allocation import NewDueItem
from gateway.contributions.charges import insert_charges
from gateway.contributions.scheme import amount_due

KEEP_ITEMS = text("""
    INSERT INTO due_item (household_id, scheme_code, scheme_version, period_start, period_end, due_on, label,
                          gross_xof, amount_xof, opened_at)
    SELECT household_id, scheme_code, scheme_version, period_start, period_end, due_on, label, gross_xof, amount_xof,
           :now
      FROM unnest(CAST(:households AS bigint[]), CAST(:codes AS text[]), CAST(:versions AS integer[]),
                  CAST(:starts AS date[]), CAST(:ends AS date[]), CAST(:dues AS date[]), CAST(:labels AS text[]),
                  CAST(:gross AS bigint[]), CAST(:amounts AS bigint[]))
           AS new(household_id, scheme_code, scheme_version, period_start, period_end, due_on, label, gross_xof,
                  amount_xof)
        ON CONFLICT (household_id, scheme_code, period_start) DO NOTHING
    RETURNING id, household_id, period_start
""")

KEEP_ALLOCATIONS = text("""
    INSERT INTO allocation (household_id, due_item_id, ledger_txn_id, amount_xof, allocated_on)
    SELECT * FROM unnest(CAST(:households AS bigint[]), CAST(:items AS bigint[]), CAST(:txns AS bigint[]),
                         CAST(:amounts AS bigint[]), CAST(:days AS date[]))
""")


async def insert_due_items(
    connection: AsyncConnection, opened: Sequence[tuple[HouseholdAccount, NewDueItem]], now: datetime
) -> dict[tuple[int, date], int]:
    """Write due items and return their ids by household and first day."""
    if not opened:
        return {}
    rows = await connection.execute(
        KEEP_ITEMS,
        {
            "households": [account.id for account, _ in opened],
            "codes": [account.scheme.code for account, _ in opened],
            "versions": [account.scheme.version for account, _ in opened],
            "starts": [item.period_start for _, item in opened],
            "ends": [item.period_end for _, item in opened],
            "dues": [item.due_on for _, item in opened],
            "labels": [item.label for _, item in opened],
            "gross": [amount_due(account.scheme, account.size).gross_xof for account, _ in opened],
            "amounts": [item.amount_xof for _, item in opened],
            "now": now,
        },
    )
    ids = {(row.household_id, row.period_start): row.id for row in rows.all()}
    await insert_charges(connection, [one for one in opened if (one[0].id, one[1].period_start) in ids], now)
    return ids


async def insert_allocations(connection: AsyncConnection, rows: Sequence[tuple[int, int, int, int, date]]) -> None:
    """Write allocations: household, due item, ledger transaction, francs, day."""
    if not rows:
        return
    households, items, txns, amounts, days = (list(column) for column in zip(*rows, strict=True))
    await connection.execute(
        KEEP_ALLOCATIONS,
        {"households": households, "items": items, "txns": txns, "amounts": amounts, "days": days},
    )
