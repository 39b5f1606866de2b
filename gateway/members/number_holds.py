"""A number that may have changed hands: its link is held until a person ends or restores it.

While a link is held, nothing of the household is shown or sent to the number, and no money is matched by it. Every hold
keeps who asked for it and who decided it; a link has one open hold at a time.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.sms.delivery import put_back_for


class HoldDecision(StrEnum):
    """What became of a hold."""

    RELEASED = "released"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class NumberLink:
    """A household that holds a number now, and since when its link is in doubt, if it is."""

    party_id: int
    ramu_number: str
    valid_from: datetime
    held_at: datetime | None
    held_by: str | None


@dataclass(frozen=True, slots=True)
class HoldDecided:
    """Who decided about a hold, when and why; the reason is a person's own words."""

    by: str
    reason: str
    at: datetime


#: The same lock as a registration's and a request's: what is done for a phone is done one after the other.
ONE_PHONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended(:msisdn, 0))")

HOLD = text("""
    INSERT INTO number_hold (msisdn, link_from, held_at, held_by)
    SELECT msisdn, valid_from, CAST(:now AS timestamptz), :by FROM phone_link
     WHERE msisdn = :msisdn AND valid_to IS NULL AND (CAST(:party_id AS bigint) IS NULL OR party_id = :party_id)
        ON CONFLICT DO NOTHING
    RETURNING msisdn
""")

LINK = text("""
    SELECT household.id AS party_id, ramu_number, valid_from, held_at, held_by
      FROM phone_link JOIN household ON household.id = phone_link.party_id
      LEFT JOIN number_hold ON number_hold.msisdn = phone_link.msisdn AND link_from = valid_from AND decided_at IS NULL
     WHERE phone_link.msisdn = :msisdn AND valid_to IS NULL
""")

#: Also what a request for money asks last: the number may have been held, or have changed hands, since its screen.
IS_LINKED = text("""
    SELECT EXISTS (SELECT FROM phone_link
                    WHERE msisdn = :msisdn AND party_id = :party_id AND valid_to IS NULL
                      AND NOT EXISTS (SELECT FROM number_hold
                                       WHERE number_hold.msisdn = phone_link.msisdn AND link_from = valid_from
                                         AND decided_at IS NULL))
""")

DECIDE = text("""
    UPDATE number_hold SET decided_at = :now, decided_by = :by, decision = :decision, reason = :reason
      FROM phone_link
     WHERE number_hold.msisdn = :msisdn AND decided_at IS NULL
       AND phone_link.msisdn = number_hold.msisdn AND valid_from = link_from
    RETURNING party_id, held_at
""")

#: The number was somebody else's from the moment at the latest at which that was said.
END_LINK = text("""
    UPDATE phone_link SET valid_to = greatest(valid_from, CAST(:held_at AS timestamptz))
     WHERE msisdn = :msisdn AND valid_to IS NULL
""")


async def hold(connection: AsyncConnection, msisdn: str, by: str, now: datetime, party_id: int | None = None) -> bool:
    """Hold the link of a number, to this household if one is named; return whether it was not held already."""
    await connection.execute(ONE_PHONE_AT_A_TIME, {"msisdn": msisdn})
    held = {"msisdn": msisdn, "by": by, "now": now, "party_id": party_id}
    return (await connection.execute(HOLD, held)).scalar_one_or_none() is not None


async def release(connection: AsyncConnection, msisdn: str, decided: HoldDecided) -> bool:
    """Give a held number back to its household, with the receipts that it missed; return whether it was held."""
    await connection.execute(ONE_PHONE_AT_A_TIME, {"msisdn": msisdn})
    link = await _decide(connection, msisdn, HoldDecision.RELEASED, decided)
    if link is None:
        return False
    party_id, _ = link
    await put_back_for(connection, msisdn, party_id, decided.at)
    return True


async def end(connection: AsyncConnection, msisdn: str, decided: HoldDecided) -> bool:
    """Take a held number from its household, from the moment of the hold; return whether it was held."""
    await connection.execute(ONE_PHONE_AT_A_TIME, {"msisdn": msisdn})
    link = await _decide(connection, msisdn, HoldDecision.ENDED, decided)
    if link is None:
        return False
    _, held_at = link
    await connection.execute(END_LINK, {"msisdn": msisdn, "held_at": held_at})
    return True


async def read_link(connection: AsyncConnection, msisdn: str) -> NumberLink | None:
    """Return the household that holds a number now."""
    row = (await connection.execute(LINK, {"msisdn": msisdn})).one_or_none()
    return None if row is None else NumberLink(*row)


async def is_linked(connection: AsyncConnection, msisdn: str, party_id: int) -> bool:
    """Wait for what is being done for a phone, then return whether its number is this household's and not held."""
    await connection.execute(ONE_PHONE_AT_A_TIME, {"msisdn": msisdn})
    found = await connection.execute(IS_LINKED, {"msisdn": msisdn, "party_id": party_id})
    return bool(found.scalar_one())


async def _decide(
    connection: AsyncConnection, msisdn: str, decision: HoldDecision, decided: HoldDecided
) -> tuple[int, datetime] | None:
    values = {"msisdn": msisdn, "decision": decision, "by": decided.by, "reason": decided.reason, "now": decided.at}
    row = (await connection.execute(DECIDE, values)).one_or_none()
    return None if row is None else (row.party_id, row.held_at)
