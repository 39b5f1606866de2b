"""The whole graph of menus, walked with the longest of everything."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from tests.ussd_flows.answering import knowing, start, step
from tests.ussd_flows.callers import AMINATA, KNOWN, UNKNOWN, worst_cases
from tests.ussd_flows.playing import PAYING, play
from ussd_flows.effects import (
    AskAboutPayment,
    CorrectName,
    CorrectPeople,
    CorrectPlace,
    HoldNumber,
    RegisterHousehold,
    RequestPayment,
    SendDetail,
)
from ussd_flows.facts import Facts
from ussd_flows.graph import MENUS
from ussd_flows.gsm7 import septets
from ussd_flows.layout import BACK, MORE
from ussd_flows.menu import HOME, Do, Goto, Menu, MenuOutcome, Need, Page, View
from ussd_flows.menus.resume import RESUME
from ussd_flows.screen import HARD_SEPTETS, PLACEHOLDERS, WISHED_SEPTETS, InputKind, Screen, fill, render_text
from ussd_flows.state import FlowState
from ussd_flows.step import Step, _show

#: Keys that mean the same on every screen: back, home, the next screen of a list.
FIXED_KEYS = {"0", "00", "98"}
TYPED = {
    "register_name": ["Aminata-Fatoumata DIARRASSOUBA-TOUNKARA", "4"],
    "register_place": ["di", "inl", "oussoub", "b", "sikaxo", "?"],
    "register_pick": ["di"],
    "register_region": ["di", "qqq"],
    "register_cercle": ["di"],
    "register_other": ["Diangounté Camara, commune rurale de Diangounté Camara, Nioro", "4"],
    "register_people": ["99", "100", "50 49", "2 3", "2 0", "6"],
    "household_name": ["Aminata-Fatoumata DIARRASSOUBA-TOUNKARA", "4"],
    "household_place": ["di", "inl", "oussoub", "sikaxo", "?"],
    "household_pick": ["di"],
    "household_region": ["di", "qqq"],
    "household_cercle": ["di"],
    "household_other": ["Diangounté Camara, commune rurale de Diangounté Camara, Nioro", "4"],
    "household_people": ["100", "50 49", "2 3", "2 0", "1 7", "6"],
    "pay_amount": ["999 999 999", "1 000", "5.000", *map(str, range(999_999_990, 1_000_000_000))],
}
# Screens that a reason at the top may make longer than wished; without one no screen is.
LONGER_THAN_WISHED = {
    "held",
    "help",
    "home",
    "household",
    "household_at",
    "household_of",
    "household_region",
    "not_me",
    "pay_amount",
    "pay_confirm",
    "pay_warning",
    "register_activity",
    "register_confirm",
    "register_region",
    "situation",
    "waiting",
}


@dataclass(frozen=True)
class Passage:
    origin: FlowState
    typed: str
    facts: Facts
    step: Step


def choices(screen: Screen) -> list[str]:
    return [*(option.key for option in screen.options), *TYPED.get(screen.name, []), "00", "zzz"]


def walk(facts: Facts) -> list[Passage]:
    """Go wherever the keys lead, once from each different screen."""
    first = start(facts)
    passages: list[Passage] = []
    seen = {first.screen}
    to_visit = [first]
    while to_visit:
        reached = to_visit.pop()
        assert reached.state is not None
        for typed in choices(reached.screen):
            following = step(reached.state, typed, facts)
            passages.append(Passage(reached.state, typed, facts, following))
            if following.state is not None and following.screen not in seen:
                seen.add(following.screen)
                to_visit.append(following)
    return passages


WALKS = {name: walk(facts) for name, facts in worst_cases().items()}
PASSAGES = [passage for passages in WALKS.values() for passage in passages]


def restless() -> list[Passage]:
    """Answer a screen of each menu after the caller's facts have changed under it."""
    origins: dict[tuple[str, tuple[tuple[str, str], ...]], Passage] = {}
    for passage in PASSAGES:
        if passage.step.state is not None:
            shown = tuple(passage.step.state.options.items())
            origins.setdefault((passage.step.state.menu, shown), passage)
    found = []
    for passage in origins.values():
        state = passage.step.state
        assert state is not None
        for facts in worst_cases().values():
            typed = choices(passage.step.screen)
            found += [Passage(state, text, facts, step(state, text, facts)) for text in typed]
    return found


RESTLESS = restless()


