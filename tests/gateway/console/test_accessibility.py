"""Pages for everybody: what axe finds, where the keys lead, what is announced, what font and paper make of them."""

import re
from datetime import date

import pytest
from playwright.async_api import Browser, Page, expect

from tests.accessibility import CONTRAST_MIN, WIDTHS, edges, grave_findings, rings, sizes, stuck_blocks
from tests.gateway.console.browsing import DAY, log_in, served
from tests.gateway.console.desk import PASSWORD, Desk
from tests.gateway.console.test_uploads import STATEMENT
from tests.gateway.reports.built_days import Deal, Fate, MadeDay

pytestmark = pytest.mark.browser

PAGES = (
    "/finance/", f"/finance/?jour={DAY}", "/finance/?jour=2026-11-19", "/finance/?jour=2026-11-18",
    "/finance/?jour=demain", "/finance/ecarts", "/finance/attente", "/finance/releves", "/finance/releves/1",
    "/finance/releves/2", "/finance/releves/99", "/finance/balance", "/finance/mois", "/finance/compte",
    "/finance/avis", "/finance/avis/1", "/finance/avis/4", "/finance/paiements", "/finance/paiements?q=zz",
    "/finance/paiements?etat=waiting&canal=unasked", "/finance/paiements/Q000000001", "/finance/menages",
    "/finance/menages?q=zz", f"/finance/lignes?chiffre=posted_xof&operateur=sandbox&compte=RAMU&jour={DAY}",
)  # fmt: skip
BUSY_DAY = date(2026, 11, 17)


@pytest.fixture
async def page(address: str, browser: Browser) -> Page:
    """A page of a colleague who came in, beside a statement that was taken and one that was refused."""
    opened = await browser.new_page(viewport={"width": 1280, "height": 800}, locale="fr-FR", base_url=address)
    await log_in(opened, address)
    for name, content, state in (("jour.csv", STATEMENT, "matched"), ("photo.png", b"\x89PNG\r\n", "quarantined")):
        await send(opened, name, content)
        await expect(opened.locator(f"#etat[data-state={state}]")).to_be_visible(timeout=60_000)
    return opened


async def send(page: Page, name: str, content: bytes) -> None:
    await page.goto("/finance/releves")
    await page.get_by_label("Fichier du relevé").set_input_files(
        {"name": name, "mimeType": "text/csv", "buffer": content}
    )
    await page.get_by_role("button", name="Importer et rapprocher").click()


async def test_axe_finds_nothing_serious_on_any_page_at_any_width(page: Page) -> None:
    found: list[str] = []
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 800})
        for path in PAGES:
            await page.goto(path)
            found += [f"{width}: {finding}" for finding in await grave_findings(page)]
            assert await page.locator("h1").count() == 1, path
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
    assert found == []


async def test_axe_would_see_what_is_planted(page: Page) -> None:
    await page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=x><input>')")
    found = await grave_findings(page)
    assert any("image-alt" in finding for finding in found)
    assert any("label" in finding for finding in found)


async def test_the_focus_and_every_field_can_be_seen_on_every_ground(page: Page) -> None:
    for path in PAGES:
        await page.goto(path)
        stops, fields = await rings(page), await edges(page)
        assert stops, path
        assert {name: seen for name, seen in (stops | fields).items() if seen < CONTRAST_MIN} == {}, path


@pytest.mark.parametrize("width", [320, 641, 768, 900, 1280])
async def test_what_scrolls_sideways_can_be_moved_by_keys(page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 800})
    for path in PAGES:
        await page.goto(path)
        assert await stuck_blocks(page) == [], path


@pytest.mark.parametrize("width", [320, 641, 900])
async def test_no_table_of_cards_is_wider_than_its_page(page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 800})
    for path in PAGES:
        await page.goto(path)
        wide = (
            "[...document.querySelectorAll('.cards')].filter((one) => one.scrollWidth > one.parentElement.clientWidth)"
        )
        assert await page.evaluate(f"{wide}.length") == 0, path


async def test_text_follows_the_readers_font(page: Page) -> None:
    for path in (f"/finance/?jour={DAY}", "/finance/releves/1"):
        await page.goto(path)
        usual = await sizes(page)
        await page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert await sizes(page) == pytest.approx([2 * size for size in usual], rel=1e-3)


