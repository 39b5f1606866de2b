"""Households whose account cannot be worked out: set aside with the reason, looked at again later and later."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.infra.metrics import HOUSEHOLDS_PARKED

log = structlog.stdlib.get_logger()

#: From a minute to six hours: a person mends it meanwhile, and nothing else waits for it.
FIRST_WAIT: Final = timedelta(minutes=1)
DOUBLINGS_MAX: Final = 9
WHY_CHARS: Final = 300

PARK = text("""
    INSERT INTO parked_household (household_id, attempts, parked_at, next_attempt_at, why)
    SELECT household_id, 1, :now, CAST(:now AS timestamptz) + CAST(:first AS interval), why
      FROM unnest(CAST(:ids AS bigint[]), CAST(:whys AS text[])) AS new(household_id, why)
      -- Whoever is no household has no account to work out: what comes for it is held in advance all the same.
      JOIN household ON household.id = household_id
        ON CONFLICT (household_id) DO UPDATE
       SET attempts = parked_household.attempts + 1, why = excluded.why,
           next_attempt_at = CAST(:now AS timestamptz)
                             + CAST(:first AS interval) * power(2, least(parked_household.attempts, :doublings))
""")

RELEASE = text("DELETE FROM parked_household WHERE household_id = ANY(CAST(:ids AS bigint[]))")

DUE_AGAIN = text("""
    SELECT household_id FROM (SELECT household_id FROM parked_household
                               WHERE next_attempt_at <= :now ORDER BY household_id) AS due
     WHERE ramu_try_lock_party(household_id) LIMIT :batch
""")

AGAIN = text("UPDATE parked_household SET next_attempt_at = :now WHERE household_id = :id RETURNING household_id")

COUNT = text("SELECT count(*) FROM parked_household")


async def park(connection: AsyncConnection, faults: Mapping[int, str], now: datetime) -> None:
    """Set households aside: nothing is lost, and nothing else waits for them."""
    if not faults:
        return
    for household_id, why in sorted(faults.items()):
        log.error("household.parked", household_id=household_id, why=why)
    ids = sorted(faults)
    await connection.execute(
        PARK,
        {
            "ids": ids,
            "whys": [faults[household_id][:WHY_CHARS] for household_id in ids],
            "now": now,
            "first": FIRST_WAIT,
            "doublings": DOUBLINGS_MAX,
        },
    )


async def due_again(connection: AsyncConnection, now: datetime, batch: int) -> list[int]:
    """Lock and return the parked households whose moment has come."""
    return list((await connection.execute(DUE_AGAIN, {"now": now, "batch": batch})).scalars())


async def retry(connection: AsyncConnection, household_id: int, now: datetime) -> bool:
    """Make one household due again at once; return whether it was set aside."""
    return (await connection.execute(AGAIN, {"id": household_id, "now": now})).one_or_none() is not None


async def release(connection: AsyncConnection, household_ids: Sequence[int]) -> None:
    """Take households back that could be looked after."""
    await connection.execute(RELEASE, {"ids": list(household_ids)})


async def count_parked(connection: AsyncConnection) -> int:
    """Count the households that are set aside, and show it to whoever watches."""
    parked = int((await connection.execute(COUNT)).scalar_one())
    HOUSEHOLDS_PARKED.set(parked)
    return parked
