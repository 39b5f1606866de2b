from dataclasses import replace

from gateway.contributions.schemes import SchemeCatalog
from gateway.ussd.facts import facts_from
from gateway.ussd.sessions import SessionKey
from gateway.ussd.turn_key import TurnKey
from payments.operators.sandbox.adapter import SandboxOperator
from tests.fixed import TestClock
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
