"""A number changes hands: each side keeps what is hers, and nobody reads the other's."""

from datetime import timedelta

import psycopg
import pytest
from psycopg.errors import ExclusionViolation, RestrictViolation
from sqlalchemy.exc import IntegrityError

from gateway.members.account import CallerAccount, load_account
from gateway.members.phone_links import link_phone
from gateway.money.credit_evidence import CreditingContext, credit_evidence
from payments.evidence.facts import Evidence
from payments.observation import Observation, ObservedStatus, Provenance
from tests.conftest import Urls
from tests.payments.books import hand
from tests.stories import pushed
from tests.world import AMINATA, World

AMINATAS, MOUSSAS = 1, 2
STRANGER = "+22366000003"


async def told(world: World, name: str, ago: timedelta = timedelta(), msisdn: str = AMINATA, **said: object) -> None:
    """Let evidence of a payment reach us now that was made some time ago."""
    now = world.clock.now()
    values = {"status": ObservedStatus.SUCCEEDED, "amount_xof": 700, "occurred_at": now - ago, **said}
    observed = Observation(
        operator="sandbox",
        provenance=Provenance.QUERY,
        payer_msisdn=msisdn,
        operator_transaction_id=name,
        **values,  # type: ignore[arg-type]
    )
    context = CreditingContext(world.jobs.catalog, now, "*123#")
    await world.database.transact(lambda connection: credit_evidence(connection, [Evidence(observed)], context))


async def handed_over(world: World, msisdn: str, party_id: int) -> None:
    await world.database.transact(lambda connection: link_phone(connection, msisdn, party_id, world.clock.now()))


async def seen(world: World, msisdn: str) -> CallerAccount:
    async with world.database.single() as connection:
        account = await load_account(connection, world.jobs.catalog, msisdn, world.clock.now())
    assert account is not None
    return account


async def test_money_belongs_to_whoever_held_the_number_when_it_was_paid(world: World) -> None:
    world.clock.forward(hours=1)
    await handed_over(world, AMINATA, MOUSSAS)
    world.clock.forward(hours=1)
    await told(world, "old", timedelta(hours=1, minutes=1))
    await told(world, "new")
    parties = await world.rows("SELECT operator_transaction_id, party_id FROM payment ORDER BY id")
    assert parties == [("old", AMINATAS), ("new", MOUSSAS)]
    world.clock.forward(hours=1)
    await handed_over(world, AMINATA, AMINATAS)
    await told(world, "between", timedelta(minutes=30))
    assert await world.rows("SELECT party_id FROM payment WHERE operator_transaction_id = 'between'") == [(MOUSSAS,)]


async def test_the_new_holder_sees_the_household_and_nothing_of_the_old_holders_phone(world: World) -> None:
    await pushed(world, AMINATA, "S1")
    before = await seen(world, AMINATA)
    assert len(before.requests) == 1
    world.clock.forward(hours=1)
    await handed_over(world, AMINATA, MOUSSAS)
    after = await seen(world, AMINATA)
    assert after.household.id == MOUSSAS
    assert (after.requests, after.last_wallet) == ((), None)
    assert "Moussa" in await world.dial(AMINATA, "S2")


async def test_money_in_suspense_is_offered_to_whoever_paid_it_and_not_to_the_next_holder(world: World) -> None:
    await told(world, "T1", msisdn=STRANGER)
    await handed_over(world, STRANGER, AMINATAS)
    assert (await seen(world, STRANGER)).suspense_xof == 700
    world.clock.forward(hours=1)
    await handed_over(world, STRANGER, MOUSSAS)
    assert (await seen(world, STRANGER)).suspense_xof == 0


async def test_what_comes_late_for_the_old_holder_is_told_to_nobody_at_her_old_number(world: World) -> None:
    world.clock.forward(hours=1)
    await handed_over(world, AMINATA, MOUSSAS)
    world.clock.forward(minutes=10)
    await told(world, "old", timedelta(hours=1))
    await world.work()
    assert await world.rows("SELECT party_id FROM payment") == [(AMINATAS,)]
    assert await world.texts_to(AMINATA) == []
    await told(world, "new")
    await world.work()
    assert len(await world.texts_to(AMINATA)) == 1


@pytest.mark.parametrize("names", [("1old", "2new"), ("2old", "1new")])
async def test_of_one_batch_each_message_is_judged_by_the_moment_of_its_own_money(
    world: World, names: tuple[str, str]
) -> None:
    world.clock.forward(hours=1)
    await handed_over(world, AMINATA, MOUSSAS)
    world.clock.forward(minutes=10)
    now, (old, new) = world.clock.now(), names
    batch = [
        Evidence(
            Observation(
                operator="sandbox",
                provenance=Provenance.QUERY,
                status=ObservedStatus.SUCCEEDED,
                amount_xof=amount_xof,
                payer_msisdn=AMINATA,
                operator_transaction_id=name,
                occurred_at=now - ago,
            )
        )
        for name, amount_xof, ago in ((old, 700, timedelta(hours=1)), (new, 800, timedelta(0)))
    ]
    context = CreditingContext(world.jobs.catalog, now, "*123#")
    await world.database.transact(lambda connection: credit_evidence(connection, batch, context))
    await world.work()
    [receipt] = await world.texts_to(AMINATA)
    assert "800 F" in receipt
    assert await world.rows("SELECT household_id, state FROM outbox_sms WHERE kind = 'receipt'") == [(MOUSSAS, "sent")]


async def test_what_waits_for_the_old_holder_is_not_sent_to_the_next_one(world: World) -> None:
    world.clock.forward(hours=1)
    await told(world, "old")
    world.clock.forward(minutes=1)
    await handed_over(world, AMINATA, MOUSSAS)
    await told(world, "new")
    await world.work()
    assert await world.rows("SELECT household_id, state FROM outbox_sms WHERE kind = 'receipt' ORDER BY id") == [
        (AMINATAS, "dropped"),
        (MOUSSAS, "sent"),
    ]
    assert len(await world.texts_to(AMINATA)) == 1


async def test_what_waits_for_a_stranger_is_hers_when_she_registers(world: World) -> None:
    await told(world, "T1", msisdn=STRANGER)
    world.clock.forward(minutes=1)
    await handed_over(world, STRANGER, AMINATAS)
    await world.work()
    assert len(await world.texts_to(STRANGER)) == 1


async def test_two_never_hold_one_number_at_a_time_whoever_writes(world: World, urls: Urls) -> None:
    world.clock.forward(hours=1)
    with pytest.raises(IntegrityError, match=r"uq_phone_link_held|ex_phone_link_one_holder_at_a_time"):
        await world.database.transact(lambda connection: connection.exec_driver_sql(INTO_NOW))
    await handed_over(world, AMINATA, MOUSSAS)
    with hand(urls.superuser, replica=True) as superuser:
        with pytest.raises(ExclusionViolation, match="ex_phone_link_one_holder_at_a_time"):
            superuser.execute(INTO_THE_PAST)
        for change in ("UPDATE phone_link SET party_id = 1", "DELETE FROM phone_link"):
            with pytest.raises(RestrictViolation):
                superuser.execute(psycopg.sql.SQL(change))


INTO_NOW = "INSERT INTO phone_link (msisdn, party_id, valid_from) SELECT msisdn, 2, '2099-01-01Z' FROM phone_link"
INTO_THE_PAST = """
    INSERT INTO phone_link (msisdn, party_id, valid_from, valid_to)
    SELECT msisdn, 2, valid_from + interval '1 s', valid_to FROM phone_link WHERE valid_to IS NOT NULL
"""
