"""Everything a caller's dialogue may need to know of the household, in one round trip."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.account import NO_DAYS, HouseholdAccount
from gateway.contributions.households import OWN_CHARGES
from gateway.contributions.item_on_account import ItemOnAccount
from gateway.contributions.lots import held
from gateway.contributions.scheme import HouseholdSize
from gateway.contributions.schemes import SchemeCatalog
from gateway.members.register import registration_key

#: A caller who was refused last month needs no reminder.
REFUSALS_SHOWN_FOR = timedelta(days=7)

#: One statement on purpose: a turn must not hold a conversation with the database. It reads tables of payments, which
#: only payments may write. A household without a head is still the caller's own: its number stands for the name.
LOAD = text(f"""
    SELECT household.id, household.ramu_number, household.registered_on, household.people_count,
           household.children_count, household.cercle_code, household.place_words,
           household.activity, enrolled.id AS enrolment_id, enrolled.scheme_code,
           enrolled.scheme_version, phone_link.msisdn, phone_link.valid_from AS linked_at, phone_link.last_wallet,
           EXISTS (SELECT FROM number_hold
                    WHERE number_hold.msisdn = phone_link.msisdn AND link_from = phone_link.valid_from
                      AND decided_at IS NULL AND held_by <> :turn) AS is_held,
           (SELECT count(*) FROM scheme WHERE status IN ('active', 'retired')) AS approved_count,
           coalesce(head.name, household.ramu_number) AS name,
           (SELECT json_agg(json_build_array(id, scheme_version, period_start, period_end, due_on, amount_xof, number)
                            ORDER BY period_start, number)
              FROM (SELECT enrolment.scheme_version, min(charge.id) FILTER (WHERE sequence = 1) AS id, period_start,
                           period_end, due_on, number, CAST(sum(charge.amount_xof) AS bigint) AS amount_xof
                      FROM enrolment
                      JOIN {OWN_CHARGES} ON true
                     WHERE enrolment.party_id = household.id AND enrolment.scheme_code = enrolled.scheme_code
                       AND enrolment.member_id IS NULL
                     GROUP BY enrolment.id, period_start, period_end, due_on, number) AS owed) AS items,
           (SELECT json_agg(json_build_array(charge_id, allocated_on, amount_xof) ORDER BY id)
              FROM allocation WHERE allocation.party_id = household.id) AS paid,
           (SELECT coalesce(json_agg(json_build_array(amount_xof, CAST(occurred_at AS date), receipt_number, reversed)),
                            '[]')
              FROM (SELECT payment.amount_xof, payment.occurred_at, payment.receipt_number,
                           EXISTS (SELECT FROM ledger_txn
                                    WHERE reverses_id IS NOT NULL AND reverses_id = payment.ledger_txn_id) AS reversed
                      FROM payment WHERE payment.party_id = household.id
                     ORDER BY posted_at DESC, id DESC LIMIT 5) AS latest) AS payments,
           (SELECT coalesce(json_agg(json_build_array(operator, reference, idempotency_key, amount_xof, state,
                                                      created_at, submitted_at)), '[]')
              FROM (SELECT operator, reference, idempotency_key, amount_xof, state, created_at, submitted_at
                      FROM payment_request
                     WHERE payer_msisdn = phone_link.msisdn
                       AND (phone_link.answers_from IS NULL OR created_at >= phone_link.answers_from)
                       AND (state IN ('created', 'submitted', 'unknown', 'pending')
                            OR (state = 'failed' AND created_at > :failed_since))
                     ORDER BY state = 'failed', created_at DESC LIMIT 5) AS asked) AS requests,
           (SELECT coalesce(sum(amount_xof), 0)::bigint FROM payment_in_suspense
             WHERE hold_reason IS NULL AND payer_msisdn = phone_link.msisdn
               AND (phone_link.answers_from IS NULL OR occurred_at >= phone_link.answers_from)) AS suspense_xof,
           (SELECT coalesce(json_agg(json_build_array(day, amount_xof)), '[]')
              FROM (SELECT day, CAST(sum(amount_xof) AS bigint) AS amount_xof FROM advance_movement
                     WHERE advance_movement.party_id = household.id GROUP BY day) AS lots) AS advances,
           EXISTS (SELECT FROM sms_key WHERE key = :registration_key) AS registered_by_turn
      FROM phone_link
      JOIN household ON household.id = phone_link.party_id
      JOIN enrolment enrolled ON enrolled.id = household.enrolment_id
      LEFT JOIN member AS head ON head.household_id = household.id AND head.is_head
     WHERE phone_link.msisdn = :msisdn AND phone_link.valid_to IS NULL
