"""A PostgreSQL that ends connections or falls silent, played by its own processes."""

import os
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager

import psycopg
from sqlalchemy import text

from gateway.infra.database import Database
from tests.conftest import Urls, plain

PID = text("SELECT pg_backend_pid()")
POOL = 4


async def fill(database: Database, connections: int = POOL) -> list[int]:
    """Let a pool hold so many connections, and give their processes."""
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(database.single()) for _ in range(connections)]
        return [int((await one.execute(PID)).scalar_one()) for one in opened]


def end_all(urls: Urls) -> int:
    """End every connection of the application, as a restart or a failover does."""
    with psycopg.connect(plain(urls.superuser), autocommit=True) as session:
        return session.execute(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
            " WHERE usename = 'ramu_app' AND datname = current_database()"
        ).fetchall()[0][0]


@contextmanager
def silent(pids: list[int]) -> Iterator[None]:
    """Freeze processes of the server: their connections stay open and say nothing."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
