"""A number that changed hands: its new holder says so once, and what is then shown says nothing of the household."""

from dataclasses import replace

import pytest

from tests.ussd_flows.answering import start, step
from tests.ussd_flows.callers import AMINATA, KNOWN, UNKNOWN
from tests.ussd_flows.playing import play
from ussd_flows.effects import HoldNumber
from ussd_flows.facts import RightsFact, RightsState
from ussd_flows.screen import WISHED_SEPTETS, render_text

HELD = replace(UNKNOWN, is_number_held=True)


def test_the_first_screen_asks_whether_it_is_she() -> None:
    assert render_text(start(KNOWN).screen).endswith("\n4. Pas vous ?")


def test_where_the_first_screen_is_full_it_stands_behind_suite() -> None:
    long = replace(
        AMINATA,
        name="Aminata Traoré Diarra",
        remaining_xof=999_999_999,
        rights=RightsFact(RightsState.CLOSED),
        opens_with_xof=None,
    )
    facts = replace(KNOWN, caller=long)
    first = render_text(start(facts).screen)
    assert "Pas vous" not in first
    assert first.endswith("3. Suite")
    assert len(first) <= WISHED_SEPTETS
    assert "3. Pas vous ?" in render_text(play(facts, ["3"]).screen)
    assert play(facts, ["3", "3"]).screen.name == "not_me"


def test_it_is_confirmed_once_and_holds_the_link() -> None:
    asked = play(KNOWN, ["4"])
    assert asked.effects == ()
    assert AMINATA.name in asked.screen.text
    said = play(KNOWN, ["1"], asked)
    assert said.effects == (HoldNumber(AMINATA.household_id),)
    assert not said.screen.ends
    assert "Aide: 80 00 12 34" in said.screen.text
    assert [option.label for option in said.screen.options] == ["M'inscrire", "Retour"]
    # What the next turn knows is that the number is held.
    assert said.state is not None
    assert step(said.state, "1", HELD).screen.name == "register_name"
    assert step(said.state, "0", HELD).screen.name == "home"


def test_going_back_holds_nothing() -> None:
    assert play(KNOWN, ["4", "0"]).screen == start(KNOWN).screen


@pytest.mark.parametrize("tail", ["4*1", "3*3*1", "4*1*1"])
def test_a_dialled_path_never_holds(tail: str) -> None:
    reached = start(KNOWN, tail)
    assert reached.effects == ()
    assert reached.screen.name == "not_me"


def test_what_a_held_number_is_shown_names_nobody() -> None:
    first = start(HELD)
    assert first.screen.text == "RAMU CANAM\nNuméro à vérifier\nAide: 80 00 12 34"
    shown = [first.screen, *(play(HELD, typed).screen for typed in (["1"], ["2"], ["00"], ["zzz"]))]
    assert not any(AMINATA.name in screen.text or AMINATA.ramu_number in screen.text for screen in shown)
    assert play(HELD, ["1", "Moussa Keita", "1"]).screen.name == "register_place"
