"""The clock of local mode: moved ahead for every process at one instant, and never back."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.infra import clock_shift
from gateway.infra.clock import NO_SHIFT, ClockShift, ShiftedClock
from gateway.infra.clock_shift import ClockMoving, TooFarAhead, following, move_ahead, read_shift
from gateway.infra.database import Database
from tests.conftest import Urls
from tests.fixed import START, TestClock
from tests.payments.books import hand

DAY = timedelta(days=1)


def test_every_process_that_has_read_a_move_moves_at_its_instant_and_not_before() -> None:
    machine = TestClock()
    early, late = ShiftedClock(machine), ShiftedClock(machine)
    move = ClockShift(30 * DAY, timedelta(0), START + timedelta(seconds=2))
    early.take(move)
    machine.forward(seconds=1)
    late.take(move)
    assert early.now() == late.now() == machine.now()
    machine.forward(seconds=1)
    assert early.now() == late.now() == machine.now() + 30 * DAY
    # It goes on from there at the pace of the machine.
    machine.forward(hours=5)
    assert early.now() == machine.now() + 30 * DAY


def test_a_clock_never_goes_back_whatever_it_reads() -> None:
    machine = TestClock()
    clock = ShiftedClock(machine)
    clock.take(ClockShift(3 * DAY, DAY, START))
    clock.take(ClockShift(DAY, timedelta(0), START))
    clock.take(NO_SHIFT)
    assert clock.now() == machine.now() + 3 * DAY


async def test_a_move_is_kept_and_the_next_goes_on_from_it(database: Database) -> None:
    now = datetime(2026, 11, 23, 8, tzinfo=UTC)
    never = ClockShift(timedelta(0), timedelta(0), datetime(2026, 1, 1, tzinfo=UTC))
    assert await database.transact(read_shift) == never
    first = await database.transact(lambda connection: move_ahead(connection, 2 * DAY, now))
    assert first == await database.transact(read_shift) == ClockShift(2 * DAY, timedelta(0), now + clock_shift.LEAD)
    then = first.begins_at
    second = await database.transact(lambda connection: move_ahead(connection, DAY, then))
    assert second == ClockShift(3 * DAY, 2 * DAY, then + clock_shift.LEAD)


async def test_a_second_move_waits_until_the_first_has_begun(database: Database) -> None:
    await database.transact(lambda connection: move_ahead(connection, DAY, START))
    almost = START + clock_shift.LEAD - timedelta(milliseconds=1)
    with pytest.raises(ClockMoving):
        await database.transact(lambda connection: move_ahead(connection, DAY, almost))
    assert (await database.transact(read_shift)).ahead == DAY


async def test_nobody_moves_the_time_further_than_the_column_holds(database: Database) -> None:
    most = clock_shift.AHEAD_MAX
    with pytest.raises(TooFarAhead):
        await database.transact(lambda connection: move_ahead(connection, most + timedelta(seconds=1), START))
    assert (await database.transact(lambda connection: move_ahead(connection, most, START))).ahead == most


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE clock_shift SET ahead_s = ahead_s - 1",
        "UPDATE clock_shift SET before_s = 0",
        "UPDATE clock_shift SET begins_at = begins_at - interval '1 second'",
        "DELETE FROM clock_shift",
        "TRUNCATE clock_shift",
        "INSERT INTO clock_shift VALUES (2, 0, 0, '2026-11-23')",
    ],
)
async def test_the_database_itself_lets_no_time_go_back(database: Database, urls: Urls, statement: str) -> None:
    for seconds in (0, 10):
        later = START + timedelta(seconds=seconds)
        await database.transact(lambda connection, later=later: move_ahead(connection, DAY, later))

    async def change(connection: AsyncConnection) -> None:
        await connection.execute(text(statement))

    with pytest.raises(DBAPIError):
        await database.transact(change)
    # Not even the owner of the table.
    with hand(urls.owner) as owner, pytest.raises(psycopg.Error, match=r"refused|violates"):
        owner.execute(statement.encode())
    assert (await database.transact(read_shift)).ahead == 2 * DAY


async def test_whoever_follows_takes_the_time_before_its_first_work(database: Database) -> None:
    machine = TestClock()
    await database.transact(lambda connection: move_ahead(connection, 31 * DAY, START - clock_shift.LEAD))
    clock = ShiftedClock(machine)
    async with following(database, clock):
        assert clock.now() == machine.now() + 31 * DAY
