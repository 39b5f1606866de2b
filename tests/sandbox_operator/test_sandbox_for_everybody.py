"""The operator's page for people who see, hear or point otherwise."""

import shutil
from collections.abc import AsyncIterator

import httpx
import pytest
from playwright.async_api import Browser, async_playwright

from tests.accessibility import CONTRAST_MIN, WIDTHS, edges, grave_findings, rings, stuck_blocks
from tests.sandbox_operator.sandbox_world import PAYER, World

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


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


@pytest.fixture
async def busy(sandbox: World, http: httpx.AsyncClient) -> World:
    """Three telephones ring, and one payment has told of itself."""
    for amount_xof in (5_000, 6_000, 7_000):
        await sandbox.client(http).request_to_pay(sandbox.order(amount_xof=amount_xof))
    sandbox.control("payments", {"payer_msisdn": PAYER, "amount_xof": 3_000})
    sandbox.next_callback()
    return sandbox


async def test_nothing_serious_is_found_on_the_operators_pages(busy: World, browser: Browser) -> None:
    [delivery] = busy.books()["deliveries"]
    page = await browser.new_page(base_url=busy.url, locale="fr-FR")
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 800})
        for path in ("/", "/avis", f"/avis/{delivery['id']}"):
            await page.goto(path)
            assert await grave_findings(page) == [], (path, width)
            assert await stuck_blocks(page) == [], (path, width)
            assert await page.locator("h1").count() == 1
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
            stops, fields = await rings(page), await edges(page)
            assert {name: seen for name, seen in (stops | fields).items() if seen < CONTRAST_MIN} == {}, (path, width)


async def test_the_first_stop_of_the_keyboard_is_the_form(busy: World, browser: Browser) -> None:
    page = await browser.new_page(base_url=busy.url, locale="fr-FR")
    await page.goto("/")
    await page.keyboard.press("Tab")
    await page.keyboard.type("70 12 34 56")
    await page.keyboard.press("Tab")
    await page.keyboard.type("4 000")
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    assert sorted(row["amount_xof"] for row in busy.books()["transactions"]) == [3_000, 4_000]


async def test_enter_after_an_amount_approves_that_amount(busy: World, browser: Browser) -> None:
    page = await browser.new_page(base_url=busy.url, locale="fr-FR")
    await page.goto("/")
    await page.locator("summary").first.click()
    field = page.get_by_label("Montant, au lieu de").first
    await field.fill("1 500")
    async with page.expect_navigation():
        await field.press("Enter")
    assert sorted(row["amount_xof"] for row in busy.books()["transactions"]) == [1_500, 3_000]
