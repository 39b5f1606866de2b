"""A day whose statement ends before the day does: what came after is named so, and nothing of it is unexplained."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from random import Random

import pytest

from gateway.infra.database import Database
from gateway.reports.day import OperatorDay, day_report
from gateway.reports.sealed_day import canonical, read_sealed
from tests.gateway.reports.built_days import MadeDay

pytestmark = pytest.mark.database

DAY = date(2026, 11, 20)
MIDNIGHT = datetime.combine(DAY, time(), UTC)
UNTIL = MIDNIGHT + timedelta(hours=22, minutes=49)


async def stated_until(
    database: Database, paid: dict[datetime, int], *, day: date = DAY, missing: int = 0
) -> OperatorDay:
    """Return the day whose statement ends at 22:49 and gives what was paid before, but for ``missing`` francs."""
    start = datetime.combine(day, time(), UTC)
    async with database.unit_of_work() as connection:
        made = MadeDay(connection, day, "sandbox", start + timedelta(days=2), lasts=timedelta(hours=22, minutes=49))
        file = made.file()
        for number, (at, amount_xof) in enumerate(paid.items()):
            name = f"I{day:%m%d}{number:04d}"
            await made.pay(name, amount_xof, at)
            if at < start + made.lasts:
                made.line(file, name, amount_xof, at, "matched")
        if missing:
            made.line(file, f"M{day:%m%d}", missing, start, "matched")
        await made.keep()
    async with database.single() as connection:
        [row] = (await day_report(connection, day, {"sandbox"})).rows
    return row


async def test_what_comes_at_the_very_end_of_the_statement_or_after_it_is_after_it(database: Database) -> None:
    second = timedelta(seconds=1)
    row = await stated_until(database, {UNTIL - second: 1_000, UNTIL: 200, UNTIL + second: 30})
    assert (row.stated_until, row.after_xof, row.after_count) == (UNTIL, 230, 2)
    assert (row.unexplained_xof, row.unexplained_until_xof) == (None, 0)


async def test_what_nothing_explains_before_the_end_is_not_said_to_have_come_after(database: Database) -> None:
    row = await stated_until(database, {MIDNIGHT: 1_000, UNTIL: 200}, missing=77)
    assert (row.after_xof, row.unexplained_until_xof) == (200, 77)


async def test_of_random_days_what_is_explained_and_what_came_after_add_up(database: Database) -> None:
    reached: Counter[str] = Counter()
    for seed in range(25):
        dice, day = Random(seed), DAY - timedelta(days=seed + 1)  # noqa: S311 - the dice of a test, not a secret
        start = datetime.combine(day, time(), UTC)
        paid = {start + timedelta(seconds=second): dice.randrange(1, 9_000) for second in dice.sample(range(86_400), 9)}
        row = await stated_until(database, paid, day=day)
        after = [amount for at, amount in paid.items() if at >= start + timedelta(hours=22, minutes=49)]
        assert (row.after_xof, row.after_count) == (sum(after), len(after))
        assert row.operator_amount_xof == row.posted_xof - row.after_xof
        reached["some after" if after else "none after"] += 1
    assert min(reached.values()) > 3, reached


async def test_a_day_that_is_stated_to_its_end_has_nothing_after(database: Database) -> None:
    async with database.unit_of_work() as connection:
        made = MadeDay(connection, DAY, "sandbox", MIDNIGHT + timedelta(days=2))
        await made.pay("W1", 500, MIDNIGHT)
        made.line(made.file(), "W1", 500, MIDNIGHT, "matched")
        await made.keep()
    async with database.single() as connection:
        report = await day_report(connection, DAY, {"sandbox"})
    assert (report.rows[0].stated_until, report.rows[0].after_count, report.rows[0].unexplained_xof) == (None, 0, 0)


async def test_a_sealed_day_is_read_back_with_the_moment_of_its_statement(database: Database) -> None:
    await stated_until(database, {MIDNIGHT: 1_000, UNTIL: 200})
    async with database.single() as connection:
        report = await day_report(connection, DAY, {"sandbox"})
    sealed = read_sealed(canonical(report))
    assert sealed is not None
    assert sealed.summary == report
