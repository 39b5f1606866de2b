"""Lines are kept while their file is read: whatever stops it leaves nothing, and what only its end tells is in time."""

import random
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.detail import DetailCode
from payments.errors import StatementRejected
from payments.observation import LineKind, Observation, ObservedStatus, Provenance
from payments.operators.contract import StatementHeader, StatementLine, StatementPart, StatementTotals
from payments.reconciliation.balances import read_running
from payments.reconciliation.ingest import Arrival, ingest
from payments.rejection import rejected
from tests.fixed import START
from tests.statements import Statement, keep_whole
from tests.world import World

pytestmark = pytest.mark.database

DAY = START.replace(hour=0, minute=0)
HEADER = StatementHeader("sandbox", "RAMU", DAY, DAY + timedelta(days=1), 0)


def line(number: int, name: str, moved_xof: int, at: datetime, kind: LineKind = LineKind.COLLECTION) -> StatementLine:
    said = Observation(
        "sandbox",
        Provenance.STATEMENT,
        ObservedStatus.SUCCEEDED,
        amount_xof=abs(moved_xof) if kind is LineKind.COLLECTION else None,
        fee_xof=abs(moved_xof) if kind is LineKind.FEE else None,
        operator_transaction_id=name,
        occurred_at=at,
    )
    return StatementLine(number, kind, said, f"raw\t{name}\\", moved_xof, name)


def statement(account: str, lines: Sequence[StatementLine]) -> Statement:
    end = DAY + timedelta(days=1)
    return Statement("sandbox", account, DAY, end, None, None, lines, StatementTotals(None, None, None))


async def test_a_file_that_is_not_in_time_has_the_same_balance_at_every_instant(world: World) -> None:
    world.clock.forward(days=2)
    now, dice = world.clock.now(), random.Random(7)  # noqa: S311 - a test's own order
    moments = [DAY + timedelta(minutes=5 * place) for place in range(40)]
    moved = [(100 + place, moment) for place, moment in enumerate(moments)]
    files = {}
    for account, order in (("INTIME", moved), ("NEWEST", moved[::-1]), ("MIXED", dice.sample(moved, len(moved)))):
        lines = [line(place, f"{account}{xof}", xof, at) for place, (xof, at) in enumerate(order, start=7)]
        kept = await world.database.transact(
            lambda connection, lines=lines, account=account: keep_whole(  # type: ignore[misc]
                connection, statement(account, lines), f"{account}.csv", now
            )
        )
        files[account] = kept.file_id
    assert await world.rows("SELECT account, is_in_time FROM statement_file ORDER BY id") == [
        ("INTIME", True), ("NEWEST", False), ("MIXED", False),
    ]  # fmt: skip
    asked = [
        (file_id, at + shift) for file_id in files.values() for at in moments for shift in (timedelta(0), timedelta(1))
    ]
    async with world.database.single() as connection:
        running = await read_running(connection, asked)
    for file_id, at in asked:
        assert running[file_id, at] == sum(xof for xof, moment in moved if moment < at)
    # What was written for COPY came back letter by letter.
    assert await world.rows("SELECT count(*) FROM statement_line WHERE raw = E'raw\\t' || subject || E'\\\\'") == [
        (120,)
    ]


async def test_what_only_the_whole_file_tells_takes_back_what_was_judged_before(world: World) -> None:
    world.clock.forward(days=2)
    told = [
        line(7, "ONCE", -5, DAY, LineKind.FEE),
        line(8, "TWICE", -5, DAY, LineKind.FEE),
        *(line(number, f"F{number}", -5, DAY, LineKind.FEE) for number in range(9, 15)),
        line(15, "TWICE", 100, DAY),
        line(16, "TWICE", 200, DAY),
    ]
    await world.database.transact(
        lambda connection: keep_whole(connection, statement("RAMU", told), "twice.csv", world.clock.now())
    )
    assert await world.rows("SELECT line_number FROM statement_line WHERE bucket IS NULL ORDER BY 1") == [
        (8,), (15,), (16,),
    ]  # fmt: skip


@pytest.mark.parametrize("slices_before", [0, 1, 2, 5])
async def test_what_stops_a_file_in_its_middle_leaves_nothing_of_it_and_is_told(
    world: World, slices_before: int
) -> None:
    async def stopped() -> AsyncIterator[list[StatementPart]]:
        yield [HEADER]
        for number in range(slices_before):
            yield [line(number, f"A{number}", 100, DAY)]
        raise rejected(DetailCode.FILE_IDS_CUT, 3)

    async def twice() -> AsyncIterator[list[StatementPart]]:
        yield [HEADER]
        for number in range(slices_before + 2):
            yield [line(number // 2, f"A{number}", 100, DAY)]

    arrival = Arrival(b"\x01" * 32, "stopped.csv", "staff/test", world.clock.now())
    for slices, expected in ((stopped, StatementRejected), (twice, IntegrityError)):

        async def store(
            connection: AsyncConnection, slices: object = slices, expected: type[Exception] = expected
        ) -> None:
            savepoint = await connection.begin_nested()
            with pytest.raises(expected):
                await ingest(connection, slices(), arrival)  # type: ignore[operator]
            # Nobody is at work on the connection any more.
            await savepoint.rollback()

        await world.database.transact(store)
        assert [await world.count(table) for table in ("statement_line", "statement_file")] == [0, 0]
    # The next file of this operator comes in as if nothing had been.
    kept = await world.database.transact(
        lambda connection: keep_whole(
            connection, statement("RAMU", [line(7, "A", 100, DAY)]), "next.csv", world.clock.now()
        )
    )
    assert (kept.already, await world.count("statement_line")) == (False, 1)
