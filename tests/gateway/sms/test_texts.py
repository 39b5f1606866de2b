from collections import Counter
from dataclasses import replace
from datetime import date
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.sms.texts import (
    CODE_WARNING,
    RightsClosed,
    RightsKept,
    RightsOpen,
    RightsSaid,
    TextTooLong,
    corrected,
    initials,
    kept_for_household,
    number_held,
    payer_receipt,
    payment_failed,
    payment_not_sent,
    periods_moved,
    receipt,
    registered,
    reversed_before,
    situation_detail,
    suspense_received,
)
from ussd_flows.gsm7 import septets, to_gsm7

PAID_ON = date(2026, 12, 31)
LONG_NAME = "Abdoul Karim Souleymane Ould Mohamed Lamine TRAORE DIT BARIKA"
AMOUNTS = (200, 12_000, 999_999_999)
NAMES = ("Aminata TRAORE", LONG_NAME, "Î" * 60, "[{~}]" * 12, "Ñ", "Fatoumata-Binta" * 4)
OPEN = RightsOpen(date(2026, 1, 1), PAID_ON)
KEPT = RightsKept(date(2026, 1, 1), date(2027, 6, 30))
SAID: tuple[RightsSaid, ...] = (
    OPEN,
    RightsOpen(date(2027, 1, 30), date(2027, 2, 28)),
    KEPT,
    replace(KEPT, opens_with_xof=999_999_999),
    RightsClosed(None),
    RightsClosed(999_999_999),
)


def paid(
    rights: RightsSaid,
    *,
    amount_xof: int = 12_000,
    name: str = "Aminata TRAORE",
    in_advance: bool = False,
    ahead_xof: int = 0,
    second: bool = False,
) -> str:
    return receipt(
        amount_xof=amount_xof,
        paid_on=PAID_ON,
        name=name,
        receipt_number="7K3M-9QPA",
        rights=rights,
        in_advance=in_advance,
        ahead_xof=ahead_xof,
        second=second,
    )


def fits(text: str) -> bool:
    cost = septets(text)
    return cost is not None and cost <= 160


def test_a_receipt_says_from_when_until_when_rights_are_open() -> None:
    assert paid(OPEN) == (
        "RAMU: 12 000 F payés le 31/12/2026 pour Aminata TRAORE. Quittance 7K3M-9QPA."
        " Droits du 01/01/2026 au 31/12/2026. Gardez votre code secret."
    )


def test_a_receipt_says_from_when_rights_will_be_open() -> None:
    assert "Droits du 30/01/2027 au 28/02/2027." in paid(SAID[1])


def test_a_receipt_says_what_is_held_for_periods_to_come() -> None:
    text = paid(OPEN, ahead_xof=2_000)
    assert text.endswith("Droits du 01/01/2026 au 31/12/2026. Avance: 2 000 F. Gardez votre code secret.")
    long = paid(OPEN, ahead_xof=999_999_999, amount_xof=999_999_999, name=LONG_NAME)
    assert fits(long)


def test_a_receipt_says_what_is_still_missing_for_rights() -> None:
    assert "Droits fermés: 3 000 F les ouvrent." in paid(RightsClosed(3_000))


def test_a_receipt_in_grace_says_until_when_and_what_is_missing() -> None:
    assert "Droits gardés du 01/01/2026 au 30/06/2027. Reste 3 150 F." in paid(replace(KEPT, opens_with_xof=3_150))
    assert "Reste" not in paid(KEPT)


def test_a_receipt_that_no_amount_makes_open_rights_today_says_so() -> None:
    assert "Droits fermés: rien ne les ouvre ce jour." in paid(RightsClosed(None))


def test_a_receipt_says_that_it_was_paid_in_advance() -> None:
    assert "Versement d'avance. Droits du 01/01/2026 au 31/12/2026." in paid(OPEN, in_advance=True)
    kept = paid(RightsClosed(None), in_advance=True)
    assert "Versement d'avance, gardé pour vos prochaines périodes." in kept
    assert "Droits fermés" not in kept


