"""Who holds a telephone number, since when and until when: a number can change hands.

What a number did belongs to whoever held it then. The first whom we know to hold it is taken to have held it before,
for nobody else said so; whoever holds it after another answers for nothing older than her own link.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.evidence.facts import NumberHolder

#: A link that is held ends with the moment from which it was in doubt: what the number did since is nobody's yet.
END = text("""
    WITH decided AS (
        UPDATE number_hold SET decided_at = :now, decided_by = 'link', decision = 'ended', reason = 'linked anew'
         WHERE msisdn = :msisdn AND decided_at IS NULL
        RETURNING held_at)
    UPDATE phone_link SET valid_to = greatest(valid_from, coalesce((SELECT held_at FROM decided),
                                                                   CAST(:now AS timestamptz)))
     WHERE msisdn = :msisdn AND valid_to IS NULL
""")

BEGIN = text("""
    INSERT INTO phone_link (msisdn, party_id, valid_from, answers_from)
    SELECT CAST(:msisdn AS text), :party_id, CAST(:now AS timestamptz),
           CASE WHEN EXISTS (SELECT FROM phone_link WHERE msisdn = :msisdn) THEN CAST(:now AS timestamptz) END
""")

HOLDERS = text("""
    SELECT msisdn, party_id, answers_from, valid_to,
           EXISTS (SELECT FROM number_hold WHERE number_hold.msisdn = phone_link.msisdn AND link_from = valid_from
                      AND decided_at IS NULL) AS is_held
      FROM phone_link
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
        one = NumberHolder(row.party_id, row.answers_from, row.valid_to, row.is_held)
        holders[row.msisdn] = (*holders.get(row.msisdn, ()), one)
    return holders
