"""What the confirmation says is what crediting does, when nothing comes between."""

import random
from collections import Counter
from datetime import UTC, date, datetime

from gateway.contributions.forecast import as_told, forecast
from gateway.members.account import load_account
from gateway.ussd.needs import Asked
from tests.stories import answer, credited, paid
from tests.world import AMINATA, MOUSSA, World
from ussd_flows.queries import PaymentForecast, WhatPaymentBuys

WENT = """
    SELECT charge.period_start, allocation.amount_xof FROM allocation
      JOIN charge ON charge.id = charge_id
      JOIN payment ON payment.ledger_txn_id = allocation.ledger_txn_id
     WHERE payment.operator_transaction_id = :id ORDER BY 1
"""
ADVANCES = (
    "SELECT coalesce(-sum(amount_xof), 0)::bigint FROM ledger_entry WHERE account = 'advances' AND party_id = :id"
)
AMOUNTS = (200, 1_000, 2_500, 3_000, 4_000, 7_000, 12_600, 30_000, 60_000)


async def test_a_forecast_is_what_is_booked_however_much_is_held_and_whatever_has_begun(world: World) -> None:
    reached: Counter[str] = Counter()
    dice = random.Random(7)  # noqa: S311 - the dice of a test, not a secret
    for number in range(60):
        world.clock.forward(days=dice.choice((0, 0, 1, 9, 31, 45)))
        if dice.random() < 0.5:
            await world.work()
        msisdn = dice.choice((AMINATA, MOUSSA))
        amount_xof, today = dice.choice(AMOUNTS), world.clock.now().date()
        async with world.database.unit_of_work() as connection:
            caller = await load_account(connection, world.jobs.catalog, msisdn, world.clock.now())
        assert caller is not None
        told = forecast(caller.household, amount_xof, today)
        said = Asked(caller.household, today).answer(WhatPaymentBuys(amount_xof))
        await credited(world, msisdn, amount_xof, f"F{number}")
        went = await world.rows(WENT, id=f"F{number}")
        assert went == [(line.item.period_start, line.amount_xof) for line in told.allocation.lines]
        held_xof = sum(lot.amount_xof for lot in told.before.advances) + told.allocation.advance_xof
        assert await world.rows(ADVANCES, id=caller.household.id) == [(held_xof,)]
        async with world.database.unit_of_work() as connection:
            after = await load_account(connection, world.jobs.catalog, msisdn, world.clock.now())
        assert after is not None
        assert as_told(after.household, today).rights_on(today) == told.after.rights_on(today)
        reached.update(_reached(said, bool(caller.household.advances), today))
    assert min(reached[what] for what in ("due", "ahead", "kept", "days", "no days", "held before")) >= 5, reached


def _reached(said: PaymentForecast, held_before: bool, today: date) -> list[str]:
    assert said.first_day is None or said.first_day >= today
    return [
        *({"ahead" if period.is_ahead else "due" for period in said.periods}),
        *(["kept"] if said.advance_xof else []),
        "days" if said.days else "no days",
        *(["held before"] if held_before else []),
    ]


async def test_a_receipt_says_when_other_days_came_of_a_payment_than_were_read_out(world: World) -> None:
    """Moussa confirms on 1 December, which opens the 31st; his money comes on the 2nd, which opens no day."""
    world.clock.moment = datetime(2026, 12, 1, 23, 58, tzinfo=UTC)
    confirming = await world.dial(MOUSSA, "S1", "1*1")
    assert "Droits 31/12-31/12/26" in confirming, confirming
    assert (await world.dial(MOUSSA, "S1", "1*1*1")).startswith("END Demande enregistrée")
    world.clock.forward(minutes=5)
    await world.work()
    [prompt] = [prompt for prompt in world.prompts() if prompt.payer == MOUSSA]
    answer(world, prompt)
    await world.deliver()
    await world.work()
    [receipt] = [told for told in await world.texts_to(MOUSSA) if "Quittance" in told]
    assert "Dates changées. Droits fermés: " in receipt, receipt
    assert await world.rows("SELECT first_day::text, last_day::text FROM payment_promise") == [
        ("2026-12-31", "2026-12-31")
    ]


async def test_a_receipt_of_what_was_read_out_says_nothing_of_changes(world: World) -> None:
    await paid(world, AMINATA, "S1")
    [receipt] = [told for told in await world.texts_to(AMINATA) if "Quittance" in told]
    assert "Dates changées" not in receipt
    assert await world.rows("SELECT count(*) FROM payment_promise") == [(1,)]
