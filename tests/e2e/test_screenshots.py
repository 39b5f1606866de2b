"""The pictures of README and guides, and the texts of their pages, which a picture that grew old would not have.

``make screenshots`` makes both again. Time stands still and ids count, so that a page says the same at every run.
"""

import asyncio
import difflib
import os
import re
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
import uvicorn
from playwright.async_api import Browser, Page, async_playwright, expect
from starlette.applications import Starlette
from starlette.types import ASGIApp

from gateway.console import routes as console
from gateway.console.deps import ConsoleDeps
from gateway.local.phone_page import phone_router
from gateway.money.match_statement import ReconcilingDeps
from sandbox_operator import actions, page, statement
from sandbox_operator.api import ApiDeps
from sandbox_operator.model import UnaskedPayment
from tests.e2e.house import LOCAL
from tests.stories import paid, pushed
from tests.world import AMINATA, MERCHANT, MOUSSA, World

pytestmark = [pytest.mark.browser, pytest.mark.database]

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
WRITES = os.environ.get("RAMU_SCREENSHOTS") == "write"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SIZE = {"width": 1200, "height": 900}
STRANGER = "+22391000009"


@pytest.fixture(autouse=True)
def counted_references(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the operator count its references too."""
    numbers = count(1)
    monkeypatch.setattr(actions, "secrets", SimpleNamespace(token_hex=lambda _size: f"{next(numbers):08x}"))


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield opened
        await opened.close()


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    # The socket listens before the server runs, so nobody waits for a start.
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        await serving


@asynccontextmanager
async def visited(browser: Browser, address: str) -> AsyncIterator[Page]:
    context = await browser.new_context(viewport=SIZE, locale="fr-FR", timezone_id="Africa/Bamako")
    visit = await context.new_page()
    await visit.goto(address)
    yield visit
    await context.close()


def lines_of(text: str, address: str) -> str:
    """Return what a page says, line by line, wherever it was served."""
    lines = (" ".join(line.split()) for line in text.replace(address, "").splitlines())
    return "".join(f"{line}\n" for line in lines if line)


def difference(kept: str, said: str) -> str:
    lines = difflib.unified_diff(kept.splitlines(), said.splitlines(), "the picture says", "the page says", lineterm="")
    return "\n".join(lines)


async def shown(visit: Page, name: str, address: str) -> None:
    """Compare the text of a page with the one beside its picture, or make both again."""
    said, beside = lines_of(await visit.evaluate("document.body.innerText"), address), FOLDER / f"{name}.txt"
    if WRITES:
        beside.write_text(said, encoding="utf-8")
        await visit.screenshot(path=FOLDER / f"{name}.png", full_page=True)
    changed = difference(beside.read_text(encoding="utf-8") if beside.exists() else "", said)
    assert not changed, f"{name}.png is out of date: run `make screenshots` and look at what it made.\n{changed}"


def test_a_page_that_says_something_else_would_be_seen() -> None:
    assert difference("Droits ouverts\n", lines_of("  Droits  ouverts\n\n", "")) == ""
    assert "-Droits ouverts" in difference("Droits ouverts\n", "Droits fermés\n")


async def pays_by_the_merchants_code(world: World, msisdn: str, amount_xof: int) -> None:
    payment = UnaskedPayment(payer_msisdn=msisdn, amount_xof=amount_xof)
    actions.pay_unasked(world.operator, payment, world.clock.now())
    await world.deliver()
    await world.work()


async def test_the_phone_says_what_its_picture_says(world: World, browser: Browser) -> None:
    await paid(world, AMINATA, "S1")
    world.clock.forward(hours=26)
    await pays_by_the_merchants_code(world, AMINATA, 2_000)
    world.app.include_router(phone_router(world.ussd, "http://127.0.0.1:8001/"))
    async with served(world.app) as address, visited(browser, f"{address}/phone/") as phone:
        await expect(phone.locator("#inbox li")).to_have_count(2)
        await phone.click("#call")
        await expect(phone.locator("#screen")).to_contain_text("Aminata TRAORE")
        await expect(phone.locator("#line")).to_have_text("En session")
        await shown(phone, "phone", address)


async def test_the_operator_says_what_its_picture_says(world: World, browser: Browser) -> None:
    await paid(world, AMINATA, "S1")
    world.clock.forward(minutes=20)
    await pays_by_the_merchants_code(world, STRANGER, 700)
    world.clock.forward(minutes=20)
    await pushed(world, MOUSSA, "S2")
    pages = Starlette(routes=page.routes(ApiDeps(world.operator, world.clock.now, LOCAL)))
    async with served(pages) as address, visited(browser, address) as shop:
        await expect(shop.get_by_role("button", name=re.compile("^Approuver, "))).to_have_count(1)
        await shown(shop, "operator", address)


async def test_the_day_says_what_its_picture_says(world: World, browser: Browser) -> None:
    day = world.clock.now().date()
    await paid(world, AMINATA, "S1")
    await paid(world, MOUSSA, "S2")
    await pays_by_the_merchants_code(world, STRANGER, 700)
    world.clock.forward(days=1)
    content = statement.render(world.operator.books, MERCHANT, day)
    world.app.include_router(
        console.router(ConsoleDeps(world.deps, ReconcilingDeps(world.deps, world.jobs.catalog), outcome_wait_s=0))
    )
    async with served(world.app) as address, visited(browser, f"{address}/finance/") as office:
        await office.get_by_label("Identifiant").fill(LOCAL)
        await office.get_by_label("Mot de passe").fill(LOCAL)
        await office.get_by_role("button", name="Se connecter").click()
        await expect(office.get_by_role("navigation")).to_be_visible()
        await office.goto(f"{address}/finance/releves")
        file = {"name": f"releve-{day}.csv", "mimeType": "text/csv", "buffer": content}
        await office.set_input_files("#statement", file)
        await office.get_by_role("button", name="Importer").click()
        await expect(office.locator("#etat")).to_be_visible()
        await world.work()
        await expect(office.locator("#etat[data-state=matched]")).to_be_visible(timeout=60_000)
        await shown(office, "statement", address)
        await office.goto(f"{address}/finance/?jour={day}")
        await shown(office, "day", address)
        await office.get_by_role("link", name="18 750", exact=False).first.click()
        await shown(office, "lines", address)
        await office.get_by_role("link", name="Paiements", exact=True).click()
        await shown(office, "payments", address)
        await office.get_by_role("link", name=re.compile("^Q0+1$")).click()
        await shown(office, "payment", address)
        await office.locator("#origine a").click()
        await shown(office, "household", address)
