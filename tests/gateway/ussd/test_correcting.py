"""Correcting a household by telephone: once for each turn, with an SMS, and true when something fails."""

import asyncio

from gateway.ussd.deps import UssdDeps
from gateway.ussd.needs import Asked
from tests.fixed import START
from tests.gateway.ussd.telephone import Caller, Count
from ussd_flows.queries import HowPeopleCount, PeopleRule

PEOPLE = ("3", "2", "3", "2 1", "1")


async def test_a_household_reads_what_it_declared_and_corrects_it(registered: Caller, count: Count) -> None:
    assert "Awa Traore\nCommerce, service, Kati\n4 personnes\nCorriger:" in await registered.dial("a", "3", "2")
    asked = await registered.dial("b", *PEOPLE[:-1])
    assert "2 adultes, 1 enfant\nA payer: 2 500 F (avant 4 000 F)\npuis 2 500 F par mois" in asked
    assert await count("past_declaration") == 0
    assert "END Correction enregistrée. SMS à suivre." in await registered.type("1")
    assert "2 adultes, 1 enfant" in await registered.dial("c", "3", "2")
    assert "A payer maintenant: 2 500 F" in await registered.dial("d", "2")
    told = "outbox_sms WHERE body LIKE '%inscription corrigée. 2 adultes, 1 enfant, Kati.%'"
    assert await count(told) == 1


async def test_the_same_turn_four_times_at_once_corrects_once(registered: Caller, count: Count) -> None:
    await registered.dial("a", *PEOPLE[:-1])
    registered.typed = [*PEOPLE]
    screens = await asyncio.gather(*(registered.repeat() for _ in range(4)))
    assert len(set(screens)) == 1
    assert "Correction enregistrée" in screens[0]
    assert await count("past_declaration") == 1
    assert await count("charge WHERE sequence = 2") == 1
    assert await registered.repeat() == screens[0]


async def test_a_place_that_no_list_has_is_kept_in_words(registered: Caller, count: Count) -> None:
    end = await registered.dial("a", "3", "2", "2", "xyzxyz", "98", "98", "3", "Moribila, Kemparana", "1")
    assert "Correction enregistrée" in end
    assert await count("household WHERE cercle_code = '' AND place_words LIKE 'Moribila%'") == 1
    assert "Commerce, service, Moribila" in await registered.dial("b", "3", "2")
    assert "Correction enregistrée" in await registered.dial("c", "3", "2", "2", "lafiabougou", "1")
    assert "Commerce, service, Bamako" in await registered.dial("d", "3", "2")


async def test_the_price_that_is_read_is_the_price_that_is_charged(caller: Caller, count: Count) -> None:
    for number, (activity, people, read) in enumerate(
        (
            ("1", "2 3", "3 500 F par mois pour 2 adultes, 3 enfants"),
            ("3", "11", "29 400 F par an pour 11 personnes"),
        )
    ):
        caller.msisdn = f"+2237000020{number}"
        asked = await caller.dial(f"r{number}", "1", "Awa", activity, "Kati", people)
        assert read in asked
        assert "END" in await caller.type("1")
        home = await caller.dial(f"h{number}")
        assert f"A payer: {read.split(' par ', maxsplit=1)[0]}" in home
    assert await count("household WHERE children_count = 3 AND people_count = 5") == 1


def test_whether_children_count_apart_is_what_the_scheme_says(ussd: UssdDeps) -> None:
    asked = Asked(None, START.date(), ussd.catalog)
    assert asked.answer(HowPeopleCount("commerce")) == PeopleRule(children_apart=True)
    assert asked.answer(HowPeopleCount("coton")) == PeopleRule(children_apart=False)
