"""Reports as files: written to disk in slices from one snapshot, then sent at the reader's pace.

The database is done before the first byte leaves: a slow line holds no connection, a fault is a page and never half a
file, and the announced length tells a browser whether it has the whole. Rows are written, and the disk is read, in a
thread beside the event loop: whoever dials meanwhile is answered.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response, StreamingResponse

from gateway.console.auth import audit
from gateway.console.deps import ConsoleDeps, Visit, snapshot
from gateway.reports import csv_file

#: What stays in memory of a file; more goes to the disk.
MEMORY_BYTES_MAX: Final = 1024 * 1024
BLOCK_BYTES: Final = 64 * 1024

#: Each slice of a long list may take longer than a page may.
PATIENCE = text("SET LOCAL statement_timeout = '120s'")

#: Gives the rows of a report in slices.
Slices = Callable[[AsyncConnection], AsyncGenerator[Iterable[Any]]]


async def export(
    console: ConsoleDeps,
    visit: Visit,
    name: str,
    titles: Mapping[str, str],
    slices: Slices,
    *,
    labels: csv_file.Labels = csv_file.NO_LABELS,
) -> Response:
    """Return a report as a file, and note who took it."""
    # It is closed by whoever sends it, or here when there is nothing to send.
    file = SpooledTemporaryFile(MEMORY_BYTES_MAX)  # noqa: SIM115 - it outlives this function
    try:
        writer = csv_file.CsvWriter(file, titles, labels)
        async with snapshot(console.deps.console_db) as connection:
            await connection.execute(PATIENCE)
            async with aclosing(slices(connection)) as given:
                async for rows in given:
                    await asyncio.to_thread(writer.write, rows)
        await _note(console, visit, name)
    except BaseException:
        file.close()
        raise
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Content-Length": str(file.tell())}
    return StreamingResponse(_blocks(file), media_type=csv_file.MEDIA_TYPE, headers=headers)


async def _blocks(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        file.seek(0)
        while block := await asyncio.to_thread(file.read, BLOCK_BYTES):
            yield block


async def _note(console: ConsoleDeps, visit: Visit, name: str) -> None:
    async def note(connection: AsyncConnection) -> None:
        actor = audit.actor_of(visit.officer.login)
        await audit.record(connection, visit.now, actor, "report.exported", f"report/{name}")

    await console.deps.console_db.transact(note)
