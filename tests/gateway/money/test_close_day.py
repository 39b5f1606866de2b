"""A closed day stays closed, says what was true, and shows when somebody touches it or the ledger behind it."""

import asyncio
import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege, RestrictViolation
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.money import close_day as closing
from gateway.money.close_day import DayToClose, DayUnexplained, close, verify_all
from gateway.money.match_statement import ReconcilingDeps
from gateway.reports.break_sentences import sentence
from gateway.reports.day import day_report
from gateway.reports.sealed_day import has_moved
from payments.ledger.finding import FindingKind
from payments.ledger.seal import GENESIS_SHA256, Block, Verification, head
from payments.reconciliation.close import DayNotClosable, DayRefusal, read_day
from tests.fixed import START
from tests.gateway.money.signed_days import credit, state, two_days
from tests.world import World

pytestmark = pytest.mark.database

DAY = START.date()
NEXT = DAY + timedelta(days=1)


def plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


@pytest.fixture
def recon(world: World) -> ReconcilingDeps:
    return ReconcilingDeps(world.deps, world.jobs.catalog)


@pytest.fixture
def by_hand(superuser_url: str) -> Iterator[psycopg.Connection]:
    """Someone who holds the server and switches the guards off."""
    with psycopg.connect(plain(superuser_url), autocommit=True) as connection:
        for table in ("day_report", "ledger_block", "allocation", "ledger_entry", "payment"):
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
        yield connection


async def verified(world: World) -> Verification:
    return await world.database.transact(verify_all)


async def kinds(world: World) -> set[FindingKind]:
    return {finding.kind for finding in (await verified(world)).findings}


async def test_days_are_chained_to_each_other_and_to_the_ledger(world: World, recon: ReconcilingDeps) -> None:
    first, second = await two_days(world, recon)
    assert first.previous_sha256 == GENESIS_SHA256
    assert second.previous_sha256 == first.sha256
    async with world.database.single() as connection:
        assert second.ledger_head_sha256 == (await head(connection)).sha256
        assert await read_day(connection, NEXT) == second
    assert (await verified(world)).ok


async def test_the_sealed_report_is_the_report_of_the_day(world: World, recon: ReconcilingDeps) -> None:
    _, second = await two_days(world, recon)
    content = json.loads(second.content)
    (row,) = content["rows"]
    assert (content["day"], content["remarks"]) == (str(NEXT), None)
    assert (row["operator_amount_xof"], row["posted_xof"], row["unexplained_xof"]) == (2_000, 2_000, 0)
    assert row["proved_by_statement_count"] == 1
    assert content["breaks"] == []


async def test_the_sealed_report_lists_the_breaks_of_its_day(world: World, recon: ReconcilingDeps) -> None:
    world.clock.forward(days=1)
    await state(world, DAY, "A", "A")
    await credit(world, "FORGED", 300, DAY)
    sealed = await close(recon, DayToClose(DAY, "staff/awa"))
    common = {"operator": "sandbox", "close_reason": None}
    assert json.loads(sealed.content)["breaks"] == [
        {**common, "kind": "DUPLICATE", "subject": "A", "difference_xof": 1_000},
        {**common, "kind": "LEDGER_ONLY", "subject": "FORGED", "difference_xof": -300},
    ]


async def test_closing_is_written_down_with_its_author(world: World, recon: ReconcilingDeps) -> None:
    first, _ = await two_days(world, recon)
    events = await world.rows("SELECT actor, action, subject, detail FROM audit_event WHERE subject LIKE 'day/%'")
    assert events[0] == ("staff/awa", "day.closed", f"day/{DAY}", {"sha256": first.sha256.hex(), "remarks": False})
    assert len(events) == 2


