"""Who holds a telephone number, since when and until when: a number can change hands.

What a number did belongs to whoever held it then. The first whom we know to hold it is taken to have held it before,
for nobody else said so; whoever holds it after another answers for nothing older than her own link.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.evidence.facts import NumberHolder

END = text("UPDATE phone_link SET valid_to = :now WHERE msisdn = :msisdn AND valid_to IS NULL")

BEGIN = text("""
    INSERT INTO phone_link (msisdn, party_id, valid_from, answers_from)
    SELECT CAST(:msisdn AS text), :party_id, CAST(:now AS timestamptz),
           CASE WHEN EXISTS (SELECT FROM phone_link WHERE msisdn = :msisdn) THEN CAST(:now AS timestamptz) END
""")

HOLDERS = text("""
    SELECT msisdn, party_id, answers_from, valid_to FROM phone_link
     WHERE msisdn = ANY(CAST(:msisdns AS text[])) ORDER BY msisdn, valid_from
""")


async def link_phone(connection: AsyncConnection, msisdn: str, party_id: int, now: datetime) -> None:
    """Let a party hold a number from now on; whoever held it holds it no longer."""
    await connection.execute(END, {"msisdn": msisdn, "now": now})
    await connection.execute(BEGIN, {"msisdn": msisdn, "party_id": party_id, "now": now})


async def read_holders(connection: AsyncConnection, msisdns: Collection[str]) -> dict[str, tuple[NumberHolder, ...]]:
    """Return everybody who held these numbers, each with her time."""
    if not msisdns:
        return {}
    holders: dict[str, tuple[NumberHolder, ...]] = {}
    for row in (await connection.execute(HOLDERS, {"msisdns": sorted(set(msisdns))})).all():
        one = NumberHolder(row.party_id, row.answers_from, row.valid_to)
        holders[row.msisdn] = (*holders.get(row.msisdn, ()), one)
    return holders
