"""Registering: what was said is kept, what cannot be read is asked for again."""

import pytest

from tests.ussd_flows.callers import KNOWN, UNKNOWN
from tests.ussd_flows.playing import REGISTERING, play
from ussd_flows.effects import RegisterHousehold
from ussd_flows.screen import fill


def test_a_household_registers_with_what_it_said() -> None:
    end = play(UNKNOWN, [*REGISTERING, "1"])
    assert end.effects == (RegisterHousehold("Aminata Traoré", "artisan", "1201", 6),)
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
    end = play(UNKNOWN, [*REGISTERING[:-1], typed, "1"])
    assert isinstance(end.effects[0], RegisterHousehold)
    assert end.effects[0].people_count == count


@pytest.mark.parametrize("typed", ["100", "-1", "deux", "1.5", "\u0663", ""])
def test_what_is_no_number_of_people_is_asked_for_again(typed: str) -> None:
    assert play(UNKNOWN, [*REGISTERING[:-1], typed]).screen.text.startswith("Tapez un nombre de 1 à 99.")


def test_someone_registered_meanwhile_is_not_registered_twice() -> None:
    confirming = play(UNKNOWN, REGISTERING)
    home = play(KNOWN, ["1"], confirming)
    assert home.effects == ()
    assert home.screen.text.startswith("RAMU: Aminata")