async def test_money_of_the_day_that_arrives_behind_the_seal_is_sealed_before_the_day_is(
    world: World, recon: ReconcilingDeps, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.clock.forward(days=1)
    await state(world, DAY, "A")
    late = iter(["LATE-1", "LATE-2"])
    real = closing.seal

    async def overtaken(connection: AsyncConnection, now: datetime) -> Block | None:
        block = await real(connection, now)
        if block is None and (name := next(late, None)):
            # Another connection posts in the moment between the last block and the report.
            arrivals.append(asyncio.create_task(credit(world, name, 100, DAY)))
        return block

    async def arrived(connection: AsyncConnection, day: date) -> bool:
        await asyncio.gather(*arrivals)
        return await sealed_yet(connection, day)

    arrivals: list[asyncio.Task[None]] = []
    sealed_yet = closing.is_sealed
    monkeypatch.setattr(closing, "seal", overtaken)
    monkeypatch.setattr(closing, "is_sealed", arrived)
    sealed = await close(recon, DayToClose(DAY, "staff/awa", remarks="deux retardataires"))
    (row,) = json.loads(sealed.content)["rows"]
    assert row["posted_count"] == 3
    async with world.database.single() as connection:
        assert (await head(connection)).sha256 == sealed.ledger_head_sha256
    assert (await verified(world)).unsealed == 0


async def test_two_people_who_close_the_same_day_close_it_once(world: World, recon: ReconcilingDeps) -> None:
    await credit(world, "A", 1_000, DAY)
    world.clock.forward(days=1)
    await state(world, DAY, "A")
    both = await asyncio.gather(
        *(close(recon, DayToClose(DAY, f"staff/{name}")) for name in ("awa", "moussa", "fanta")), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in both) == ["DayNotClosable", "DayNotClosable", "SealedDay"]
    assert await world.count("day_report") == 1


async def test_a_hash_kept_elsewhere_is_found_or_named_as_lost(
    world: World, recon: ReconcilingDeps, by_hand: psycopg.Connection
) -> None:
    first, second = await two_days(world, recon)
    kept = [GENESIS_SHA256, first.sha256, second.sha256, second.ledger_head_sha256]
    assert (await world.database.transact(lambda connection: verify_all(connection, kept))).ok
    by_hand.execute("DELETE FROM day_report WHERE day = %s", (NEXT,))
    found = await world.database.transact(lambda connection: verify_all(connection, kept))
    assert [finding.kind for finding in found.findings] == [FindingKind.HEAD_LOST]
    assert second.sha256.hex() in sentence(found.findings[0].detail)


async def refusal(recon: ReconcilingDeps, day: date) -> tuple[DayRefusal, date]:
    with pytest.raises(DayNotClosable) as refused:
        await close(recon, DayToClose(day, "staff/awa"))
    return refused.value.refusal, refused.value.day


async def test_only_the_next_past_day_can_be_closed(world: World, recon: ReconcilingDeps) -> None:
    world.clock.forward(days=9)
    assert await refusal(recon, DAY) == (DayRefusal.BEFORE_ANY_ACTIVITY, DAY)
    world.clock.moment = START
    await two_days(world, recon)
    today = world.clock.now().date()
    assert await refusal(recon, today) == (DayRefusal.NOT_OVER, today)
    assert await refusal(recon, today + timedelta(days=1)) == (DayRefusal.NOT_OVER, today + timedelta(days=1))
    assert await refusal(recon, DAY) == (DayRefusal.ALREADY_CLOSED, DAY)
    world.clock.forward(days=5)
    assert await refusal(recon, NEXT + timedelta(days=3)) == (
        DayRefusal.EARLIER_DAY_OPEN,
        NEXT + timedelta(days=1),
    )
    assert await world.count("day_report") == 2


async def test_the_first_day_is_that_of_the_first_money(world: World, recon: ReconcilingDeps) -> None:
    await credit(world, "A", 1_000, DAY)
    world.clock.forward(days=3)
    assert await refusal(recon, NEXT) == (DayRefusal.EARLIER_DAY_OPEN, DAY)
    assert await refusal(recon, DAY - timedelta(days=1)) == (DayRefusal.BEFORE_ANY_ACTIVITY, DAY - timedelta(days=1))


async def test_a_day_without_its_statement_needs_a_remark(world: World, recon: ReconcilingDeps) -> None:
    await credit(world, "A", 1_000, DAY)
    world.clock.forward(days=1)
    with pytest.raises(DayUnexplained) as refused:
        await close(recon, DayToClose(DAY, "staff/awa"))
    assert refused.value.without_statement == ("sandbox",)
    assert await world.count("day_report") == 0
    sealed = await close(recon, DayToClose(DAY, "staff/awa", remarks="L'opérateur est en panne."))
    assert json.loads(sealed.content)["remarks"] == "L'opérateur est en panne."
    assert (await verified(world)).ok


async def test_a_payment_that_came_after_the_import_is_still_a_break(world: World, recon: ReconcilingDeps) -> None:
    world.clock.forward(days=1)
    await state(world, DAY, "A")
    await credit(world, "FORGED", 300, DAY)
    sealed = await close(recon, DayToClose(DAY, "staff/awa"))
    (row,) = json.loads(sealed.content)["rows"]
    assert (row["breaks_xof"], row["unexplained_xof"]) == (-300, 0)
    assert await world.rows("SELECT kind, subject FROM reconciliation_break") == [("LEDGER_ONLY", "FORGED")]


TOUCHED = [
    ("the report", "UPDATE day_report SET content = replace(content, '1000', '1001') WHERE day = '2026-11-23'"),
    ("the signature", "UPDATE day_report SET closed_by = 'staff/nobody' WHERE day = '2026-11-23'"),
    ("the moment", "UPDATE day_report SET closed_at = closed_at + interval '1 second' WHERE day = '2026-11-23'"),
]


@pytest.mark.parametrize(("what", "change"), TOUCHED, ids=[what for what, _ in TOUCHED])
async def test_a_touched_day_is_named(
    world: World, recon: ReconcilingDeps, by_hand: psycopg.Connection, what: str, change: str
) -> None:
    del what
    await two_days(world, recon)
    by_hand.execute(change.encode())
    found = await verified(world)
    assert [finding.kind for finding in found.findings] == [FindingKind.DAY_CHANGED]
    assert "2026-11-23" in sentence(found.findings[0].detail)


async def test_a_day_that_disappears_breaks_the_chain(
    world: World, recon: ReconcilingDeps, by_hand: psycopg.Connection
) -> None:
    await two_days(world, recon)
    by_hand.execute("DELETE FROM day_report WHERE day = '2026-11-23'")
    assert await kinds(world) == {FindingKind.DAY_CHAIN_BROKEN}


async def test_cutting_off_the_last_block_is_told_by_the_day_that_saw_it(
    world: World, recon: ReconcilingDeps, by_hand: psycopg.Connection
) -> None:
    await two_days(world, recon)
    by_hand.execute("DELETE FROM ledger_block WHERE seq = (SELECT max(seq) FROM ledger_block)")
    assert FindingKind.HEAD_LOST in await kinds(world)


async def test_an_allocation_that_its_posting_does_not_carry_is_found(
    world: World, recon: ReconcilingDeps, by_hand: psycopg.Connection
) -> None:
    await two_days(world, recon)
    by_hand.execute("UPDATE allocation SET amount_xof = amount_xof - 1 WHERE id = (SELECT min(id) FROM allocation)")
    assert await kinds(world) == {FindingKind.ALLOCATION_NOT_POSTED, FindingKind.EVIDENCE_CHANGED}


async def test_a_payment_given_to_another_household_by_hand_is_found(
    world: World, recon: ReconcilingDeps, by_hand: psycopg.Connection
) -> None:
    await two_days(world, recon)
    by_hand.execute("UPDATE payment SET party_id = party_id + 1 WHERE id = (SELECT min(id) FROM payment)")
    assert await kinds(world) == {FindingKind.PAYMENT_ELSEWHERE, FindingKind.EVIDENCE_CHANGED}


async def test_figures_that_move_after_the_closing_are_told_apart_from_the_sealed_ones(
    world: World, recon: ReconcilingDeps
) -> None:
    first, _ = await two_days(world, recon)

    async def moved() -> bool:
        async with world.database.single() as connection:
            return has_moved(first.content, await day_report(connection, first.day, world.deps.operators))

    assert not await moved()
    await credit(world, "late", 700, first.day)
    assert await moved()


@pytest.mark.parametrize(
    "attempt", ["UPDATE day_report SET content = ''", "DELETE FROM day_report", "TRUNCATE day_report"]
)
async def test_a_closed_day_is_refused_to_everyone_while_the_guards_stand(
    world: World, recon: ReconcilingDeps, owner_url: str, superuser_url: str, attempt: str
) -> None:
    await two_days(world, recon)
    async with world.database.engine.connect() as connection:
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        with pytest.raises(InsufficientPrivilege):
            await raw.execute(attempt)
    for url in (owner_url, superuser_url):
        with psycopg.connect(plain(url)) as powerful, pytest.raises(RestrictViolation):
            powerful.execute(attempt.encode())
