"""Does a correction that a caller confirmed, and tells her household of it by SMS under the key of the turn."""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.scheme import HouseholdSize, amount_due
from gateway.contributions.schemes import SchemeCatalog
from gateway.members.account import CallerAccount
from gateway.members.correct import CorrectionAct, correct_name, correct_people, correct_place
from gateway.members.places import cercle_name
from gateway.sms.kinds import SmsKind
from gateway.sms.outbox import OutgoingSms, queue
from gateway.sms.texts import corrected
from ussd_flows.effects import Correction, CorrectName, CorrectPeople, CorrectPlace
from ussd_flows.people import People, show_people

#: The household's own telephone is its author; the number itself stands in no history.
BY_TELEPHONE = "member/ussd"


@dataclass(frozen=True, slots=True)
class Corrected:
    """How a household is called, where it lives and of how many people it is, once it was corrected."""

    name: str
    place: str
    size: HouseholdSize


async def correct(
    connection: AsyncConnection,
    catalog: SchemeCatalog,
    account: CallerAccount,
    correction: Correction,
    *,
    key: str,
    now: datetime,
) -> None:
    """Correct what the caller's household declared, once however often it is asked, and say so."""
    act = CorrectionAct(account.household.id, BY_TELEPHONE, key, now)
    match correction:
        case CorrectName(_, name):
            is_changed = await correct_name(connection, act, name)
        case CorrectPlace(_, cercle_code, place_words):
            is_changed = await correct_place(connection, act, cercle_code, place_words)
        case CorrectPeople(_, people_count, children_count):
            is_changed = await correct_people(connection, catalog, act, HouseholdSize(people_count, children_count))
        case _:
            assert_never(correction)
    if is_changed:
        sms = OutgoingSms(
            key, SmsKind.SITUATION, act.household_id, account.household.phones[0], _said(account, correction)
        )
        await queue(connection, sms, now)


def _said(account: CallerAccount, correction: Correction) -> str:
    household, stands = account.household, _after(account, correction)
    return corrected(
        name=stands.name,
        ramu_number=household.ramu_number,
        place=stands.place,
        people=show_people(People(stands.size.people_count, stands.size.children_count)),
        amount_xof=amount_due(household.scheme, stands.size).member_xof,
        months=household.scheme.period.months,
    )


def _after(account: CallerAccount, correction: Correction) -> Corrected:
    household = account.household
    place = cercle_name(household.cercle_code) or account.place_words
    match correction:
        case CorrectName(_, name):
            return Corrected(name, place, household.size)
        case CorrectPlace(_, cercle_code, place_words):
            return Corrected(household.name, cercle_name(cercle_code) or place_words, household.size)
        case CorrectPeople(_, people_count, children_count):
            return Corrected(household.name, place, HouseholdSize(people_count, children_count))
        case _:
            assert_never(correction)
