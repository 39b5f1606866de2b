"""Posting on large books against posting on small ones: rate, write-ahead log and pages for each payment."""

from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from gateway.infra.ids import checked
from tests.benchmarks.ground import Paid, keep_callbacks, keep_requests
from tests.benchmarks.growth.books import Size
from tests.benchmarks.money import work
from tests.benchmarks.servers import Broken, Server, plain

#: Spreads the payers over all households, as payments of a day are.
STRIDE = 7919

COUNTERS = """
    SELECT (SELECT wal_bytes FROM pg_stat_wal), (SELECT wal_fpi FROM pg_stat_wal), blks_hit + blks_read, blks_read
      FROM pg_stat_database WHERE datname = current_database()
"""
NEXT = "SELECT count(*) FROM payment_request WHERE idempotency_key LIKE 'benchmark:%'"
CHECKED = {
    "callbacks not handled": "SELECT count(*) FROM callback WHERE id > {first} AND handled_at IS NULL",
    "callbacks that failed": "SELECT count(*) FROM callback WHERE id > {first} AND last_error IS NOT NULL",
}


@dataclass(frozen=True)
class SpreadPaid(Paid):
    """A payment by a household somewhere in the books."""

    @property
    def msisdn(self) -> str:
        return f"+2237{1 + self.number * STRIDE % self.households:07d}"

    @property
    def reference(self) -> str:
        return checked(f"9{self.number:06d}")


@dataclass(frozen=True)
class Posted:
    """What a payment cost."""

    per_s: float
    cpu_ms: float
    wal_bytes: float
    page_images: float
    pages: float
    pages_from_disk: float


def post(server: Server, size: Size, payments: int) -> Posted:
    """Let callbacks wait, let one worker post them, and count."""
    name = size.name
    first = server.one(name, NEXT)
    before_id = server.one(name, "SELECT coalesce(max(id), 0) FROM callback")
    paid: list[Paid] = [SpreadPaid(number, size.households) for number in range(first, first + payments)]
    at = datetime.now(UTC)
    keep_requests(server, name, paid, at)
    keep_callbacks(server, name, paid, at, bound=True)
    with psycopg.connect(plain(server.url(name, "postgres")), autocommit=True) as connection:
        connection.execute("ANALYZE callback")
        connection.execute("ANALYZE payment_request")
    server.checkpoint()
    before = _counters(server, name)
    per_s, cpu_s = work(server, name, "ours", 1, payments)
    wal, images, pages, read = (
        (after - was) / payments for was, after in zip(before, _counters(server, name), strict=True)
    )
    for fault, question in CHECKED.items():
        if server.one(name, question.format(first=before_id)):
            raise Broken(f"{name}: {fault}")
    return Posted(per_s, cpu_s / payments * 1000, wal, images, pages, read)


def _counters(server: Server, name: str) -> tuple[int, ...]:
    with psycopg.connect(plain(server.url(name, "postgres")), autocommit=True) as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        row = connection.execute(COUNTERS.encode()).fetchone()
    return tuple(int(value) for value in row or ())