""")  # noqa: S608 - our own text


@dataclass(frozen=True, slots=True)
class PaymentOnAccount:
    """One of the latest payments of the household, whoever made it."""

    amount_xof: int
    paid_on: date
    receipt_number: str
    is_reversed: bool


@dataclass(frozen=True, slots=True)
class RequestOnAccount:
    """A payment that was asked of this phone: its end is unknown, or was a refusal not long ago."""

    operator: str
    reference: str
    idempotency_key: str
    amount_xof: int
    state: str
    created_at: datetime
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class CallerAccount:
    """A registered caller: the household, the payments under way, the money we could not place.

    ``registered_by_turn`` says that the very turn which is asking has registered the household before; ``linked_at`` is
    when the household came to hold the number. ``place_words`` say where it lives if no cercle is known.
    """

    household: HouseholdAccount
    linked_at: datetime
    last_wallet: str | None
    payments: tuple[PaymentOnAccount, ...]
    requests: tuple[RequestOnAccount, ...]
    suspense_xof: int
    registered_by_turn: bool
    activity: str = ""
    place_words: str = ""


@dataclass(frozen=True, slots=True)
class HeldNumber:
    """A number that may have changed hands: nothing of its household is known to whoever calls from it."""


async def load_account(
    connection: AsyncConnection, catalog: SchemeCatalog, msisdn: str, now: datetime, turn: str = ""
) -> CallerAccount | None:
    """Read the account of the household that a number is registered to; None for a number unknown or in doubt."""
    found = await load_caller(connection, catalog, msisdn, now, turn)
    return found if isinstance(found, CallerAccount) else None


async def load_caller(
    connection: AsyncConnection, catalog: SchemeCatalog, msisdn: str, now: datetime, turn: str = ""
) -> CallerAccount | HeldNumber | None:
    """Read who calls; what this very turn has done before, a registration or a hold, is told apart by its name."""
    wanted = {
        "msisdn": msisdn,
        "turn": turn,
        "registration_key": registration_key(turn),
        "failed_since": now - REFUSALS_SHOWN_FOR,
    }
    row = (await connection.execute(LOAD, wanted)).one_or_none()
    if row is None:
        return None
    if row.is_held:
        return HeldNumber()
    if not catalog.knows(row.scheme_code, row.scheme_version, row.approved_count):
        await catalog.refresh(connection)
    return _account(row, catalog)


def _account(row: Row[Any], catalog: SchemeCatalog) -> CallerAccount:
    scheme, *later = catalog.since(catalog.get(row.scheme_code, row.scheme_version))
    return CallerAccount(
        household=HouseholdAccount(
            id=row.id,
            enrolment_id=row.enrolment_id,
            ramu_number=row.ramu_number,
            name=row.name,
            phones=(row.msisdn,),
            scheme=scheme,
            later=tuple(later),
            cercle_code=row.cercle_code,
            registered_on=row.registered_on,
            size=HouseholdSize(row.people_count, row.children_count),
            items=_items(row.items or (), row.paid or (), catalog, scheme.code),
            advances=held({date.fromisoformat(day): amount_xof for day, amount_xof in row.advances}),
        ).with_days(),
        linked_at=row.linked_at,
        last_wallet=row.last_wallet,
        payments=tuple(
            PaymentOnAccount(amount_xof, date.fromisoformat(paid_on), receipt_number, is_reversed)
            for amount_xof, paid_on, receipt_number, is_reversed in row.payments
        ),
        requests=tuple(
            RequestOnAccount(
                operator, reference, key, amount_xof, state, datetime.fromisoformat(created_at), _moment(sent_at)
            )
            for operator, reference, key, amount_xof, state, created_at, sent_at in row.requests
        ),
        suspense_xof=row.suspense_xof,
        registered_by_turn=row.registered_by_turn,
        activity=row.activity,
        place_words=row.place_words or "",
    )


def _moment(written: str | None) -> datetime | None:
    return None if written is None else datetime.fromisoformat(written)


def _items(
    owed: Sequence[Sequence[Any]], paid: Sequence[tuple[int, str, int]], catalog: SchemeCatalog, code: str
) -> tuple[ItemOnAccount, ...]:
    by_charge: dict[int, list[tuple[date, int]]] = defaultdict(list)
    for charge_id, day, amount_xof in paid:
        by_charge[charge_id].append((date.fromisoformat(day), amount_xof))
    schemes = {version: catalog.get(code, version) for version in {row[1] for row in owed}}
    return tuple(
        ItemOnAccount(
            charge_id,
            *(NO_DAYS if number else _days(start, end, due_on)),
            amount_xof=amount_xof,
            paid=tuple(by_charge[charge_id]),
            scheme=schemes[version],
            number=number,
        )
        for charge_id, version, start, end, due_on, amount_xof, number in owed
    )


def _days(start: str, end: str, due_on: str) -> tuple[date, date, date]:
    first_day = date.fromisoformat(start)
    return first_day, date.fromisoformat(end), first_day if due_on == start else date.fromisoformat(due_on)