def shown(state: FlowState, facts: Facts) -> Step:
    while isinstance(reached := _show(state, facts), Need):
        facts = knowing(facts, reached)
    return reached


def cost(screen: Screen) -> int:
    counted = septets(render_text(fill(screen, PLACEHOLDERS)))
    assert counted is not None, screen
    return counted


def test_every_menu_leads_to_menus_that_exist() -> None:
    assert all(menu.leads_to <= MENUS.keys() for menu in MENUS.values())
    assert [menu.name for menu in MENUS.values()] == list(MENUS)


def test_every_menu_is_declared_reachable_from_home_and_was_reached() -> None:
    reachable = {HOME, RESUME}  # where a dialled code leads
    while further := {name for menu in reachable for name in MENUS[menu].leads_to} - reachable:
        reachable |= further
    assert reachable == MENUS.keys()
    assert {passage.origin.menu for passage in PASSAGES} == MENUS.keys()


def outcomes(menu: Menu, view: View, answers: list[str]) -> Iterator[Page | MenuOutcome]:
    """Give what a menu makes of each answer, once it knows what it needs."""
    accept = menu.accept
    asked = [menu.render, *(partial(_accepted, accept, answer) for answer in answers if accept)]
    for ask in asked:
        known = view
        while isinstance(outcome := ask(known), Need):
            known = View(knowing(known.facts, outcome), known.data)
        yield outcome


def _accepted(accept: Callable[[View, str], MenuOutcome], answer: str, view: View) -> MenuOutcome:
    return accept(view, answer)


def test_every_way_that_a_menu_sends_its_caller_is_declared() -> None:
    ways: Counter[tuple[str, str]] = Counter()
    for passage in [*PASSAGES, *RESTLESS]:
        menu = MENUS[passage.origin.menu]
        view = View(passage.facts, passage.origin.data)
        typed = [passage.typed] if menu.input is not InputKind.CHOICE or menu.takes_typed else []
        answers = [*(code for code in passage.origin.options.values() if code not in {BACK, MORE}), *typed]
        for decided in outcomes(menu, view, answers):
            outcome = decided.then if isinstance(decided, Do) else decided
            if isinstance(outcome, Goto) and outcome.menu in MENUS.keys() - {HOME}:
                ways[menu.name, outcome.menu] += 1
    undeclared = {way for way in ways if way[1] not in MENUS[way[0]].leads_to}
    unused = {(name, target) for name, menu in MENUS.items() for target in menu.leads_to} - ways.keys()
    assert undeclared == set()
    assert unused == set()


def test_every_menu_is_entered_with_what_it_needs() -> None:
    for passage in [*PASSAGES, *RESTLESS]:
        state = passage.step.state
        assert state is None or MENUS[state.menu].needs <= state.data.keys()
        assert passage.step.screen.text.split("\n")[0] != "Reprenons au début."


def test_no_screen_is_longer_than_a_phone_can_show() -> None:
    screens = {passage.step.screen for passage in [*PASSAGES, *RESTLESS]}
    assert len(screens) > 150
    assert {render_text(screen): cost(screen) for screen in screens if cost(screen) > HARD_SEPTETS} == {}


def test_only_the_listed_screens_are_longer_than_wished() -> None:
    longer = {passage.step.screen for passage in [*PASSAGES, *RESTLESS] if cost(passage.step.screen) > WISHED_SEPTETS}
    assert {screen.name for screen in longer} == LONGER_THAN_WISHED


def test_no_screen_without_a_reason_is_longer_than_wished() -> None:
    reached = [passage.step for passage in [*PASSAGES, *RESTLESS]]
    endings = {one.screen for one in reached if one.state is None}
    one_for_each_screen = {passage.step.screen: passage for passage in [*PASSAGES, *RESTLESS]}.values()
    plain = {
        shown(passage.step.state, passage.facts).screen
        for passage in one_for_each_screen
        if passage.step.state is not None
    }
    assert len(plain) > 60
    assert {render_text(screen): cost(screen) for screen in plain | endings if cost(screen) > WISHED_SEPTETS} == {}


def test_every_place_for_a_value_was_filled() -> None:
    for passage in [*PASSAGES, *RESTLESS]:
        assert "{" not in fill(passage.step.screen, PLACEHOLDERS).text


