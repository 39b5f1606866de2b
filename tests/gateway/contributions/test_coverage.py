"""The days on which a household is cared for: kept as rows, the same whoever makes them and whenever."""

import asyncio
import random
from collections import Counter
from datetime import date, timedelta

import pytest
from psycopg.errors import CheckViolation, ExclusionViolation
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.contributions.account import HouseholdAccount, read_accounts
from gateway.contributions.coverage import Rebuilt, rebuild
from gateway.contributions.rights import CoverageState
from gateway.jobs.open_periods import open_periods
from gateway.members.account import load_account
from gateway.members.register import Registration, register
from gateway.reports.coverage import CercleCoverage, coverage_by_cercle
from tests.conftest import Urls
from tests.payments.books import hand
from tests.schemes import RAMED_RULES, put_in_force
from tests.stories import credited, paid
from tests.world import AMINATA, MOUSSA, World

COVERED_ON = """
    SELECT reason FROM household_coverage
     WHERE household_id = :household_id AND valid_from <= :day AND valid_to >= :day
"""
KEPT = "SELECT party_id, valid_from, valid_to, reason FROM coverage ORDER BY party_id, valid_from"
PHONES = {1: AMINATA, 2: MOUSSA}
AMOUNTS = {1: (1_500, 3_000, 6_000, 9_000, 18_000), 2: (1_000, 21_000, 30_000, 45_000)}
CARED_FOR = (CoverageState.OPEN, CoverageState.GRACE)


async def test_a_payment_writes_the_days_that_it_opened_and_the_days_of_grace_behind_them(world: World) -> None:
    assert await world.count("coverage") == 0
    await paid(world, AMINATA, "S1")
    assert await world.rows(KEPT) == [
        (1, date(2026, 12, 23), date(2027, 1, 22), "contribution"),
        (1, date(2027, 1, 23), date(2027, 2, 6), "grace"),
    ]
    await credited(world, AMINATA, 3_000, "T2")
    assert await world.rows(KEPT) == [
        (1, date(2026, 12, 23), date(2027, 2, 22), "contribution"),
        (1, date(2027, 2, 23), date(2027, 3, 9), "grace"),
    ]


async def test_money_beyond_what_may_be_paid_ahead_covers_its_periods_before_any_job_opened_them(world: World) -> None:
    await credited(world, AMINATA, 15 * 3_000 + 1, "T1")
    assert await world.rows("SELECT count(*) FROM charge WHERE payer_party_id = 1") == [(13,)]
    [(last,)] = await world.rows("SELECT max(valid_to) FROM coverage WHERE reason = 'contribution'")
    assert last == date(2028, 3, 22)


async def told_and_kept(world: World, day: date, reached: Counter[str]) -> None:
    """Compare what a telephone is told of a day with what the rows say of it."""
    async with world.database.single() as connection:
        for household_id, msisdn in PHONES.items():
            caller = await load_account(connection, world.jobs.catalog, msisdn, world.clock.now())
            assert caller is not None
            found = await world.rows(COVERED_ON, household_id=household_id, day=day)
            state = caller.household.as_of(day).rights_on(day).state
            [reason] = [row[0] for row in found] or [None]
            assert (reason is not None) == (state in CARED_FOR), (household_id, day, state, reason)
            assert (reason == "grace") == (state is CoverageState.GRACE)
            reached[f"told {state}"] += 1


async def kept_as_rebuilt(world: World) -> None:
    before = await world.rows(KEPT)
    rebuilt = await world.database.transact(lambda connection: rebuild(connection, world.jobs.catalog, 0, 100))
    assert rebuilt == Rebuilt(2, frozenset(), frozenset())
    assert await world.rows(KEPT) == before


