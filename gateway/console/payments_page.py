"""Payments on the console: the list with its search and filters, its file, and the trace of one."""

from collections.abc import Mapping
from enum import StrEnum
from functools import partial
from typing import Final, TypeVar
from urllib.parse import urlencode

from starlette.responses import Response

from gateway.console.auth.roles import Right
from gateway.console.deps import ConsoleDeps, PageRefused, Visit, snapshot
from gateway.console.exports import export
from gateway.console.labels import HELD
from gateway.console.pages import asked_day, labelled_page
from gateway.console.payment_labels import CHANNELS, MATCHINGS, STANDINGS
from gateway.console.search_box import SEARCH_CHARS_MAX, SearchUnreadable, read_search
from gateway.console.showing import REASONS, WORDS_CHARS_MAX, note_shown
from gateway.infra.ids import shown_reference
from gateway.reports.payment_card import PaymentCard, PaymentNamed, payment_cards
from gateway.reports.payment_search import HOUSEHOLDS_MAX
from gateway.reports.payment_words import Channel, Matching, Standing
from gateway.reports.payments import PaymentQuery, each_payment, payment_page

PAYMENTS_PATH: Final = "/finance/paiements"

PAYMENT_TITLES: Mapping[str, str] = {
    "receipt_number": "Quittance",
    "occurred_at": "Payé le (UTC)",
    "operator": "Opérateur",
    "operator_transaction_id": "Référence opérateur",
    "amount_xof": "Montant (F)",
    "fee_xof": "Frais (F)",
    "payer_in_file": "Payeur",
    "ramu_number": "Ménage",
    "matched_by": "Ménage trouvé par",
    "channel": "Canal",
    "standing": "État",
    "hold_reason": "Bloqué",
}
#: By the name of the address: what each filter is called, and its words.
FILTERS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "etat": ("État", STANDINGS),
    "canal": ("Canal", CHANNELS),
    "lien": ("Ménage trouvé par", MATCHINGS),
}
NO_SUCH_FILTER: Final = "Ce filtre n'existe pas. Choisissez-le dans la liste."

Word = TypeVar("Word", bound=StrEnum)


async def payments_page(console: ConsoleDeps, visit: Visit) -> Response:
    """Show the payments that are asked for, the newest first."""
    query = asked_payments(console, visit)
    async with snapshot(console.deps.console_db) as connection:
        found = await payment_page(connection, query)
    asked = visit.request.query_params
    kept = [(name, asked[name]) for name in ("q", "jour", "operateur", *FILTERS) if asked.get(name)]
    further = found.next_before and urlencode([*kept, ("avant", found.next_before)])
    return labelled_page(
        console, visit, "payments.html", "paiements",
        found=found,
        query=query,
        asked={name: asked.get(name, "") for name in ("q", "jour", "operateur", *FILTERS)},
        filters=FILTERS,
        further=further,
        same=urlencode(kept),
        households_max=HOUSEHOLDS_MAX,
        search_chars_max=SEARCH_CHARS_MAX,
    )  # fmt: skip


async def payments_csv(console: ConsoleDeps, visit: Visit) -> Response:
    """Return all that the pages of the same question list, as a file."""
    query = asked_payments(console, visit)
    labels = {"matched_by": MATCHINGS, "channel": CHANNELS, "standing": STANDINGS, "hold_reason": HELD}
    name = f"paiements-{visit.now.date()}"
    return await export(console, visit, name, PAYMENT_TITLES, partial(each_payment, query=query), labels=labels)


async def payment_trace(console: ConsoleDeps, visit: Visit) -> Response:
    """Show one payment from the request to the message that told of it, people masked."""
    return _trace(console, visit, await _card(console, visit), is_whole=False)


async def show_payer(console: ConsoleDeps, visit: Visit) -> Response:
    """Show the same with whole numbers, once, to whoever says why."""
    card = await _card(console, visit)
    await note_shown(console, visit, f"payment/{card.receipt_number}")
    return _trace(console, visit, card, is_whole=True)


async def _card(console: ConsoleDeps, visit: Visit) -> PaymentCard:
    number, cards = _receipt(str(visit.request.path_params["receipt"])), tuple[PaymentCard, ...]()
    if number is not None:
        async with snapshot(console.deps.console_db) as connection:
            cards = await payment_cards(connection, PaymentNamed(number, None, ()))
    if not cards:
        raise PageRefused(404, "Paiement inconnu", "Aucun paiement n'a cette quittance. Cherchez-le par autre chose.")
    return cards[0]


def _trace(console: ConsoleDeps, visit: Visit, card: PaymentCard, *, is_whole: bool) -> Response:
    return labelled_page(
        console, visit, "payment.html", "paiements",
        card=card,
        is_whole=is_whole,
        may_show=visit.officer.may(Right.SHOW),
        reasons=REASONS,
        words_max=WORDS_CHARS_MAX,
        reference=card.request_reference and shown_reference(card.request_reference),
    )  # fmt: skip


def asked_payments(console: ConsoleDeps, visit: Visit) -> PaymentQuery:
    """Read which payments are asked for; what is no question is said so."""
    asked = visit.request.query_params
    for name in ("q", "jour", "operateur", "avant", *FILTERS):
        if len(asked.getlist(name)) > 1:
            raise PageRefused(400, "Recherche impossible", "Posez une seule question à la fois.")
    try:
        sought = read_search(asked.get("q", ""))
    except SearchUnreadable:
        raise PageRefused(400, "Recherche impossible", _WHAT_CAN_BE_SOUGHT) from None
    operator = asked.get("operateur") or None
    if operator is not None and operator not in console.deps.operators:
        raise PageRefused(400, "Recherche impossible", NO_SUCH_FILTER)
    return PaymentQuery(
        sought=sought,
        day=asked_day(visit, visit.now.date()) if asked.get("jour") else None,
        operator=operator,
        standing=_word(Standing, asked.get("etat")),
        channel=_word(Channel, asked.get("canal")),
        matching=_word(Matching, asked.get("lien")),
        before=_place(asked.get("avant")),
    )


_WHAT_CAN_BE_SOUGHT: Final = (
    "Cherchez par quittance, numéro de téléphone, numéro RAMU, référence de l'opérateur, nom ou montant."
)


def _word(words: type[Word], written: str | None) -> Word | None:
    if not written:
        return None
    try:
        return words(written)
    except ValueError:
        raise PageRefused(400, "Recherche impossible", NO_SUCH_FILTER) from None


def _place(written: str | None) -> str | None:
    """Read after which receipt a list goes on."""
    if not written:
        return None
    place = _receipt(written)
    if place is None:
        raise PageRefused(400, "Recherche impossible", "Cette suite n'existe pas. Revenez au début de la liste.")
    return place


def _receipt(written: str) -> str | None:
    try:
        return read_search(written).receipt_number
    except SearchUnreadable:
        return None
