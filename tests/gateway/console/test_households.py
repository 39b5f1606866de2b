"""Ménages: a household found by whatever is known of it, and one page with all that it owes, paid and was told."""

import html
import re
from collections import Counter
from datetime import date, timedelta
from random import Random

import pytest

from gateway.console.auth.roles import RIGHTS, Right, Role
from gateway.console.households_page import BAR_DAYS, bar_parts
from gateway.members.register import Registration, register
from gateway.reports.household_card import CoverOfHousehold
from tests.gateway.console.desk import Desk
from tests.stories import credited, paid
from tests.world import AMINATA, MOUSSA, World

MAY_SHOW = sorted(role for role in Role if Right.SHOW in RIGHTS[role])


async def page(desk: Desk, path: str) -> str:
    answer = await desk.browser.get(path)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text).translate({0xA0: " ", 0x202F: " ", 0x2019: "'"})


async def listed(desk: Desk, typed: str) -> list[str]:
    return re.findall(r'data-household="([0-9]+)"', await page(desk, f"/finance/menages?q={typed}"))


async def number_of(world: World, msisdn: str) -> str:
    [(number,)] = await world.rows(
        "SELECT ramu_number FROM household JOIN phone_link ON party_id = household.id WHERE msisdn = :msisdn",
        msisdn=msisdn,
    )
    return str(number)


@pytest.mark.parametrize(
    "typed",
    ["70 00 00 01", "%2B22370000001", "aminata", "AMINATA traore", "Aminata Traoré", "MP-A1", "mp-a1", "Q000000001"],
)
async def test_a_household_is_found_by_whatever_is_known_of_it(world: World, desk: Desk, typed: str) -> None:
    await credited(world, AMINATA, 1_000, "MP-A1")
    await credited(world, MOUSSA, 1_000, "MP-M1")
    await desk.enter()
    number = await number_of(world, AMINATA)
    assert await listed(desk, typed) == [number]
    assert await listed(desk, number) == [number]


