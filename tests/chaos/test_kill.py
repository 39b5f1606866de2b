"""kill -9 of the worker, of the web process and of PostgreSQL while people pay: nothing acknowledged is lost."""

import asyncio
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from gateway.infra.database import Pool, Timeouts, open_database
from gateway.money.close_day import verify_all
from tests.chaos.load import TIMEOUT_S, Load
from tests.chaos.town import START_S, Town, until

WORKER_KILLS = 9
POSTGRES_KILLS = 4
CALLERS, TELLERS = 6, 4
#: A kill comes when so many callbacks were acknowledged since the one before.
BETWEEN_KILLS = 15
#: The time to work off what the kills held back.
SETTLE_S = 600

WAITING = """
    SELECT 'callback ' || id || ': attempts ' || attempts || ', ' || coalesce(last_error, 'unread')
      FROM callback WHERE handled_at IS NULL
     UNION ALL
    SELECT 'message ' || key || ': ' || state || ' ' || coalesce(last_error, '') FROM outbox_sms
      WHERE state IN ('queued', 'failed', 'undelivered')
"""


#: The dead finish nothing; what they had in hand need not wait for minutes to be over.
LEASES_ARE_OVER = """
    UPDATE callback SET next_attempt_at = received_at WHERE handled_at IS NULL AND parked_at IS NULL;
    UPDATE outbox_sms SET next_attempt_at = queued_at WHERE state = 'queued';
"""


#: Payments of which a telephone was told never or twice, with the message that should have told of them.
NOT_TOLD_ONCE = """
    SELECT payment.id, payment.payer_msisdn, payment.party_id, payment.occurred_at, payment.posted_at,
           (SELECT min(registered_at) FROM household JOIN phone_link ON phone_link.party_id = household.id
             WHERE msisdn = payer_msisdn), outbox_sms.kind, outbox_sms.state, count(sandbox_sms.id)
      FROM payment LEFT JOIN outbox_sms ON outbox_sms.key = 'payment/' || payment.id
                   LEFT JOIN sandbox_sms ON sandbox_sms.key = outbox_sms.key
     GROUP BY payment.id, outbox_sms.id HAVING count(sandbox_sms.id) <> 1
"""


@pytest.fixture
def town() -> Iterator[Town]:
    folder = Path(tempfile.mkdtemp(prefix="ramu-chaos-"))
    built = Town(folder)
    try:
        yield built
    finally:
        built.close()
        shutil.rmtree(folder, ignore_errors=True)


def superuser_url(town: Town) -> str:
    return town.postgres.database_url(role="postgres").replace("+psycopg", "")


def rows(town: Town, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(superuser_url(town)) as connection:
        return connection.execute(query.encode()).fetchall()


def end_leases(town: Town) -> None:
    with psycopg.connect(superuser_url(town)) as connection:
        connection.execute(LEASES_ARE_OVER.encode())


async def taken(town: Town, web: httpx.AsyncClient) -> list[tuple[str, int, str]]:
    books = (await web.get(f"{town.operator_url}/control/books")).json()
    return sorted(
        (one["reference"], one["amount_xof"], one["payer"])
        for one in books["transactions"]
        if one["status"] == "completed"
    )


def booked(town: Town) -> list[tuple[Any, ...]]:
    return sorted(rows(town, "SELECT operator_transaction_id, amount_xof, payer_msisdn FROM payment"))


def unsettled(town: Town, approved: list[tuple[str, int, str]]) -> list[str]:
    """Say what is not as it must be in the end."""
    try:
        waiting = [str(sentence) for (sentence,) in rows(town, WAITING)]
        here = set(booked(town))
    except psycopg.OperationalError as failure:
        return [str(failure)]
    return [
        *waiting,
        *(f"not credited: {one}" for one in set(approved) - here),
        *(f"not taken: {one}" for one in here - set(approved)),
    ]


async def kill_and_kill(town: Town, load: Load) -> None:
    """Kill one thing after another, each time when the load has moved on."""
    for number in range(WORKER_KILLS):
        goal = len(load.acknowledged) + BETWEEN_KILLS

        async def moved(goal: int = goal) -> bool:
            return len(load.acknowledged) >= goal

        await until(moved, START_S, "callbacks are acknowledged")
        town.kill("work")
        if number % 2:
            await town.kill_postgres(signal.SIGKILL if number % 4 == 1 else signal.SIGQUIT)
        if number % 4 == 2:
            town.kill("serve")
            await town.until_answering(f"{town.url}/livez")
        await town.until_working(number + 2)

    async def approved() -> bool:
        return load.approved >= WORKER_KILLS

    await until(approved, SETTLE_S, "prompts are approved")


@pytest.mark.chaos
@pytest.mark.timeout(1800)
async def test_nothing_acknowledged_is_lost_by_kill_9(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    await town.open()
    async with httpx.AsyncClient(trust_env=False, timeout=TIMEOUT_S) as web:
        load = Load(town, web)
        async with asyncio.TaskGroup() as together:
            for number in range(CALLERS):
                together.create_task(load.caller(f"+2237000010{number}"))
            for number in range(TELLERS):
                together.create_task(load.teller(f"+2237000010{number + CALLERS - 2}"))
            together.create_task(load.approver())
            await kill_and_kill(town, load)
            load.stopping.set()

        approved = await taken(town, web)
    end_leases(town)
    left: list[str] = []

    async def settled() -> bool:
        left[:] = await asyncio.to_thread(unsettled, town, approved)
        return not left

    with suppress(AssertionError):
        await until(settled, SETTLE_S, "all is settled")
    assert left == []
    await books_are_whole(town)
    stored = {bytes(body) for (body,) in rows(town, "SELECT body FROM callback")}
    assert [body for body in load.acknowledged if body not in stored] == []
    assert rows(town, NOT_TOLD_ONCE) == []
    with capsys.disabled():
        print(  # noqa: T201 - the figures are the result
            f"\nkilled {dict(town.kills)}; "
            f"{load.turns} turns, {len(load.acknowledged)} callbacks acknowledged to us, {load.refused} refused, "
            f"{load.approved} prompts approved, {len(approved)} payments credited once",
            end=" ",
        )
    assert len(load.acknowledged) >= WORKER_KILLS * BETWEEN_KILLS
    assert (town.kills["work"], town.kills["postgres"]) == (WORKER_KILLS, POSTGRES_KILLS)
    assert load.approved >= WORKER_KILLS
    assert load.refused > 0


async def books_are_whole(town: Town) -> None:
    database = open_database(town.postgres.app_url, Pool(1), Timeouts())
    try:
        verified = await database.transact(verify_all)
    finally:
        await database.close()
    assert verified.ok, verified.findings
    assert rows(town, "SELECT coalesce(sum(amount_xof), 0) FROM ledger_entry") == [(0,)]
