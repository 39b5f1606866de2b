"""Households as a list: those that a search can mean, each way by an index."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.reports.household_card import initials
from gateway.reports.payment_words import Sought

#: A name that more bear than these is asked for with one word more.
LISTED_MAX: Final = 50

#: Its present number and the numbers it had; a payment leads to the household that it was credited to.
FOUND = text("""
    SELECT household.id, household.ramu_number, coalesce(head.name, '') AS name, household.cercle_code,
           household.people_count, household.registered_on, enrolled.scheme_code,
           EXISTS (SELECT FROM household_coverage WHERE household_id = household.id
                                                    AND :today BETWEEN valid_from AND valid_to) AS is_covered
      FROM household
      JOIN enrolment enrolled ON enrolled.id = household.enrolment_id
      LEFT JOIN member head ON head.household_id = household.id AND head.is_head
     WHERE household.id IN (
        SELECT party_id FROM phone_link WHERE msisdn = :msisdn
         UNION SELECT id FROM household WHERE ramu_number = :ramu_number
         UNION (SELECT household_id FROM member WHERE ramu_name_words(name) @> ramu_name_words(:name) LIMIT :most)
         UNION SELECT party_id FROM payment WHERE receipt_number = :receipt_number
         UNION SELECT party_id FROM payment_request WHERE reference = :reference
         UNION SELECT payment.party_id FROM account
                 JOIN payment ON payment.operator = account.operator
                             AND operator_transaction_id = ANY(CAST(:operator_ids AS text[]))
                WHERE account.kind = 'clearing')
     ORDER BY household.id DESC LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class HouseholdRow:
    """One household of a list; of its head only the first letters."""

    ramu_number: str
    name_masked: str
    cercle_code: str
    people_count: int
    registered_on: date
    scheme_code: str
    is_covered: bool


@dataclass(frozen=True, slots=True)
class HouseholdsFound:
    """The households that a search can mean; too many to be shown are none."""

    rows: tuple[HouseholdRow, ...] = ()
    are_too_many: bool = False


async def found_households(connection: AsyncConnection, sought: Sought, today: date) -> HouseholdsFound:
    """Return the households that a search can mean."""
    wanted = {
        "msisdn": sought.msisdn,
        "ramu_number": sought.ramu_number,
        "name": sought.name,
        "receipt_number": sought.receipt_number,
        "reference": sought.reference,
        "operator_ids": list(sought.operator_ids),
        "today": today,
        "most": LISTED_MAX + 1,
    }
    rows = (await connection.execute(FOUND, wanted)).all()
    if len(rows) > LISTED_MAX:
        return HouseholdsFound(are_too_many=True)
    return HouseholdsFound(
        tuple(
            HouseholdRow(
                ramu_number=row.ramu_number,
                name_masked=initials(row.name),
                cercle_code=row.cercle_code,
                people_count=row.people_count,
                registered_on=row.registered_on,
                scheme_code=row.scheme_code,
                is_covered=row.is_covered,
            )
            for row in rows
        )
    )
