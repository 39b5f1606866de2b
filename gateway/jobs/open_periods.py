"""Opens the due items of periods that have begun, and lets money paid in advance pay for them.

A household that cannot be looked after is parked with its reason and tried again later and later: the others' periods
open meanwhile.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.account import HouseholdAccount, read_accounts
from gateway.contributions.advances import spend_advances
from gateway.contributions.allocation import NewDueItem
from gateway.contributions.charges import insert_charges
from gateway.contributions.coverage import follow
from gateway.contributions.parking import count_parked, due_again, park, release
from gateway.contributions.schedule import next_period
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
    ids = await worker_db.transact(lambda connection: _due(connection, jobs, now))
    for household_id in ids:
        await _alone(jobs, household_id, now)
    return len(ids)


async def _alone(jobs: JobDeps, household_id: int, now: datetime) -> None:
    worker_db = jobs.deps.worker_db

    async def open_one(connection: AsyncConnection) -> None:
        await begin_posting(connection)
        await _open(connection, jobs, [household_id], now)

    try:
        await worker_db.transact(open_one)
    except Exception as failure:
        log.exception("periods.one_failed", household_id=household_id)
        why = {household_id: f"the database refused it: {type(failure).__name__}"}
        await worker_db.transact(lambda connection: park(connection, why, now))


async def _open_due(connection: AsyncConnection, jobs: JobDeps, now: datetime) -> int:
    # Before any household is locked: whoever waits for postings to end must not wait behind one that waits for us.
    await begin_posting(connection)
    ids = await _due(connection, jobs, now)
    if ids:
        await _open(connection, jobs, ids, now)
    await count_parked(connection)
    return len(ids)


async def _due(connection: AsyncConnection, jobs: JobDeps, now: datetime) -> list[int]:
    batch = jobs.limits.batch
    ids = list((await connection.execute(DUE, {"today": now.date(), "batch": batch})).scalars())
    return [*ids, *await due_again(connection, now, batch)]


async def _open(connection: AsyncConnection, jobs: JobDeps, ids: Sequence[int], now: datetime) -> None:
    today = now.date()
    accounts = await read_accounts(connection, jobs.catalog, ids)
    faults, fallen, next_days = accounts.faults, dict[int, tuple[NewDueItem, ...]](), dict[int, date]()
    for household_id, account in accounts.readable.items():
        try:
            fallen[household_id] = account.fallen_due(today)
            next_days[household_id] = _next_day(account, fallen[household_id])
        except (ArithmeticError, LookupError, ValueError) as failure:
            faults[household_id] = f"{type(failure).__name__}: {failure}"
    good = sorted(next_days)
    opened = [(accounts.readable[household_id], item) for household_id in good for item in fallen[household_id]]
    charged = await insert_charges(connection, opened, now)
    # What begins unpaid changes nobody's cover; what asks for nothing is paid when it begins.
    free = {account.id for account, item in opened if item.amount_xof == 0}
    await follow(connection, [accounts.readable[one].with_opened(fallen[one]) for one in sorted(free)])
    known = _known(accounts.readable, fallen, charged)
    await spend_advances(connection, jobs.catalog, good, now, actor=ACTOR, known=known)
    await connection.execute(NEXT, {"ids": good, "days": [next_days[household_id] for household_id in good]})
    await release(connection, good)
    await park(connection, faults, now)


def _known(
    accounts: Mapping[int, HouseholdAccount],
    fallen: Mapping[int, Sequence[NewDueItem]],
    charged: Mapping[tuple[int, date], int],
) -> dict[int, HouseholdAccount]:
    """Return the accounts as they now stand; one that went over to another version must be read anew."""
    return {
        household_id: accounts[household_id].with_opened(items, charged)
        for household_id, items in fallen.items()
        if all(
            item.scheme is accounts[household_id].scheme and (household_id, item.period_start) in charged
            for item in items
        )
    }


def _next_day(account: HouseholdAccount, fallen: Sequence[NewDueItem]) -> date:
    ends = [item.period_end for item in account.items] + [item.period_end for item in fallen]
    return next_period(account.calendar, account.registered_on, max(ends, default=date.min)).due_on
