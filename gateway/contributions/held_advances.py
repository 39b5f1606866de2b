"""Reads what households hold in advance, as lots of the days on which they were paid."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.lots import Advance, held

BY_DAY = text("""
    SELECT party_id, day, CAST(sum(amount_xof) AS bigint) AS amount_xof FROM advance_movement
     WHERE party_id = ANY(CAST(:ids AS bigint[])) GROUP BY party_id, day ORDER BY party_id, day
""")


async def read_advances(connection: AsyncConnection, household_ids: Sequence[int]) -> dict[int, tuple[Advance, ...]]:
    """Return what households hold in advance; those that hold nothing are left out."""
    by_household: dict[int, dict[date, int]] = defaultdict(dict)
    for row in (await connection.execute(BY_DAY, {"ids": list(household_ids)})).all():
        by_household[row.party_id][row.day] = row.amount_xof
    advances = {household_id: held(by_day) for household_id, by_day in by_household.items()}
    return {household_id: found for household_id, found in advances.items() if found}
