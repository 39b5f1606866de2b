"""Opens the due items of periods that have begun, and lets money paid in advance pay for them.

A household that cannot be looked after is parked with its reason and tried again later and later: the others' periods
open meanwhile.
"""

from collections.abc import Sequence
from datetime import date, datetime

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.account import read_accounts
from gateway.contributions.advances import spend_advances
from gateway.contributions.allocation import NewDueItem
from gateway.contributions.charges import insert_charges
from gateway.contributions.coverage import follow
from gateway.contributions.parking import count_parked, due_again, park, release
from gateway.contributions.timetables import read_timetables
from gateway.jobs.deps import JobDeps
from payments.ledger.post import begin_posting

log = structlog.stdlib.get_logger()

ACTOR = "job/open_periods"

#: One that is parked waits for its own moment, and one that somebody else is at is passed over. In the order of an
#: index: by ids alone, each batch would first walk past all the households that are done.
DUE = text("""
    SELECT id FROM (SELECT id FROM household
                     WHERE next_period_on <= :today
                       AND NOT EXISTS (SELECT FROM parked_household WHERE household_id = household.id)
                     ORDER BY next_period_on, id) AS due
     WHERE ramu_try_lock_party(id) LIMIT :batch
""")

NEXT = text("""
    UPDATE household SET next_period_on = upcoming.day
      FROM unnest(CAST(:ids AS bigint[]), CAST(:days AS date[])) AS upcoming(id, day)
     WHERE household.id = upcoming.id
""")


async def open_periods(jobs: JobDeps, now: datetime) -> int:
    """Open what has fallen due for a batch of households; return how many were looked at."""
    worker_db = jobs.deps.worker_db
    try:
        return await worker_db.transact(lambda connection: _open_due(connection, jobs, now))
    except Exception:
        log.exception("periods.batch_failed")
    due, again = await worker_db.transact(lambda connection: _due(connection, jobs, now))
    for household_id in (*due, *again):
        await _alone(jobs, household_id, now)
    return len(due) + len(again)


async def _alone(jobs: JobDeps, household_id: int, now: datetime) -> None:
    worker_db = jobs.deps.worker_db

    async def open_one(connection: AsyncConnection) -> None:
        await begin_posting(connection)
        await _open(connection, jobs, [household_id], now, again=[household_id])

    try:
        await worker_db.transact(open_one)
    except Exception as failure:
        log.exception("periods.one_failed", household_id=household_id)
        why = {household_id: f"the database refused it: {type(failure).__name__}"}
        await worker_db.transact(lambda connection: park(connection, why, now))


async def _open_due(connection: AsyncConnection, jobs: JobDeps, now: datetime) -> int:
    # Before any household is locked: whoever waits for postings to end must not wait behind one that waits for us.
    await begin_posting(connection)
    due, again = await _due(connection, jobs, now)
    if due or again:
        await _open(connection, jobs, [*due, *again], now, again=again)
    await count_parked(connection)
    return len(due) + len(again)


async def _due(connection: AsyncConnection, jobs: JobDeps, now: datetime) -> tuple[list[int], list[int]]:
    """Return those whose next period has begun, and those that were set aside and whose moment has come."""
    batch = jobs.limits.batch
    due = list((await connection.execute(DUE, {"today": now.date(), "batch": batch})).scalars())
    return due, await due_again(connection, now, batch)


async def _open(
    connection: AsyncConnection, jobs: JobDeps, ids: Sequence[int], now: datetime, *, again: Sequence[int]
) -> None:
    # Without what was paid, which only those need who hold money in advance or owe nothing: the others are the many.
    tables = await read_timetables(connection, jobs.catalog, ids)
    faults, fallen, next_days = tables.faults, dict[int, tuple[NewDueItem, ...]](), dict[int, date]()
    for household_id, table in tables.readable.items():
        try:
            fallen[household_id] = table.fallen_due(now.date())
            next_days[household_id] = table.next_due_on(fallen[household_id])
        except (ArithmeticError, LookupError, ValueError) as failure:
            faults[household_id] = f"{type(failure).__name__}: {failure}"
    good = sorted(next_days)
    opened = [(tables.readable[household_id], item) for household_id in good for item in fallen[household_id]]
    await insert_charges(connection, opened, now)
    # Before anything is spent: what opens the first period says by itself when the second begins.
    await connection.execute(NEXT, {"ids": good, "days": [next_days[household_id] for household_id in good]})
    # What begins unpaid changes nobody's cover; what asks for nothing is paid when it begins.
    free = {table.id for table, item in opened if item.amount_xof == 0}
    accounts = await read_accounts(connection, jobs.catalog, sorted(free | (next_days.keys() & set(again))))
    await follow(connection, list(accounts.readable.values()))
    unspent = await spend_advances(connection, jobs.catalog, good, now, actor=ACTOR)
    faults |= {**accounts.faults, **unspent}
    await release(connection, [household_id for household_id in good if household_id not in faults])
    await park(connection, faults, now)
