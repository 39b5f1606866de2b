"""Every figure of a day opens the lines that it adds up, and their sum is the figure."""

import csv
import html
import io
import re
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from gateway.console.day_page import EQUATION, MOVEMENT
from gateway.reports.figure_lines import DayFigure
from payments.observation import LineKind
from tests.gateway.console.desk import Desk, figures_of
from tests.gateway.console.test_closing import DAY as SIGNED_DAY
from tests.gateway.console.test_closing import sign, write
from tests.gateway.reports.built_days import DEALS, Deal, Fate, MadeDay
from tests.stories import ask_to_pay, paid
from tests.world import AMINATA, MOUSSA, World

DAY = date(2026, 11, 20)
MIDNIGHT = datetime.combine(DAY, time(), UTC)
#: What is no sum of lines: balances that a file prints, and what is left of other figures.
NO_SUM = {"operator_amount_xof", "unexplained_xof", "opening_xof", "contradictions_xof", "closing_xof"}


def test_no_figure_of_the_day_is_without_lines_but_those_that_are_no_sum() -> None:
    shown = {name for name, _ in (*EQUATION, *MOVEMENT)}
    apart = {DayFigure.AFTER, DayFigure.PUSHES} | {one for one in DayFigure if one.endswith("_count")}
    assert shown - NO_SUM == set(DayFigure) - apart


async def opened(desk: Desk, address: str) -> tuple[int, int]:
    """Return the sum that a page says, and that of the lines of its file."""
    page = await desk.browser.get(address)
    assert page.status_code == 200, page.text
    foot = re.search(r"<tfoot>.*?</tfoot>", page.text, re.DOTALL)
    assert foot is not None
    [said] = re.findall(r'<data value="(-?[0-9]+)"', foot[0])
    file = await desk.browser.get(address.replace("/finance/lignes", "/finance/lignes.csv"))
    rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"), newline=""), delimiter=";"))
    listed = re.findall(r'data-label="Montant"><b><data value="(-?[0-9]+)"', page.text)[:-1]
    assert [row["Montant (F)"] for row in rows[: len(listed)]] == listed
    return int(said), sum(int(row["Montant (F)"]) for row in rows)


async def test_the_lines_of_every_figure_add_up_to_it(desk: Desk) -> None:
    await desk.enter()
    drawn: list[tuple[list[Deal], list[Deal]]] = []

    @settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(one=DEALS, other=DEALS)
    def choose(one: list[Deal], other: list[Deal]) -> None:
        drawn.append((one, other))

    choose()
    day, seen = date(2023, 1, 1), Counter[str]()
    for one, other in drawn:
        day += timedelta(days=3)
        async with desk.database.unit_of_work() as connection:
            made = MadeDay(connection, day, "sandbox", desk.clock.now())
            file = made.file()
            start = datetime.combine(day, time(), UTC)
            made.line(file, f"V{day}", 4_000, start, "not_money", kind=LineKind.TRANSFER)
            made.line(file, f"F{day}", 35, start, "not_money", kind=LineKind.FEE)
            await made.write(one)
            await MadeDay(connection, day, "second", desk.clock.now()).write(other)
        page = (await desk.browser.get(f"/finance/?jour={day}")).text
        figures = figures_of(page)
        links = {html.unescape(link) for link in re.findall(r'href="(/finance/lignes\?[^"]+)"', page)}
        assert len(links) >= 2 * 8 + 3 + 4
        for link in links:
            if "operateur" not in link:
                # How payments were proved is counted, not added up.
                [count] = re.findall(rf'href="{re.escape(html.escape(link))}">([0-9]+)<', page)
                lines = (await desk.browser.get(link)).text
                assert re.search(rf"<caption>\s*<data value=.{count}.>", lines), link
                seen["proved"] += int(count)
                continue
            name, operator = re.findall(r"chiffre=([a-z_]+)&operateur=([a-z]*)", link)[0]
            figure = figures[operator][name] or 0
            assert await opened(desk, link) == (figure, figure), link
            seen[name] += figure != 0
    for name in ("posted_xof", "suspense_xof", "breaks_xof", "collections_xof", "fees_xof", "transfers_xof", "proved"):
        assert seen[name] > 0, seen


async def test_what_came_after_the_statement_opens_too(desk: Desk) -> None:
    await desk.enter()
    until = timedelta(hours=22, minutes=49)
    async with desk.database.unit_of_work() as connection:
        made = MadeDay(connection, DAY, "sandbox", MIDNIGHT + timedelta(days=2), lasts=until)
        await made.pay("I1", 1_000, MIDNIGHT)
        await made.pay("I2", 200, MIDNIGHT + until)
        made.line(made.file(), "I1", 1_000, MIDNIGHT, "matched")
        await made.keep()
    page = (await desk.browser.get(f"/finance/?jour={DAY}")).text
    [link] = re.findall(r'href="(/finance/lignes\?[^"]+chiffre=after_xof[^"]+)"', page)
    assert await opened(desk, html.unescape(link)) == (200, 200)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "chiffre=pushes_xof",
        "chiffre=pushes_xof&etat=x",
        "chiffre=posted_xof&etat=failed",
        "chiffre=closing_xof&operateur=sandbox",
        "chiffre=posted_xof&operateur=%00",
        f"chiffre=posted_xof&operateur={'x' * 500}",
        "chiffre=posted_xof&operateur=sandbox&jour=demain",
        "chiffre=posted_xof&operateur=sandbox&compte=%1b",
    ],
)
async def test_what_is_no_figure_is_said_so(desk: Desk, query: str) -> None:
    await desk.enter()
    for path in ("/finance/lignes", "/finance/lignes.csv"):
        assert (await desk.browser.get(f"{path}?{query}")).status_code == 400


async def test_an_operator_that_nobody_knows_has_no_lines(desk: Desk) -> None:
    await desk.enter()
    for figure in set(DayFigure) - {DayFigure.PUSHES}:
        assert await opened(desk, f"/finance/lignes?chiffre={figure}&operateur=personne&compte=") == (0, 0)


async def test_requests_of_each_state_open_their_lines(world: World, desk: Desk) -> None:
    await paid(world, AMINATA, "S1")
    await ask_to_pay(world, MOUSSA, "S2")
    await desk.enter()
    page = (await desk.browser.get("/finance/")).text
    links = re.findall(r'href="(/finance/lignes\?[^"]+chiffre=pushes_xof[^"]+)">([0-9\u202f]+)', page)
    assert len(links) == 2
    for link, shown in links:
        asked_xof = int(shown.replace("\u202f", ""))
        assert await opened(desk, html.unescape(link)) == (asked_xof, asked_xof)


async def test_a_figure_of_a_closed_day_stands_beside_what_was_signed(desk: Desk) -> None:
    await desk.enter()
    await write(desk, SIGNED_DAY, Deal(Fate.MATCHED, 1_000, 2, 3_600))
    assert (await sign(desk, SIGNED_DAY)).status_code == 303
    address = f"/finance/lignes?chiffre=posted_xof&operateur=sandbox&compte=RAMU&jour={SIGNED_DAY}"
    assert "font la même somme" in (await desk.browser.get(address)).text
    async with desk.database.unit_of_work() as connection:
        made = MadeDay(connection, SIGNED_DAY, "sandbox", desk.clock.now())
        await made.pay("LATE1", 77, datetime.combine(SIGNED_DAY, time(), UTC))
    page = (await desk.browser.get(address)).text.replace("\u202f", " ")
    assert "1 000&nbsp;F signés" in page
    assert "soit 77&nbsp;F depuis la clôture" in page
