"""The messages that phones receive: plain values in, one GSM-7 message out, never longer than one part."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import assert_never

from gateway.french import plural
from ussd_flows.amounts import show, show_date
from ussd_flows.gsm7 import septets, shorten, to_gsm7

#: One message without concatenation. Source: 3GPP TS 23.040, 140 octets of user data.
SEPTETS_MAX = 160
NAME_SEPTETS_MIN = 6
INITIALS_MAX = 3
PLACE_SEPTETS = 30
CODE_WARNING = " Gardez votre code secret."


@dataclass(frozen=True, slots=True)
class RightsOpen:
    """The household may be cared for on these days, which may be still to come."""

    start: date
    until: date


@dataclass(frozen=True, slots=True)
class RightsKept:
    """The cover has ended, and care goes on for a while; what is to pay for more days may be said with it."""

    start: date
    until: date
    opens_with_xof: int | None = None


@dataclass(frozen=True, slots=True)
class RightsClosed:
    """The household has no rights to care, and the least payment that opens them, if one does."""

    opens_with_xof: int | None


RightsSaid = RightsOpen | RightsKept | RightsClosed


class TextTooLong(Exception):
    """Values that no shortening of the name makes fit into one message."""


def receipt(
    *,
    amount_xof: int,
    paid_on: date,
    name: str,
    receipt_number: str,
    rights: RightsSaid,
    in_advance: bool = False,
    ahead_xof: int = 0,
    second: bool = False,
    otherwise: bool = False,
) -> str:
    """Tell a household that its money is there, and what it has opened; the name gives way, the amounts never do.

    ``in_advance`` says that none of it was due, ``ahead_xof`` is everything held for periods that are not due yet.
    ``otherwise`` says that the days are not those that were read out before she paid.
    ``second`` says that the request behind it was paid before: nobody must take this receipt for the first one again.
    """
    number = f". Quittance {receipt_number}. "
    if second:
        before = f"RAMU: 2e paiement d'une demande: {show(amount_xof)} le {show_date(paid_on)} pour "
        if in_advance:
            opens = "" if rights == RightsClosed(None) else f" {_rights_words(rights)}"
            return _fitted(before, name, f"{number}Gardé d'avance.", opens)
        return _fitted(before, name, f"{number}{_rights_words(rights)}", CODE_WARNING)
    before = f"RAMU: {show(amount_xof)} payés le {show_date(paid_on)} pour "
    changed = "Dates changées. " if otherwise else ""
    words = f"{number}{changed}{_paid_words(rights, in_advance=in_advance)}"
    held = f" Avance: {show(ahead_xof)}." if ahead_xof else ""
    return _fitted(before, name, words, held + CODE_WARNING, held)


def payer_receipt(
    *, amount_xof: int, paid_on: date, ramu_number: str, name: str, receipt_number: str, second: bool = False
) -> str:
    """Tell whoever paid for somebody else that it arrived: for which number, by initials at most, nothing of rights."""
    letters = initials(name)
    whom = f"{ramu_number} ({letters})" if letters else ramu_number
    paid = f"2e paiement d'une demande: {show(amount_xof)} le" if second else f"{show(amount_xof)} payés le"
    text = f"RAMU: {paid} {show_date(paid_on)} pour l'assuré No {whom}. Quittance {receipt_number}. Gardez ce message."
    warned = f"{text}{CODE_WARNING}"
    return warned if _fits(warned) else _checked(text)


def initials(name: str) -> str:
    """Return the first letters of a name's words, three at most: enough to see a wrong number, and no name."""
    words = to_gsm7(name).replace("-", " ").split()
    return "".join(f"{word[0].upper()}." for word in words if word[0].isalpha())[: 2 * INITIALS_MAX]


def kept_for_household(*, amount_xof: int, paid_on: date, receipt_number: str) -> str:
    """Tell a payer that the money is the household's, on a day when its situation cannot be worked out.

    The payer may be somebody else's neighbour: it is called the insured household, never hers.
    """
    return _checked(
        f"RAMU: {show(amount_xof)} payés le {show_date(paid_on)}. Quittance {receipt_number}."
        " L'argent est gardé pour le ménage assuré. Gardez ce message."
    )


def reversed_before(*, amount_xof: int, paid_on: date, reference: str) -> str:
    """Tell a payer of money that the operator took back before it counted; nothing invites to claim it."""
    return _checked(
        f"RAMU: {show(amount_xof)} du {show_date(paid_on)}: votre opérateur dit ce paiement annulé."
        f" Il n'a pas été compté. Réf {reference}. Gardez ce message."
    )


def registered(
    *,
    name: str,
    ramu_number: str,
    amount_xof: int,
    months: int,
    waiting_days: int,
    service_code: str | None = None,
    first_xof: int | None = None,
    first_due_on: date | None = None,
) -> str:
    """Return a household its RAMU number, what it owes and when its rights will open.

    ``first_xof`` is what the first period asks where months of it are spared, ``first_due_on`` the day on which it
    begins where nothing is owed before.
    """
    first = "" if first_xof is None else f"{show(first_xof)}, puis "
    since = "" if first_due_on is None else f" dès le {show_date(first_due_on)}"
    wait = f" et {waiting_days} {plural(waiting_days, 'jour', 'jours')} d'attente" if waiting_days else ""
    after = (
        f", inscription enregistrée. No RAMU {ramu_number}. A payer{since}: {first}{show(amount_xof)} {_every(months)}."
        f" Droits après paiement{wait}."
    )
    return _fitted("RAMU: ", name, after, f" Faites {service_code}" if service_code else "")


