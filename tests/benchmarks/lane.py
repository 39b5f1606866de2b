"""One worker process: it makes ready, waits for the word, works until nothing is left, says how much it did.

``ours`` runs the worker's own job over the callbacks that wait. ``floor`` writes the very rows that ours wrote, read
before from its database, with bare INSERTs of arrays in batches of the same size: no reading, no deciding.
``opening`` opens the periods that have begun at ``OPENED_AT``, in as many batches as it takes.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import psycopg
from psycopg import sql

from gateway.config.settings import load_settings
from gateway.infra.clock import SystemClock
from gateway.jobs.callbacks import read_callbacks
from gateway.jobs.deps import JobLimits
from gateway.jobs.inquire import inquire
from gateway.jobs.open_periods import open_periods
from gateway.wiring import Wiring
from tests.benchmarks.servers import plain

BATCH = JobLimits().batch

#: The rows of one payment in each table, with the number of the batch in which a floor writes them.
BATCHED = """
    WITH batch AS (SELECT *, (row_number() OVER (ORDER BY id) - 1) / {size} AS number FROM payment)
    SELECT batch.number, kept.* FROM {table} AS kept JOIN batch ON {condition} ORDER BY 1, 2
"""
#: In the order in which they may refer to each other.
TABLES = {
    "charge": "kept.id > {known_charges} AND batch.ledger_txn_id = (SELECT min(allocation.ledger_txn_id)"
    " FROM allocation JOIN charge own ON own.id = charge_id WHERE own.enrolment_id = kept.enrolment_id"
    " AND own.period_start = kept.period_start)",
    "observation": "batch.operator_transaction_id = kept.operator_transaction_id",
    "ledger_txn": "batch.ledger_txn_id = kept.id",
    "ledger_entry": "batch.ledger_txn_id = kept.txn_id",
    "payment": "batch.id = kept.id",
    "allocation": "batch.ledger_txn_id = kept.ledger_txn_id",
    "outbox_sms": "kept.key = 'payment/' || batch.id",
}
COLUMNS = """
    SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
     WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
MOVE = """
    UPDATE payment_request SET state = 'succeeded', finalised_at = %(now)s, next_attempt_at = NULL
     WHERE reference = ANY(%(references)s::text[])
"""
HANDLED = """
    UPDATE callback SET handled_at = %(now)s, next_attempt_at = NULL WHERE id = ANY(%(ids)s::bigint[])
"""

#: An account and its party are there from the first posting on; the floor posts to those that ours has opened.
BEFOREHAND = {
    "SELECT id, kind FROM party": "INSERT INTO party (id, kind) VALUES (%s, %s) ON CONFLICT (id) DO NOTHING",
    "SELECT code, kind, operator, party_id, syscohada_code FROM account": (
        "INSERT INTO account (code, kind, operator, party_id, syscohada_code) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (code) DO NOTHING"
    ),
}

Done = tuple[int, float]
Rows = list[tuple[object, ...]]
#: A statement with its columns as arrays.
Write = tuple[sql.Composed, list[list[object]]]


async def ours(go: Callable[[], Awaitable[None]]) -> Done:
    wiring, clock, handled = Wiring(load_settings(os.environ)), SystemClock(), 0
    jobs = wiring.process.jobs
    try:
        async with jobs.deps.worker_db.single() as connection:
            await jobs.catalog.refresh(connection)
        await go()
        began = time.process_time()
        while done := await read_callbacks(jobs, clock.now()):
            handled += done
            await inquire(jobs, clock.now())
        return handled, time.process_time() - began
    finally:
        await wiring.close()


async def opening(go: Callable[[], Awaitable[None]]) -> Done:
    wiring, at, handled = Wiring(load_settings(os.environ)), datetime.fromisoformat(os.environ["OPENED_AT"]), 0
    jobs = wiring.process.jobs
    try:
        async with jobs.deps.worker_db.single() as connection:
            await jobs.catalog.refresh(connection)
        await go()
        began = time.process_time()
        while done := await open_periods(jobs, at):
            handled += done
        return handled, time.process_time() - began
    finally:
        await wiring.close()


async def floor(go: Callable[[], Awaitable[None]]) -> Done:
    url = plain(load_settings(os.environ).database_url.get_secret_value())
    written_by_us = plain(os.environ["FLOOR_ROWS_OF"])
    async with await psycopg.AsyncConnection.connect(url, prepare_threshold=2) as connection:
        batches, callbacks = await _prepared(connection, written_by_us)
        await connection.commit()
        await go()
        began, now = time.process_time(), SystemClock().now()
        for number, (writes, references) in enumerate(batches):
            for statement, columns in writes:
                await connection.execute(statement, columns)
            await connection.execute(MOVE, {"now": now, "references": references})
            ids = callbacks[number * BATCH : (number + 1) * BATCH]
            await connection.execute(HANDLED, {"now": now, "ids": ids})
            await connection.commit()
        return len(callbacks), time.process_time() - began


async def _prepared(
    connection: psycopg.AsyncConnection, written_by_us: str
) -> tuple[list[tuple[list[Write], list[str]]], list[int]]:
    """Read what ours wrote and put it into arrays, so that nothing but writing is left."""
    known_charges = await (await connection.execute("SELECT max(id) FROM charge")).fetchone()
    waiting = await connection.execute("SELECT id FROM callback WHERE handled_at IS NULL ORDER BY id")
    callbacks = [int(row[0]) for row in await waiting.fetchall()]
    batches: list[tuple[list[Write], list[str]]] = [([], []) for _ in range(0, len(callbacks), BATCH)]
    async with await psycopg.AsyncConnection.connect(written_by_us) as source:
        for query, insert in BEFOREHAND.items():
            for row in await (await source.execute(query.encode())).fetchall():
                await connection.execute(insert.encode(), row)
        for table, condition in TABLES.items():
            columns = await (await source.execute(COLUMNS, [table])).fetchall()
            condition = condition.format(known_charges=known_charges[0] if known_charges else 0)  # noqa: PLW2901
            query = BATCHED.format(size=BATCH, table=table, condition=condition)
            rows: Rows = await (await source.execute(query.encode())).fetchall()
            insert = _insert(table, columns)
            for number, (writes, _) in enumerate(batches):
                mine = [row[1:] for row in rows if row[0] == number]
                if mine:
                    writes.append((insert, [list(column) for column in zip(*mine, strict=True)]))
        query = "SELECT our_reference FROM payment ORDER BY id"
        references = [str(row[0]) for row in await (await source.execute(query)).fetchall()]
    for number, (_, mine_too) in enumerate(batches):
        mine_too.extend(references[number * BATCH : (number + 1) * BATCH])
    return batches, callbacks


def _insert(table: str, columns: Sequence[tuple[str, str]]) -> sql.Composed:
    arrays = [sql.SQL("{}::{}[]").format(sql.Placeholder(), sql.SQL(kind)) for _, kind in columns]
    return sql.SQL("INSERT INTO {} ({}) SELECT * FROM unnest({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(sql.Identifier(name) for name, _ in columns),
        sql.SQL(", ").join(arrays),
    )


async def _go() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    kinds = {"ours": ours, "floor": floor, "opening": opening}
    arguments.add_argument("kind", choices=kinds)
    handled, cpu_s = asyncio.run(kinds[arguments.parse_args().kind](_go))
    sys.stdout.write(json.dumps({"handled": handled, "cpu_s": cpu_s}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
