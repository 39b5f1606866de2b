"""A caller's account and the facts made of it, over rows as the gateway itself writes them."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import event, text

from gateway.contributions.account import read_accounts
from gateway.members.account import CallerAccount, load_account
from gateway.money.credit_evidence import CreditingContext, credit_evidence
from gateway.ussd.facts import facts_from
from gateway.ussd.sessions import SessionKey
from gateway.ussd.turn_key import TurnKey
from payments.evidence.facts import Evidence
from payments.observation import Observation, ObservedStatus, Provenance
from payments.requests.store import NewPaymentRequest, request_payment
from tests.conftest import Urls
from tests.payments.books import hand
from tests.world import AMINATA, MOUSSA, World
from ussd_flows.facts import Facts, PaymentState, RequestState, RightsState

TURN_KEY = TurnKey(SessionKey("africastalking", "s"), AMINATA, "started", 5)


async def account_of(world: World, msisdn: str = AMINATA, turn_key: str = "") -> CallerAccount | None:
    async with world.database.single() as connection:
        return await load_account(connection, world.ussd.catalog, msisdn, world.clock.now(), turn_key)


async def known(world: World, msisdn: str = AMINATA) -> CallerAccount:
    account = await account_of(world, msisdn)
    assert account is not None
    return account


async def facts(world: World, turn_key: TurnKey = TURN_KEY) -> Facts:
    ussd = world.ussd
    account = await account_of(world, turn_key=turn_key.name)
    return facts_from(account, ussd.catalog, ussd.deps.operators, ussd.places, now=world.clock.now(), turn_key=turn_key)


async def paid(world: World, amount_xof: int, txid: str, msisdn: str = AMINATA) -> None:
    now = world.clock.now()
    observation = Observation(
        operator="sandbox",
        provenance=Provenance.QUERY,
        status=ObservedStatus.SUCCEEDED,
        amount_xof=amount_xof,
        fee_xof=None,
        payer_msisdn=msisdn,
        our_reference=None,
        operator_transaction_id=txid,
        occurred_at=now,
    )
    context = CreditingContext(world.ussd.catalog, now)
    await world.database.transact(
        lambda connection: credit_evidence(connection, [Evidence(observation, None, None)], context)
    )


async def asked(world: World, key: str, state: str = "created") -> None:
    ids, now = world.ids, world.clock.now()
    household_id = (await known(world)).household.id
    new = NewPaymentRequest(
        operator="sandbox",
        reference=ids.reference(),
        correlation_id=ids.uuid(),
        callback_token=ids.token(),
        idempotency_key=key,
        party_id=household_id,
        payer_msisdn=AMINATA,
        amount_xof=1000,
        created_at=now,
        next_attempt_at=now,
    )
    await world.database.transact(lambda connection: request_payment(connection, new, 1))
    steps = {"created": [], "pending": ["pending"], "unknown": ["submitted", "unknown"], "failed": ["failed"]}[state]
    for step in steps:
        async with world.database.unit_of_work() as connection:
            await connection.execute(
                text("UPDATE payment_request SET state = :state WHERE idempotency_key = :key"),
                {"state": step, "key": key},
            )


async def test_an_unknown_number_has_no_account(world: World) -> None:
    assert await account_of(world, "+22366666666") is None


async def test_a_caller_whose_household_has_no_head_is_told_of_her_own_household_and_not_offered_another(
    world: World, urls: Urls
) -> None:
    named = (await known(world)).household
    with hand(urls.owner) as connection:
        connection.execute("UPDATE member SET is_head = false WHERE household_id = %s", (named.id,))
    assert (await known(world)).household == replace(named, name=named.ramu_number)
    screen = await world.dial(AMINATA, "S1")
    assert screen.startswith(f"CON RAMU: {named.ramu_number}")


async def test_the_account_is_read_in_one_statement_and_agrees_with_the_settling_side(world: World) -> None:
    await paid(world, 1000, "T1")
    await paid(world, 2500, "T2")
    statements: list[str] = []
    engine = world.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *seen: statements.append(seen[2]))
    account = await known(world)
    assert len(statements) == 1
    async with world.database.unit_of_work() as connection:
        crediting = await read_accounts(connection, world.ussd.catalog, [account.household.id])
    assert account.household == crediting.readable[account.household.id]
    assert sum(item.paid_xof for item in account.household.items) == 3500


async def test_paid_amounts_rights_and_receipts_are_shown(world: World) -> None:
    before = (await facts(world)).caller
    assert before is not None
    assert (before.due_xof, before.paid_xof, before.remaining_xof) == (3000, 0, 3000)
    assert before.rights.state is RightsState.CLOSED
    await paid(world, 1000, "T1")
    world.clock.forward(seconds=1)
    await paid(world, 2000, "T2")
    after = (await facts(world)).caller
    assert after is not None
    assert (after.paid_xof, after.remaining_xof) == (3000, 0)
    assert after.rights.state is RightsState.WAITING
    assert [(payment.amount_xof, payment.state) for payment in after.last_payments] == [
        (2000, PaymentState.RECEIVED),
        (1000, PaymentState.RECEIVED),
    ]
    assert after.minimum_xof == 200
    assert after.maximum_xof == 12 * 3000


async def test_only_the_five_latest_payments_are_shown(world: World) -> None:
    for number in range(7):
        world.clock.forward(minutes=1)
        await paid(world, 200 + number, f"T{number}")
    assert [payment.amount_xof for payment in (await known(world)).payments] == [206, 205, 204, 203, 202]


async def test_money_of_this_number_that_has_no_household_is_in_suspense(world: World) -> None:
    await paid(world, 700, "T1", "+22366000003")
    await world.database.transact(
        lambda connection: connection.execute(
            text(
                "INSERT INTO phone_link (msisdn, party_id, valid_from) SELECT '+22366000003', id, :now "
                "FROM household ORDER BY id LIMIT 1"
            ),
            {"now": world.clock.now()},
        )
    )
    assert (await known(world, "+22366000003")).suspense_xof == 700
    assert (await known(world)).suspense_xof == 0


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("created", RequestState.WAITING),
        ("pending", RequestState.WAITING),
        ("unknown", RequestState.CHECKING),
        ("failed", None),
    ],
)
async def test_an_open_request_is_one_that_may_still_be_on_the_phone(
    state: str, shown: RequestState | None, world: World
) -> None:
    await asked(world, "ussd:africastalking:other:5:0", state)
    found = (await facts(world)).open_request
    assert (found.state if found else None) == shown
    lifetime_s = world.ussd.deps.operators["sandbox"].capabilities.prompt_lifetime_s
    world.clock.forward(seconds=lifetime_s - 1)
    assert ((await facts(world)).open_request is None) == (shown is None)
    world.clock.forward(seconds=1)
    late = await facts(world)
    assert late.open_request is None
    assert late.caller is not None
    told = PaymentState.FAILED if state == "failed" else PaymentState.PENDING
    assert [payment.state for payment in late.caller.last_payments] == [told]


async def test_the_work_of_a_turn_is_not_a_fact_for_its_own_repeat(world: World) -> None:
    await asked(world, TURN_KEY.effect(0))
    assert (await facts(world)).open_request is None
    others = (
        replace(TURN_KEY, turn_number=6),
        replace(TURN_KEY, turn_number=50),
        replace(TURN_KEY, session=SessionKey("x", "s")),
        replace(TURN_KEY, started="again"),
        replace(TURN_KEY, msisdn=MOUSSA),
    )
    for other in others:
        assert (await facts(world, other)).open_request is not None


async def test_a_period_that_falls_due_at_midnight_is_shown_before_any_job_writes_it(world: World) -> None:
    world.clock.moment = datetime(2027, 1, 22, 23, 59, tzinfo=UTC)
    before = (await facts(world)).caller
    world.clock.forward(minutes=1)
    after = (await facts(world)).caller
    assert before is not None
    assert after is not None
    assert (before.due_xof, after.due_xof) == (3000, 6000)


async def test_every_open_scheme_s_activity_is_offered_on_its_days_only(world: World) -> None:
    assert "coton" in (await facts(world)).activities
    world.clock.moment = datetime(2025, 12, 31, tzinfo=UTC)
    ussd = world.ussd
    early = facts_from(None, ussd.catalog, ussd.deps.operators, ussd.places, now=world.clock.now(), turn_key=TURN_KEY)
    assert early.activities == ()
    assert early.today == date(2025, 12, 31)
