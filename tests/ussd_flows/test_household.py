"""The caller's own household: what was declared, and each correction with its effect said first."""

import pytest

from tests.ussd_flows.callers import KNOWN, UNKNOWN
from tests.ussd_flows.playing import play
from ussd_flows.effects import CorrectName, CorrectPeople, CorrectPlace, Effect

HOUSEHOLD = ["3", "2"]
KEPT = "Période entamée: prix gardé"


def test_what_was_declared_is_read_on_one_screen() -> None:
    assert play(KNOWN, HOUSEHOLD).screen.text == "Aminata Traoré\nArtisan, Kita\n4 adultes, 2 enfants\nCorriger:"


@pytest.mark.parametrize(
    ("typed", "told", "effect"),
    [
        (
            ["1", "aminata TRAORE"],
            "Nom: Aminata TRAORE\nau lieu de Aminata Traoré.\nCe que vous payez ne change pas.",
            CorrectName(7, "Aminata TRAORE"),
        ),
        (
            ["2", "lafiabougou"],
            "Lieu: Bamako\nau lieu de Kita.\nCe que vous payez ne change pas.",
            CorrectPlace(7, "0000", ""),
        ),
        (
            ["3", "5 3"],
            f"5 adultes, 3 enfants\nA payer: 43 600 F (avant 41 600 F)\npuis 6 500 F par mois\n{KEPT}",
            CorrectPeople(7, 8, 3),
        ),
        (
            ["3", "5 0"],
            "5 personnes\nA payer: 41 600 F, inchangé\npuis 5 000 F par mois",
            CorrectPeople(7, 5, 0),
        ),
    ],
    ids=["name", "place", "people", "people, nothing to pay changes"],
)
def test_the_effect_is_said_before_a_correction_is_confirmed(typed: list[str], told: str, effect: Effect) -> None:
    asked = play(KNOWN, [*HOUSEHOLD, *typed])
    assert asked.screen.text == told
    assert asked.effects == ()
    assert play(KNOWN, ["1"], asked).effects == (effect,)
    kept = play(KNOWN, ["2"], asked)
    assert kept.effects == ()
    assert kept.screen.text.startswith("Rien n'est changé.\nAminata Traoré\n")


def test_a_place_in_words_is_corrected_to_as_well() -> None:
    other = play(KNOWN, [*HOUSEHOLD, "2", "xyzxyz", "98", "98", "3", "Moribila, Kémparana"])
    assert other.screen.text.startswith("Lieu: Moribila, Kémparana\nau lieu de Kita.")
    assert play(KNOWN, ["1"], other).effects == (CorrectPlace(7, "", "Moribila, Kémparana"),)


def test_many_people_are_asked_for_once_more_here_too() -> None:
    sure = play(KNOWN, [*HOUSEHOLD, "3", "30 2"])
    assert sure.screen.text == "30 adultes, 2 enfants dans votre ménage: est-ce exact?"
    assert play(KNOWN, ["1", "1"], sure).effects == (CorrectPeople(7, 32, 2),)


def test_who_is_registered_nowhere_corrects_nothing() -> None:
    asked = play(KNOWN, [*HOUSEHOLD, "3", "5 3"])
    assert play(UNKNOWN, ["1"], asked).screen.name == "home"
    assert play(UNKNOWN, ["1"], asked).effects == ()
