"""Paying: once, what was agreed, from the wallet that was chosen."""

from dataclasses import replace

import pytest

from tests.ussd_flows.callers import AMINATA, KNOWN, PROMPT, PROMPTED, WALLETS
from tests.ussd_flows.playing import PAYING, play
from ussd_flows.effects import RequestPayment
from ussd_flows.facts import RequestState
from ussd_flows.screen import fill
from ussd_flows.step import step


def test_a_confirmed_payment_is_asked_for_once_with_what_was_agreed() -> None:
    end = play(KNOWN, [*PAYING, "1"])
    assert end.effects == (RequestPayment(household_id=7, amount_xof=12_000, wallet="moov"),)
    assert end.state is None
    assert end.screen.name == "pay_confirm.end"
    assert "Réf 7K3M-9QPA" in fill(end.screen, {"reference": "7K3M-9QPA"}).text


def test_a_repeated_turn_comes_to_the_same_step() -> None:
    reached = play(KNOWN, PAYING)
    assert reached.state is not None
    assert step(reached.state, "1", KNOWN) == step(reached.state, "1", KNOWN)


def test_the_confirmation_names_who_is_paid_for_and_what_and_when() -> None:
    text = play(KNOWN, PAYING).screen.text
    for said in ("12 000 F", "CANAM", "Aminata Traoré", "0000000127", "année 2026", "Moov Money"):
        assert said in text


def test_an_annulled_payment_asks_nobody_for_money() -> None:
    home = play(KNOWN, [*PAYING, "2"])
    assert home.effects == ()
    assert home.screen.text.startswith("Annulé. Aucun paiement lancé.\nRAMU: Aminata")


def test_the_last_wallet_comes_first_but_is_still_chosen() -> None:
    screen = play(KNOWN, ["1", "1"]).screen
    assert [option.label for option in screen.options] == ["Moov Money (dernier)", "Orange Money", "Retour"]
    assert play(KNOWN, ["1", "1", "2", "1"]).effects == (RequestPayment(7, 12_000, "orange"),)


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("499", "Minimum: 500 F"),
        ("200 001", "Maximum: 200 000 F"),
        ("1e3", "Montant non compris. Ex: 5000"),
        ("", "Montant non compris. Ex: 5000"),
    ],
)
def test_an_amount_that_cannot_be_paid_is_asked_for_again_with_the_reason(typed: str, reason: str) -> None:
    again = play(KNOWN, ["1", "3", typed])
    assert again.screen.text.split("\n")[0] == reason
    assert again.screen.name == "pay_other"
    assert play(KNOWN, ["500 F", "2", "1"], again).effects == (RequestPayment(7, 500, "orange"),)


def test_someone_who_owes_nothing_may_pay_ahead() -> None:
    facts = replace(KNOWN, caller=replace(AMINATA, remaining_xof=0, due_xof=0))
    assert "payer d'avance" in play(facts, ["1"]).screen.text
    assert play(facts, [*PAYING, "1"]).effects == (RequestPayment(7, 12_000, "moov"),)


def test_while_a_prompt_waits_paying_leads_to_it() -> None:
    assert play(PROMPTED, ["1"]).screen.name == "waiting"
    assert play(PROMPTED, ["2", "1"]).screen.name == "waiting"
    assert play(PROMPTED, ["1", "1"]).screen.text.startswith("Toujours en attente.")
    checking = replace(PROMPTED, open_request=replace(PROMPT, state=RequestState.CHECKING))
    assert "vérification" in play(checking, ["1"]).screen.text


def test_a_prompt_that_was_answered_leads_home() -> None:
    waiting = play(PROMPTED, ["1"])
    home = play(KNOWN, ["1"], waiting)
    assert home.screen.name == "home"
    assert "Mes recus" in home.screen.text


def test_a_prompt_sent_meanwhile_stops_a_second_one() -> None:
    confirming = play(KNOWN, PAYING)
    stopped = play(PROMPTED, ["1"], confirming)
    assert stopped.effects == ()
    assert stopped.screen.name == "waiting"


def test_a_wallet_that_closed_meanwhile_is_not_asked() -> None:
    confirming = play(KNOWN, PAYING)
    again = play(replace(KNOWN, wallets=WALLETS[:1]), ["1"], confirming)
    assert again.effects == ()
    assert again.screen.text.startswith("Ce moyen de paiement n'est plus ouvert.")


def test_nothing_is_asked_for_where_nothing_can_be_paid() -> None:
    facts = replace(KNOWN, caller=replace(AMINATA, minimum_xof=0, maximum_xof=0))
    assert play(facts, ["1"]).screen.text.startswith("Rien à payer pour le moment.\nRAMU: Aminata")
    other = play(KNOWN, ["1", "3"])
    assert play(facts, ["0"], other).screen.name == "home"
    assert play(replace(KNOWN, caller=replace(AMINATA, minimum_xof=0)), ["000"], other).screen.name == "pay_other"
