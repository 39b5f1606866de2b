"""Names as people type them on twelve keys, and as they are kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ussd_flows.gsm7 import septets
from ussd_flows.names import NAME_SEPTETS_MAX, capitalised, read_name


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("aminata traoré", "Aminata Traoré"),
        ("  awa   ba ", "Awa Ba"),
        ("Aminata Traoré", "Aminata Traoré"),
        ("Aminata TRAORE", "Aminata TRAORE"),
        ("aminata TRAORE", "Aminata TRAORE"),
        ("AMINATA TRAORE", "AMINATA TRAORE"),
        ("aMINATA tRAORE", "Aminata Traore"),
        ("fatoumata-binta diallo", "Fatoumata-Binta Diallo"),
        ("fatoumata - binta", "Fatoumata - Binta"),
        ("n'golo coulibaly", "N'Golo Coulibaly"),
        ("françoise n’diaye", "Francoise N'Diaye"),  # noqa: RUF001 - the apostrophe that phones type
        ("N'DIAYE", "N'DIAYE"),
        ("n'Diaye", "N'Diaye"),
        ("m`bodj", "M'Bodj"),
        ("jean d'almeida", "Jean d'Almeida"),
        ("Jean D'Almeida", "Jean D'Almeida"),
        ("d'almeida jean", "D'Almeida Jean"),
        ("marie de la croix", "Marie de La Croix"),
        ("de souza marie", "De Souza Marie"),
        ("mariam touré épouse keïta", "Mariam Touré épouse Keita"),
        ("moussa diarra dit papa", "Moussa Diarra dit Papa"),
        ("mohamed ag intalla", "Mohamed Ag Intalla"),
        ("el hadj oumar tall", "El Hadj Oumar Tall"),
        ("ould sidi mohamed", "Ould Sidi Mohamed"),
        ("s. keita", "S. Keita"),
        ("a.b. cissé", "A.B. Cissé"),
        ("élise èva", "Élise Eva"),
        ("e\u0301lise", "Élise"),
        ("ɲeleni", "Nyeleni"),
        ("ŋolo", "Ngolo"),
        ("dEMBELE", "Dembele"),
        ("mcCarthy", "McCarthy"),
        ("bA", "BA"),
    ],
)
def test_a_name_is_kept_as_people_write_it(typed: str, name: str) -> None:
    assert read_name(typed) == name


@pytest.mark.parametrize(
    "typed", ["", "1", "A", "Ami4ata", "日本", "{reference}", "--", "' '", "A\x00" * 5000, "a_b", "d'"]
)
def test_what_is_no_name_is_none(typed: str) -> None:
    assert read_name(typed) is None


def test_a_long_name_is_cut_after_a_whole_word() -> None:
    assert read_name("aminata-fatoumata DIARRASSOUBA-TOUNKARA de kita") == "Aminata-Fatoumata DIARRASSOUBA-TOUNKARA"


@given(st.text())
def test_a_name_that_was_kept_is_kept_the_same_again(typed: str) -> None:
    name = read_name(typed)
    if name is not None:
        assert read_name(name) == name
        assert (septets(name) or 999) <= NAME_SEPTETS_MAX


@given(st.text(alphabet="aàâbcdeéèfgilmnoôrstuûyz -.'", max_size=40))
def test_nothing_but_the_size_of_letters_changes(typed: str) -> None:
    assert capitalised(typed).casefold() == typed.casefold()
