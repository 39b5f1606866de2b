import tomllib
from importlib.resources import files

import pytest

from ussd_flows.texts import DECLARED, TextsFaulty, checked, message


def french() -> dict[str, dict[str, object]]:
    return tomllib.loads(files("ussd_flows").joinpath("texts/fr.toml").read_text(encoding="utf-8"))


def test_the_french_texts_are_exactly_those_declared() -> None:
    assert checked(french()).keys() == DECLARED.keys()


def test_every_fault_of_a_language_is_told_at_once() -> None:
    texts = french()
    del texts["key"]["more"]
    texts["key"]["less"] = "Moins"
    texts["pay"]["wallet"] = "Payer {montant} avec:"
    texts["home"]["help"] = "Reçus"
    with pytest.raises(TextsFaulty) as caught:
        checked(texts)
    assert [fault.partition(":")[0] for fault in caught.value.faults] == [
        "key.more",
        "key.less",
        "home.help",
        "pay.wallet",
    ]


def test_a_text_outside_a_section_or_not_a_text_is_a_fault() -> None:
    with pytest.raises(TextsFaulty, match="stray: not a section"):
        checked({"stray": "text"})
    texts = french()
    texts["key"]["more"] = 3
    with pytest.raises(TextsFaulty, match=r"key\.more: not a text"):
        checked(texts)


def test_a_value_cannot_bring_places_lines_or_other_alphabets() -> None:
    assert message("home.registered", name="A {reference}\n Traoré ç") == "RAMU: A (reference) Traoré c"


def test_a_place_that_only_the_gateway_fills_stays_open() -> None:
    assert "{reference}" in message("pay.end", wallet="Orange Money")
    said = {"wallet": "Orange", "amount": "5 F", "minutes": "4", "reference": "7K3M-9QPA"}
    assert "{reference}" not in message("waiting.prompt", **said)


def test_a_missing_value_is_a_fault_of_the_menu() -> None:
    with pytest.raises(KeyError):
        message("pay.wallet")