def test_a_second_payment_of_one_request_says_so_where_it_went_and_what_it_opened() -> None:
    assert paid(OPEN, second=True) == (
        "RAMU: 2e paiement d'une demande: 12 000 F le 31/12/2026 pour Aminata TRAORE. Quittance 7K3M-9QPA."
        " Droits du 01/01/2026 au 31/12/2026. Gardez votre code secret."
    )
    ahead = paid(OPEN, second=True, in_advance=True)
    assert ahead.endswith("Quittance 7K3M-9QPA. Gardé d'avance. Droits du 01/01/2026 au 31/12/2026.")
    assert "fermés" not in paid(RightsClosed(None), second=True, in_advance=True)


def test_every_receipt_of_a_second_payment_fits_one_message_with_the_longest_number() -> None:
    tried = 0
    for amount_xof, name, rights, ahead in product(AMOUNTS, NAMES, SAID, (False, True)):
        text = receipt(
            amount_xof=amount_xof,
            paid_on=PAID_ON,
            name=name,
            receipt_number="Q999999999",
            rights=rights,
            in_advance=ahead,
            second=True,
        )
        assert fits(text), text
        assert f"{amount_xof:,} F".replace(",", " ") in text
        assert "2e paiement" in text
        tried += 1
    assert tried == 216


@pytest.mark.parametrize("amount_xof", AMOUNTS)
def test_what_is_told_of_money_that_no_situation_can_be_told_of_promises_nothing(amount_xof: int) -> None:
    kept = kept_for_household(amount_xof=amount_xof, paid_on=PAID_ON, receipt_number="Q999999999")
    back = reversed_before(amount_xof=amount_xof, paid_on=PAID_ON, reference="Q999999999")
    for text in (kept, back):
        assert fits(text)
        assert "Q999999999" in text
        assert "31/12/2026" in text
    assert "Droits" not in kept
    # Who pays may pay for another's household.
    assert "gardé pour le ménage assuré" in kept
    assert "votre" not in kept
    assert "annulé" in back
    assert "n'a pas été compté" in back


def test_the_receipts_of_different_outcomes_differ() -> None:
    texts = [paid(rights, in_advance=ahead) for rights, ahead in product(SAID, (False, True))]
    assert len(set(texts)) == len(texts) == 12


def test_every_receipt_fits_one_message_and_keeps_its_amounts() -> None:
    counted: Counter[str] = Counter()
    for amount_xof, name, rights, ahead in product(AMOUNTS, NAMES, SAID, (False, True)):
        text = paid(rights, amount_xof=amount_xof, name=name, in_advance=ahead)
        assert fits(text), text
        assert f"{amount_xof:,} F".replace(",", " ") in text
        assert "7K3M-9QPA" in text
        assert "31/12/2026" in text
        assert "  " not in text
        counted["texts"] += 1
        counted["warned"] += text.endswith(CODE_WARNING)
    assert counted["texts"] == 216
    assert 20 < counted["warned"] < 216


def test_a_long_name_is_cut_after_a_whole_word_before_anything_else_suffers() -> None:
    text = paid(RightsClosed(999_999_999), amount_xof=999_999_999, name=LONG_NAME)
    assert "pour Abdoul Karim Souleymane Ould Mohamed Lamine TRAORE. Quittance" in text
    assert CODE_WARNING not in text
    assert "Droits fermés: 999 999 999 F les ouvrent." in text


def test_a_name_that_no_phone_can_draw_is_written_with_letters_it_can() -> None:
    assert "pour Francoise Ndiayé." in paid(OPEN, name="Françoise Ndiayé")


def test_a_new_household_gets_its_number_and_what_it_owes() -> None:
    text = registered(
        name="Aminata TRAORE",
        ramu_number="0000005724",
        amount_xof=3_000,
        months=1,
        waiting_days=30,
        service_code="*123#",
    )
    assert text == (
        "RAMU: Aminata TRAORE, inscription enregistrée. No RAMU 0000005724. A payer: 3 000 F par mois."
        " Droits après paiement et 30 jours d'attente. Faites *123#"
    )


def test_a_late_joiner_is_told_what_the_first_season_asks_or_when_it_begins() -> None:
    cotton = {"name": "Moussa", "ramu_number": "0000005724", "amount_xof": 21_000, "months": 12, "waiting_days": 30}
    late = registered(**cotton, first_xof=17_500)  # type: ignore[arg-type]
    assert "A payer: 17 500 F, puis 21 000 F par an. Droits après" in late
    next_season = registered(**cotton, first_due_on=date(2028, 1, 1))  # type: ignore[arg-type]
    assert "A payer dès le 01/01/2028: 21 000 F par an. Droits après" in next_season


