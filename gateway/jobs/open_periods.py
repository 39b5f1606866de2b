"""Opens the due items of periods that have begun, and lets money paid in advance pay for them."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.account import HouseholdAccount, read_accounts
from gateway.contributions.allocation import NewDueItem, items_due
from gateway.contributions.apply import Applied, MoneyFor, plan, write
from gateway.contributions.keep import keep_due_items
from gateway.contributions.schedule import next_period
from gateway.contributions.scheme import amount_due
from gateway.jobs.deps import JobDeps
from payments.ledger import chart
from payments.ledger.entry import Entry, LedgerTxn
from payments.ledger.held import balances_of
from payments.ledger.post import post, reserve_ids, share_ledger

DUE = text("""
    SELECT id FROM household WHERE next_period_on <= :today
     ORDER BY id LIMIT :batch FOR NO KEY UPDATE SKIP LOCKED
""")

NEXT = text("""
    UPDATE household SET next_period_on = upcoming.day
      FROM unnest(CAST(:ids AS bigint[]), CAST(:days AS date[])) AS upcoming(id, day)
     WHERE household.id = upcoming.id
""")


async def open_periods(jobs: JobDeps, now: datetime) -> int:
    """Open what has fallen due for a batch of households; give how many were looked after."""
    return await jobs.deps.work.transact(lambda connection: _open(connection, jobs, now))


async def _open(connection: AsyncConnection, jobs: JobDeps, now: datetime) -> int:
    today = now.date()
    # Settling takes the ledger before households; going the other way round would wait for it crosswise.
    await share_ledger(connection)
    ids = list((await connection.execute(DUE, {"today": today, "batch": jobs.pace.batch})).scalars())
    if not ids:
        return 0
    accounts = await read_accounts(connection, jobs.book, ids)
    opened = [(account, item) for account in accounts.values() for item in _fallen_due(account, today)]
    await keep_due_items(connection, opened, now)
    await _spend_advances(connection, jobs, ids, now)
    await connection.execute(
        NEXT, {"ids": ids, "days": [_next_day(accounts[household_id], today) for household_id in ids]}
    )
    return len(ids)


def _fallen_due(account: HouseholdAccount, today: date) -> tuple[NewDueItem, ...]:
    known_until = max((item.period_end for item in account.items), default=None)
    amount_xof = amount_due(account.scheme, account.size).member_xof
    return items_due(account.scheme, account.registered_on, known_until, amount_xof, today)


def _next_day(account: HouseholdAccount, today: date) -> date:
    ends = [item.period_end for item in account.items] + [item.period_end for item in _fallen_due(account, today)]
    return next_period(account.scheme, account.registered_on, max(ends, default=date.min)).due_on


async def _spend_advances(connection: AsyncConnection, jobs: JobDeps, ids: Sequence[int], now: datetime) -> None:
    held: Mapping[int, int] = await balances_of(connection, chart.ADVANCES, ids)
    advances_xof = {household_id: -balance_xof for household_id, balance_xof in held.items() if balance_xof < 0}
    if not advances_xof:
        return
    txn_ids = await reserve_ids(connection, len(advances_xof))
    monies = [
        MoneyFor(household_id, txn_id, advances_xof[household_id], now.date())
        for household_id, txn_id in zip(sorted(advances_xof), txn_ids, strict=True)
    ]
    decided = await plan(connection, jobs.book, monies, now, ahead=False)
    spent = [(one.money.ledger_txn_id, _txn(one, now)) for one in decided.applied if one.allocation.parts]
    await post(connection, spent, now)
    await write(connection, decided, now)


def _txn(applied: Applied, now: datetime) -> LedgerTxn:
    money = applied.money
    spent_xof = money.amount_xof - applied.allocation.advance_xof
    first = min(part.item.period_start for part in applied.allocation.parts)
    return LedgerTxn(
        ref=f"advance/{money.household_id}/{first}",
        kind="advance_spent",
        effective_at=now,
        actor="job/open_periods",
        cause=f"period of {first} opened",
        entries=(
            Entry(chart.ADVANCES, spent_xof, money.household_id),
            Entry(chart.CONTRIBUTIONS, -spent_xof, money.household_id),
        ),
    )
