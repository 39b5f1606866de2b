"""Single turns: what a key means, what cannot be read, what a dialled path may do."""

import random
from collections import Counter
from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.members.places import rows
from tests.ussd_flows.answering import start, step
from tests.ussd_flows.callers import AMINATA, KNOWN, PROMPTED, UNKNOWN, WALLETS, worst_cases
from tests.ussd_flows.playing import REGISTERING, play
from ussd_flows.effects import RegisterHousehold, RequestPayment, SendDetail
from ussd_flows.facts import Facts, PaymentState, Wallet
from ussd_flows.places import places_from
from ussd_flows.screen import Screen, render_text
from ussd_flows.state import FlowState


def test_a_key_means_what_the_caller_saw() -> None:
    choosing = play(KNOWN, ["1", "1", "2"])
    shuffled = replace(
        KNOWN, wallets=(Wallet("wave", "Wave"), *reversed(WALLETS)), caller=replace(AMINATA, last_wallet=None)
    )
    assert play(shuffled, ["2", "1"], choosing).effects == (RequestPayment(7, 12_000, "orange"),)


def test_a_list_goes_on_with_98_and_back_with_0() -> None:
    listed = play(UNKNOWN, ["1", "Awa Ba", "1", "k"])
    further = play(UNKNOWN, ["98"], listed)
    assert [option.key for option in further.screen.options][:2] == ["1", "2"]
    assert not {option.label for option in further.screen.options[:-2]} & {
        option.label for option in listed.screen.options
    }
    assert play(UNKNOWN, ["0"], further) == listed
    assert play(UNKNOWN, ["0"], listed).screen.name == "register_place"


def test_a_list_that_became_shorter_shows_its_last_screen() -> None:
    further = play(UNKNOWN, ["1", "Awa Ba", "1", "k", "98", "98"])
    assert further.state is not None
    shorter = replace(UNKNOWN, places=places_from(row for row in rows() if row.name in {"Kita", "Kayes"}))
    shown = step(further.state, "zzz", shorter)
    assert [option.label for option in shown.screen.options] == ["Kayes", "Kita", "Autre lieu", "Retour"]
    assert shown.state is not None
    assert step(shown.state, "2", shorter).screen.name == "register_people"


def test_00_leads_home_from_everywhere_and_forgets() -> None:
    home = play(UNKNOWN, [*REGISTERING, "00"])
    assert home == start(UNKNOWN)


def test_back_keeps_what_was_said_before() -> None:
    reached = play(UNKNOWN, [*REGISTERING, "0"])
    assert reached.screen.name == "register_people"
    assert play(UNKNOWN, ["9 0", "1"], reached).effects == (RegisterHousehold("Aminata Traoré", "artisan", "1201", 9),)


def test_receipts_are_listed_and_shown_one_by_one() -> None:
    listed = play(KNOWN, ["3", "1"])
    assert listed.screen.options[0].label == "10/02/2026 12 000 F payé"
    assert "Quittance No 7K3M-9QPA" in play(KNOWN, ["1"], listed).screen.text
    waiting = replace(AMINATA.last_payments[0], state=PaymentState.PENDING)
    pending = replace(KNOWN, caller=replace(AMINATA, last_payments=(waiting,)))
    assert "12 000 F en attente\nLe 10/02/2026\nRéf 7K3M-9QPA" in play(pending, ["3", "1", "1"]).screen.text
    gone = replace(KNOWN, caller=replace(AMINATA, last_payments=()))
    assert play(gone, ["1"], listed).screen.text == "Aucun paiement enregistré."


def test_the_detail_is_sent_from_the_situation() -> None:
    assert play(KNOWN, ["2", "2"]).effects == (SendDetail(7),)


@pytest.mark.parametrize(
    ("tail", "name"),
    [
        ("", "home"),
        ("1", "pay_amount"),
        ("1*1", "pay_confirm"),
        ("*1*1#", "pay_confirm"),
        ("1*1*1", "pay_confirm"),
        ("1*1*2", "pay_wallet"),
        ("1*1*2*1*1", "pay_confirm"),
        ("2*2", "situation"),
        ("9*1", "home"),
        ("1*9*1", "pay_amount"),
        ("1**1", "pay_amount"),
        ("1*5000*1", "pay_confirm"),
        ("#", "home"),
        ("\x00" * 10_000, "home"),
        ("1*0*" * 10_000, "home"),
    ],
)
def test_a_dialled_path_is_walked_up_to_the_screen_before_an_effect(tail: str, name: str) -> None:
    reached = start(KNOWN, tail)
    assert reached.effects == ()
    assert reached.state is not None
    assert reached.screen.name == reached.state.menu == name


