"""The second versions of the illustrative schemes, beside the first, which go on for those who stand under them."""

from datetime import UTC, date, datetime

import pytest

from gateway.contributions.document import scheme_from
from gateway.local.illustrative import DOCUMENTS, SCHEMES
from gateway.members.account import load_account
from gateway.members.register import Registration
from gateway.ussd.facts import facts_from
from gateway.ussd.sessions import SessionKey
from gateway.ussd.turn_key import TurnKey
from tests.schemes import illustrative, join, put_second_versions_in_force
from tests.stories import ask_to_pay
from tests.world import AMINATA, MOUSSA, World
from ussd_flows.facts import Registered

ISSA = Registration("+22375000003", "Issa KEITA", "coton", "0301", 7)
#: Pay, the amount that opens rights.
PAY_WHAT_OPENS = ("1", "1")


def go_to(world: World, day: date) -> None:
    world.clock.moment = datetime(day.year, day.month, day.day, 8, 0, tzinfo=UTC)


async def told(world: World, msisdn: str) -> Registered:
    async with world.database.single() as connection:
        account = await load_account(connection, world.ussd.catalog, msisdn, world.clock.now())
    facts = facts_from(
        account,
        world.ussd.catalog,
        world.ussd.deps.operators,
        world.ussd.places,
        now=world.clock.now(),
        turn_key=TurnKey(SessionKey("africastalking", "s"), msisdn, "started", 0),
    )
    assert facts.caller is not None
    return facts.caller


@pytest.mark.parametrize("code", SCHEMES)
def test_the_second_version_follows_the_first_and_both_can_be_read(code: str) -> None:
    first, second = (scheme_from(illustrative(name)) for name in (code, f"{code}-2"))
    assert {code, f"{code}-2"} <= set(DOCUMENTS)
    assert [(one.code, one.version) for one in (first, second)] == [(code, 1), (code, 2)]
    assert first.valid_from < second.valid_from
    assert (first.amount_rule, first.shares, first.sectors) == (second.amount_rule, second.shares, second.sectors)
    # What the first does not speak of it does not ask for.
    assert first.rights.warn_below_days == 0 < second.rights.warn_below_days


@pytest.mark.database
async def test_who_is_registered_is_warned_by_the_version_of_her_running_period(world: World) -> None:
    await put_second_versions_in_force(world)
    go_to(world, date(2026, 12, 31))
    assert (await told(world, MOUSSA)).warn_below_days == 0
    # A season begins for Moussa on this day; Aminata's month runs until the twenty-second.
    go_to(world, date(2027, 1, 1))
    assert [(await told(world, msisdn)).warn_below_days for msisdn in (AMINATA, MOUSSA)] == [0, 30]
    go_to(world, date(2027, 1, 23))
    assert (await told(world, AMINATA)).warn_below_days == 10


@pytest.mark.database
async def test_money_that_brings_few_days_is_warned_of_under_the_second_version_alone(world: World) -> None:
    go_to(world, date(2027, 6, 1))
    await join(world, ISSA, "COTON", 1)
    await put_second_versions_in_force(world)
    late = Registration("+22375000004", "Sira KONATE", "coton", "0301", 7)
    await join(world, late, "COTON", 2)
    go_to(world, date(2027, 11, 20))
    # Paid on this day the wait ends on 20 December: twelve days of the season are left.
    assert "Droits 20/12-31/12/27" in await ask_to_pay(world, ISSA.msisdn, "S1", PAY_WHAT_OPENS)
    warned = await ask_to_pay(world, late.msisdn, "S2", PAY_WHAT_OPENS)
    assert "Attention: cette période n'ouvre plus que 12 jours de droits." in warned
