"""Days with money in them that a test may sign: what a callback said, what a statement says, and both days of it."""

from datetime import date, datetime, time, timedelta

from gateway.money.close_day import DayToClose, close
from gateway.money.credit_evidence import CreditingContext, credit_evidence
from gateway.money.match_statement import ReconcilingDeps
from payments.evidence.facts import Evidence
from payments.observation import LineKind, Observation, ObservedStatus, Provenance
from payments.operators.contract import StatementLine, StatementTotals
from payments.reconciliation.close import SealedDay
from tests.fixed import START
from tests.statements import Statement, keep_whole
from tests.world import AMINATA, World

DAY = START.date()
NEXT = DAY + timedelta(days=1)


def said(name: str, amount_xof: int, day: date, provenance: Provenance) -> Observation:
    return Observation(
        "sandbox",
        provenance,
        ObservedStatus.SUCCEEDED,
        amount_xof=amount_xof,
        payer_msisdn=AMINATA,
        operator_transaction_id=name,
        occurred_at=datetime.combine(day, time(7), START.tzinfo),
    )


async def credit(world: World, name: str, amount_xof: int, day: date) -> None:
    context = CreditingContext(world.jobs.catalog, world.clock.now())
    evidence = [Evidence(said(name, amount_xof, day, Provenance.QUERY))]
    await world.database.transact(lambda connection: credit_evidence(connection, evidence, context))


async def state(world: World, day: date, *names: str) -> None:
    """Keep the statement of a day; closing it matches the lines."""
    start = datetime.combine(day, time(), START.tzinfo)
    lines = [
        StatementLine(number, LineKind.COLLECTION, said(name, 1_000, day, Provenance.STATEMENT), "", 1_000)
        for number, name in enumerate(names, start=7)
    ]
    totals = StatementTotals(None, 1_000 * len(names), None)
    statement = Statement("sandbox", "RAMU", start, start + timedelta(days=1), None, None, lines, totals)
    name, now = f"{day} {names}.csv", world.clock.now()
    await world.database.transact(lambda connection: keep_whole(connection, statement, name, now))


async def two_days(world: World, recon: ReconcilingDeps) -> tuple[SealedDay, SealedDay]:
    await credit(world, "A", 1_000, DAY)
    world.clock.forward(days=1)
    await credit(world, "B", 1_000, NEXT)
    world.clock.forward(days=1)
    await state(world, DAY, "A")
    await state(world, NEXT, "B", "LOST")
    first = await close(recon, DayToClose(DAY, "staff/awa"))
    return first, await close(recon, DayToClose(NEXT, "staff/awa"))
