"""Paying: once, what was agreed, from the wallet that was chosen."""

from dataclasses import replace

import pytest

from tests.ussd_flows.answering import start, step
from tests.ussd_flows.callers import AMINATA, KNOWN, PROMPT, PROMPTED, UNKNOWN, WALLETS
from tests.ussd_flows.playing import PAYING, play
from ussd_flows.effects import AskAboutPayment, RequestPayment
from ussd_flows.facts import RequestState, RightsFact, RightsState
from ussd_flows.screen import fill


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


def test_the_confirmation_names_who_is_paid_for_by_whom_and_what_it_buys() -> None:
    text = play(KNOWN, PAYING).screen.text
    assert text == "12 000 F à CANAM par Moov Money\npour Aminata Traoré\nDroits 10/03-31/12/26"


@pytest.mark.parametrize(
    ("amount_xof", "buys"),
    [
        (1_000, "Droits 10/03-31/12/26"),
        (1_002, "Droits 10/03-31/12/26\nreste 999 999 F"),
        (1_004, "gardé d'avance"),
        (1_005, "d'avance pour septembre à déc. 2026"),
        (1_006, "pour 2 périodes dues\nreste 1 999 998 F"),
        (1_007, "pour septembre à déc. 2026\nreste 999 999 F"),
        (1_008, "Droits 25/12/25-31/12/26\n+1 008 F d'avance"),
    ],
)
def test_the_confirmation_says_what_the_money_does(amount_xof: int, buys: str) -> None:
    text = play(KNOWN, ["1", str(amount_xof)]).screen.text
    assert text.split("\n", 2)[2] == buys


def test_money_that_buys_no_day_of_care_is_warned_of_before_the_confirmation() -> None:
    warned = play(KNOWN, ["1", "1009"])
    assert warned.screen.name == "pay_warning"
    assert warned.screen.text == "Attention: 1 009 F n'ouvrent aucun jour de droits."
    labels = [option.label for option in warned.screen.options]
    assert labels == ["1 008 F (ouvre vos droits)", "Payer 1 009 F malgré tout", "Retour"]
    assert play(KNOWN, ["1", "1"], warned).effects == (RequestPayment(7, 1_008, "moov"),)
    assert play(KNOWN, ["2", "1"], warned).effects == (RequestPayment(7, 1_009, "moov"),)
    hopeless = play(KNOWN, ["1", "1001"])
    assert [option.label for option in hopeless.screen.options] == ["Payer 1 001 F malgré tout", "Retour"]


def test_money_that_buys_fewer_days_than_the_scheme_asks_for_is_warned_of() -> None:
    assert play(KNOWN, ["1", "1003"]).screen.name == "pay_confirm"
    strict = replace(KNOWN, caller=replace(AMINATA, warn_below_days=4))
    warned = play(strict, ["1", "1003"])
    assert warned.screen.text == "Attention: cette période n'ouvre plus que 3 jours de droits."
    assert play(replace(KNOWN, caller=replace(AMINATA, warn_below_days=3)), ["1", "1003"]).screen.name == "pay_confirm"


def test_what_opens_rights_is_the_first_proposal() -> None:
    closed = replace(KNOWN, caller=replace(AMINATA, rights=RightsFact(RightsState.CLOSED), opens_with_xof=15_750))
    assert "Droits fermés, impayé: 15 750 F les ouvrent" in start(closed).screen.text
    labels = [option.label for option in play(closed, ["1"]).screen.options]
    assert labels == ["15 750 F (ouvre vos droits)", "12 000 F", "41 600 F (tout)", "Retour"]


def test_paying_takes_as_few_screens_as_it_can() -> None:
    """Counted with the one that is dialled and the last one."""
    everything, other = ["1", "2", "1"], ["1", "7 000", "1"]
    assert [play(KNOWN, typed).screen.name for typed in (everything, other)] == ["pay_confirm.end"] * 2
    alone = replace(KNOWN, wallets=WALLETS[:1], caller=replace(AMINATA, last_wallet=None))
    assert play(alone, other).effects == (RequestPayment(7, 7_000, "orange"),)
    new = replace(KNOWN, caller=replace(AMINATA, last_wallet=None))
    assert play(new, ["1", "7 000", "1", "1"]).screen.name == "pay_confirm.end"
    assert [len(typed) + 1 for typed in (everything, other)] == [4, 4]


def test_an_annulled_payment_asks_nobody_for_money() -> None:
    home = play(KNOWN, [*PAYING, "3"])
    assert home.effects == ()
    assert home.screen.text.startswith("Annulé. Aucun paiement lancé.\nRAMU: Aminata")


