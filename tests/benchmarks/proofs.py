"""Row 5: what proving the books costs for each transaction, and how long sealing keeps a posting waiting."""

import asyncio
import time
from datetime import UTC, datetime

import psycopg

from gateway.infra.database import Database, Pool, Timeouts, open_database
from payments.ledger.balance import check_books
from payments.ledger.post import reserve_ids
from payments.ledger.seal import seal, verify
from tests.benchmarks.bench import Bench
from tests.benchmarks.growth.books import Size, build
from tests.benchmarks.report import Figure
from tests.benchmarks.servers import Broken, Server, plain

ROW, OURS = "5 proof", "proof_ours"
HOUSEHOLDS = 5_000
LONG = Timeouts(statement_ms=600_000, lock_ms=60_000, idle_in_transaction_ms=600_000, silence_ms=700_000)
POSTINGS = 200

#: The ledger as if no block had ever been sealed.
UNSEALED = """
    ALTER TABLE ledger_block DISABLE TRIGGER ALL; ALTER TABLE ledger_total DISABLE TRIGGER ALL;
    TRUNCATE ledger_block, ledger_total;
    ALTER TABLE ledger_block ENABLE TRIGGER ALL; ALTER TABLE ledger_total ENABLE TRIGGER ALL
"""


def run(bench: Bench) -> list[Figure]:
    """Prove books of so many payments, then seal them anew beside postings."""
    server, now = bench.server, datetime.now(UTC)
    size = Size(HOUSEHOLDS, bench.lines)
    build(server, size, now.date(), bench.say)
    server.create(OURS, size.name)
    server.settle_down(OURS)
    figures = asyncio.run(_proved(bench, server.url(OURS), size))
    with psycopg.connect(plain(server.url(OURS, "postgres")), autocommit=True) as connection:
        connection.execute(UNSEALED.encode())
    figures += asyncio.run(_sealed(bench, server, now))
    server.drop(OURS)
    return figures


async def _proved(bench: Bench, url: str, size: Size) -> list[Figure]:
    database = open_database(url, Pool(1, 30), LONG)
    chain, books = [], []
    try:
        for _ in range(bench.repeats):
            began = time.perf_counter()
            found = await database.transact(verify)
            proved = time.perf_counter()
            wrong = await database.transact(check_books)
            books.append((time.perf_counter() - proved) / size.payments * 1e6)
            chain.append((proved - began) / max(1, found.txns) * 1e6)
            if not found.ok or wrong:
                raise Broken(f"the books are not whole: {found.findings} {wrong}")
    finally:
        await database.close()
    extra = {"payments": size.payments, "transactions": found.txns, "blocks": found.blocks}
    return [
        Figure(ROW, "the chain, a transaction", "us", tuple(chain), goal="<= 20 us", extra=extra),
        Figure(ROW, "the books, a payment", "us", tuple(books), goal="< 10 s at 4 M: 2.5 us", extra=extra),
    ]


async def _sealed(bench: Bench, server: Server, now: datetime) -> list[Figure]:
    database = open_database(server.url(OURS), Pool(3, 30), LONG)
    try:
        alone = [await _longest_posting(database) for _ in range(bench.repeats)]
        beside, blocks = [], 0
        for _ in range(bench.repeats):
            sealing = asyncio.ensure_future(_seal(database, now))
            beside.append(await _longest_posting(database))
            blocks += await sealing
    finally:
        await database.close()
    if not blocks:
        raise Broken("nothing was sealed while postings were measured")
    extra = {"blocks": blocks, "postings": POSTINGS * bench.repeats}
    return [Figure(ROW, "longest wait of a posting beside sealing", "ms", tuple(beside), tuple(alone),
                   "longest wait without sealing", extra=extra)]  # fmt: skip


async def _seal(database: Database, now: datetime) -> int:
    """Seal a few blocks, each in a transaction of its own, as the job does."""
    sealed = 0
    for _ in range(5):
        sealed += await database.transact(lambda connection: seal(connection, now)) is not None
    return sealed


async def _longest_posting(database: Database) -> float:
    longest_s = 0.0
    for _ in range(POSTINGS):
        began = time.perf_counter()
        async with database.unit_of_work() as connection:
            await reserve_ids(connection, 1)
        longest_s = max(longest_s, time.perf_counter() - began)
    return longest_s * 1000
