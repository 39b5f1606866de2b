"""Which payments a search can mean, each way by an index: none looks through the books."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.reports.payment_words import Sought

#: A name that more households bear than these names nobody: one word more is asked for.
HOUSEHOLDS_MAX: Final = 50
#: More than all payments of so many households in years.
FOUND_MAX: Final = 50_000

HOUSEHOLDS = text("""
    SELECT party_id FROM phone_link WHERE msisdn = :msisdn
     UNION SELECT id FROM household WHERE ramu_number = :ramu_number
     UNION (SELECT household_id FROM member WHERE ramu_name_words(name) @> ramu_name_words(:name) LIMIT :most)
""")

PAYMENTS = text("""
    SELECT id FROM payment WHERE receipt_number = :receipt_number
     UNION
    SELECT payment.id FROM account
      JOIN payment ON payment.operator = account.operator
                  AND operator_transaction_id = ANY(CAST(:operator_ids AS text[]))
     WHERE account.kind = 'clearing'
     UNION
    SELECT payment.id FROM payment_request AS request JOIN payment ON payment.request_id = request.id
     WHERE request.reference = :reference OR request.payer_msisdn = :msisdn
     UNION
    SELECT id FROM payment WHERE payer_msisdn = :msisdn AND request_id IS NULL
     UNION
    SELECT id FROM payment WHERE payer_msisdn = :msisdn AND party_id IS NULL
     UNION
    SELECT id FROM payment WHERE party_id = ANY(CAST(:households AS bigint[]))
     UNION
    SELECT payment_id FROM suspense_assignment WHERE party_id = ANY(CAST(:households AS bigint[]))
     ORDER BY id DESC LIMIT :most
""")


async def found_payments(connection: AsyncConnection, sought: Sought) -> list[int] | None:
    """Return the payments that a search can mean; None where a name is borne by too many households."""
    named = {"msisdn": sought.msisdn, "ramu_number": sought.ramu_number, "name": sought.name}
    wanted = {**named, "most": HOUSEHOLDS_MAX + 1}
    households = [int(one) for one in (await connection.execute(HOUSEHOLDS, wanted)).scalars()]
    if sought.name is not None and len(households) > HOUSEHOLDS_MAX:
        return None
    asked = {
        "receipt_number": sought.receipt_number,
        "operator_ids": list(sought.operator_ids),
        "reference": sought.reference,
        "msisdn": sought.msisdn,
        "households": households,
        "most": FOUND_MAX,
    }
    return [int(one) for one in (await connection.execute(PAYMENTS, asked)).scalars()]
