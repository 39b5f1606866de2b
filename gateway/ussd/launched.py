"""What a turn has brought about before, asked when something failed or was forgotten."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.members.register import registration_key
from gateway.ussd.sessions import SessionKey
from gateway.ussd.turn_key import TurnKey, dialogues

BY_TURN = text("""
    SELECT EXISTS (SELECT FROM payment_request WHERE idempotency_key = :effect)
        OR EXISTS (SELECT FROM sms_key WHERE key IN (:effect, :registration))
""")

#: Requests are found by the phone, because their keys have no index for their beginnings. What stands behind the
#: beginning is the name of a dialogue, which we do not know, and the number of the turn, where the path tells it.
BY_PLACE = text("""
    SELECT EXISTS (SELECT FROM payment_request
                    WHERE payer_msisdn = :msisdn AND created_at > :since AND starts_with(idempotency_key, :beginning)
                      AND (:turn = '' OR split_part(substr(idempotency_key, length(:beginning) + 1), ':', 2) = :turn))
        OR CASE WHEN EXISTS (SELECT FROM phone_link WHERE msisdn = :msisdn AND valid_from > :since)
                THEN EXISTS (SELECT FROM sms_key
                              WHERE starts_with(key, :registration)
                                AND (:turn = '' OR split_part(substr(key, length(:registration) + 1), ':', 2) = :turn))
                ELSE false END
        OR EXISTS (SELECT FROM number_hold
                    WHERE msisdn = :msisdn AND held_at > :since AND starts_with(held_by, :beginning)
                      AND (:turn = '' OR split_part(substr(held_by, length(:beginning) + 1), ':', 2) = :turn))
""")

#: Work for a phone holds this lock until it is committed: while somebody does, nobody knows what will have been done.
UNDER_WAY = text("SELECT NOT pg_try_advisory_xact_lock(hashtextextended(:msisdn, 0))")


@dataclass(frozen=True, slots=True)
class TurnSlot:
    """Where a turn stands whose dialogue we do not know: ``turn_number`` is None where no path tells it."""

    session: SessionKey
    msisdn: str
    turn_number: int | None
    since: datetime


async def was_launched_by(connection: AsyncConnection, turn_key: TurnKey) -> bool:
    """Return whether a turn of a dialogue that we remember has brought anything about."""
    keys = {"effect": turn_key.effect(0), "registration": registration_key(turn_key.name)}
    return bool((await connection.execute(BY_TURN, keys)).scalar_one())


async def was_launched_at(connection: AsyncConnection, slot: TurnSlot) -> bool:
    """Return whether this place brought a payment, a registration or a hold about, whatever its dialogue was called."""
    beginning = dialogues(slot.session, slot.msisdn)
    wanted = {
        "msisdn": slot.msisdn,
        "since": slot.since,
        "beginning": beginning,
        "registration": registration_key(beginning),
        "turn": "" if slot.turn_number is None else str(slot.turn_number),
    }
    return bool((await connection.execute(BY_PLACE, wanted)).scalar_one())


async def is_under_way(connection: AsyncConnection, msisdn: str) -> bool:
    """Return whether something is being done for this phone right now; ask it before asking what was done."""
    return bool((await connection.execute(UNDER_WAY, {"msisdn": msisdn})).scalar_one())
