"""Reads where households stand in their schemes, without what they have paid."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.account import NO_HEAD
from gateway.contributions.households import read_households
from gateway.contributions.period_rules import FirstPaymentPeriod
from gateway.contributions.schedule import ONE_DAY, add_months
from gateway.contributions.scheme import HouseholdSize
from gateway.contributions.schemes import SchemeCatalog, SchemeMissing
from gateway.contributions.timetable import Timetable

#: By the first and the last charge of each enrolment, however many stand between them.
ENDS = text("""
    SELECT household.id AS household_id,
           (array_agg(enrolment.scheme_version ORDER BY first.period_start, enrolment.id))[1] AS version,
           max(last.period_end) AS known_until, max(counted.number) AS numbered
      FROM household
      JOIN enrolment current ON current.id = household.enrolment_id
      JOIN enrolment ON enrolment.party_id = household.id AND enrolment.scheme_code = current.scheme_code
                    AND enrolment.member_id IS NULL
     CROSS JOIN LATERAL (SELECT period_start FROM charge
                          WHERE charge.enrolment_id = enrolment.id AND payer_party_id = household.id
                          ORDER BY period_start LIMIT 1) AS first
     CROSS JOIN LATERAL (SELECT period_end FROM charge
                          WHERE charge.enrolment_id = enrolment.id AND payer_party_id = household.id
                          ORDER BY period_start DESC LIMIT 1) AS last
      LEFT JOIN LATERAL (SELECT number FROM charge
                          WHERE charge.enrolment_id = enrolment.id AND payer_party_id = household.id
                            AND number IS NOT NULL
                          ORDER BY number DESC LIMIT 1) AS counted ON true
     WHERE household.id = ANY(CAST(:ids AS bigint[]))
     GROUP BY household.id
""")


@dataclass(frozen=True, slots=True)
class Timetables:
    """Those that could be read, by household, and why the others could not."""

    readable: dict[int, Timetable]
    faults: dict[int, str]


async def read_timetables(
    connection: AsyncConnection, catalog: SchemeCatalog, household_ids: Sequence[int]
) -> Timetables:
    """Lock households, then read where they stand; one that cannot be read stops no other."""
    if not household_ids:
        return Timetables({}, {})
    households = await read_households(connection, catalog, household_ids)
    ends = {row.household_id: row for row in (await connection.execute(ENDS, {"ids": list(household_ids)})).all()}
    found = Timetables({}, dict.fromkeys(household_ids, NO_HEAD))
    for row in households:
        try:
            found.readable[row.id] = _timetable(row, catalog, ends.get(row.id))
        except (SchemeMissing, ValueError) as failure:
            found.faults[row.id] = f"{type(failure).__name__}: {failure}"
        else:
            del found.faults[row.id]
    return found


def _timetable(row: Row[Any], catalog: SchemeCatalog, ends: Row[Any] | None) -> Timetable:
    scheme, *later = catalog.since(catalog.get(row.scheme_code, row.scheme_version))
    calendar = scheme if ends is None else catalog.get(row.scheme_code, ends.version)
    known_until: date | None = None if ends is None else ends.known_until
    if ends is not None and ends.numbered is not None:
        # As long as the first has no day, that it is charged is all there is to know.
        known_until = row.registered_on
        if row.begins_on is not None:
            known_until = add_months(row.begins_on, ends.numbered * calendar.period.months) - ONE_DAY
    return Timetable(
        id=row.id,
        enrolment_id=row.enrolment_id,
        cercle_code=row.cercle_code,
        registered_on=row.registered_on,
        size=HouseholdSize(row.people_count, row.children_count),
        scheme=scheme,
        later=tuple(later),
        calendar=calendar,
        known_until=known_until,
        begins_on=row.begins_on,
        has_begun=row.begins_on is not None or not isinstance(calendar.period, FirstPaymentPeriod),
    )
