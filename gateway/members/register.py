"""Registers a household: its number, its head, its phone and what it owes first, once per phone."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.account import HouseholdAccount
from gateway.contributions.charges import enrol, insert_charges
from gateway.contributions.coverage import follow
from gateway.contributions.scheme import HouseholdSize, Scheme
from gateway.members.number import ramu_number
from gateway.members.phone_links import link_phone

#: Added to the household's id, so that every number has ten digits and none looks like a short code.
FIRST_SERIAL = 100_000_000

#: Two registrations of one number at the same instant: the second waits here and then finds the first.
ONE_PHONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended(:msisdn, 0))")

KNOWN = text("""
    SELECT household.id, household.ramu_number
      FROM phone_link JOIN household ON household.id = phone_link.party_id
     WHERE phone_link.msisdn = :msisdn AND phone_link.valid_to IS NULL
       AND NOT EXISTS (SELECT FROM number_hold WHERE number_hold.msisdn = phone_link.msisdn
                          AND link_from = phone_link.valid_from AND decided_at IS NULL)
""")

PARTY = text("INSERT INTO party (kind) VALUES ('household') RETURNING id")

HOUSEHOLD = text("""
    INSERT INTO household (id, enrolment_id, ramu_number, activity, cercle_code, place_words, people_count,
                           children_count, registered_on, registered_at, next_period_on)
    VALUES (:id, :enrolment_id, :ramu_number, :activity, :cercle_code, :place_words, :people_count,
            :children_count, :registered_on, :registered_at, :next_period_on)
""")

HEAD = text("INSERT INTO member (household_id, name, is_head) VALUES (:household_id, :name, true)")


@dataclass(frozen=True, slots=True)
class Registration:
    """What a caller told us about the household; without a cercle it lives where its words say."""

    msisdn: str
    name: str
    activity: str
    cercle_code: str
    people_count: int
    children_count: int = 0
    place_words: str = ""

    @property
    def size(self) -> HouseholdSize:
        """Return who is counted."""
        return HouseholdSize(self.people_count, self.children_count)


@dataclass(frozen=True, slots=True)
class RegisteredHousehold:
    """The household behind a number, and whether it was registered just now."""

    id: int
    ramu_number: str
    created: bool


def registration_key(turn: str) -> str:
    """Name the message that tells of the registration which this turn brought about."""
    return f"registered/{turn}"


async def register(
    connection: AsyncConnection, registration: Registration, scheme: Scheme, now: datetime
) -> RegisteredHousehold:
    """Register a household under a scheme, or give the one that the number belongs to already."""
    phone = {"msisdn": registration.msisdn}
    await connection.execute(ONE_PHONE_AT_A_TIME, phone)
    known = (await connection.execute(KNOWN, phone)).one_or_none()
    if known is not None:
        return RegisteredHousehold(known.id, known.ramu_number, created=False)
    household_id = (await connection.execute(PARTY)).scalar_one()
    account = HouseholdAccount(
        id=household_id,
        enrolment_id=await enrol(connection, household_id, scheme, now.date()),
        ramu_number=ramu_number(FIRST_SERIAL + household_id),
        name=registration.name,
        phones=(registration.msisdn,),
        scheme=scheme,
        cercle_code=registration.cercle_code,
        registered_on=now.date(),
        size=registration.size,
        items=(),
    )
    await _insert(connection, registration, account, now)
    return RegisteredHousehold(household_id, account.ramu_number, created=True)


async def _insert(
    connection: AsyncConnection, registration: Registration, account: HouseholdAccount, now: datetime
) -> None:
    first = account.fallen_due(account.registered_on)
    await connection.execute(
        HOUSEHOLD,
        {
            "id": account.id,
            "enrolment_id": account.enrolment_id,
            "ramu_number": account.ramu_number,
            "activity": registration.activity,
            "cercle_code": registration.cercle_code,
            "place_words": registration.place_words or None,
            "people_count": registration.people_count,
            "children_count": registration.children_count,
            "registered_on": account.registered_on,
            "registered_at": now,
            "next_period_on": account.timetable.next_due_on(first),
        },
    )
    await connection.execute(HEAD, {"household_id": account.id, "name": account.name})
    await link_phone(connection, registration.msisdn, account.id, now)
    await insert_charges(connection, [(account.timetable, item) for item in first], now)
    await follow(connection, [account.with_opened(first)])