def test_the_last_wallet_comes_first_but_is_still_chosen() -> None:
    assert "par Moov Money" in play(KNOWN, PAYING).screen.text
    screen = play(KNOWN, [*PAYING, "2"]).screen
    assert [option.label for option in screen.options] == ["Moov Money (dernier)", "Orange Money", "Retour"]
    assert play(KNOWN, [*PAYING, "2", "2", "1"]).effects == (RequestPayment(7, 12_000, "orange"),)


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("499", "Minimum: 500 F"),
        ("200 001", "Maximum: 200 000 F"),
        ("1e3", "Non compris. Ex: 5000"),
        ("", "Non compris. Ex: 5000"),
    ],
)
def test_an_amount_that_cannot_be_paid_is_asked_for_again_with_the_reason(typed: str, reason: str) -> None:
    again = play(KNOWN, ["1", typed])
    assert again.screen.text.split("\n")[0] == reason
    assert again.screen.name == "pay_amount"
    assert play(KNOWN, ["500 F", "2", "2", "1"], again).effects == (RequestPayment(7, 500, "orange"),)


def test_someone_who_owes_nothing_may_pay_ahead() -> None:
    facts = replace(KNOWN, caller=replace(AMINATA, remaining_xof=0, due_xof=0))
    assert play(facts, ["1"]).screen.text == "Rien à payer. D'avance: choisissez ou tapez (min. 500 F)"
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
    assert "voir Suite" in home.screen.text


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
    choosing = play(KNOWN, ["1"])
    assert play(facts, ["0"], choosing).screen.name == "home"
    assert play(replace(KNOWN, caller=replace(AMINATA, minimum_xof=0)), ["000"], choosing).screen.name == "pay_amount"


def test_no_amount_that_may_be_typed_anew_is_a_key_that_pays_where_repeats_look_like_answers() -> None:
    small = replace(KNOWN, caller=replace(AMINATA, minimum_xof=5), used_keys=frozenset("1234"))
    assert play(small, ["1", "7"]).screen.name == "pay_wallet"
    assert play(replace(small, used_keys=frozenset()), ["1", "7"]).screen.name == "pay_confirm"
    assert play(replace(KNOWN, used_keys=frozenset("1234")), ["1", "500"]).screen.name == "pay_confirm"


def test_who_got_no_prompt_has_the_operator_asked_first_and_stays_on_the_line() -> None:
    waiting = play(PROMPTED, ["1"])
    assert "encore 4 min" in waiting.screen.text
    asked = play(PROMPTED, ["2"], waiting)
    assert asked.effects == (AskAboutPayment(7),)
    assert asked.state is not None
    assert asked.screen.text == f"Opérateur interrogé: SMS suivra.\n{waiting.screen.text}"
    assert play(KNOWN, ["2"], waiting).effects == ()


@pytest.mark.parametrize(
    ("remaining_xof", "opens_with_xof", "help_number", "line"),
    [
        (5_000, 15_750, "36 777", "Droits fermés, impayé: 15 750 F les ouvrent"),
        (0, 15_750, "36 777", "Droits pas encore ouverts: 15 750 F les ouvrent"),
        (5_000, None, "36 777", "Droits fermés: rien ne les ouvre. Appelez le 36 777"),
        (5_000, None, "", "Droits fermés: aucun montant ne les ouvre aujourd'hui"),
    ],
)
def test_closed_rights_say_in_one_line_why_and_what_to_do(
    remaining_xof: int, opens_with_xof: int | None, help_number: str, line: str
) -> None:
    closed = replace(
        AMINATA,
        rights=RightsFact(RightsState.CLOSED),
        remaining_xof=remaining_xof,
        opens_with_xof=opens_with_xof,
    )
    facts = replace(KNOWN, caller=closed, help_number=help_number)
    assert start(facts).screen.text.split("\n")[1] == line
    assert line in play(facts, ["2"]).screen.text.split("\n")


def test_where_nothing_can_be_paid_the_screen_says_whom_to_call() -> None:
    nowhere = replace(KNOWN, wallets=())
    told = play(nowhere, ["1"])
    assert told.screen.text == "Paiement indisponible pour le moment.\nAide: 80 00 12 34"
    assert told.state is not None
    assert step(told.state, "5000", nowhere).screen.text == f"Choix non valable.\n{told.screen.text}"
    chosen = play(KNOWN, ["1", "5000", "2"])
    assert chosen.state is not None
    assert step(chosen.state, "zzz", nowhere).effects == ()


def test_help_says_whom_to_call() -> None:
    assert play(UNKNOWN, ["2"]).screen.text.endswith("\nAide: 80 00 12 34")
    assert "Aide:" not in play(replace(UNKNOWN, help_number=""), ["2"]).screen.text
