"""Keeps on which days each household is cared for, as rows that can be asked in SQL and made again at any time.

The rows are derived: they follow from the account alone, by the same rule that answers a telephone. So they are written
with whatever changes the account, and never by themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.account import HouseholdAccount, read_accounts
from gateway.contributions.held_advances import read_advances
from gateway.contributions.schemes import SchemeCatalog

STRETCHES = """
    unnest(CAST(:parties AS bigint[]), CAST(:starts AS date[]), CAST(:ends AS date[]), CAST(:reasons AS text[]))
"""

#: First what no longer holds: two rows of one party never share a day.
FORGET = text(f"""
    DELETE FROM coverage
     WHERE party_id = ANY(CAST(:ids AS bigint[])) AND member_id IS NULL
       AND (party_id, valid_from, valid_to, reason) NOT IN (SELECT * FROM {STRETCHES})
    RETURNING party_id
""")  # noqa: S608 - our own text

ADD = text(f"""
    INSERT INTO coverage (party_id, valid_from, valid_to, reason)
    SELECT * FROM {STRETCHES}
    EXCEPT
    SELECT party_id, valid_from, valid_to, reason FROM coverage
     WHERE party_id = ANY(CAST(:ids AS bigint[])) AND member_id IS NULL
    RETURNING party_id
""")  # noqa: S608 - our own text

#: Derived like the days of care; what begins on another day has another next day, too.
BEGIN = text("""
    UPDATE household SET begins_on = known.begins_on, next_period_on = known.next_on
      FROM unnest(CAST(:ids AS bigint[]), CAST(:begins AS date[]), CAST(:nexts AS date[]))
           AS known(id, begins_on, next_on)
     WHERE household.id = known.id AND household.begins_on IS DISTINCT FROM known.begins_on
""")

SOME = text("SELECT id FROM household WHERE id > :after ORDER BY id LIMIT :most")


async def keep_coverage(connection: AsyncConnection, accounts: Sequence[HouseholdAccount]) -> frozenset[int]:
    """Write on which days households are cared for; return those of whom another thing was kept before.

    The households are locked, and their accounts are read or worked out to their present end, advances included.
    """
    if not accounts:
        return frozenset()
    rows: list[tuple[int, date, date, str]] = [
        (account.id, stretch.start, stretch.end, stretch.reason.value)
        for account in accounts
        for stretch in account.coverage()
    ]
    parties, starts, ends, reasons = ([row[column] for row in rows] for column in range(4))
    values = {
        "ids": [account.id for account in accounts],
        "parties": parties,
        "starts": starts,
        "ends": ends,
        "reasons": reasons,
    }
    gone = (await connection.execute(FORGET, values)).scalars().all()
    came = (await connection.execute(ADD, values)).scalars().all()
    return frozenset((*gone, *came))


async def follow(connection: AsyncConnection, accounts: Sequence[HouseholdAccount]) -> frozenset[int]:
    """Write coverage by accounts that were just changed, with what their households now hold in advance."""
    if not accounts:
        return frozenset()
    advances = await read_advances(connection, [account.id for account in accounts])
    whole = [replace(account, advances=advances.get(account.id, ())).with_days() for account in accounts]
    await _keep_beginnings(connection, [account for account in whole if account.is_numbered])
    return await keep_coverage(connection, whole)


async def _keep_beginnings(connection: AsyncConnection, accounts: Sequence[HouseholdAccount]) -> None:
    """Keep when periods begin that are counted from the first payment, for those who open the next ones."""
    if not accounts:
        return
    values = {
        "ids": [account.id for account in accounts],
        "begins": [account.begins_on for account in accounts],
        "nexts": [account.timetable.next_due_on(()) for account in accounts],
    }
    await connection.execute(BEGIN, values)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The last of some households, those of whom another thing was kept, and those that could not be worked out."""

    last: int
    changed: frozenset[int]
    unread: frozenset[int]


async def rebuild(connection: AsyncConnection, catalog: SchemeCatalog, after: int, most: int) -> Rebuilt | None:
    """Make the rows of the next households again; return None when there are no more."""
    ids = list((await connection.execute(SOME, {"after": after, "most": most})).scalars())
    if not ids:
        return None
    accounts = await read_accounts(connection, catalog, ids)
    changed = await follow(connection, list(accounts.readable.values()))
    return Rebuilt(max(ids), changed, frozenset(accounts.faults))
