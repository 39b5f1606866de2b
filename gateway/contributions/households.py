"""Households as they are kept, locked before anything of theirs is read."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.schemes import SchemeCatalog

#: Locked in the order of their ids, before anything of theirs is read.
LOCK = text("SELECT ramu_lock_parties(CAST(:ids AS bigint[]))")

HOUSEHOLDS = text("""
    SELECT household.id, ramu_number, enrolment_id, scheme_code, scheme_version, cercle_code, registered_on,
           begins_on, people_count, children_count, member.name,
           (SELECT count(*) FROM scheme WHERE status IN ('active', 'retired')) AS approved_count,
           ARRAY(SELECT msisdn FROM phone_link WHERE phone_link.party_id = household.id AND valid_to IS NULL
                  -- A number in doubt comes last: it is written to when there is no other, and that waits.
                  ORDER BY EXISTS (SELECT FROM number_hold WHERE number_hold.msisdn = phone_link.msisdn
                                      AND link_from = valid_from AND decided_at IS NULL), valid_from, msisdn) AS phones
      FROM household JOIN member ON member.household_id = household.id AND member.is_head
      JOIN enrolment ON enrolment.id = household.enrolment_id
     WHERE household.id = ANY(CAST(:ids AS bigint[]))
""")

#: What a household is charged under one of its enrolments. Each kind of period from its own index, which holds all
#: that is read: the number of one that has days is not looked up to learn that it has none.
OWN_CHARGES: Final = """
    LATERAL (SELECT id, sequence, period_start, period_end, due_on, CAST(NULL AS integer) AS number, amount_xof
               FROM charge WHERE enrolment_id = enrolment.id AND payer_party_id = household.id
                             AND period_start IS NOT NULL
              UNION ALL
             SELECT id, sequence, NULL, NULL, NULL, number, amount_xof
               FROM charge WHERE enrolment_id = enrolment.id AND payer_party_id = household.id
                             AND number IS NOT NULL) AS charge
"""


async def lock_households(connection: AsyncConnection, household_ids: Sequence[int]) -> None:
    """Lock households in the order of their ids, before anything of theirs is read."""
    await connection.execute(LOCK, {"ids": list(household_ids)})


async def read_households(
    connection: AsyncConnection, catalog: SchemeCatalog, household_ids: Sequence[int]
) -> Sequence[Row[Any]]:
    """Lock households, then read them, and schemes that were approved meanwhile; one without a head is left out."""
    await lock_households(connection, household_ids)
    households = (await connection.execute(HOUSEHOLDS, {"ids": list(household_ids)})).all()
    if any(not catalog.knows(row.scheme_code, row.scheme_version, row.approved_count) for row in households):
        await catalog.refresh(connection)
    return households