async def test_what_finds_nobody_and_what_finds_too_many_say_what_to_do(
    world: World, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.enter()
    assert "Aucun ménage" in await page(desk, "/finance/menages?q=Zoumana")
    monkeypatch.setattr("gateway.reports.household_list.LISTED_MAX", 0)
    assert "Ajoutez un mot" in await page(desk, f"/finance/menages?q={await number_of(world, AMINATA)}")


async def test_the_page_says_all_that_is_owed_paid_and_told_and_shows_nobody_whole(world: World, desk: Desk) -> None:
    await paid(world, AMINATA, "S1")
    await desk.enter()
    number = await number_of(world, AMINATA)
    shown = await page(desk, f"/finance/menages/{number}")
    plain = " ".join(re.sub(r"<[^>]+>", " ", shown).split())
    for said in ("cotisation", "Relevé de compte", "quittance", "A. T."):
        assert said in plain, said
    assert AMINATA not in shown
    assert "Aminata" not in shown
    assert 'class="contribution"' in shown


async def test_the_statement_of_account_is_the_ledger_to_the_franc(world: World, desk: Desk) -> None:
    await desk.enter()
    dice, seen = Random(7), Counter[str]()  # noqa: S311 - the dice of a test, not a secret
    number = await number_of(world, AMINATA)
    for turn in range(14):
        await credited(world, AMINATA, dice.choice((200, 1_500, 5_000, 21_000, 90_000)), f"MP-{turn}")
        world.clock.forward(days=dice.randrange(1, 40))
        await world.work()
        # A login does not outlive such weeks.
        await desk.log_in("awa.finance")
        shown = await page(desk, f"/finance/menages/{number}")
        foot = re.search(r"<tfoot>.*?</tfoot>", shown, re.DOTALL)
        assert foot is not None
        told = [int(value) for value in re.findall(r'<data value="(-?[0-9]+)"', foot[0])]
        booked = await world.rows(
            "SELECT coalesce(-sum(amount_xof) FILTER (WHERE account <> 'advances'), 0),"
            " coalesce(-sum(amount_xof) FILTER (WHERE account = 'advances'), 0)"
            " FROM ledger_entry JOIN household ON household.id = party_id WHERE ramu_number = :number",
            number=number,
        )
        assert told == [int(str(value)) for value in booked[0]]
        seen["advance" if told[1] else "none held"] += 1
        seen["spent"] += "Avance employée" in shown
    assert min(seen["advance"], seen["none held"], seen["spent"]) > 0, seen


async def test_names_and_numbers_are_shown_once_for_a_reason_that_is_kept(world: World, desk: Desk) -> None:
    await desk.enter()
    number = await number_of(world, AMINATA)
    path = f"/finance/menages/{number}"
    answer = await desk.post(path, {"csrf": await desk.csrf(), "motif": "identite", "precision": ""})
    assert answer.status_code == 200
    assert AMINATA in answer.text
    assert "Aminata" in answer.text
    assert AMINATA not in await page(desk, path)
    assert ("staff/awa.finance", "people.shown", f"household/{number}") in await desk.audited()


@pytest.mark.parametrize("role", sorted(set(Role) - set(MAY_SHOW)))
async def test_who_calls_nobody_sees_nobody_whole(world: World, desk: Desk, role: Role) -> None:
    await desk.staff("autre", role)
    await desk.log_in("autre")
    path = f"/finance/menages/{await number_of(world, AMINATA)}"
    answer = await desk.post(path, {"csrf": await desk.csrf(), "motif": "identite", "precision": ""})
    assert answer.status_code == 403
    assert AMINATA not in answer.text
    assert "Montrer noms et numéros" not in (await desk.browser.get(path)).text


async def test_whatever_is_asked_is_answered_in_a_sentence(desk: Desk) -> None:
    await desk.enter()
    hostile = ("%00", "x" * 5_000, "-1", "9" * 40, "%D9%A5", "'; DROP TABLE household; --", "1&q=2")
    answered = Counter[int]()
    for written in hostile:
        for path in (f"/finance/menages?q={written}", f"/finance/menages/{written}"):
            answer = await desk.browser.get(path)
            answered[answer.status_code] += 1
            assert "Traceback" not in answer.text
    assert set(answered) == {200, 400, 404}, answered


async def test_those_that_nobody_has_placed_are_listed_without_a_search(world: World, desk: Desk) -> None:
    await desk.enter()
    caller = Registration("+22370000101", "Sira Coulibaly", "commerce", "", 4, place_words="Chez le forgeron")
    scheme, now = world.jobs.catalog.get("ARTISAN", 1), world.clock.now()
    await world.database.transact(lambda connection: register(connection, caller, scheme, now))
    shown = await page(desk, "/finance/menages")
    assert "Chez le forgeron" in shown


def test_the_bar_holds_the_covered_days_that_fall_into_it_and_no_others() -> None:
    reached: Counter[str] = Counter()
    for seed in range(300):
        dice = Random(seed)  # noqa: S311 - the dice of a test, not a secret
        first = date(2026, 5, 28)
        days = sorted(dice.sample(range(-200, BAR_DAYS + 200), 6))
        cover = tuple(
            CoverOfHousehold(first + timedelta(days=start), first + timedelta(days=end), "contribution")
            for start, end in zip(days[::2], days[1::2], strict=True)
        )
        wanted = {
            day
            for one in cover
            for day in range((one.valid_from - first).days, (one.valid_to - first).days + 1)
            if 0 <= day < BAR_DAYS
        }
        drawn = [day for part in bar_parts(cover, first) for day in range(part.x, part.x + part.width)]
        assert sorted(drawn) == sorted(wanted)
        reached["some" if wanted else "none"] += 1
    assert reached["some"] > 200, reached
