"""The month: where each day stands, closed ones as they were signed."""

import re
from datetime import date, timedelta

import pytest

from gateway.money.close_day import DayToClose, close
from tests.gateway.console.desk import Desk
from tests.gateway.reports.built_days import Deal, Fate, MadeDay

FIRST = date(2026, 11, 18)


async def write_three_days(desk: Desk) -> None:
    async with desk.database.unit_of_work() as connection:
        for number, fate in enumerate((Fate.MATCHED, Fate.SUSPENSE, Fate.MATCHED)):
            day, opening_xof = FIRST + timedelta(days=number), 5_000 * number
            made = MadeDay(connection, day, "sandbox", desk.clock.now(), opening_xof=opening_xof)
            await made.write([Deal(fate, 5_000, 1, 1)])


def states_of(page: str) -> dict[str, str]:
    """Read the list of days as a person does: each with its state in a word."""
    rows = re.findall(r'<tr data-day="([\d-]+)">(.*?)</tr>', page, re.DOTALL)
    return {day: found[1] for day, row in rows if (found := re.search(r'class="badge (\w+)"', row))}


async def test_every_day_of_a_month_is_listed_with_its_state_and_those_before_any_money_are_not(desk: Desk) -> None:
    await desk.enter()
    await write_three_days(desk)
    page = (await desk.browser.get("/finance/mois")).text
    assert "novembre 2026" in page
    assert states_of(page) == {
        "2026-11-23": "awaited", "2026-11-22": "awaited", "2026-11-21": "awaited",
        "2026-11-20": "balanced", "2026-11-19": "explained", "2026-11-18": "balanced",
    }  # fmt: skip
    cells = re.findall(r'<td class="(\w+)" data-day="([\d-]+)"><a href="/finance/\?jour=([\d-]+)"', page)
    assert {day: state for state, day, _ in cells} == states_of(page)
    assert all(day == led for _, day, led in cells)


async def test_a_closed_day_is_listed_as_it_was_signed_whatever_came_after(desk: Desk) -> None:
    await desk.enter()
    await write_three_days(desk)
    await close(desk.recon, DayToClose(FIRST, "staff/awa"))
    signed = states_of((await desk.browser.get("/finance/mois")).text)[str(FIRST)]
    desk.clock.forward(minutes=10)
    async with desk.database.unit_of_work() as connection:
        at = desk.clock.now().replace(day=FIRST.day)
        await MadeDay(connection, FIRST, "sandbox", desk.clock.now()).pay("T-LATE", 700, at)
    page = (await desk.browser.get("/finance/mois?mois=2026-11")).text
    assert states_of(page)[str(FIRST)] == signed != "unexplained"
    row = page.partition(f'<tr data-day="{FIRST}">')[2].partition("</tr>")[0]
    assert '<data value="5000">' in row
    assert "<span>close<small>" in row
    assert "close</span></a></td>" in page.partition(f'data-day="{FIRST}"')[2]


async def test_one_month_leads_to_the_next_and_never_to_one_that_has_not_come(desk: Desk) -> None:
    await desk.enter()
    page = (await desk.browser.get("/finance/mois?mois=2026-10")).text
    assert 'href="/finance/mois?mois=2026-09"' in page
    assert 'href="/finance/mois?mois=2026-11"' in page
    assert "mois=2026-12" not in (await desk.browser.get("/finance/mois")).text
    for written in ("10/2026", "2026-10"):
        assert "octobre 2026" in (await desk.browser.get(f"/finance/mois?mois={written}")).text.lower()
    assert "mois=2019-12" not in (await desk.browser.get("/finance/mois?mois=2020-01")).text
    assert "Rien n\u2019est connu de ce mois." in page


@pytest.mark.parametrize(
    "query",
    ["mois=", "mois=2026", "mois=2026-13", "mois=2026-1", "mois=2026-12", "mois=2019-12", "mois=2026-11-01",
     "mois=2026-10&mois=2026-11", "mois=%00", "mois=0000-01", "mois=13/2026", "mois=1/11/2026"],
)  # fmt: skip
async def test_a_month_that_cannot_be_is_answered_with_a_sentence(desk: Desk, query: str) -> None:
    await desk.enter()
    answer = await desk.browser.get(f"/finance/mois?{query}")
    assert answer.status_code == 400
    assert "Mois impossible" in answer.text
