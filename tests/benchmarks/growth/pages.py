"""The pages of the console on small and on large books: how long, and how much of the books each looks at."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from unittest.mock import patch

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from gateway.config.settings import load_settings
from gateway.console.auth.roles import Role
from gateway.console.auth.sessions import Officer
from gateway.console.callbacks import callbacks_page
from gateway.console.day_page import day_page
from gateway.console.deps import ConsoleDeps, Visit
from gateway.console.households_page import household_page, households_page
from gateway.console.pages import balance_page, breaks_page, suspense_page
from gateway.console.payments_page import payment_trace, payments_page
from gateway.console.uploads import statement_page, statements_page
from gateway.members.number import ramu_number
from gateway.wiring import Wiring
from tests.benchmarks.growth.asked import Plan, plans_of
from tests.benchmarks.growth.books import DAYS, FIRST_SERIAL, Size
from tests.benchmarks.servers import Broken, Server, settings

TIMES = 40
OFFICER = Officer(1, "local", "Compte local (fictif)", Role.FINANCE, "x")

Handler = Callable[[ConsoleDeps, Visit], Awaitable[Response]]


def pages(today: date) -> Mapping[str, tuple[Handler, str, dict[str, str]]]:
    """Every page that shows figures: a day with its statement, a day without, and the lists."""
    stated, middle = today - timedelta(days=45), today - timedelta(days=DAYS // 2)
    return {
        "day page, today": (day_page, "", {}),
        "day page, a stated day": (day_page, f"jour={stated}", {}),
        "day page, a year ago": (day_page, f"jour={middle}", {}),
        "suspense page": (suspense_page, "", {}),
        "balance page": (balance_page, "", {}),
        "breaks page": (breaks_page, "", {}),
        "statements page": (statements_page, "", {}),
        "unreadable callbacks page": (callbacks_page, "", {}),
        "one statement's page": (statement_page, "", {"upload_id": "600"}),
        **payments(today),
        **households(),
    }


def households() -> Mapping[str, tuple[Handler, str, dict[str, str]]]:
    """The search of households in each way, and the page of one."""
    number = ramu_number(FIRST_SERIAL + 44)
    asked = {
        "RAMU number": f"q={number}",
        "telephone": "q=70 00 00 44",
        "name of one": "q=Awa EE",
        "name of thousands": "q=Awa",
        "receipt": "q=Q000050000",
        "reference of the operator": "q=MP241127.1223.00000001",
        "unplaced": "",
    }
    found: dict[str, tuple[Handler, str, dict[str, str]]] = {
        f"households, {name}": (households_page, query, {}) for name, query in asked.items()
    }
    return {**found, "households, page of one": (household_page, "", {"ramu_number": number})}


def payments(today: date) -> Mapping[str, tuple[Handler, str, dict[str, str]]]:
    """The list of payments, each way to search it and each filter; and the trace of one."""
    asked = {
        "newest": "",
        "a year ago": f"jour={today - timedelta(days=DAYS // 2)}",
        "receipt": "q=Q000050000",
        "reference of ours": "q=R000000099998",
        "reference of the operator": "q=MP241127.1223.00000001",
        "number": "q=70 00 00 44",
        "RAMU number": f"q={ramu_number(FIRST_SERIAL + 44)}",
        "name of one": "q=Awa EE",
        "name of thousands": "q=Awa",
        "amount of thousands": "q=5000",
        "amount of nobody": "q=4999",
        "in suspense": "etat=waiting",
        "reversed": "etat=reversed",
        "unasked, of one operator": "canal=unasked&operateur=sandbox",
        "amount in suspense": "q=5000&lien=suspense",
        "far back": "avant=Q000000900",
    }
    found: dict[str, tuple[Handler, str, dict[str, str]]] = {
        f"payments, {name}": (payments_page, query, {}) for name, query in asked.items()
    }
    return {**found, "payments, trace of one": (payment_trace, "", {"receipt": "Q000050000"})}


def measure(server: Server, size: Size, today: date) -> tuple[dict[str, list[float]], dict[str, list[Plan]]]:
    """Time every page, and let PostgreSQL explain what each asked."""
    return asyncio.run(_measure(server.url(size.name), today))


async def _measure(url: str, today: date) -> tuple[dict[str, list[float]], dict[str, list[Plan]]]:
    took: dict[str, list[float]] = {}
    plans: dict[str, list[Plan]] = {}
    async with _console(url) as finance:
        for name, (page, query, path) in pages(today).items():

            async def once(page: Handler = page, query: str = query, path: dict[str, str] = path) -> None:
                answer = await page(finance, _visit(query, path))
                if answer.status_code != 200:
                    raise Broken(f"{page} answered {answer.status_code}")

            plans[name] = await plans_of(url, once)
            took[name] = []
            for _ in range(TIMES):
                began = time.perf_counter()
                await once()
                took[name].append((time.perf_counter() - began) * 1000)
    return took, plans


@asynccontextmanager
async def _console(url: str) -> AsyncIterator[ConsoleDeps]:
    with patch.dict(os.environ, settings(url), clear=True):
        wiring = Wiring(load_settings(os.environ))
    try:
        yield wiring.process.console
    finally:
        await wiring.close()


def _visit(query: str, path: dict[str, str]) -> Visit:
    scope = {
        "type": "http", "method": "GET", "path": "/", "query_string": query.encode(), "headers": [], "path_params": path
    }  # fmt: skip
    return Visit(Request(scope), datetime.now(UTC), OFFICER, FormData())


def p95(values: list[float]) -> float:
    return sorted(values)[round(0.95 * (len(values) - 1))]
