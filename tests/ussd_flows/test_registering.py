"""Registering: what was said is kept, what cannot be read is asked for again."""

import pytest

from tests.ussd_flows.answering import FIRST_COSTS_LESS
from tests.ussd_flows.callers import KNOWN, UNKNOWN
from tests.ussd_flows.playing import REGISTERING, play
from ussd_flows.effects import RegisterHousehold
from ussd_flows.people import SURE_MAX
from ussd_flows.screen import fill

#: An activity whose children cost what adults cost, as far as the number of people.
COTTON = ["1", "Aminata Traoré", "3", "kita", "1"]


def test_a_household_registers_with_what_it_said() -> None:
    end = play(UNKNOWN, [*REGISTERING, "1"])
    assert end.effects == (RegisterHousehold("Aminata Traoré", "artisan", "1201", 6, 4),)
    assert "0000000127" in fill(end.screen, {"ramu_number": "0000000127"}).text


def test_beginning_again_keeps_nothing() -> None:
    again = play(UNKNOWN, [*REGISTERING, "2"])
    assert again.effects == ()
    assert again.screen.text.startswith("Rien n'est enregistré.")
    assert play(UNKNOWN, ["0"], again).screen.name == "home"


@pytest.mark.parametrize("name", ["", "1", "A", "Ami4ata", "日本", "{reference}", "--", "A\x00" * 5000])
def test_what_is_no_name_is_asked_for_again(name: str) -> None:
    again = play(UNKNOWN, ["1", name])
    assert again.screen.name == "register_name"
    assert again.screen.text.startswith("Ecrivez le nom en lettres (80 au plus).")


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("  Awa   Ba ", "Awa Ba"),
        ("Françoise N’Diaye", "Francoise N'Diaye"),  # noqa: RUF001 - the apostrophe that phones type
        ("Aminata-Fatoumata DIARRASSOUBA-TOUNKARA de Kita", "Aminata-Fatoumata DIARRASSOUBA-TOUNKARA"),
        ("aminata traoré", "Aminata Traoré"),
    ],
)
def test_a_name_is_kept_as_phones_can_show_it(typed: str, name: str) -> None:
    end = play(UNKNOWN, ["1", typed, *REGISTERING[2:], "1"])
    assert isinstance(end.effects[0], RegisterHousehold)
    assert end.effects[0].name == name


@pytest.mark.parametrize(("typed", "count"), [("1", 1), ("07", 7), ("98", 98), ("99", 99)])
def test_any_number_of_people_up_to_ninety_nine_is_read(typed: str, count: int) -> None:
    sure = ["1"] if count > SURE_MAX else []
    end = play(UNKNOWN, [*COTTON, typed, *sure, "1"])
    assert isinstance(end.effects[0], RegisterHousehold)
    assert (end.effects[0].people_count, end.effects[0].children_count) == (count, 0)


@pytest.mark.parametrize("typed", ["100", "-1", "deux", "1.5", "\u0663", ""])
def test_what_is_no_number_of_people_is_asked_for_again(typed: str) -> None:
    assert play(UNKNOWN, [*COTTON, typed]).screen.text.startswith("Tapez un nombre de 1 à 99.")


def test_someone_registered_meanwhile_is_not_registered_twice() -> None:
    confirming = play(UNKNOWN, REGISTERING)
    home = play(KNOWN, ["1"], confirming)
    assert home.effects == ()
    assert home.screen.text.startswith("RAMU: Aminata")


@pytest.mark.parametrize(
    "typed",
    [
        ["1", "Aminata Traoré", "2", "kita", "1", "2 4", "1"],
        ["1", "Aminata Traoré", "3", "kita", "1", "6", "1"],
        ["1", "Aminata Traoré", "2", "koulikr", "1", "2 4", "1"],
    ],
    ids=["adults and children", "people", "a place that is written otherwise"],
)
def test_registering_takes_eight_screens_the_dialled_one_and_the_last_included(typed: list[str]) -> None:
    reached, screens = play(UNKNOWN, []), 1
    for text in typed:
        reached, screens = play(UNKNOWN, [text], reached), screens + 1
    assert isinstance(reached.effects[0], RegisterHousehold)
    assert screens <= 8


def test_the_price_is_read_before_anybody_confirms() -> None:
    asked = play(UNKNOWN, REGISTERING)
    assert asked.effects == ()
    assert asked.screen.text == "Aminata Traoré\nArtisan, Kita\n4 000 F par mois pour 2 adultes, 4 enfants"
    assert play(UNKNOWN, [*COTTON, "5"]).screen.text.endswith("\n5 000 F par mois pour 5 personnes")
    first = play(UNKNOWN, [*COTTON, str(FIRST_COSTS_LESS)])
    assert first.screen.text.endswith("\n700 F, puis 19 000 F par mois pour 19 personnes")


@pytest.mark.parametrize(("typed", "said"), [("21", "21 personnes"), ("99", "99 personnes")])
def test_more_than_twenty_people_are_asked_for_once_more(typed: str, said: str) -> None:
    sure = play(UNKNOWN, [*COTTON, typed])
    assert sure.screen.text == f"{said} dans votre ménage: est-ce exact?"
    assert play(UNKNOWN, ["2"], sure).screen.name == "register_people"
    assert play(UNKNOWN, ["1"], sure).screen.name == "register_confirm"
    assert play(UNKNOWN, [*COTTON, "20"]).screen.name == "register_confirm"


def test_a_household_lives_where_it_says_when_no_list_has_the_place() -> None:
    regions = play(UNKNOWN, [*COTTON[:3], "xyzxyz"])
    assert regions.screen.text == "Lieu non trouvé.\nChoisissez la région:"
    asked = play(UNKNOWN, ["98", "98", "3"], regions)
    assert asked.screen.name == "register_other"
    assert play(UNKNOWN, ["4"], asked).screen.text.startswith("Ecrivez le lieu en lettres.")
    end = play(UNKNOWN, ["Moribila, commune de Kémparana", "7", "1"], asked)
    assert end.effects == (
        RegisterHousehold("Aminata Traoré", "coton", "", 7, place_words="Moribila, commune de Kémparana"),
    )


def test_a_region_shows_its_cercles_and_bamako_is_one_already() -> None:
    regions = play(UNKNOWN, [*COTTON[:3], "xyzxyz"])
    assert play(UNKNOWN, ["1", "5", "1"], regions).effects == (RegisterHousehold("Aminata Traoré", "coton", "0000", 5),)
    cercles = play(UNKNOWN, ["2"], regions)
    labels = [option.label for option in cercles.screen.options]
    assert labels[:4] == ["Bandiagara", "Bankass", "Dialassagou", "Kani"]


def test_whoever_types_a_name_on_a_list_looks_for_it_and_a_number_is_no_name() -> None:
    regions = play(UNKNOWN, [*COTTON[:3], "xyzxyz"])
    assert play(UNKNOWN, ["sikaso", "5"], regions).screen.text.startswith("Aminata Traoré\nCoton, Sikasso\n")
    assert play(UNKNOWN, ["77"], regions).screen.text.startswith("Choix non valable.")
    assert play(UNKNOWN, ["qqqqqq"], regions).screen.text == regions.screen.text