def test_effects_happen_on_confirming_screens_only_and_once() -> None:
    confirming = {
        RequestPayment: "pay_confirm",
        RegisterHousehold: "register_confirm",
        SendDetail: "situation",
        AskAboutPayment: "waiting",
        HoldNumber: "not_me",
        CorrectName: "household_as",
        CorrectPlace: "household_at",
        CorrectPeople: "household_of",
    }
    effects: Counter[type] = Counter()
    for passage in [*PASSAGES, *RESTLESS]:
        ends = passage.step.state is None
        goes_on = any(isinstance(effect, AskAboutPayment | HoldNumber) for effect in passage.step.effects)
        assert ends == passage.step.screen.ends == (len(passage.step.effects) == 1 and not goes_on)
        assert len(passage.step.effects) <= 1
        assert ends == (passage.step.screen.input is InputKind.NONE)
        for effect in passage.step.effects:
            assert confirming[type(effect)] == passage.origin.menu
            effects[type(effect)] += 1
    assert effects.keys() == confirming.keys()


def test_a_menu_that_acts_says_so() -> None:
    acting = {passage.origin.menu for passage in [*PASSAGES, *RESTLESS] if passage.step.effects}
    assert {menu.name for menu in MENUS.values() if menu.acts} == acting


def test_no_key_that_was_used_before_acts_where_repeats_look_like_answers() -> None:
    reached: Counter[str] = Counter()
    for passage in [*PASSAGES, *RESTLESS]:
        used = passage.facts.used_keys | {passage.typed} | passage.origin.options.keys()
        facts = replace(passage.facts, used_keys=used)
        led_here = step(passage.origin, passage.typed, facts)
        if led_here.state is None or not MENUS[led_here.state.menu].acts:
            continue
        again = led_here.state.menu == passage.origin.menu
        earlier = {passage.typed} if again else used
        assert not led_here.state.options.keys() & earlier - FIXED_KEYS
        for key in earlier - {"00", "0"}:
            assert step(led_here.state, key, facts).effects == ()
            reached[led_here.state.menu] += 1
        assert cost(led_here.screen) <= HARD_SEPTETS
    assert reached.keys() == {menu.name for menu in MENUS.values() if menu.acts}
    assert min(reached.values()) >= 20, reached


def test_a_key_that_means_nothing_leaves_the_others_where_they_are() -> None:
    confirming = step(*play_to_confirmation(used_keys=frozenset("1234")))
    assert confirming.state is not None
    assert [option.key for option in confirming.screen.options] == ["5", "6", "7", "0"]
    facts = replace(KNOWN, used_keys=frozenset("1234567890"))
    again = step(confirming.state, "1", facts)
    assert again.state == confirming.state
    assert again.screen.options == confirming.screen.options
    assert step(confirming.state, "5", facts).effects


def play_to_confirmation(used_keys: frozenset[str]) -> tuple[FlowState, str, Facts]:
    before = play(KNOWN, PAYING[:-1]).state
    assert before is not None
    return before, PAYING[-1], replace(KNOWN, used_keys=used_keys)


def test_nobody_is_asked_to_pay_twice_or_beyond_the_limits_even_when_the_facts_change() -> None:
    requests = [
        (passage.facts, effect)
        for passage in [*PASSAGES, *RESTLESS]
        for effect in passage.step.effects
        if isinstance(effect, RequestPayment)
    ]
    assert len(requests) > 20
    for facts, request in requests:
        assert facts.caller is not None
        assert facts.open_request is None
        assert request.household_id == facts.caller.household_id
        assert facts.caller.minimum_xof <= request.amount_xof <= facts.caller.maximum_xof
        assert request.wallet in {wallet.code for wallet in facts.wallets}


def test_back_from_every_screen_leads_home_in_the_end() -> None:
    for passage in {repr(passage.step.state): passage for passage in PASSAGES}.values():
        reached = passage.step
        turns_count = 0
        while reached.state is not None and any(option.key == "0" for option in reached.screen.options):
            reached = step(reached.state, "0", passage.facts)
            turns_count += 1
            assert turns_count < 12
        assert reached.state is None or reached.state.menu in {HOME, RESUME}


def test_home_shows_from_when_until_when_rights_are_open_and_what_is_to_pay() -> None:
    told = "RAMU: Aminata Traoré\nDroits ouverts du 01/01/2026 au 31/12/2026\nA payer: 41 600 F"
    assert start(KNOWN).screen.text == told
    assert "1. M'inscrire" in render_text(start(UNKNOWN).screen)
    assert AMINATA.name in start(KNOWN).screen.text
