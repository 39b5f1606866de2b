"""What has expired leaves in batches that nobody waits for, and what lasts stays."""

from datetime import datetime, timedelta
from hashlib import sha256

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.console.auth import attempts
from gateway.console.auth.devices import LIFETIME_S
from gateway.console.auth.sessions import SessionRules
from gateway.console.auth.waits import FORGET_AFTER_S
from gateway.infra.database import Database
from gateway.jobs.tick import Job
from gateway.ussd.sessions import RESUMABLE_FOR
from gateway.ussd.sessions_postgres import PostgresSessions
from gateway.worker import sweeps
from tests.fixed import START
from tests.world import World

pytestmark = pytest.mark.database

RULES = SessionRules(idle_s=900, absolute_s=43_200)
EXPIRED, LASTING, MOST = 25, 3, 10

DIALOGUES = """
    INSERT INTO ussd_session (aggregator, session_id, msisdn, version, content, expires_at)
    SELECT 'africastalking', 'S' || n, '+22370000001', 1, '{}', CAST(:moment AS timestamptz) + n * interval '1 ms'
      FROM generate_series(CAST(:first AS int), :last) AS n
"""
COLLEAGUE = """
    INSERT INTO staff (login, name, role, password_hash, created_at)
    VALUES ('awa', 'Awa', 'finance', 'x', :moment) RETURNING id
"""
LOGINS = """
    INSERT INTO staff_session (token_sha256, staff_id, csrf_token, started_at, seen_at)
    SELECT sha256(CAST(CAST(n AS text) AS bytea)), (SELECT id FROM staff WHERE login = 'awa'), 'c', :moment, :moment
      FROM generate_series(CAST(:first AS int), :last) AS n
"""
DEVICES = """
    INSERT INTO staff_device (token_sha256, staff_id, issued_at, seen_at)
    SELECT sha256(CAST(CAST(n AS text) AS bytea)), (SELECT id FROM staff WHERE login = 'awa'), :moment, :moment
      FROM generate_series(CAST(:first AS int), :last) AS n
"""
ATTEMPTS = """
    INSERT INTO login_attempt (key, failures, next_allowed_at, seen_at)
    SELECT sha256(CAST(CAST(n AS text) AS bytea)), 1, :moment, CAST(:moment AS timestamptz) + n * interval '1 ms'
      FROM generate_series(CAST(:first AS int), :last) AS n
"""
#: What is put into each table, and how long ago its moment lies when it has just expired.
FORGOTTEN = {
    "ussd_session": (DIALOGUES, int(RESUMABLE_FOR.total_seconds()) + 1),
    "staff_session": (LOGINS, RULES.idle_s + 1),
    "staff_device": (DEVICES, LIFETIME_S + 1),
    "login_attempt": (ATTEMPTS, FORGET_AFTER_S + 1),
}


async def fill(world: World, table: str, moment: datetime, first: int, last: int) -> None:
    statement, _ = FORGOTTEN[table]
    async with world.database.unit_of_work() as connection:
        await connection.execute(text(statement), {"moment": moment, "first": first, "last": last})


async def count(world: World, table: str) -> object:
    [(rows,)] = await world.rows(f"SELECT count(*) FROM {table}")  # noqa: S608 - the table is one of ours
    return rows


def jobs_of(world: World, most: int) -> dict[str, Job]:
    return {job.name: job for job in sweeps(PostgresSessions(world.database), RULES, most)}


def job_for(world: World, table: str, most: int) -> Job:
    return jobs_of(world, most)["dialogues" if table == "ussd_session" else "logins"]


@pytest.mark.parametrize("table", FORGOTTEN)
async def test_what_expired_leaves_in_batches_and_what_lasts_stays(world: World, table: str) -> None:
    now = world.clock.forward(days=400)
    await world.rows(COLLEAGUE, moment=START)
    await fill(world, table, now - timedelta(seconds=FORGOTTEN[table][1]), 1, EXPIRED)
    # A dialogue lasts until its moment; the others are remembered from theirs.
    await fill(world, table, now + timedelta(seconds=1) if table == "ussd_session" else now, 101, 100 + LASTING)
    job = job_for(world, table, MOST)
    left = []
    while await job.work(world.jobs, now):
        left.append(await count(world, table))
    # A batch that is full goes on at once; the one that is not rests.
    assert left == [EXPIRED + LASTING - MOST, EXPIRED + LASTING - 2 * MOST]
    assert await count(world, table) == LASTING
    assert await job.work(world.jobs, now) == 0


@pytest.mark.parametrize("table", FORGOTTEN)
async def test_a_row_in_somebody_s_hands_is_passed_over_and_nobody_waits(world: World, table: str) -> None:
    now = world.clock.forward(days=400)
    await world.rows(COLLEAGUE, moment=START)
    await fill(world, table, now - timedelta(seconds=FORGOTTEN[table][1]), 1, EXPIRED)
    job = job_for(world, table, MOST)

    async def hold(connection: AsyncConnection) -> None:
        await connection.execute(text(f"SELECT FROM {table} LIMIT 4 FOR UPDATE"))
        while await job.work(world.jobs, now):
            pass
        assert await count(world, table) == 4

    await world.database.transact(hold)
    await job.work(world.jobs, now)
    assert await count(world, table) == 0


async def test_of_too_many_counts_the_oldest_are_forgotten_a_batch_at_a_time(world: World, database: Database) -> None:
    await fill(world, "login_attempt", START, 1, EXPIRED)

    async def forget(connection: AsyncConnection) -> int:
        return await attempts.sweep(connection, START, MOST, rows_max=5)

    assert [await database.transact(forget) for _ in range(3)] == [MOST, MOST, 0]
    kept = await world.rows("SELECT key FROM login_attempt ORDER BY seen_at")
    assert [bytes(key) for (key,) in kept] == [sha256(str(n).encode()).digest() for n in (21, 22, 23, 24, 25)]
