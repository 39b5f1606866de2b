"""The console as a person sees it, in a real browser."""

import pytest
from playwright.async_api import Browser, expect

from tests.gateway.console.browsing import DAY, log_in, picture
from tests.gateway.console.test_unreadable import SENDER
from tests.gateway.console.test_uploads import STATEMENT

pytestmark = pytest.mark.browser


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
