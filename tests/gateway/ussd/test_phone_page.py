import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import httpx
import pytest
import typer
import uvicorn
from click.testing import Result
from fastapi import FastAPI
from playwright.async_api import Page, async_playwright, expect
from sqlalchemy import text
from typer.testing import CliRunner

from gateway.cli import phone
from gateway.infra.database import Database
from gateway.local.phone_page import KEYS, NotLocal, phone_router
from gateway.ussd.deps import UssdDeps
from tests.accessibility import CONTRAST_MIN, WIDTHS, edges, grave_findings, rings, sizes
from tests.fixed import START
from tests.gateway.ussd.telephone import MSISDN, REGISTER, Count, application

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]


def test_the_browser_phone_exists_in_local_mode_only(ussd: UssdDeps) -> None:
    with pytest.raises(NotLocal):
        phone_router(replace(ussd, deps=replace(ussd.deps, local_mode=False)))


@pytest.fixture
async def page_client(ussd: UssdDeps) -> AsyncIterator[httpx.AsyncClient]:
    app = application(ussd)
    app.include_router(phone_router(ussd, "http://127.0.0.1:8001/"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        yield client


@pytest.mark.parametrize("name", ["", "phone.css", "phone.js", "inbox?msisdn=%2B22370000001"])
async def test_everything_the_phone_needs_is_served_under_a_strict_policy(
    name: str, page_client: httpx.AsyncClient
) -> None:
    answer = await page_client.get(f"/phone/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    assert "unsafe-inline" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["phone.html", "..%2f..%2fsettings.py", "x"])
async def test_nothing_else_is_served(name: str, page_client: httpx.AsyncClient) -> None:
    assert (await page_client.get(f"/phone/{name}")).status_code == 404


async def test_the_page_says_that_nothing_is_real_and_needs_no_other_address(page_client: httpx.AsyncClient) -> None:
    page = (await page_client.get("/phone/")).text
    assert "Mode local" in page
    assert "<style" not in page
    assert "style=" not in page
    assert page.count("<script") == page.count('<script src="/phone/phone.js"') == 1


async def test_the_inbox_shows_the_sms_of_the_number_alone(page_client: httpx.AsyncClient, database: Database) -> None:
    await receive(database, MSISDN, "pour vous")
    await receive(database, "+22370000002", "pour un autre")
    inbox = await page_client.get("/phone/inbox", params={"msisdn": "70 00 00 01"})
    assert datetime.fromisoformat(inbox.json()["now"]) == START
    assert [message["body"] for message in inbox.json()["messages"]] == ["pour vous"]
    assert (await page_client.get("/phone/inbox?msisdn=x")).json() == {"messages": []}


async def receive(database: Database, msisdn: str, body: str) -> None:
    async with database.unit_of_work() as connection:
        await connection.execute(
            text("INSERT INTO sandbox_sms (key, msisdn, body, sent_at) VALUES (:body, :msisdn, :body, '2026-11-23')"),
            {"msisdn": msisdn, "body": body},
        )


class Server(uvicorn.Server):
    """A real server that says when it listens."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", ws="none"))
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@asynccontextmanager
async def served(ussd: UssdDeps) -> AsyncIterator[str]:
    app = application(ussd)
    app.include_router(phone_router(ussd, "http://127.0.0.1:8001/"))
    server = Server(app)
    serving = asyncio.create_task(server.serve())
    await asyncio.wait_for(server.listening.wait(), timeout=60)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def opened(url: str, width: int) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page(viewport={"width": width, "height": 900})
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"{url}/phone/")
        yield page
        assert complaints == []
        await browser.close()


def in_the_terminal(url: str, answers: str) -> Result:
    return CliRunner().invoke(typer_app(), [MSISDN, "--url", url], input=answers)


def typer_app() -> typer.Typer:
    app = typer.Typer()
    app.command()(phone.command)
    return app


async def test_a_person_registers_from_the_terminal(ussd: UssdDeps, count: Count) -> None:
    async with served(ussd) as url:
        said = await asyncio.to_thread(in_the_terminal, url, "\n".join([*REGISTER, ""]))
    assert said.exit_code == 0
    assert "M'inscrire" in said.output
    # The longest screen is a phone's, and no terminal breaks its frame.
    frames = [line for line in said.output.replace("> ", "").splitlines() if line.startswith(("┌", "│", "└"))]
    assert frames
    assert max(map(len, frames)) <= 64
    assert "No RAMU 1" in said.output
    assert await count("household") == 1


async def test_the_terminal_shows_the_sms_that_come_and_calls_again(ussd: UssdDeps, database: Database) -> None:
    await receive(database, MSISDN, "RAMU: bienvenue")
    await receive(database, "+22370000002", "pour un autre")
    async with served(ussd) as url:
        said = await asyncio.to_thread(in_the_terminal, url, "\n".join([*REGISTER, "", "*", ""]))
    assert said.exit_code == 0
    assert said.output.count("SMS du 23/11/2026 00:00\n  RAMU: bienvenue") == 2
    assert "pour un autre" not in said.output
    assert said.output.count(f"{MSISDN} compose *123#") == 2
    assert said.output.endswith("Raccroché.\n")


def test_what_is_no_number_is_a_sentence() -> None:
    said = CliRunner().invoke(typer_app(), ["12", "--url", "http://127.0.0.1:9"])
    assert (said.exit_code, "« 12 » n'est pas un numéro" in said.output) == (1, True)


async def test_the_terminal_hangs_up_when_the_person_leaves(ussd: UssdDeps, count: Count) -> None:
    async with served(ussd) as url:
        said = await asyncio.to_thread(in_the_terminal, url, "1\n")
    assert said.exit_code == 0
    assert "Raccroché." in said.output
    assert await count(f"ussd_session WHERE expires_at > '{ussd.deps.clock.now()}'") == 0


def test_the_terminal_says_that_nobody_answers() -> None:
    said = in_the_terminal("http://127.0.0.1:9", "")
    assert said.exit_code == 1
    assert "lancez d'abord « ramu run »" in said.output


async def test_the_terminal_says_that_the_key_is_wrong(ussd: UssdDeps) -> None:
    async with served(replace(ussd, keys={"africastalking": ("other",)})) as url:
        said = await asyncio.to_thread(in_the_terminal, url, "")
    assert said.exit_code == 1
    assert "404" in said.output


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("width", [360, 1100])
async def test_a_person_registers_with_the_browser_phone(
    width: int, ussd: UssdDeps, database: Database, count: Count
) -> None:
    async with served(ussd) as url, opened(url, width) as page:
        await page.get_by_role("button", name="Appeler").click()
        await expect(page.locator("#screen")).to_contain_text("M'inscrire")
        for key in REGISTER:
            before = await page.locator("#screen").text_content()
            if key.isdigit():
                await page.locator(f"#keys button[data-key='{key}']").click()
            else:
                await page.get_by_label("Votre réponse").fill(key)
            await page.get_by_role("button", name="Envoyer").click()
            await expect(page.locator("#screen")).not_to_have_text(before or "")
        await expect(page.locator("#screen")).to_contain_text("Inscription enregistrée")
        await receive(database, MSISDN, "RAMU: bienvenue")
        await expect(page.locator("#inbox")).to_contain_text("RAMU: bienvenue")
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0
        if folder := os.environ.get("RAMU_SCREENSHOTS"):
            await page.screenshot(path=str(Path(folder) / f"phone-{width}.png"), full_page=True)
    assert await count("household") == 1
    assert await count(f"ussd_session WHERE expires_at > '{ussd.deps.clock.now()}'") == 0


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("width", WIDTHS)
async def test_the_browser_phone_is_for_everybody(width: int, ussd: UssdDeps) -> None:
    async with served(ussd) as url, opened(url, width) as page:
        assert await grave_findings(page) == []
        stops, fields = await rings(page), await edges(page)
        assert len(stops) > len(KEYS)
        await page.get_by_role("button", name="Appeler").click()
        await expect(page.get_by_role("log", name="Écran du téléphone")).to_contain_text("M'inscrire")
        assert await grave_findings(page) == []
        assert {name: seen for name, seen in (stops | fields).items() if seen < CONTRAST_MIN} == {}
        for key, _, name in KEYS:
            assert await page.get_by_role("button", name=name, exact=True).get_attribute("data-key") == key
        usual = await sizes(page)
        await page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert await sizes(page) == pytest.approx([2 * size for size in usual], rel=1e-3)


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
async def test_digits_are_the_telephones_wherever_the_focus_is_but_in_another_field(ussd: UssdDeps) -> None:
    async with served(ussd) as url, opened(url, 1100) as page:
        await page.evaluate("document.activeElement.blur()")
        await page.keyboard.press("Enter")
        await expect(page.locator("#screen")).to_contain_text("M'inscrire")
        for focused in ("#screen", "#hang-up", "#keys button"):
            await page.locator(focused).first.focus()
            await page.keyboard.type("12")
            await page.keyboard.press("Backspace")
        await expect(page.locator("#typed")).to_have_value("111")
        before = await page.locator("#msisdn").input_value()
        await page.locator("#msisdn").press("End")
        await page.keyboard.type("5")
        await expect(page.locator("#msisdn")).to_have_value(f"{before}5")
        await expect(page.locator("#typed")).to_have_value("111")


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
async def test_only_a_new_sms_is_read_out(ussd: UssdDeps, database: Database) -> None:
    await receive(database, MSISDN, "une ancienne")
    async with served(ussd) as url, opened(url, 1100) as page:
        await expect(page.locator("#inbox li")).to_have_count(1)
        await expect(page.get_by_text("a besoin de JavaScript")).to_be_hidden()
        live = page.locator("[aria-live], [role=status], [role=log]")
        assert await live.evaluate_all("all => all.map((one) => one.id)") == ["screen", "news"]
        await expect(page.locator("#news")).to_have_text("")
        await receive(database, MSISDN, "une nouvelle")
        await expect(page.locator("#news")).to_have_text("Nouveau SMS : une nouvelle")
        await expect(page.locator("#inbox li")).to_have_count(2)


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
async def test_without_javascript_the_phone_says_so(ussd: UssdDeps) -> None:
    async with served(ussd) as url, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page(java_script_enabled=False)
        await page.goto(f"{url}/phone/")
        await expect(page.get_by_text("a besoin de JavaScript")).to_be_visible()
        await browser.close()
