"""One event is one break, with its true difference; what needs nobody is told apart."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from gateway.money.credit_evidence import CreditingContext, credit_evidence
from payments.evidence.facts import Evidence
from payments.observation import Observation, ObservedStatus, Provenance
from payments.reconciliation.breaks import SAID_BY_STATEMENT
from tests.gateway.console.desk import open_desk
from tests.gateway.console.test_uploads import STATEMENT
from tests.world import World

pytestmark = pytest.mark.database

NOON = datetime(2026, 11, 20, 10, tzinfo=UTC)
#: The same statement, one franc more for its operation.
RECTIFIED = STATEMENT.replace(b"5000", b"5001").replace(b"4950", b"4951")


async def standing(world: World) -> list[tuple[object, ...]]:
    return await world.rows(
        "SELECT kind, difference_xof, operator_amount_xof, ledger_amount_xof FROM reconciliation_break"
        " WHERE superseded_at IS NULL AND kind <> 'UNIDENTIFIED' ORDER BY id"
    )


async def told(world: World, amount_xof: int, at: datetime = NOON) -> None:
    """Let the operator answer a question about T1 with an amount."""
    said = Observation(
        "sandbox", Provenance.QUERY, ObservedStatus.SUCCEEDED, amount_xof=amount_xof, payer_msisdn="+22370123456",
        operator_transaction_id="T1", occurred_at=at,
    )  # fmt: skip
    context = CreditingContext(world.jobs.catalog, world.clock.now())
    await world.database.transact(lambda connection: credit_evidence(connection, [Evidence(said)], context))


async def test_a_second_statement_with_one_franc_more_is_one_rectified_statement_and_a_franc(world: World) -> None:
    async with open_desk(world.database, world.clock, world.ids) as desk:
        await desk.enter()
        await desk.upload(STATEMENT)
        await desk.upload(RECTIFIED, "rectifie.csv")
        assert await standing(world) == [("CORRECTED", 1, 5_001, 5_000)]
        page = (await desk.browser.get("/finance/ecarts")).text
    row = re.search(r"<tr>(?:(?!</tr>).)*Relevé rectifié.*?</tr>", page, re.DOTALL)
    assert row is not None
    assert re.search(r'data-label="Différence"><span><b><data value="1">', row[0])


@pytest.mark.parametrize("first", ["evidence", "statement"])
async def test_an_amount_that_evidence_and_statement_tell_alike_is_one_break(world: World, first: str) -> None:
    await told(world, 5_000)
    async with open_desk(world.database, world.clock, world.ids) as desk:
        await desk.enter()
        if first == "evidence":
            await told(world, 5_001)
            assert await standing(world) == [("AMOUNT", 0, 5_001, 5_000)]
        await desk.upload(RECTIFIED)
        if first == "statement":
            await told(world, 5_001)
    assert await standing(world) == [("AMOUNT", 1, 5_001, 5_000)]
    closed = await world.rows(
        "SELECT close_reason FROM reconciliation_break WHERE kind = 'AMOUNT' AND closed_at IS NOT NULL"
    )
    assert closed == [(SAID_BY_STATEMENT,)]


async def test_evidence_of_another_amount_than_the_statements_stands_beside_it(world: World) -> None:
    await told(world, 5_000)
    await told(world, 5_300)
    async with open_desk(world.database, world.clock, world.ids) as desk:
        await desk.enter()
        await desk.upload(STATEMENT)
        page = (await desk.browser.get("/finance/ecarts")).text
    assert await standing(world) == [("AMOUNT", 0, 5_300, 5_000)]
    assert re.search(r'<data value="300">300</data></b><small>compté 0 dans la journée', page)


async def test_what_needs_nobody_is_told_apart_and_not_counted_among_what_waits(world: World) -> None:
    await told(world, 5_000, at=NOON - timedelta(days=1))
    async with open_desk(world.database, world.clock, world.ids) as desk:
        await desk.enter()
        await desk.upload(STATEMENT)
        page = (await desk.browser.get("/finance/ecarts")).text
        day = (await desk.browser.get("/finance/?jour=2026-11-20")).text
        file = (await desk.browser.get("/finance/ecarts.csv")).content.decode("utf-8-sig")
    kinds = [kind for kind, *_ in await standing(world)]
    assert sorted(map(str, kinds)) == ["TIMING", "TIMING_BOOKED"]
    before, apart = page.split('id="a-savoir"')
    assert "Passage de minuit" in apart
    assert "Passage de minuit" not in before
    assert re.search(r'<dt>Écarts connus</dt>.*?<data value="([0-9]+)">[^<]*</data>&nbsp;écart', day, re.DOTALL)
    assert [row.split(";")[9] for row in file.splitlines()[1:] if "Passage de minuit" in row] == ["non", "non"]