async def test_a_failed_login_is_announced_and_keeps_the_name(address: str, browser: Browser) -> None:
    page = await browser.new_page(base_url=address)
    await page.goto("/finance/connexion")
    assert await grave_findings(page) == []
    await page.get_by_label("Identifiant").fill("Awa <b>")
    await page.get_by_label("Mot de passe").fill("faux")
    await page.get_by_role("button", name="Se connecter").click()
    await expect(page).to_have_title(re.compile("^Identifiant ou mot de passe incorrect."))
    await expect(page.get_by_role("alert")).to_contain_text("incorrect")
    for label in ("Identifiant", "Mot de passe"):
        await expect(page.get_by_label(label)).to_have_attribute("aria-invalid", "true")
        await expect(page.get_by_label(label)).to_have_accessible_description(re.compile("incorrect"))
    await expect(page.get_by_label("Identifiant")).to_have_value("Awa <b>")
    await expect(page.get_by_label("Mot de passe")).to_be_focused()
    assert await grave_findings(page) == []


async def test_a_file_that_is_refused_at_once_is_announced_beside_its_field(page: Page) -> None:
    await send(page, "vide.csv", b"")
    await expect(page).to_have_title(re.compile("^Fichier vide"))
    await expect(page.get_by_role("alert")).to_contain_text("Rien n\u2019a été enregistré")
    field = page.get_by_label("Fichier du relevé")
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(field).to_have_accessible_description(re.compile("Fichier vide"))
    assert await grave_findings(page) == []


async def test_what_becomes_of_a_statement_is_announced_without_loading_the_page_again(
    local_desk: Desk, browser: Browser
) -> None:
    async with served(local_desk, works=False) as address:
        page = await browser.new_page(base_url=address)
        await log_in(page, address)
        await send(page, "jour.csv", STATEMENT)
        state = page.get_by_role("status")
        await expect(state).to_have_attribute("data-state", "received")
        await page.evaluate("window.kept = 'the same page'")
        await local_desk.work()
        await expect(state).to_have_attribute("data-state", "matched", timeout=60_000)
        await expect(state).to_contain_text("Relevé rapproché")
        await expect(page.locator("#outcome")).to_be_visible()
        await expect(page).to_have_title(re.compile("^Relevé rapproché.*jour.csv"))
        assert await page.evaluate("window.kept") == "the same page"
        await page.close()


async def test_a_day_is_closed_by_keys_and_every_outcome_is_announced(address: str, browser: Browser) -> None:
    page = await browser.new_page(viewport={"width": 320, "height": 800}, base_url=address)
    await log_in(page, address)
    await page.goto("/finance/?jour=2026-11-18")
    await expect(page.locator("#prevents")).to_contain_text("restent inexpliqués")
    for password, said in (("faux", "pas votre mot de passe"), (PASSWORD, "Journée close")):
        if password == "faux":
            await page.get_by_label("Remarque").fill("450 F de trop, demandé à l'opérateur")
        await expect(page.get_by_label("Remarque")).to_have_value("450 F de trop, demandé à l'opérateur")
        await page.get_by_label("Votre mot de passe, encore une fois").fill(password)
        await page.keyboard.press("Enter")
        await expect(page.locator("[role=alert], [role=status]").filter(has_text=said)).to_be_visible()
        await expect(page).to_have_title(re.compile(said))
        assert await grave_findings(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    await expect(page.locator("#closing")).to_contain_text("450 F de trop")
    await expect(page.locator("#closing .hash")).to_have_text(re.compile(r"^([0-9a-f]{8} ){7}[0-9a-f]{8}$"))


async def test_a_day_of_many_breaks_takes_few_sheets_and_no_row_is_cut(page: Page, local_desk: Desk) -> None:
    async with local_desk.database.unit_of_work() as connection:
        await MadeDay(connection, BUSY_DAY, "sandbox", local_desk.clock.now()).write(
            [Deal(Fate.AMOUNT_OPEN, 12_000, 10_000, number) for number in range(76)]
        )
    await page.goto(f"/finance/?jour={BUSY_DAY}")
    await expect(page.locator("#breaks tbody tr")).to_have_count(76)
    assert sheets(await page.pdf(prefer_css_page_size=True)) <= 6
    # A day without breaks is one sheet, with the place for two signatures.
    await page.goto("/finance/?jour=2026-11-19")
    assert sheets(await page.pdf(prefer_css_page_size=True)) == 1
    await page.emulate_media(media="print")
    await expect(page.locator("#signatures > div")).to_have_count(2)
    await expect(page.locator("#signatures")).to_be_visible()
    assert await page.locator("form:visible, nav:visible, .actions:visible").count() == 0
    cut = "[...document.querySelectorAll('tr')].filter((row) => getComputedStyle(row).breakInside !== 'avoid').length"
    assert await page.evaluate(cut) == 0


def sheets(pdf: bytes) -> int:
    """Count the pages of a PDF."""
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))
