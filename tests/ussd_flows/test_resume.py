"""Whoever dials again soon after being cut off may go on: the same screen from facts read anew, and nothing done."""

from dataclasses import replace

import pytest

from tests.ussd_flows.answering import start, step
from tests.ussd_flows.callers import AMINATA, KNOWN, LEFT_PAYING, LEFT_REGISTERING, PROMPT, UNKNOWN
from tests.ussd_flows.playing import PAYING, REGISTERING, play
from ussd_flows.effects import RegisterHousehold, RequestPayment
from ussd_flows.facts import Facts
from ussd_flows.graph import MENUS
from ussd_flows.screen import render_text
from ussd_flows.state import FlowState
from ussd_flows.step import Step


def left(facts: Facts, typed: list[str]) -> FlowState:
    state = play(facts, typed).state
    assert state is not None
    return state


def dialled_again(facts: Facts, state: FlowState) -> Step:
    return start(replace(facts, unfinished=state))


def test_a_payment_is_offered_with_its_amount_and_gone_on_with_where_it_was_left() -> None:
    before = play(KNOWN, PAYING)
    assert before.state is not None
    asked = dialled_again(KNOWN, before.state)
    assert render_text(asked.screen) == "Un paiement de 12 000 F n'est pas terminé.\n1. Continuer\n2. Recommencer"
    shown = play(KNOWN, ["1"], asked)
    assert (shown.screen, shown.effects) == (before.screen, ())
    assert play(KNOWN, ["1"], shown).effects == (RequestPayment(7, 12_000, "moov"),)
    assert play(KNOWN, ["0"], shown).screen.name == "pay_amount"


@pytest.mark.parametrize("count", range(1, len(REGISTERING)))
def test_a_registration_is_gone_on_with_at_every_question_and_ends_as_if_nothing_had_been(count: int) -> None:
    typed, rest = REGISTERING[: count + 1], [*REGISTERING[count + 1 :], "1"]
    asked = dialled_again(UNKNOWN, left(UNKNOWN, typed))
    assert asked.screen.text == "Votre inscription n'est pas terminée."
    shown = play(UNKNOWN, ["1"], asked)
    assert shown.screen == play(UNKNOWN, typed).screen
    assert play(UNKNOWN, rest, shown).effects == play(UNKNOWN, [*REGISTERING, "1"]).effects
    assert isinstance(play(UNKNOWN, rest, shown).effects[0], RegisterHousehold)


def test_beginning_anew_leads_home() -> None:
    for facts, state in ((KNOWN, left(KNOWN, PAYING)), (UNKNOWN, left(UNKNOWN, REGISTERING))):
        assert play(facts, ["2"], dialled_again(facts, state)).screen == start(facts).screen


@pytest.mark.parametrize("typed", [[], ["1"], ["2"], ["3"], ["3", "1"], ["4"]])
def test_what_is_no_unfinished_payment_is_not_offered(typed: list[str]) -> None:
    assert dialled_again(KNOWN, left(KNOWN, typed)).screen == start(KNOWN).screen


def test_nothing_is_offered_that_could_not_be_shown_as_it_was() -> None:
    paying, registering = left(KNOWN, PAYING), left(UNKNOWN, REGISTERING)
    for facts, state in (
        (UNKNOWN, paying),
        (replace(UNKNOWN, is_number_held=True), paying),
        (KNOWN, registering),
        (replace(KNOWN, open_request=PROMPT), paying),
        (replace(KNOWN, caller=replace(AMINATA, maximum_xof=11_999)), paying),
        (replace(KNOWN, wallets=()), paying),
        (replace(UNKNOWN, activities=()), registering),
        (KNOWN, FlowState("of another release", {}, {}, ())),
        (KNOWN, FlowState("pay_confirm", {}, {}, ())),
        (KNOWN, FlowState("resume", {}, {}, ())),
    ):
        assert dialled_again(facts, state).screen == start(facts).screen


def test_a_dialled_path_goes_where_it_leads() -> None:
    assert start(replace(KNOWN, unfinished=left(KNOWN, PAYING)), "2").screen.name == "situation"


def test_who_is_cut_off_at_the_question_itself_is_asked_the_same_again() -> None:
    once = dialled_again(KNOWN, left(KNOWN, PAYING))
    assert once.state is not None
    twice = dialled_again(KNOWN, once.state)
    assert twice.state == once.state
    assert play(KNOWN, ["1"], twice).screen == play(KNOWN, PAYING).screen


def test_the_question_has_no_way_back_and_leaves_no_trace_on_it() -> None:
    asked = dialled_again(KNOWN, left(KNOWN, PAYING))
    assert asked.state is not None
    assert step(asked.state, "0", KNOWN).screen.text.startswith("Choix non valable.")
    assert step(asked.state, "00", KNOWN).screen == start(KNOWN).screen
    shown = play(KNOWN, ["1"], asked)
    assert shown.state is not None
    assert shown.state.trail == ("home", "pay_amount")


def test_keys_that_were_typed_before_confirm_nothing_after_it() -> None:
    used = replace(KNOWN, used_keys=frozenset("1234567"))
    shown = play(used, ["1"], dialled_again(used, left(KNOWN, PAYING)))
    assert [option.key for option in shown.screen.options] == ["8", "9", "10", "0"]


def test_every_screen_that_can_be_left_in_the_middle_was_looked_at() -> None:
    resumable = {menu.name for menu in MENUS.values() if menu.can_be_resumed}
    assert {state.menu for state in (*LEFT_PAYING, *LEFT_REGISTERING)} == resumable
    assert resumable <= MENUS["resume"].leads_to
