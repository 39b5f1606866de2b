"""Callbacks are kept as they came and handed out to one reader at a time."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from gateway.infra.database import Database
from payments.evidence.callbacks import (
    ATTEMPTS_MAX,
    REMOVED,
    WAIT,
    kept_headers,
    lease_due,
    mark_failed,
    mark_handled,
    store,
)
from payments.http_messages import RawRequest
from payments.observation import VerdictKind
from payments.operators.contract import Verdict
from payments.requests.dispatch import Lease

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
UNVERIFIED = Verdict(VerdictKind.ACCEPT_UNVERIFIED, "to be confirmed")
LEASE_S = 60


def raw(body: bytes = b"{}", headers: Mapping[str, str] | None = None) -> RawRequest:
    return RawRequest("PUT", "/webhooks/sandbox", "", headers or {}, body, NOW)


async def insert_observations(database: Database, count: int = 1, verdict: Verdict = UNVERIFIED) -> None:
    for number in range(count):
        async with database.single() as connection:
            await store(connection, "sandbox", None, raw(b"%d" % number), verdict)


async def take(database: Database, now: datetime = NOW, batch: int = 10) -> list[int]:
    leased = await database.transact(lambda connection: lease_due(connection, Lease("sandbox", now, LEASE_S, batch)))
    return [callback.id for callback in leased]


def test_what_may_be_a_secret_is_removed_and_the_rest_is_kept() -> None:
    kept = kept_headers({"authorization": "Bearer x", "x-api-key": "y", "x-date": "z\x00"})
    assert kept == {"authorization": REMOVED, "x-api-key": REMOVED, "x-date": "z"}


async def test_a_claimed_callback_belongs_to_one_reader_until_its_lease_ends(database: Database) -> None:
    await insert_observations(database)
    assert len(await take(database)) == 1
    assert await take(database, NOW + timedelta(seconds=LEASE_S - 1)) == []
    assert len(await take(database, NOW + timedelta(seconds=LEASE_S))) == 1


async def test_readers_on_many_connections_share_the_callbacks_without_waiting(database: Database) -> None:
    await insert_observations(database, 40)
    async with database.unit_of_work() as held:
        mine = [callback.id for callback in await lease_due(held, Lease("sandbox", NOW, LEASE_S, 10))]
        others = await asyncio.gather(*(take(database) for _ in range(4)))
    taken = [*mine, *(callback_id for batch in others for callback_id in batch)]
    assert len(taken) == len(set(taken)) == 40


async def test_what_was_handled_is_never_handed_out_again(database: Database) -> None:
    await insert_observations(database, 2)
    first, second = await take(database)
    await database.transact(lambda connection: mark_handled(connection, [(first, None), (second, "remark")], NOW))
    await database.transact(lambda connection: mark_failed(connection, first, "too late", NOW))
    assert await take(database, NOW + timedelta(days=9)) == []
    async with database.single() as connection:
        kept = await connection.execute(text("SELECT last_error, parked_at FROM callback ORDER BY id"))
        assert [tuple(row) for row in kept] == [(None, None), ("remark", None)]


async def test_each_failure_waits_longer_and_the_last_one_parks(database: Database) -> None:
    await insert_observations(database)
    now, waits = NOW, []
    for attempt in range(1, ATTEMPTS_MAX + 1):
        [callback_id] = await take(database, now)
        await database.transact(
            lambda connection, callback_id=callback_id, now=now: mark_failed(connection, callback_id, "x" * 900, now)  # type: ignore[misc]
        )
        due = now + attempt * attempt * WAIT
        if attempt < ATTEMPTS_MAX:
            assert await take(database, due - timedelta(seconds=1)) == []
            waits.append(attempt)
        now = due
    assert await take(database, NOW + timedelta(days=9)) == []
    assert len(waits) == ATTEMPTS_MAX - 1
    async with database.single() as connection:
        parked = (
            await connection.execute(text("SELECT parked_at IS NOT NULL, length(last_error) FROM callback"))
        ).one()
    assert tuple(parked) == (True, 500)


async def test_what_a_person_must_see_is_parked_at_once(database: Database) -> None:
    await insert_observations(database)
    [callback_id] = await take(database)
    await database.transact(lambda connection: mark_failed(connection, callback_id, "unreadable", NOW, park=True))
    assert await take(database, NOW + timedelta(days=9)) == []
