"""Alive is one thing; fit to hold money is another."""

import asyncio
import socket
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from psycopg import sql
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway import health
from gateway.infra.clock_shift import move_ahead
from gateway.infra.database import Pool, Timeouts, open_database
from gateway.infra.migrate import head
from gateway.ussd.sessions_redis import RedisSessions
from payments.evidence.callbacks import mark_failed, store
from payments.evidence.unreadable import Dismissal, dismiss_one, dismiss_sender
from payments.http_messages import RawRequest
from payments.observation import Verdict, VerdictKind
from tests.conftest import Urls
from tests.fixed import TestClock
from tests.gateway.infra.failing_postgres import fill, silent
from tests.payments.books import hand
from tests.world import World


async def ready(world: World, clock: TestClock) -> tuple[int, list[str]]:
    return await said_by(app_of(world, clock))


async def said_by(app: FastAPI) -> tuple[int, list[str]]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://gateway.test") as client:
        answered = await client.get("/readyz")
    faults = answered.json()["faults"]
    assert answered.json()["ready"] == (not faults)
    return answered.status_code, faults


def app_of(world: World, clock: TestClock) -> FastAPI:
    app = FastAPI(openapi_url=None)
    app.include_router(health.router(replace(world.deps, clock=clock), world.ussd.sessions.answers))
    return app


async def database_time(world: World) -> TestClock:
    [(moment,)] = await world.rows("SELECT clock_timestamp()")
    return TestClock(moment)  # type: ignore[arg-type]


def without_carelessness(faults: list[str]) -> list[str]:
    # The private server of the tests runs without fsync, which is a fault, and rightly told.
    return [fault for fault in faults if not fault.startswith("the database runs with")]


async def test_a_process_that_answers_lives(world: World) -> None:
    answered = await world.wire.get("/livez")
    assert (answered.status_code, answered.text) == (200, "ok")


async def test_a_database_that_was_made_careless_is_not_ready(world: World) -> None:
    status, faults = await ready(world, await database_time(world))
    assert status == 503
    assert "the database runs with fsync=off" in faults
    assert without_carelessness(faults) == []


@pytest.mark.parametrize("seconds", [-61, 61])
async def test_two_clocks_a_minute_apart_are_not_ready(world: World, seconds: int) -> None:
    clock = await database_time(world)
    clock.forward(seconds=seconds + (5 if seconds > 0 else 0))
    _, faults = await ready(world, clock)
    [told] = without_carelessness(faults)
    assert told.startswith("our clock and the database's differ by 6")


async def test_a_clock_that_was_moved_in_local_mode_is_followed_there_and_refused_in_production(
    world: World,
) -> None:
    machine = await database_time(world)
    ahead = timedelta(days=30)
    await world.database.transact(
        lambda connection: move_ahead(connection, ahead, machine.now() - timedelta(seconds=10))
    )
    _, faults = await ready(world, TestClock(machine.now() + ahead))
    assert without_carelessness(faults) == []
    # A process that does not follow would date money by another time than the others.
    [told] = without_carelessness((await ready(world, machine))[1])
    assert told.startswith("our clock and the database's differ by 25")
    production = replace(world, deps=replace(world.deps, local_mode=False))
    [told] = without_carelessness((await ready(production, machine))[1])
    assert told == "the time of this database was moved ahead in local mode; it holds no true books"


async def test_another_migration_than_ours_is_not_ready(world: World, urls: Urls) -> None:
    with hand(urls.owner) as connection:
        connection.execute(sql.SQL("UPDATE alembic_version SET version_num = '0000'"))
    _, faults = await ready(world, await database_time(world))
    assert without_carelessness(faults) == [f"the database is at migration 0000, this release needs {head()}"]


async def test_a_database_that_is_gone_is_a_sentence_and_not_a_crash(world: World, urls: Urls) -> None:
    gone = open_database(f"{urls.app.replace(urls.name, 'nowhere')}", Pool(1, 1), Timeouts())
    broken = replace(world, deps=replace(world.deps, ingress_db=gone))
    assert await ready(broken, TestClock()) == (503, ["the database does not answer, or was not migrated"])
    await gone.close()


async def test_the_counters_are_there_and_name_nobody(world: World) -> None:
    answered = await world.wire.get("/metrics")
    assert answered.status_code == 200
    assert "ramu_callbacks" in answered.text
    assert "+223" not in answered.text


async def test_senders_of_unreadable_callbacks_are_counted_and_not_their_messages(world: World) -> None:
    raw = RawRequest("PUT", "/webhooks/sandbox", "", {}, b"{", world.clock.now())

    async def came(connection: AsyncConnection) -> None:
        for number, sender in enumerate(["10.1.2.3"] * 5 + ["10.9.9.9"], start=1):
            await store(connection, "sandbox", None, raw, Verdict(VerdictKind.ACCEPT, "signed"), sender=sender)
            await mark_failed(connection, number, "not strict JSON", world.clock.now(), park=True)

    async def counted() -> tuple[str, ...]:
        lines = (await world.wire.get("/metrics")).text.splitlines()
        names = ("ramu_callbacks_unreadable_senders{", "ramu_callbacks_parked ")
        return tuple(line.rpartition(" ")[2] for name in names for line in lines if line.startswith(name))

    await world.database.transact(came)
    assert await counted() == ("2.0", "6.0")
    decision = Dismissal(world.clock.now(), "staff/awa", "essai de l'opérateur")
    await world.database.transact(lambda connection: dismiss_sender(connection, "sandbox", "10.1.2.3", 6, decision))
    assert await counted() == ("1.0", "1.0")
    await world.database.transact(lambda connection: dismiss_one(connection, 6, decision))
    assert await counted() == ("0.0", "0.0")


async def test_a_database_that_is_silent_is_not_ready_and_the_process_still_lives(world: World) -> None:
    app = app_of(world, await database_time(world))
    with silent(await fill(world.deps.ingress_db, 1)):
        assert await said_by(app) == (503, [health.NO_DATABASE])
        assert (await world.wire.get("/livez")).status_code == 200
    # The question that hung is the one that is answered now; nothing of it is left behind.
    _, faults = await said_by(app)
    assert without_carelessness(faults) == []


async def test_a_redis_that_takes_connections_and_says_nothing_is_not_ready(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        async with Redis(port=deaf.getsockname()[1], socket_timeout=60, socket_connect_timeout=60) as client:
            dialogue = replace(world.ussd, sessions=RedisSessions(client))
            status, faults = await ready(replace(world, ussd=dialogue), await database_time(world))
    assert (status, without_carelessness(faults)) == (503, [health.NO_SESSIONS])


async def test_a_redis_that_is_not_there_is_not_ready(world: World) -> None:
    async with Redis(unix_socket_path="/nowhere") as client:
        dialogue = replace(world.ussd, sessions=RedisSessions(client))
        _, faults = await ready(replace(world, ussd=dialogue), await database_time(world))
    assert without_carelessness(faults) == [health.NO_SESSIONS]


async def test_what_does_not_answer_is_asked_once_however_often_we_are_watched() -> None:
    asked = 0

    async def ask() -> list[str]:
        nonlocal asked
        asked += 1
        return await asyncio.Event().wait() or []

    check = health.Check("silent", ask)
    assert await asyncio.gather(*(check.faults() for _ in range(20))) == [["silent"]] * 20
    assert asked == 1
