from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.money.credit_evidence import CreditingContext, credit_evidence
from payments.evidence.facts import Evidence
from payments.ledger.seal import seal, verify
from payments.observation import Observation, ObservedStatus, Provenance
from sandbox_operator.model import UnaskedPayment
from tests.fixed import START
from tests.stories import answer, paid, pushed
from tests.world import AMINATA, MOUSSA, World, actions

AFTER_START = START + timedelta(minutes=1)


async def money(world: World) -> list[tuple[object, ...]]:
    return await world.rows("""
        SELECT account, kind, CASE WHEN kind = 'household' THEN party.id END, CAST(sum(amount_xof) AS bigint)
          FROM ledger_entry JOIN party ON party.id = ledger_entry.party_id
         WHERE party.kind <> 'state' GROUP BY 1, 2, 3 ORDER BY 1, 3
    """)


async def test_a_confirmed_request_is_credited_once_with_one_receipt(world: World) -> None:
    await paid(world, AMINATA, "S1")
    assert await money(world) == [
        ("clearing/sandbox", "operator", None, 3000),
        ("contributions", "household", 1, -3000),
    ]
    assert await world.rows("SELECT state FROM payment_request") == [("succeeded",)]
    [receipt] = await world.texts_to(AMINATA)
    assert receipt.startswith("RAMU: 3 000 F payés le 23/11/2026 pour Aminata TRAORE. Quittance Q")
    assert "Droits du 23/12/2026 au 22/01/2027" in receipt


async def test_a_repeated_callback_posts_once(world: World) -> None:
    answer(world, await pushed(world, AMINATA, "S1"), callbacks=7)
    await world.deliver()
    await world.work()
    await world.deliver()
    await world.work()
    assert await world.count("callback") == 7
    assert await world.count("payment") == 1
    assert len(await world.texts_to(AMINATA)) == 1


async def test_a_lost_callback_is_found_by_the_schedule(world: World) -> None:
    answer(world, await pushed(world, AMINATA, "S1"), callbacks=0)
    await world.work()
    assert await world.count("payment") == 0
    world.clock.forward(seconds=60)
    await world.work()
    assert await world.count("payment") == 1
    assert await world.count("callback") == 0


async def test_a_refusal_is_told_and_credits_nothing(world: World) -> None:
    answer(world, await pushed(world, AMINATA, "S1"), do="refuse")
    await world.deliver()
    await world.work()
    assert await world.count("payment") == 0
    assert await world.rows("SELECT state FROM payment_request") == [("failed",)]
    [told] = await world.texts_to(AMINATA)
    assert "non abouti" in told


async def test_an_unsolicited_payment_of_a_registered_number_is_credited_to_its_household(world: World) -> None:
    actions.pay_unasked(world.operator, UnaskedPayment(payer_msisdn=AMINATA, amount_xof=1500), world.clock.now())
    await world.deliver()
    await world.work()
    assert await world.rows("SELECT matched_by, party_id, amount_xof FROM payment") == [("payer", 1, 1500)]


async def test_an_unsolicited_payment_of_a_stranger_waits_in_suspense(world: World) -> None:
    stranger = "+22377777777"
    actions.pay_unasked(world.operator, UnaskedPayment(payer_msisdn=stranger, amount_xof=1500), world.clock.now())
    await world.deliver()
    await world.work()
    assert await money(world) == [
        ("clearing/sandbox", "operator", None, 1500),
        ("suspense/sandbox", "suspense", None, -1500),
    ]
    [told] = await world.texts_to(stranger)
    assert "du 77 77 77 77, gardés: assuré non trouvé. Appelez le 36 777: réf " in told
    assert told.endswith("et votre numéro RAMU.")


async def ramu_number_of(world: World, party_id: int) -> str:
    [(number,)] = await world.rows("SELECT ramu_number FROM household WHERE id = :id", id=party_id)
    return str(number)


async def test_whoever_pays_for_somebody_else_gets_a_receipt_too_which_says_nothing_of_rights(world: World) -> None:
    number = await ramu_number_of(world, 1)
    paying = UnaskedPayment(payer_msisdn=MOUSSA, amount_xof=3000, reference=number, callbacks=3)
    actions.pay_unasked(world.operator, paying, world.clock.now())
    for _ in range(3):
        await world.deliver()
        await world.work()
        world.clock.forward(minutes=1)
    assert await world.rows("SELECT party_id FROM payment") == [(1,)]
    [household] = await world.texts_to(AMINATA)
    assert "pour Aminata TRAORE. Quittance Q" in household
    assert "Droits du " in household
    [payer] = await world.texts_to(MOUSSA)
    assert payer.startswith(f"RAMU: 3 000 F payés le 23/11/2026 pour l'assuré No {number} (A.T.). Quittance Q")
    assert "Droits" not in payer
    assert await world.rows("SELECT split_part(key, '/', 3), household_id FROM outbox_sms ORDER BY id") == [
        ("", 1),
        ("payer", None),
    ]


async def test_a_household_that_no_number_reaches_has_no_receipt_and_its_payer_has(world: World) -> None:
    number = await ramu_number_of(world, 1)
    async with world.database.unit_of_work() as connection:
        await connection.execute(text("UPDATE phone_link SET valid_to = :now WHERE party_id = 1"), {"now": AFTER_START})
    world.clock.forward(minutes=2)
    for payer in (MOUSSA, AMINATA):
        paying = UnaskedPayment(payer_msisdn=payer, amount_xof=500, reference=number)
        actions.pay_unasked(world.operator, paying, world.clock.now())
    await world.deliver()
    await world.work()
    told = [*await world.texts_to(MOUSSA), *await world.texts_to(AMINATA)]
    assert ["Droits" in one or "Aminata" in one for one in told] == [False, False]
    assert [f"l'assuré No {number} (A.T.)" in one for one in told] == [True, True]


async def test_money_is_settled_inside_a_savepoint_and_sealed(world: World) -> None:
    """One item of a batch stands in a savepoint of its own; the second rolls back and takes only itself along."""
    now = world.clock.now()
    context = CreditingContext(world.jobs.catalog, now)

    async def one(connection: AsyncConnection, name: str, *, spoilt: bool) -> None:
        seen = Observation(
            operator="sandbox",
            provenance=Provenance.QUERY,
            status=ObservedStatus.SUCCEEDED,
            amount_xof=1500,
            payer_msisdn=AMINATA,
            operator_transaction_id=name,
            occurred_at=now - timedelta(minutes=1),
        )
        savepoint = await connection.begin_nested()
        await credit_evidence(connection, [Evidence(seen)], context)
        await (savepoint.rollback() if spoilt else savepoint.commit())

    async def batch(connection: AsyncConnection) -> None:
        for name in ("T1", "T2", "T3"):
            await one(connection, name, spoilt=name == "T2")

    await world.database.transact(batch)
    assert await world.rows("SELECT operator_transaction_id FROM payment ORDER BY id") == [("T1",), ("T3",)]
    await world.database.transact(lambda connection: seal(connection, now))
    proof = await world.database.transact(verify)
    # Two payments, and the State's share of the cotton household's first season.
    assert (proof.ok, proof.txns, proof.unsealed) == (True, 3, 0)
