"""How many households of each cercle are up to date on a day."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

BY_CERCLE = text("""
    SELECT household.cercle_code, count(*) AS household_count,
           count(*) FILTER (WHERE reason = 'contribution') AS paid_count,
           count(*) FILTER (WHERE reason = 'exemption') AS exempt_count,
           count(*) FILTER (WHERE reason = 'grace') AS grace_count
      FROM household
      LEFT JOIN household_coverage AS covered ON covered.household_id = household.id
                                             AND covered.valid_from <= :day AND covered.valid_to >= :day
     WHERE household.registered_on <= :day
     GROUP BY household.cercle_code ORDER BY household.cercle_code
""")


@dataclass(frozen=True, slots=True)
class CercleCoverage:
    """The households of a cercle on a day: how many there are, and why some of them are cared for."""

    cercle_code: str
    household_count: int
    paid_count: int
    exempt_count: int
    grace_count: int

    @property
    def up_to_date_count(self) -> int:
        """Count those who have paid, or of whom nothing is asked."""
        return self.paid_count + self.exempt_count


async def coverage_by_cercle(connection: AsyncConnection, day: date) -> tuple[CercleCoverage, ...]:
    """Return each cercle in which somebody is registered by a day, in the order of their codes."""
    rows = await connection.execute(BY_CERCLE, {"day": day})
    return tuple(CercleCoverage(*row) for row in rows.all())