def periods_moved(*, name: str, began_on: date, begins_on: date | None, rights: RightsSaid) -> str:
    """Tell a household that its periods begin on another day than it was told, for money was found or taken back."""
    before = show_date(began_on)
    moved = (
        f"ne commencent plus le {before}"
        if begins_on is None
        else f"commencent le {show_date(begins_on)}, et non le {before}"
    )
    return _fitted("RAMU: ", name, f", vos périodes {moved}. {_rights_words(rights)}", CODE_WARNING)


def corrected(*, name: str, ramu_number: str, place: str, people: str, amount_xof: int, months: int) -> str:
    """Tell a household how it is written down after a correction, and what it pays from then on."""
    price = f"{show(amount_xof)} {_every(months)}"
    after = f": inscription corrigée. {people}, {shorten(to_gsm7(place), PLACE_SEPTETS)}. Cotisation: {price}."
    return _fitted(f"RAMU {ramu_number} ", name, after, " Une erreur? Rappelez pour corriger.")


def payment_failed(*, amount_xof: int, reference: str, service_code: str | None = None) -> str:
    """Tell a payer that nothing was paid; only once the operator has said so, never while we do not know."""
    again = f" Réessayez: {service_code}" if service_code else " Vous pouvez réessayer."
    return _checked(f"RAMU: paiement {reference} de {show(amount_xof)} non abouti. Aucun versement enregistré.{again}")


def payment_not_sent(*, amount_xof: int, reference: str, service_code: str | None = None) -> str:
    """Tell a payer that her payment never reached the operator; only where it is certain that it did not."""
    again = f" Réessayez: {service_code}" if service_code else " Vous pouvez réessayer."
    return _checked(
        f"RAMU: paiement {reference} de {show(amount_xof)} non transmis à l'opérateur. Rien n'a été débité.{again}"
    )


def suspense_received(*, amount_xof: int, received_on: date, payer: str, reference: str, help_number: str = "") -> str:
    """Tell a payer that the money is there and waits for a household, and what she does to place it.

    Her own number stands whole: somebody else may have paid from it.
    """
    to_do = (
        f" Appelez le {help_number}: réf {reference} et votre numéro RAMU."
        if help_number
        else f" Réf {reference}. Gardez ce message."
    )
    return _checked(
        f"RAMU: {show(amount_xof)} recus le {show_date(received_on)} du {payer}, gardés: assuré non trouvé.{to_do}"
    )


def number_held(help_number: str = "") -> str:
    """Tell a number that it is in doubt whose it is, and nothing of the household that it was linked to."""
    call = f" Appelez le {help_number}." if help_number else ""
    return _checked(
        f"RAMU: ce numéro n'est plus lié à un ménage tant qu'il n'est pas vérifié. C'est une erreur ?{call}"
    )


def situation_detail(
    *,
    name: str,
    ramu_number: str,
    due_xof: int,
    paid_xof: int,
    next_due_on: date | None,
    rights: RightsSaid,
    advance_xof: int = 0,
) -> str:
    """Write a household's whole situation into one message."""
    kept = f" Avance: {show(advance_xof)}." if advance_xof else ""
    to_come = f" Prochain paiement dès le {show_date(next_due_on)}." if next_due_on else ""
    remaining_xof = max(0, due_xof - paid_xof)
    sums = f"payé {show(paid_xof)} sur {show(due_xof)}, à payer {show(remaining_xof)}" if due_xof else "rien à payer"
    return _fitted(f"RAMU {ramu_number} ", name, f": {sums}. {_rights_words(rights)}", kept + to_come, kept)


def _paid_words(rights: RightsSaid, *, in_advance: bool) -> str:
    if not in_advance:
        return _rights_words(rights)
    if rights == RightsClosed(None):
        return "Versement d'avance, gardé pour vos prochaines périodes."
    return f"Versement d'avance. {_rights_words(rights)}"


def _rights_words(rights: RightsSaid) -> str:
    match rights:
        case RightsOpen(start, until):
            return f"Droits du {show_date(start)} au {show_date(until)}."
        case RightsKept(start, until, opens_with_xof):
            more = f" Reste {show(opens_with_xof)}." if opens_with_xof else ""
            return f"Droits gardés du {show_date(start)} au {show_date(until)}.{more}"
        case RightsClosed(int() as opens_with_xof):
            return f"Droits fermés: {show(opens_with_xof)} les ouvrent."
        case RightsClosed():
            return "Droits fermés: rien ne les ouvre ce jour."
        case _:
            assert_never(rights)


def _every(months: int) -> str:
    return {1: "par mois", 12: "par an"}.get(months, f"par {months} mois")


def _fitted(before: str, name: str, after: str, *if_room: str) -> str:
    """Put the message together with the first end that there is room for, then with less and less of the name."""
    known_as = " ".join(to_gsm7(name).split())
    for ending in (*if_room, ""):
        text = f"{before}{known_as}{after}{ending}"
        if _fits(text):
            return text
    for shorter in _shorter(known_as):
        text = f"{before}{shorter}{after}"
        if _fits(text):
            return text
    raise TextTooLong(f"{len(before) + len(after)} characters without the name")


def _shorter(name: str) -> Iterator[str]:
    for room in range(len(name) - 1, NAME_SEPTETS_MIN - 1, -1):
        yield shorten(name, room)


def _fits(text: str) -> bool:
    cost = septets(text)
    return cost is not None and cost <= SEPTETS_MAX


def _checked(text: str) -> str:
    if not _fits(text):
        raise TextTooLong(f"{len(text)} characters")
    return text