def test_a_path_cut_short_never_ends_in_half_an_answer() -> None:
    tail = f"1*{'A' * 67}*1*kita*1*12"
    assert tail[:80].endswith("*1*1")
    reached = start(UNKNOWN, tail)
    assert reached.screen.name == "register_people"


@pytest.mark.parametrize(
    "state",
    [
        FlowState("no such menu", {}, {}, ()),
        FlowState("pay_confirm", {"wallet": "moov"}, {"1": "yes"}, ("home",)),
        FlowState("help", {}, {"0": "@back"}, ("no such menu",)),
    ],
)
def test_a_state_of_other_menus_begins_anew_and_says_so(state: FlowState) -> None:
    home = step(state, "1", KNOWN)
    assert home.effects == ()
    assert home.screen.text.startswith("Reprenons au début.\nRAMU")


HOSTILE = [
    "",
    " ",
    "\x00",
    "*",
    "#",
    "1*1",
    "1_000",
    "1e3",
    "\u0663",
    "-1",
    "9" * 10_000,
    "é" * 10_000,
    "\ud800",
    "DROP TABLE",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_is_without_an_answer(text: str) -> None:
    for facts in worst_cases().values():
        reached = start(facts, text)
        for _ in range(3):
            assert reached.state is not None
            reached = step(reached.state, text, facts)


@given(
    st.text(), st.sampled_from(list(worst_cases().values())), st.sampled_from([[], ["1"], ["1", "3"], REGISTERING[:3]])
)
def test_any_text_is_answered_on_choices_and_on_free_input(text: str, facts: Facts, way: list[str]) -> None:
    reached = start(facts, "*".join(way))
    assert reached.state is not None
    step(reached.state, text, facts)


def test_a_caller_who_types_mostly_what_is_shown_often_pays_and_never_twice() -> None:
    """Play whole sessions; most keys are drawn from the screen, or random typing would never reach a payment."""
    reached_count: Counter[str] = Counter()

    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(seed=st.integers(0, 2**32), facts=st.sampled_from([KNOWN, UNKNOWN, PROMPTED]))
    def play_a_session(seed: int, facts: Facts) -> None:
        dice = random.Random(seed)  # noqa: S311 - the dice of a test, not a secret
        reached = start(facts)
        requests = 0
        for _ in range(25):
            if reached.state is None:
                break
            state = reached.state
            # A place in the menus is kept as texts.
            kept = [state.menu, *state.trail, *chain(*state.data.items(), *state.options.items())]
            assert all(isinstance(text, str) for text in kept)
            reached = step(state, typing(dice, reached.screen), facts)
            requests += sum(isinstance(effect, RequestPayment) for effect in reached.effects)
            reached_count.update(type(effect).__name__ for effect in reached.effects)
        assert requests == (reached.screen.name == "pay_confirm.end")
        assert requests == 0 or (facts is KNOWN)

    play_a_session()
    assert reached_count["RequestPayment"] >= 10
    assert reached_count["RegisterHousehold"] >= 5


def typing(dice: random.Random, screen: Screen) -> str:
    free = {
        "register_name": "Awa Ba",
        "register_place": dice.choice(["k", "kita", "zz"]),
        "register_people": str(dice.randint(0, 120)),
        "pay_amount": str(dice.randint(0, 300_000)),
    }
    if screen.name in free and dice.random() < 0.9:
        return free[screen.name]
    forward = [option.key for option in screen.options if option.key not in {"0", "00"}]
    if forward and dice.random() < 0.85:
        return dice.choice(forward)
    return dice.choice(["0", "00", "98", "x", "", "7", "1e3"])


def test_screens_are_flat_texts_with_numbered_lines() -> None:
    assert render_text(start(KNOWN).screen).split("\n")[2:] == [
        "A payer: 41 600 F",
        "1. Payer",
        "2. Situation",
        "3. Suite",
        "4. Pas vous ?",
    ]