@pytest.mark.parametrize("service_code", [None, "*36777*123#"])
@pytest.mark.parametrize("months", [1, 3, 12])
@pytest.mark.parametrize("waiting_days", [0, 3_660])
@pytest.mark.parametrize(
    ("first_xof", "first_due_on"), [(None, None), (999_999_999, None), (None, date(2028, 12, 31))], ids=str
)
def test_every_registration_fits_one_message(
    service_code: str | None, months: int, waiting_days: int, first_xof: int | None, first_due_on: date | None
) -> None:
    for name in NAMES:
        text = registered(
            name=name,
            ramu_number="9999999994",
            amount_xof=999_999_999,
            months=months,
            waiting_days=waiting_days,
            service_code=service_code,
            first_xof=first_xof,
            first_due_on=first_due_on,
        )
        assert fits(text)
        assert "9999999994" in text
        assert "999 999 999 F" in text


@pytest.mark.parametrize("service_code", [None, "*36777*123#"])
def test_a_payment_that_was_never_sent_is_told_so_within_one_message(service_code: str | None) -> None:
    text = payment_not_sent(amount_xof=999_999_999, reference="7K3M-9QPA", service_code=service_code)
    assert fits(text)
    assert "non transmis" in text
    assert "Rien n'a été débité" in text
    assert "non abouti" not in text


@pytest.mark.parametrize("service_code", [None, "*36777*123#"])
def test_no_service_code_is_named_unless_one_is_given(service_code: str | None) -> None:
    failed = payment_failed(amount_xof=999_999_999, reference="7K3M-9QPA", service_code=service_code)
    waiting = suspense_received(
        amount_xof=999_999_999,
        received_on=PAID_ON,
        payer="70 12 34 56",
        reference="7K3M-9QPA",
    )
    assert ("#" in failed) is (service_code is not None)
    for text in (failed, waiting):
        assert fits(text)
        assert "999 999 999 F" in text
    assert "Aucun versement enregistré." in failed
    assert "gardés: assuré non trouvé. Réf 7K3M-9QPA. Gardez ce message." in waiting


def test_money_without_a_household_is_told_with_the_whole_number_that_paid_and_with_what_to_do() -> None:
    text = suspense_received(
        amount_xof=700, received_on=PAID_ON, payer="66 00 00 03", reference="7K3M-9QPA", help_number="36 777"
    )
    assert text == (
        "RAMU: 700 F recus le 31/12/2026 du 66 00 00 03, gardés: assuré non trouvé."
        " Appelez le 36 777: réf 7K3M-9QPA et votre numéro RAMU."
    )
    longest = suspense_received(
        amount_xof=999_999_999,
        received_on=PAID_ON,
        payer="+123456789012345",
        reference="Q999999999",
        help_number="+223 80 00 12 34",
    )
    assert fits(longest)


@pytest.mark.parametrize("help_number", ["", "36 777", "+223 80 00 12 34"])
def test_a_number_in_doubt_is_told_so_in_one_message(help_number: str) -> None:
    assert fits(number_held(help_number))
    assert help_number in number_held(help_number)


@pytest.mark.parametrize("second", [False, True])
def test_who_paid_for_somebody_else_reads_for_which_number_and_never_a_name(second: bool) -> None:
    for amount_xof, name in product(AMOUNTS, NAMES):
        text = payer_receipt(
            amount_xof=amount_xof,
            paid_on=PAID_ON,
            ramu_number="9999999994",
            name=name,
            receipt_number="Q999999999",
            second=second,
        )
        assert fits(text)
        assert f"{amount_xof:,} F".replace(",", " ") in text
        assert "pour l'assuré No 9999999994" in text
        assert "Quittance Q999999999" in text
        assert "Droits" not in text
        assert name not in text or len(name) == 1
        assert ("2e paiement" in text) is second


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Aminata TRAORE", "A.T."),
        ("Fatoumata-Binta dite Nènè", "F.B.D."),
        ("Étienne", "É."),
        ("0000005724", ""),
        ("", ""),
    ],
)
def test_initials_are_three_letters_at_most(name: str, letters: str) -> None:
    assert initials(name) == letters


