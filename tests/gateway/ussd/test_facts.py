from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from gateway.contributions.account import HouseholdAccount
from gateway.contributions.document import scheme_from
from gateway.contributions.forecast import forecast
from gateway.contributions.scheme import HouseholdSize, Scheme
from gateway.contributions.schemes import SchemeCatalog
from gateway.members.account import CallerAccount
from gateway.ussd.facts import facts_from
from gateway.ussd.sessions import SessionKey
from gateway.ussd.turn_key import TurnKey
from payments.operators.sandbox.adapter import SandboxOperator
from tests.fixed import TestClock
from tests.schemes import illustrative
from ussd_flows.facts import Registered
from ussd_flows.places import places_from


def test_only_an_operator_that_can_be_asked_for_money_is_offered_as_a_wallet(clock: TestClock) -> None:
    asked = SandboxOperator(name="asked", label="Asked")
    silent = SandboxOperator(name="silent", capabilities=replace(asked.capabilities, request_to_pay=False))
    facts = facts_from(
        None,
        SchemeCatalog(),
        {operator.name: operator for operator in (silent, asked)},
        places_from(()),
        now=clock.now(),
        turn_key=TurnKey(SessionKey("africastalking", "s"), "+22370000001", "started", 0),
    )
    assert [wallet.code for wallet in facts.wallets] == ["asked"]


@pytest.fixture(scope="module")
def artisan() -> Scheme:
    return scheme_from(illustrative("ARTISAN"))


def told(scheme: Scheme, today: date, *paid: tuple[date, int]) -> Registered:
    """Return the facts of a household of five that registered on 5 January and paid what it paid."""
    registered_on = date(2026, 1, 5)
    empty = HouseholdAccount(
        id=1, enrolment_id=1, ramu_number="0000000127", name="Awa", phones=(), scheme=scheme, cercle_code="1201",
        registered_on=registered_on, size=HouseholdSize(5), items=(),
    )  # fmt: skip
    household = empty.with_opened(empty.fallen_due(registered_on))
    for paid_on, amount_xof in paid:
        household = forecast(household, amount_xof, paid_on).after
    key = TurnKey(SessionKey("africastalking", "s"), "+22370000001", "started", 0)
    now = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
    account = CallerAccount(household, now, None, (), (), 0, registered_by_turn=False)
    caller = facts_from(account, SchemeCatalog(), {}, places_from(()), now=now, turn_key=key).caller
    assert caller is not None
    return caller


def test_more_than_two_periods_owed_are_summed_up(artisan: Scheme) -> None:
    assert told(artisan, date(2026, 3, 10)).arrears == ""
    behind = told(artisan, date(2026, 5, 10))
    assert (behind.remaining_xof, behind.arrears) == (20_000, "4 mois, jusqu'au 03/06/2026")


def test_money_ahead_is_shown_with_the_period_it_goes_to(artisan: Scheme) -> None:
    ahead = told(artisan, date(2026, 1, 5), (date(2026, 1, 5), 7_000))
    assert (ahead.remaining_xof, ahead.advance_xof, ahead.advance_for) == (0, 2_000, "mois du 04/03/2026")
    much = told(artisan, date(2026, 1, 5), (date(2026, 1, 5), 70_000))
    assert (much.advance_xof, much.maximum_xof) == (60_000, 0)


def test_what_opens_rights_is_told_where_they_are_closed_and_only_there(artisan: Scheme) -> None:
    late = told(artisan, date(2026, 2, 10))
    assert (late.rights.state, late.opens_with_xof, late.remaining_xof) == ("closed", 10_000, 5_000)
    paid = told(artisan, date(2026, 2, 10), (date(2026, 1, 6), 5_000))
    assert (paid.rights.state, paid.opens_with_xof) == ("open", None)
