"""The day's equation holds to the franc on the report itself, whatever operators write and in whatever order."""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from gateway.importing import resume
from gateway.reconciling import ReconcilingDeps, open_unclaimed_of_day
from gateway.reports.day import day_report
from gateway.settling import SettleContext, settle
from payments.match import Evidence
from payments.observation import LineKind, Observation, ObservedStatus, Provenance
from payments.operators.contract import Statement, StatementLine, StatementTotals
from payments.reconciliation.ingest import ingest
from tests.world import AMINATA, MOUSSA, World

pytestmark = pytest.mark.database

MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)
DAYS = 2
WORLDS = 40
LINES_MOST = 7
#: Successful collections are the rule and everything else the exception, as in life.
KINDS = [*[LineKind.COLLECTION] * 12, *LineKind]
STATUSES = [*[ObservedStatus.SUCCEEDED] * 10, *ObservedStatus]


def observed(dice: random.Random, operator: str, provenance: Provenance, status: ObservedStatus) -> Observation:
    return Observation(
        operator,
        provenance,
        status,
        amount_xof=dice.choice([100, 200, 300]),
        payer_msisdn=dice.choice([AMINATA, MOUSSA, None]),
        operator_transaction_id=dice.choice(["T0", "T1", "T2", "T3"]),
        occurred_at=MIDNIGHT + timedelta(hours=dice.choice([3, 15, 23, 27, 40])),
    )


def stated(dice: random.Random, operator: str) -> Statement:
    lines = [
        StatementLine(
            number,
            dice.choice(KINDS),
            observed(dice, operator, Provenance.STATEMENT, dice.choice(STATUSES)),
            raw="",
        )
        for number in range(1, dice.randint(0, LINES_MOST) + 1)
    ]
    end = MIDNIGHT + timedelta(days=DAYS)
    return Statement(operator, "RAMU", MIDNIGHT, end, None, None, lines, StatementTotals(None, None, None))


async def keep(world: World, statement: Statement, name: str) -> None:
    now, content = world.clock.now(), sha256(name.encode()).digest()

    async def work(connection: object) -> None:
        await ingest(
            connection,  # type: ignore[arg-type]
            statement,
            filename=name,
            content=content,
            imported_by="staff/test",
            now=now,
        )

    await world.database.transact(work)


async def credit(world: World, observations: Sequence[Observation]) -> None:
    context = SettleContext(world.jobs.book, world.clock.now())
    evidence = [Evidence(observation) for observation in observations]
    await world.database.transact(lambda connection: settle(connection, evidence, context))


async def live(world: World, recon: ReconcilingDeps, dice: random.Random, operator: str) -> None:
    """Let two or three files come, with money that other doors brought before them."""
    credited = [observed(dice, operator, Provenance.QUERY, ObservedStatus.SUCCEEDED) for _ in range(dice.randint(0, 3))]
    await credit(world, credited)
    for number in range(dice.randint(1, 3)):
        await keep(world, stated(dice, operator), f"{operator}/{number}")
        await resume(recon)
        for day in range(DAYS):
            await open_unclaimed_of_day(recon, (MIDNIGHT + timedelta(days=day)).date())


async def test_no_franc_of_any_day_is_unexplained(world: World) -> None:
    seen: Counter[str] = Counter()
    world.clock.forward(days=5)
    for seed in range(WORLDS):
        dice = random.Random(seed)  # noqa: S311 - a world that can be told again
        recon = ReconcilingDeps(world.deps, world.jobs.book, lines_per_run=dice.randint(1, LINES_MOST))
        await live(world, recon, dice, f"operator-{seed}")
    for day in range(DAYS):
        async with world.database.unit_of_work() as connection:
            report = await day_report(connection, (MIDNIGHT + timedelta(days=day)).date(), [])
        for row in report.rows:
            assert row.statement_received
            assert row.lines_waiting_count == 0
            assert row.unexplained_xof == 0, (day, row)
            seen["with breaks"] += bool(row.breaks_xof)
            seen["with suspense"] += bool(row.suspense_xof)
            seen["posted"] += bool(row.posted_xof)
    seen.update(str(kind) for (kind,) in await world.rows("SELECT kind FROM reconciliation_break"))
    closed = await world.rows("SELECT count(*) FROM reconciliation_break WHERE closed_at IS NOT NULL")
    assert int(str(closed[0][0])) >= 10, seen
    floors: dict[str, int] = {
        "with breaks": 20,
        "with suspense": 10,
        "posted": 40,
        "AMOUNT": 10,
        "TIMING": 10,
        "LEDGER_ONLY": 10,
    }
    floors |= {"STATUS": 3, "REVERSAL": 5, "DUPLICATE": 10}
    assert all(seen[name] >= floor for name, floor in floors.items()), seen
