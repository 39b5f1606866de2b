"""The day's equation holds to the franc on the report itself, whatever operators write and in whatever order.

The oracle reads nothing of our lines: only what the operators printed as balances and totals, file by file.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.money.credit_evidence import CreditingContext, credit_evidence
from gateway.money.match_statement import ReconcilingDeps, explain_day, finish
from gateway.reports.day import OperatorDay, day_report
from payments.evidence.facts import Evidence
from payments.observation import LineKind, Observation, ObservedStatus, Provenance
from payments.operators.contract import StatementLine, StatementTotals
from payments.reconciliation import uploads
from payments.reconciliation.lines import StoredFile, read_file
from payments.reconciliation.match import judge
from payments.reconciliation.units import read_units
from tests.statements import Statement, keep_whole
from tests.world import AMINATA, MOUSSA, World

pytestmark = pytest.mark.database

MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)
DAYS = 4
WORLDS = 20
#: Two operators; the second keeps two accounts for us.
ACCOUNTS = (("one", "A"), ("two", "B"), ("two", "C"))
IDS = ("T0", "T1", "T2", "T3", "T4", "T5", "T6")
#: Successful collections are the rule and everything else the exception, as in life.
KINDS = [*[LineKind.COLLECTION] * 10, *LineKind, LineKind.REVERSAL]
ODD_DATES = (None, datetime(9999, 12, 31, 23, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), MIDNIGHT)


@dataclass(frozen=True)
class Told:
    """One file as the operator printed it, for the oracle."""

    first: int
    days: int
    statement: Statement


def day_of(number: int) -> datetime:
    return MIDNIGHT + timedelta(days=number)


def line(dice: random.Random, operator: str, number: int, days: tuple[int, int]) -> StatementLine:
    kind = dice.choice(KINDS)
    status = ObservedStatus.SUCCEEDED if dice.random() < 0.85 else dice.choice(list(ObservedStatus))
    amount_xof = dice.choice([100, 200, 300])
    moment = day_of(days[0]) + timedelta(hours=dice.choice([0, 3, 3, 15, 23]) + 24 * dice.randrange(days[1]))
    name = dice.choice(IDS)
    observed = Observation(
        operator,
        Provenance.STATEMENT,
        status,
        amount_xof=None if kind is LineKind.FEE else amount_xof,
        fee_xof=amount_xof if kind is LineKind.FEE else None,
        payer_msisdn=dice.choice([AMINATA, AMINATA, MOUSSA, None]),
        operator_transaction_id=name if dice.random() < 0.95 else None,
        occurred_at=moment if dice.random() < 0.9 else dice.choice(ODD_DATES),
        raw_transaction_id=dice.choice([name, name, f"'{name}"]),
    )
    moves = status in {ObservedStatus.SUCCEEDED, ObservedStatus.REVERSED}
    credit = kind is LineKind.COLLECTION or (kind in {LineKind.OTHER, LineKind.TRANSFER} and dice.random() < 0.5)
    moved_xof = (amount_xof if credit else -amount_xof) if moves else 0
    own = dice.choice(["R1", "R2", None])
    return StatementLine(number, kind, observed, "", moved_xof, own)


def told(dice: random.Random, operator: str, account: str, known: dict[str, int], earlier: Sequence[Told]) -> Told:
    """Write one file: often a former one again with a line dropped, added, doubled or corrected."""
    again = [one for one in earlier if one.statement.account == account]
    if again and dice.random() < 0.6:
        first, days = again[-1].first, again[-1].days
        lines = [entry for entry in again[-1].statement.lines if dice.random() < 0.8]
        lines += [dice.choice(lines)] if lines and dice.random() < 0.3 else []
    else:
        first = dice.randrange(DAYS)
        days = dice.choice([1, 1, 1, min(2, DAYS - first)])
        lines = []
    lines += [line(dice, operator, 0, (first, days)) for _ in range(dice.randint(0, 4))]
    lines = [StatementLine(n, e.kind, e.observation, "", e.moved_xof, e.reference) for n, e in enumerate(lines, 1)]
    collected = sum(
        e.observation.amount_xof or 0
        for e in lines
        if e.kind is LineKind.COLLECTION and e.observation.status is ObservedStatus.SUCCEEDED
    )
    kind = dice.choice(["balances"] * 8 + ["totals", "nothing"])
    opening_xof = known.setdefault(account, 10_000) + (dice.choice([0, 0, 500, -700]) if dice.random() < 0.5 else 0)
    gap_xof = 12_000 if dice.random() < 0.1 else 0
    closing_xof = opening_xof + sum(e.moved_xof for e in lines) + gap_xof
    known[account] = closing_xof
    return Told(first, days, Statement(
        operator, account, day_of(first), day_of(first + days),
        opening_xof if kind == "balances" else None,
        closing_xof if kind == "balances" else None,
        lines,
        StatementTotals(None, collected + gap_xof if kind == "totals" else None, None),
    ))  # fmt: skip


async def bring(world: World, recon: ReconcilingDeps, statement: Statement, name: str, seen: Counter[str]) -> None:
    now = world.clock.now()

    async def keep(connection: AsyncConnection) -> StoredFile:
        kept = await keep_whole(connection, statement, name, now)
        return await read_file(connection, kept.file_id)

    file = await world.database.transact(keep)
    seen["kept with its bucket"] += await judged_alike(world, file)
    await finish(recon, file, None, already=False)
    await world.database.transact(lambda connection: uploads.mark_matched(connection, file.id, 0))


async def judged_alike(world: World, file: StoredFile) -> int:
    """Hold the buckets that lines were kept with against the judgement that knows everything; count them."""
    kept = await world.rows(
        "SELECT line_number, subject, bucket FROM statement_line WHERE file_id = :id AND bucket IS NOT NULL", id=file.id
    )
    async with world.database.unit_of_work() as connection:
        units = await read_units(connection, file.operator, {str(subject) for _, subject, _ in kept})
    judged = [judge(unit) for unit in units]
    buckets = {place: bucket for one in judged for place, bucket in one.buckets.items()}
    assert {number: bucket for number, _, bucket in kept} == {number: buckets[file.id, number] for number, _, _ in kept}
    paid = {subject for _, subject, bucket in kept if bucket == "matched"}
    assert not [
        one for unit, said in zip(units, judged, strict=True) if unit.subject in paid for one in said.differences
    ]
    return len(kept)


async def credit(world: World, operator: str, dice: random.Random) -> None:
    observed = Observation(
        operator,
        Provenance.QUERY,
        ObservedStatus.SUCCEEDED,
        amount_xof=dice.choice([100, 200, 300]),
        payer_msisdn=dice.choice([AMINATA, MOUSSA, None]),
        operator_transaction_id=dice.choice(IDS),
        occurred_at=MIDNIGHT + timedelta(hours=dice.randrange(24 * DAYS)),
    )
    context = CreditingContext(world.jobs.catalog, world.clock.now())
    await world.database.transact(lambda connection: credit_evidence(connection, [Evidence(observed)], context))


async def live(world: World, dice: random.Random, seed: int, seen: Counter[str]) -> list[Told]:
    """Let a handful of files come, with money that other doors bring before, between and after them."""
    recon = ReconcilingDeps(world.deps, world.jobs.catalog, lines_per_run=dice.choice([1, 5, 500]))
    known: dict[str, int] = {}
    files: list[Told] = []
    for number in range(dice.randint(2, 9)):
        operator, account = dice.choice(ACCOUNTS)
        if dice.random() < 0.5:
            await credit(world, f"{operator}-{seed}", dice)
        one = told(dice, f"{operator}-{seed}", account, known, files)
        files.append(one)
        await bring(world, recon, one.statement, f"{seed}/{number}", seen)
    await credit(world, f"{dice.choice(ACCOUNTS)[0]}-{seed}", dice)
    for number in range(DAYS):
        await explain_day(recon, day_of(number).date())
    return files


def standing(files: Sequence[Told], day: int) -> Told | None:
    covering = [one for one in files if one.first <= day < one.first + one.days]
    return covering[-1] if covering else None


def runs_of_days(files: Sequence[Told]) -> list[list[int]]:
    """Return the runs of days of one account that files cover without a hole."""
    runs: list[list[int]] = []
    for day in range(DAYS):
        if standing(files, day) is None:
            continue
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return runs


def moved_by_balances(files: Sequence[Told], run: Sequence[int]) -> int | None:
    """Add up from balance to balance; None where a file of the run prints none."""
    speaking = [standing(files, day) for day in run]
    if any(one is None or one.statement.opening_xof is None for one in speaking):
        return None
    first, last = speaking[0], speaking[-1]
    assert first is not None
    assert last is not None
    return (last.statement.closing_xof or 0) - (first.statement.opening_xof or 0)


async def rows_of(world: World) -> dict[tuple[str, str, int], OperatorDay]:
    found = {}
    for number in range(DAYS):
        async with world.database.unit_of_work() as connection:
            report = await day_report(connection, day_of(number).date(), [])
        found |= {(row.operator, row.account, number): row for row in report.rows}
    return found


async def test_every_franc_that_the_operators_balances_moved_is_credited_or_in_a_break(world: World) -> None:
    seen: Counter[str] = Counter()
    world.clock.forward(days=5)
    worlds = {seed: await live(world, random.Random(seed), seed, seen) for seed in range(WORLDS)}  # noqa: S311
    rows = await rows_of(world)
    for row in rows.values():
        assert row.lines_waiting_count == 0
        assert not row.unexplained_xof, row
        seen["whole days"] += row.statement_received
        seen["missing days"] += not row.statement_received
        seen["with breaks"] += bool(row.breaks_xof)
        seen["with suspense"] += bool(row.suspense_xof)
        seen["posted"] += bool(row.posted_xof)
        seen["not verifiable"] += row.statement_received and not row.is_verifiable
    for seed, files in worlds.items():
        for operator, account in ACCOUNTS:
            mine = [one for one in files if one.statement.account == account]
            for run in runs_of_days(mine):
                days = [rows[f"{operator}-{seed}", account, day] for day in run]
                assert all(row.statement_received for row in days)
                moved_xof = moved_by_balances(mine, run)
                if moved_xof is None:
                    continue
                seen["runs from balance to balance"] += 1
                seen["runs of several files"] += len({id(standing(mine, day)) for day in run}) > 1
                assert sum(row.movement_xof or 0 for row in days) == moved_xof
                taken_xof = sum(row.fees_xof + (row.transfers_xof or 0) for row in days)
                held_xof = sum(row.posted_xof + row.suspense_xof for row in days)
                assert moved_xof + taken_xof - held_xof == sum(row.breaks_xof for row in days)
    await count_kinds(world, seen)
    floors = {"whole days": 40, "missing days": 15, "with breaks": 25, "with suspense": 12, "posted": 25}
    floors |= {"not verifiable": 3, "runs from balance to balance": 20, "runs of several files": 3, "superseded": 25}
    floors |= dict.fromkeys(("AMOUNT", "COLLISION", "REVERSAL", "UNKNOWN_SERVICE", "STATEMENT_ONLY", "DROPPED"), 6)
    floors |= dict.fromkeys(("TIMING", "LEDGER_ONLY", "STATUS", "CORRECTED", "DATE", "CONTINUITY", "TOTALS"), 3)
    floors |= {"ADDED": 20, "DUPLICATE": 1}
    assert all(seen[name] >= floor for name, floor in floors.items()), seen


async def count_kinds(world: World, seen: Counter[str]) -> None:
    seen.update(str(kind) for (kind,) in await world.rows("SELECT kind FROM reconciliation_break"))
    gone = await world.rows("SELECT count(*) FROM reconciliation_break WHERE superseded_at IS NOT NULL")
    seen["superseded"] = int(str(gone[0][0]))
