from datetime import UTC, datetime

from sqlalchemy import text

from gateway.infra.database import Database, Pool, Timeouts, open_database
from gateway.operator_api.refusals import ROWS_MAX, Refusals
from payments.evidence.refusals import OTHERS, refused_one

NOW = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)


async def kept(database: Database) -> tuple[int, int]:
    async with database.single() as connection:
        found = await connection.execute(text("SELECT count(*), coalesce(sum(refused), 0) FROM refused_callback"))
        count, refused = found.one()
        return int(count), int(refused)


async def test_what_cannot_be_written_now_is_written_later(database: Database) -> None:
    refusals = Refusals()
    refusals.note(refused_one("sandbox", "203.0.113.9", "why", b"{}", NOW))
    nowhere = open_database("postgresql+psycopg://x@/x?host=/nowhere", Pool(size=1, timeout_s=1), Timeouts())
    await refusals.write(nowhere, NOW)
    refusals.note(refused_one("sandbox", "203.0.113.9", "why", b"{}", NOW))
    await refusals.write(database, NOW)
    assert await kept(database) == (1, 2)
    await refusals.write(database, NOW)
    assert await kept(database) == (1, 2)


async def test_a_crowd_of_senders_does_not_fill_the_memory() -> None:
    refusals = Refusals()
    for number in range(3 * ROWS_MAX):
        refusals.note(refused_one("sandbox", f"sender {number}", "why", b"{}", NOW))
    assert len(refusals._rows) == ROWS_MAX + 1
    assert next(row.count for row in refusals._rows.values() if row.sender == OTHERS) == 2 * ROWS_MAX
