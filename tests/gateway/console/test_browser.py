"""The console as a person sees it, in a real browser."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import uvicorn
from playwright.async_api import Browser, Page, async_playwright, expect

from gateway.infra.database import Database
from tests.fixed import CountedIds, TestClock
from tests.gateway.console.desk import PASSWORD, Desk, open_desk
from tests.gateway.console.test_unreadable import SENDER, came
from tests.gateway.console.test_uploads import STATEMENT
from tests.gateway.reports.built_days import Deal, Fate, MadeDay

pytestmark = pytest.mark.browser

DAY = date(2026, 11, 20)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
#: Where a person who works on the pages wants to find pictures of them.
PICTURES = os.environ.get("RAMU_TEST_PICTURES")


@pytest.fixture
async def address(database: Database, clock: TestClock, ids: CountedIds) -> AsyncIterator[str]:
    """The console of one's own machine behind a real socket, with one day of every kind of trouble."""
    async with open_desk(database, clock, ids, local_mode=True) as desk:
        await desk.staff("local")
        await write_days(desk)
        await came(desk, 3)
        await came(desk, 1, "2001:db8:1234:5678::/64", b"x" * 5_000, signed=False)
        # The socket listens before the server runs, so nobody waits for a start.
        with socket.create_server(("127.0.0.1", 0)) as listening:
            server = uvicorn.Server(uvicorn.Config(desk.app, log_level="warning", lifespan="off"))
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            over = asyncio.Event()
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


async def test_a_person_logs_in_sees_the_day_exports_it_and_leaves(address: str, browser: Browser) -> None:
    page = await browser.new_page(viewport={"width": 1280, "height": 800}, locale="fr-FR", accept_downloads=True)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    await log_in(page, address)
    await picture(page, "today")
    await page.get_by_label("Autre jour").fill(str(DAY))
    await page.get_by_role("button", name="Voir").click()
    await expect(page.locator("#status")).to_contain_text("Expliquée, avec des points à traiter")
    await expect(page.locator("[data-field=suspense_xof] data").first).to_have_attribute("value", "7500")
    await picture(page, "day")
    await page.emulate_media(media="print")
    await picture(page, "day-print")
    await page.emulate_media(media="screen")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Exporter en CSV").click()
    assert (await download.value).suggested_filename == f"rapprochement-{DAY}.csv"
    for name in ("Écarts", "En attente", "Relevés", "Balance"):
        await page.get_by_role("navigation").get_by_role("link", name=name).click()
        await expect(page.get_by_role("navigation").locator("[aria-current=page]")).to_have_text(name)
        await picture(page, name)
    for day in ("2026-11-19", "2026-11-18"):
        await page.goto(f"{address}/finance/?jour={day}")
        await picture(page, day)
    await page.goto(f"{address}/finance/?jour=demain")
    await picture(page, "refused")
    await page.get_by_role("button", name="Quitter").click()
    await expect(page.get_by_label("Mot de passe")).to_be_visible()
    assert [text for text in complaints if "400" not in text] == []


async def test_a_statement_can_be_sent_from_the_page(address: str, browser: Browser) -> None:
    page = await browser.new_page()
    await log_in(page, address)
    await page.get_by_role("link", name="Relevés").click()
    for name, content, state, said in (
        ("jour.csv", STATEMENT, "matched", "retrouvées, ménage inconnu"),
        ("photo.png", b"\x89PNG\r\n", "quarantined", "Relevé refusé"),
    ):
        await page.goto(f"{address}/finance/releves")
        await page.get_by_label("Fichier du relevé").set_input_files(
            {"name": name, "mimeType": "text/csv", "buffer": content}
        )
        await page.get_by_role("button", name="Importer et rapprocher").click()
        # The page asks for itself until the file is done.
        await expect(page.locator(f"#etat[data-state={state}]")).to_be_visible(timeout=60_000)
        await expect(page.locator("main")).to_contain_text(said)
        await picture(page, f"statement-{state}")
        await page.set_viewport_size({"width": 360, "height": 740})
        await picture(page, f"phone-statement-{state}")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
        await page.goto(f"{address}/finance/releves")
        await picture(page, f"phone-statements-{state}")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
        await page.set_viewport_size({"width": 1280, "height": 800})


async def test_what_a_sender_sent_is_dismissed_by_keyboard_alone(address: str, browser: Browser) -> None:
    page = await browser.new_page(locale="fr-FR")
    await log_in(page, address)
    await page.goto(f"{address}/finance/avis")
    await picture(page, "unreadable")
    sender = page.locator(f"#senders tr[data-sender='{SENDER}']")
    await sender.locator("summary").focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.type("essai de l'opérateur, vu avec lui")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("3 avis classés")
    await expect(sender).to_have_count(0)
    await expect(page.locator("[data-callback]")).to_have_count(1)


@pytest.mark.parametrize(
    "path",
    [
        "/finance/?jour=2026-11-20",
        "/finance/ecarts",
        "/finance/attente",
        "/finance/releves",
        "/finance/avis",
        "/finance/avis/1",
        "/finance/avis/4",
    ],
)
async def test_no_page_is_wider_than_a_telephone(address: str, browser: Browser, path: str) -> None:
    page = await browser.new_page(viewport={"width": 360, "height": 740}, locale="fr-FR")
    await log_in(page, address)
    await page.goto(f"{address}{path}")
    await picture(page, f"phone-{path.strip('/').replace('/', '-').partition('?')[0]}")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
