"""A report as a file: however long, in slices; whole or not at all; and a slow reader holds nothing but the file."""

import asyncio
import csv
import io
import threading
import tracemalloc
from collections.abc import AsyncGenerator, Iterable
from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.console import pages
from gateway.reports.breaks import BreakRow, each_open_break, open_breaks
from gateway.reports.csv_file import CsvWriter
from gateway.reports.slices import SLICE_ROWS
from tests.gateway.console.desk import Desk

pytestmark = pytest.mark.database


async def open_many(desk: Desk, count: int) -> None:
    async with desk.database.unit_of_work() as connection:
        await connection.execute(
            text("""
                INSERT INTO reconciliation_break (kind, operator, account, subject, about, day, difference_xof, detail,
                                                  opened_at)
                SELECT 'STATUS', 'sandbox', 'RAMU', 'T' || number, 'T' || number, '2026-11-20', number,
                       jsonb_build_object('code', repeat('x', 200)), now()
                  FROM generate_series(1, :count) AS number
            """),
            {"count": count},
        )


async def test_a_long_list_is_written_whole_in_the_order_of_the_page(desk: Desk) -> None:
    await desk.enter()
    await open_many(desk, 2 * SLICE_ROWS + 7)
    answer = await desk.browser.get("/finance/ecarts.csv")
    assert (answer.status_code, int(answer.headers["content-length"])) == (200, len(answer.content))
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""), delimiter=";"))
    async with desk.database.single() as connection:
        shown = await open_breaks(connection, date(2026, 11, 23))
    assert [row[4] for row in rows[1:]] == [one.subject for one in shown]
    assert len(rows) == 2 * SLICE_ROWS + 8
    assert (await desk.audited())[-1][1] == "report.exported"


async def test_a_long_list_is_never_in_memory_as_a_whole(desk: Desk) -> None:
    await open_many(desk, 20_000)
    held, whole = 0, 0

    async def measured(connection: AsyncConnection) -> AsyncGenerator[tuple[BreakRow, ...]]:
        nonlocal held, whole
        async for rows in each_open_break(connection, date(2026, 11, 23)):
            held, whole = max(held, tracemalloc.get_traced_memory()[0]), whole + len(rows)
            yield rows

    tracemalloc.start()
    try:
        async with desk.database.unit_of_work() as connection:
            async for _ in measured(connection):
                pass
    finally:
        tracemalloc.stop()
    assert whole == 20_000
    # The rows together are above 10 MB; a slice is half of one.
    assert held < 5_000_000


async def test_a_fault_in_the_middle_is_a_page_and_never_half_a_file(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.enter()
    await open_many(desk, 2 * SLICE_ROWS)

    real, written = CsvWriter.write, []

    def breaks_off(self: CsvWriter, rows: Iterable[object]) -> None:
        written.append(rows)
        if len(written) == 2:
            raise OperationalError("FETCH", {}, Exception("the server went away"))
        real(self, rows)

    monkeypatch.setattr(CsvWriter, "write", breaks_off)
    answer = await desk.browser.get("/finance/ecarts.csv")
    assert (answer.status_code, "Service indisponible" in answer.text) == (503, True)
    assert "attachment" not in answer.headers.get("content-disposition", "")
    assert (await desk.audited())[-1][1] != "report.exported"


async def test_a_full_disk_is_a_page_too(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.enter()

    async def full(_connection: AsyncConnection, today: date) -> AsyncGenerator[tuple[BreakRow, ...]]:
        del today
        raise OSError(28, "No space left on device")
        yield ()

    monkeypatch.setattr(pages, "each_open_break", full)
    assert (await desk.browser.get("/finance/ecarts.csv")).status_code == 503


async def test_a_reader_that_does_not_read_holds_no_connection(desk: Desk) -> None:
    await desk.enter()
    await open_many(desk, 2 * SLICE_ROWS)
    given = []
    inner = desk.app

    async def paused(scope: dict[str, object], receive: object, send: object) -> None:
        async def watched(message: dict[str, object]) -> None:
            given.append((message["type"], desk.database.engine.pool.checkedout()))  # type: ignore[attr-defined]
            await send(message)  # type: ignore[operator]

        await inner(scope, receive, watched)  # type: ignore[arg-type]

    desk.browser._transport.app = paused  # type: ignore[attr-defined]
    assert (await desk.browser.get("/finance/ecarts.csv")).status_code == 200
    assert len(given) > 3
    assert {held for _, held in given} == {0}


async def test_whoever_asks_while_a_long_list_is_written_is_answered(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.enter()
    await open_many(desk, 2 * SLICE_ROWS)
    loop, writing, asked, slices = asyncio.get_running_loop(), asyncio.Event(), threading.Event(), []
    real = CsvWriter.write

    def held(self: CsvWriter, rows: Iterable[object]) -> None:
        # The first slice is held until somebody else was answered: on the loop's own thread that would be never.
        loop.call_soon_threadsafe(writing.set)
        slices.append(asked.wait(30))
        real(self, rows)

    monkeypatch.setattr(CsvWriter, "write", held)
    export = asyncio.create_task(desk.browser.get("/finance/ecarts.csv"))
    await writing.wait()
    answer = await desk.browser.get("/finance/attente")
    assert (answer.status_code, export.done()) == (200, False)
    asked.set()
    whole = await export
    assert (whole.status_code, slices) == (200, [True, True])