@pytest.mark.parametrize("seed", range(6))
async def test_what_is_kept_is_what_would_be_made_again_and_what_a_telephone_is_told(world: World, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - a sample
    reached: Counter[str] = Counter()
    for step in range(30):
        before = {row[:2]: row for row in await world.rows(KEPT)}
        for household_id, msisdn in PHONES.items():
            if step % 15 < 4 and dice.random() < 0.7:
                amount_xof = dice.choice(AMOUNTS[household_id])
                await credited(world, msisdn, amount_xof, f"T{step}-{household_id}")
                reached["paid"] += 1
        if dice.random() < 0.5:
            await open_periods(world.jobs, world.clock.now())
            reached["the job came"] += 1
        await kept_as_rebuilt(world)
        after = {row[:2]: row for row in await world.rows(KEPT)}
        reached["changed"] += before != after
        reached["unchanged by time and job"] += before == after
        today = world.clock.now().date()
        for _ in range(3):
            await told_and_kept(world, today + timedelta(days=dice.randint(0, 45)), reached)
        world.clock.forward(days=dice.randint(5, 40))
    rows = await world.rows(KEPT)
    reached["stretches"] += len(rows)
    assert reached["changed"] >= 1, reached
    assert reached["unchanged by time and job"] >= 5, reached
    assert reached[f"told {CoverageState.OPEN}"] >= 10, reached
    assert reached[f"told {CoverageState.GRACE}"] + reached[f"told {CoverageState.CLOSED}"] >= 10, reached
    assert reached["stretches"] >= 2, reached


async def test_a_household_of_which_nothing_is_asked_is_covered_as_exempt_and_stays_so(world: World) -> None:
    scheme = await put_in_force(world, RAMED_RULES)
    caller = Registration("+22370001000", "Sira Coulibaly", "autre", "0201", 4)
    await world.database.transact(lambda connection: register(connection, caller, scheme, world.clock.now()))
    [(household, *row)] = await world.rows(KEPT)
    # The year that begins next is foreseen, for it asks for nothing either.
    assert row == [date(2026, 11, 23), date(2027, 12, 31), "exemption"]
    world.clock.forward(days=60)
    await world.work()
    assert await world.rows(KEPT) == [(household, date(2026, 11, 23), date(2028, 12, 31), "exemption")]
    async with world.database.single() as connection:
        rows = await coverage_by_cercle(connection, date(2027, 2, 1))
    assert CercleCoverage("0201", 1, 0, 1, 0) in rows


async def test_the_households_of_a_cercle_are_counted_by_why_they_are_cared_for(world: World) -> None:
    await paid(world, AMINATA, "S1")
    homes = dict(await world.rows("SELECT id, cercle_code FROM household"))
    async with world.database.single() as connection:
        for day, counts in (
            (date(2026, 12, 22), (0, 0, 0)),
            (date(2026, 12, 23), (1, 0, 0)),
            (date(2027, 1, 22), (1, 0, 0)),
            (date(2027, 1, 23), (0, 0, 1)),
            (date(2027, 2, 6), (0, 0, 1)),
            (date(2027, 2, 7), (0, 0, 0)),
        ):
            rows = {row.cercle_code: row for row in await coverage_by_cercle(connection, day)}
            row = rows[str(homes[1])]
            assert (row.paid_count, row.exempt_count, row.grace_count) == counts, day
            assert sum(row.household_count for row in rows.values()) == 2
        assert await coverage_by_cercle(connection, date(2026, 11, 22)) == ()


@pytest.mark.usefixtures("world")
def test_two_reasons_never_share_a_day_of_a_party_whoever_writes(urls: Urls) -> None:
    row = "INSERT INTO coverage (party_id, valid_from, valid_to, reason) VALUES (1, %s, %s, %s)"
    with hand(urls.app) as connection:
        connection.execute(row, ("2027-01-01", "2027-01-31", "contribution"))
        connection.execute(row, ("2027-02-01", "2027-02-15", "grace"))
        for refusal, values in (
            (ExclusionViolation, ("2027-01-31", "2027-02-28", "grace")),
            (CheckViolation, ("2027-04-02", "2027-04-01", "grace")),
            (CheckViolation, ("2027-04-01", "2027-04-02", "kindness")),
        ):
            with pytest.raises(refusal):
                connection.execute(row, values)


async def test_a_row_that_was_changed_by_hand_is_named_and_made_again_and_a_dry_run_writes_nothing(
    world: World, urls: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    await paid(world, AMINATA, "S1")
    right = await world.rows(KEPT)
    with hand(urls.owner) as connection:
        connection.execute("UPDATE coverage SET valid_to = valid_to + 30 WHERE reason = 'grace'")
        connection.execute(
            "INSERT INTO coverage (party_id, valid_from, valid_to, reason)"
            " VALUES (2, '2027-01-01', '2027-12-31', 'exemption')"
        )
    wrong = await world.rows(KEPT)
    monkeypatch.setenv("RAMU_MODE", "local")
    monkeypatch.setenv("DATABASE_URL", urls.app)

    async def ramu(*words: str) -> tuple[int, str]:
        shown = await asyncio.to_thread(CliRunner().invoke, app, ["coverage", *words])
        return shown.exit_code, shown.output

    assert await ramu("rebuild", "--dry-run") == (1, "2 ménages différaient : 1, 2\n")
    assert await world.rows(KEPT) == wrong
    assert await ramu("rebuild") == (0, "2 ménages différaient : 1, 2\n")
    assert await world.rows(KEPT) == right
    assert await ramu("rebuild", "--dry-run") == (0, "Rien ne différait.\n")
    code, shown = await ramu("by-cercle", "2026-12-25")
    assert (code, "Ménages couverts le 25/12/2026" in shown) == (0, True)
    assert await ramu("by-cercle", "25/12/2026") == (code, shown)
    for no_day in ("25/12", "2026-12-32", "demain"):
        assert (await ramu("by-cercle", no_day))[0] == 2


async def test_reading_alone_changes_nothing(world: World) -> None:
    async def account(household_id: int) -> HouseholdAccount:
        async with world.database.unit_of_work() as connection:
            return (await read_accounts(connection, world.jobs.catalog, [household_id])).readable[household_id]

    await paid(world, AMINATA, "S1")
    first = await account(1)
    assert first.coverage() == (await account(1)).coverage()
    assert [stretch.reason for stretch in first.coverage()] == ["contribution", "grace"]