@pytest.mark.parametrize("rights", SAID)
@pytest.mark.parametrize("next_due_on", [None, date(2027, 1, 1)])
@pytest.mark.parametrize(("due_xof", "paid_xof"), [(0, 0), (12_600, 9_450), (999_999_999, 0)])
@pytest.mark.parametrize("advance_xof", [0, 999_999_999])
def test_every_situation_fits_one_message(
    rights: RightsSaid, next_due_on: date | None, due_xof: int, paid_xof: int, advance_xof: int
) -> None:
    for name in NAMES:
        text = situation_detail(
            name=name,
            ramu_number="9999999994",
            due_xof=due_xof,
            paid_xof=paid_xof,
            next_due_on=next_due_on,
            rights=rights,
            advance_xof=advance_xof,
        )
        assert fits(text)
        assert "9999999994" in text


def test_money_kept_for_periods_to_come_is_told_with_the_next_of_them() -> None:
    text = situation_detail(
        name="Awa TRAORE",
        ramu_number="1000000018",
        due_xof=4_000,
        paid_xof=4_000,
        next_due_on=date(2028, 1, 27),
        rights=OPEN,
        advance_xof=398_000,
    )
    assert text.endswith("Droits du 01/01/2026 au 31/12/2026. Avance: 398 000 F. Prochain paiement dès le 27/01/2028.")


def test_a_situation_is_told_in_sums() -> None:
    text = situation_detail(
        name="Aminata TRAORE",
        ramu_number="0000005724",
        due_xof=12_600,
        paid_xof=9_450,
        next_due_on=date(2027, 1, 1),
        rights=OPEN,
    )
    assert text == (
        "RAMU 0000005724 Aminata TRAORE: payé 9 450 F sur 12 600 F, à payer 3 150 F."
        " Droits du 01/01/2026 au 31/12/2026. Prochain paiement dès le 01/01/2027."
    )


def test_a_text_that_cannot_fit_is_never_cut_in_silence() -> None:
    with pytest.raises(TextTooLong):
        payment_failed(amount_xof=1_000, reference="R" * 120)
    with pytest.raises(TextTooLong):
        registered(name="Awa", ramu_number="1" * 120, amount_xof=1, months=1, waiting_days=0)


def test_any_name_a_person_may_type_gives_one_message() -> None:
    reached: Counter[str] = Counter()

    @settings(max_examples=200, deadline=None)
    @given(st.text(max_size=20) | st.text(min_size=60, max_size=90), st.sampled_from(SAID), st.sampled_from(AMOUNTS))
    def check(name: str, rights: RightsSaid, amount_xof: int) -> None:
        text = paid(rights, amount_xof=amount_xof, name=name)
        assert fits(text)
        reached["shortened"] += to_gsm7(name) not in text
        reached["warned"] += text.endswith(CODE_WARNING)

    check()
    assert min(reached["shortened"], reached["warned"]) > 15, reached


@pytest.mark.parametrize("begins_on", [None, date(2028, 12, 31)])
@pytest.mark.parametrize(
    "rights", [OPEN, RightsKept(date(2028, 12, 31), date(2028, 12, 31), 999_999_999), RightsClosed(None)]
)
def test_every_message_of_days_that_moved_fits_one_message(begins_on: date | None, rights: RightsSaid) -> None:
    for name in NAMES:
        text = periods_moved(name=name, began_on=date(2028, 11, 30), begins_on=begins_on, rights=rights)
        assert fits(text)
        assert ("commencent le 31/12/2028, et non le 30/11/2028" in text) == (begins_on is not None)
        assert ("ne commencent plus le 30/11/2028" in text) == (begins_on is None)


def test_a_correction_tells_how_the_household_is_written_down_and_what_it_pays() -> None:
    for name, amount_xof, months in product(NAMES, AMOUNTS, (1, 3, 6, 12)):
        told = corrected(
            name=name,
            ramu_number="1000000018",
            place="Diangounté Camara, près du grand marché",
            people="50 adultes, 49 enfants",
            amount_xof=amount_xof,
            months=months,
        )
        assert (septets(told) or 999) <= 160
        assert "50 adultes, 49 enfants, Diangounté Camara" in told
    said = corrected(
        name="Awa Ba", ramu_number="1000000018", place="Kita", people="5 personnes", amount_xof=5_000, months=1
    )
    assert said == (
        "RAMU 1000000018 Awa Ba: inscription corrigée. 5 personnes, Kita. Cotisation: 5 000 F par mois."
        " Une erreur? Rappelez pour corriger."
    )
