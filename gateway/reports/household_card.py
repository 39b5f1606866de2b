"""One household as page and terminal show it: who, what is owed and paid, cared for when, and what it was told."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

#: Of each list, the newest: in a terminal, and on a page.
SHOWN_MAX: Final = 12
SHOWN_ON_PAGE_MAX: Final = 60
#: Messages are kept by their numbers and not by whom they went to: the latest of everybody are looked through.
#: Those that told of the payments shown are found by their keys, however old.
SMS_LOOKED_AT: Final = 200_000

HOUSEHOLD = text("""
    SELECT household.id, household.ramu_number, coalesce(head.name, '') AS name, household.activity,
           household.cercle_code, household.people_count, household.children_count, household.registered_on,
           enrolled.scheme_code, enrolled.scheme_version,
           ARRAY(SELECT msisdn FROM phone_link WHERE party_id = household.id AND valid_to IS NULL
                  ORDER BY valid_from, msisdn) AS phones,
           (SELECT CAST(coalesce(sum(amount_xof), 0) AS bigint) FROM advance_movement WHERE party_id = household.id)
               AS advance_xof
      FROM household
      JOIN enrolment enrolled ON enrolled.id = household.enrolment_id
      LEFT JOIN member head ON head.household_id = household.id AND head.is_head
     WHERE household.ramu_number = :ramu_number
        OR household.id = (SELECT party_id FROM phone_link WHERE msisdn = :msisdn AND valid_to IS NULL)
""")

PERIODS = text("""
    SELECT period_start, period_end, due_on, CAST(sum(amount_xof) AS bigint) AS amount_xof,
           CAST(coalesce(sum(paid_xof), 0) AS bigint) AS paid_xof
      FROM charge_with_days AS charge
      JOIN enrolment ON enrolment.id = charge.enrolment_id AND enrolment.party_id = :party_id
      LEFT JOIN (SELECT charge_id, sum(amount_xof) AS paid_xof FROM allocation WHERE party_id = :party_id
                  GROUP BY charge_id) AS paid ON paid.charge_id = charge.id
     WHERE charge.payer_party_id = :party_id
     GROUP BY charge.enrolment_id, period_start, period_end, due_on, number
     ORDER BY period_start DESC LIMIT :most
""")

COVER = text("""
    SELECT valid_from, valid_to, reason FROM household_coverage WHERE household_id = :party_id
     ORDER BY valid_from DESC LIMIT :most
""")

PAYMENTS = text("""
    SELECT receipt_number, occurred_at, operator, amount_xof, id FROM payment WHERE party_id = :party_id
     ORDER BY posted_at DESC, id DESC LIMIT :most
""")

#: Every entry of the household stands beside an allocation or on the account of advances, and both know it by an index.
STATEMENT = text("""
    WITH txns AS (
        SELECT ledger_txn_id AS id FROM allocation WHERE party_id = :party_id
         UNION SELECT txn_id FROM ledger_entry WHERE party_id = :party_id AND account = 'advances')
    SELECT txn.effective_at, txn.kind, payment.receipt_number,
           CAST(-sum(CASE WHEN entry.account = 'advances' THEN 0 ELSE entry.amount_xof END) AS bigint) AS periods_xof,
           CAST(-sum(CASE WHEN entry.account = 'advances' THEN entry.amount_xof ELSE 0 END) AS bigint) AS advance_xof
      FROM txns JOIN ledger_txn txn USING (id)
      JOIN ledger_entry entry ON entry.txn_id = txn.id AND entry.party_id = :party_id
      LEFT JOIN payment ON payment.ledger_txn_id = txn.id
     GROUP BY txn.id, payment.receipt_number ORDER BY txn.id
""")

MESSAGES = text("""
    SELECT id, queued_at, kind, state FROM outbox_sms
     WHERE id > (SELECT max(id) FROM outbox_sms) - :looked_at AND msisdn = ANY(CAST(:phones AS text[]))
     UNION
    SELECT id, queued_at, kind, state FROM sms_key JOIN outbox_sms ON outbox_sms.id = sms_key.sms_id
     WHERE sms_key.key = ANY(CAST(:keys AS text[])) AND msisdn = ANY(CAST(:phones AS text[]))
     ORDER BY id DESC LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class PeriodOfHousehold:
    """A period with what is owed for it and what was paid of that; a first one without days begins when it is paid."""

    period_start: date | None
    period_end: date | None
    due_on: date
    amount_xof: int
    paid_xof: int


@dataclass(frozen=True, slots=True)
class CoverOfHousehold:
    """Days without a break on which the household is cared for."""

    valid_from: date
    valid_to: date
    reason: str


@dataclass(frozen=True, slots=True)
class PaymentOfHousehold:
    """One payment that was credited to the household."""

    receipt_number: str
    occurred_at: datetime
    operator: str
    amount_xof: int
    id: int


@dataclass(frozen=True, slots=True)
class AccountLine:
    """What one transaction of the books changed for the household: paid for periods, and held in advance."""

    effective_at: datetime
    kind: str
    receipt_number: str | None
    periods_xof: int
    advance_xof: int


@dataclass(frozen=True, slots=True)
class SmsOfHousehold:
    """One message to a number of the household; its words are not shown."""

    sms_id: int
    queued_at: datetime
    kind: str
    state: str


@dataclass(frozen=True, slots=True)
class HouseholdCard:
    """All that stands on the card; names and numbers are whole, whoever shows them masks them."""

    id: int
    ramu_number: str
    name: str
    activity: str
    cercle_code: str
    people_count: int
    children_count: int
    registered_on: date
    scheme_code: str
    scheme_version: int
    phones: tuple[str, ...]
    advance_xof: int
    periods: tuple[PeriodOfHousehold, ...]
    cover: tuple[CoverOfHousehold, ...]
    payments: tuple[PaymentOfHousehold, ...]
    statement: tuple[AccountLine, ...]
    messages: tuple[SmsOfHousehold, ...]


async def household_card(
    connection: AsyncConnection, ramu_number: str | None, msisdn: str | None, most: int = SHOWN_MAX
) -> HouseholdCard | None:
    """Return the card of the household that has a RAMU number, or that a telephone number pays for."""
    row = (await connection.execute(HOUSEHOLD, {"ramu_number": ramu_number, "msisdn": msisdn})).one_or_none()
    if row is None:
        return None
    wanted = {"party_id": row.id, "phones": row.phones, "most": most, "looked_at": SMS_LOOKED_AT}
    payments = tuple(PaymentOfHousehold(*one) for one in (await connection.execute(PAYMENTS, wanted)).all())
    wanted["keys"] = [f"payment/{one.id}" for one in payments]
    return HouseholdCard(
        **{**row._asdict(), "phones": tuple(row.phones)},
        periods=tuple(PeriodOfHousehold(*one) for one in (await connection.execute(PERIODS, wanted)).all()),
        cover=tuple(CoverOfHousehold(*one) for one in (await connection.execute(COVER, wanted)).all()),
        payments=payments,
        statement=tuple(AccountLine(*one) for one in (await connection.execute(STATEMENT, wanted)).all()),
        messages=tuple(SmsOfHousehold(*one) for one in (await connection.execute(MESSAGES, wanted)).all()),
    )


def initials(name: str) -> str:
    """Return the first letters of a name, which tell who is meant to whoever knows it."""
    return " ".join(f"{part[0]}." for part in name.split())
