"""A turn of a household of 24 months beside that of a household of one: processor time and pages looked at."""

import asyncio
import os
import time
from datetime import UTC, datetime
from unittest.mock import patch

import psycopg

from gateway.config.settings import load_settings
from gateway.ussd.aggregators.contract import Turn, TurnEvent
from gateway.ussd.deps import UssdDeps
from gateway.ussd.turn import handle_turn
from gateway.wiring import Wiring
from tests.benchmarks.growth.asked import Plan, plans_of
from tests.benchmarks.growth.books import Size
from tests.benchmarks.servers import Broken, Server, plain, settings

TURNS = 100
REPEATS = 12
LIMIT_S = 30
#: Where in the order of registration the households stand: the first ones are 24 months old, the last ones one.
OLD, YOUNG = 0.002, 0.96
PICK = """
    SELECT msisdn FROM household JOIN phone_link ON phone_link.party_id = household.id
      JOIN enrolment ON enrolment.id = household.enrolment_id
     WHERE scheme_code = 'ARTISAN' AND household.id > %s ORDER BY household.id LIMIT %s
"""


def measure(server: Server, size: Size) -> tuple[dict[str, list[float]], dict[str, list[Plan]]]:
    """Give milliseconds of processor time of this process for a turn, and of waiting, by the household's age."""
    return asyncio.run(_measure(server.url(size.name), size))


async def _measure(url: str, size: Size) -> tuple[dict[str, list[float]], dict[str, list[Plan]]]:
    with psycopg.connect(plain(url)) as connection:
        callers = {
            who: [str(row[0]) for row in connection.execute(PICK, (int(size.households * share), TURNS)).fetchall()]
            for who, share in (("24 months", OLD), ("1 month", YOUNG))
        }
    with patch.dict(os.environ, settings(url), clear=True):
        wiring = Wiring(load_settings(os.environ))
    took: dict[str, list[float]] = {}
    plans: dict[str, list[Plan]] = {}
    try:
        ussd = wiring.process.ussd
        async with wiring.process.deps.worker_db.single() as connection:
            await wiring.process.catalog.refresh(connection)
        for repeat in range(REPEATS):
            for who, numbers in callers.items():
                run = f"growth{time.time_ns()}"
                cpu, wall = time.process_time(), time.perf_counter()
                for place, msisdn in enumerate(numbers):
                    await _dial(ussd, msisdn, f"{run}x{place}")
                if repeat:
                    took.setdefault(f"{who}, cpu", []).append((time.process_time() - cpu) / TURNS * 1000)
                    took.setdefault(f"{who}, wall", []).append((time.perf_counter() - wall) / TURNS * 1000)
        for who, numbers in callers.items():
            plans[who] = await plans_of(url, lambda numbers=numbers: _dial(ussd, numbers[0], f"plan{time.time_ns()}"))
    finally:
        await wiring.close()
    return took, plans


async def _dial(ussd: UssdDeps, msisdn: str, session: str) -> None:
    now = datetime.now(UTC)
    turn = Turn("africastalking", session, None, msisdn, "*123#", TurnEvent.BEGIN, None, "", None, now)
    reply = await handle_turn(ussd, ussd.aggregators["africastalking"], turn, LIMIT_S)
    if reply is None or b"situation" not in reply.response.body:
        raise Broken(f"{msisdn} was answered {reply}")
