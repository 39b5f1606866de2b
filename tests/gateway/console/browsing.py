"""The console behind a real socket, with days of every kind of trouble, and a real browser in front of it."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path

import uvicorn
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.gateway.console.desk import PASSWORD, Desk
from tests.gateway.console.test_unreadable import came
from tests.gateway.reports.built_days import Deal, Fate, MadeDay

DAY = date(2026, 11, 20)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
#: Where a person who works on the pages wants to find pictures of them.
PICTURES = os.environ.get("RAMU_TEST_PICTURES")


@asynccontextmanager
async def served(desk: Desk, *, works: bool = True) -> AsyncIterator[str]:
    """Serve the console with its days, and work beside it as a worker does, unless the test does; give the address."""
    await desk.staff("local")
    await write_days(desk)
    await came(desk, 3)
    await came(desk, 1, "2001:db8:1234:5678::/64", b"x" * 5_000, signed=False)
    # The socket listens before the server runs, so nobody waits for a start.
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(desk.app, log_level="warning", lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        over = asyncio.Event()
        if not works:
            over.set()
        working = asyncio.create_task(keep_working(desk, over))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        over.set()
        server.should_exit = True
        await asyncio.gather(serving, working)


async def keep_working(desk: Desk, over: asyncio.Event) -> None:
    """Do what a worker beside the console does of statements."""
    while not over.is_set():
        await desk.work()
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), 0.5)


async def write_days(desk: Desk) -> None:
    async with desk.database.unit_of_work() as connection:
        made = MadeDay(connection, DAY, "sandbox", desk.clock.now(), opening_xof=30_450)
        await made.write(
            [
                *(Deal(Fate.MATCHED, 12_000 + 500 * number, 1, number) for number in range(40)),
                Deal(Fate.SUSPENSE, 7_500, 1, 50),
                Deal(Fate.AMOUNT_OPEN, 12_000, 10_000, 60),
                Deal(Fate.LEDGER_ONLY, 3_000, 1, 70),
                Deal(Fate.FEE, 4_150, 1, 80),
            ]
        )
        await made.ask("unknown", 5_000, desk.clock.now())
        await MadeDay(connection, date(2026, 11, 19), "sandbox", desk.clock.now(), opening_xof=3_450).write(
            [Deal(Fate.MATCHED, 3_000, 1, number) for number in range(9)]
        )
        strange = MadeDay(connection, date(2026, 11, 18), "sandbox", desk.clock.now())
        file = strange.file()
        await strange.deal(Deal(Fate.MATCHED, 3_000, 1, 1), file, file)
        strange.line(file, "X1", 450, datetime(2026, 11, 18, 9, tzinfo=UTC), "matched")
        await strange.keep()


@asynccontextmanager
async def opened_browser(path: str) -> AsyncIterator[Browser]:
    """Open the machine's own browser."""
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield opened
        await opened.close()


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


async def log_in(page: Page, address: str) -> None:
    await page.goto(f"{address}/finance/")
    await picture(page, "login")
    await page.get_by_label("Identifiant").fill("local")
    await page.get_by_label("Mot de passe").fill(PASSWORD)
    await page.get_by_role("button", name="Se connecter").click()
    await expect(page.get_by_role("heading", name="lundi 23 novembre 2026")).to_be_visible()
