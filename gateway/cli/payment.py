"""`ramu payment`: one payment, with all that proves it and all that it pays."""

import asyncio
from collections.abc import Iterator
from typing import Annotated, Final

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.cli.environment import environment
from gateway.cli.terminal import days_between, present, stop, transact
from gateway.cli.unmasking import WholeBecause, note_shown, reason_of, shown_number
from gateway.config.settings import load_settings
from gateway.console.labels import HELD, PUSH_STATES, side
from gateway.french import francs, stamp
from gateway.infra.ids import read_reference, shown_reference
from gateway.reports.break_sentences import SOURCES, STATUSES
from gateway.reports.payment_card import FOUND_MAX, PaymentCard, PaymentNamed, payment_cards

app = typer.Typer(no_args_is_help=True)

MATCHED: Final = {
    "reference": "par la demande ou la référence",
    "payer": "par le numéro qui a payé",
    "suspense": "en attente : ménage inconnu",
}
NOT_FOUND: Final = "Aucun paiement : donnez la quittance, le numéro d'opération de l'opérateur, ou notre référence."


@app.callback()
def payment() -> None:
    """Stand above the one command there is, so that it keeps its name."""


@app.command("show")
def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NOM", help="La quittance, le numéro d'opération de l'opérateur ou la référence de la demande."
        ),
    ],
    whole: WholeBecause = None,
) -> None:
    """Montrer un paiement : d'où il vient, ce qui le prouve, ses écritures et ce qu'il paie."""
    settings, reason, written = load_settings(environment()), reason_of(whole), name.strip()
    now = present(settings)
    named = PaymentNamed(
        receipt_number=written.upper(),
        reference=read_reference(written),
        operator_ids=tuple(dict.fromkeys((written, written.upper(), written.lower()))),
    )

    async def read(connection: AsyncConnection) -> tuple[PaymentCard, ...]:
        cards = await payment_cards(connection, named)
        for card in cards if reason else ():
            await note_shown(connection, now, f"payment/{card.receipt_number}", reason)
        return cards

    cards = asyncio.run(transact(settings, read))
    if not cards:
        stop(NOT_FOUND)
    for card in cards:
        for line in (*_origin(card, is_whole=bool(reason)), *_consequences(card)):
            typer.echo(line)
    if len(cards) == FOUND_MAX:
        typer.echo("Il y en a peut-être d'autres : donnez la quittance.")


def _origin(card: PaymentCard, *, is_whole: bool) -> Iterator[str]:
    yield f"Quittance {card.receipt_number} : {francs(card.amount_xof)} F{', repris' if card.is_reversed else ''}"
    yield f"  opérateur : {card.operator}, opération {card.operator_transaction_id}"
    if card.fee_xof:
        yield f"  frais : {francs(card.fee_xof)} F"
    yield f"  payé le {stamp(card.occurred_at)}, passé le {stamp(card.posted_at)}, su par {SOURCES[card.provenance]}"
    yield f"  payeur : {shown_number(card.payer_msisdn, is_whole=is_whole)}"
    yield f"  ménage : {card.ramu_number or 'aucun'}, {MATCHED[card.matched_by]}"
    if card.hold_reason:
        yield f"  {HELD.get(card.hold_reason, card.hold_reason)}"
    if card.request_reference and card.request_state:
        state = PUSH_STATES[card.request_state][0]
        yield f"  demande : {shown_reference(card.request_reference)}, {state}"
    elif card.our_reference:
        yield f"  référence donnée par le payeur : {card.our_reference}"


def _consequences(card: PaymentCard) -> Iterator[str]:
    yield "Ce qui le prouve :"
    for said in card.evidence:
        amount = f" {francs(said.amount_xof)} F" if said.amount_xof is not None else ""
        dated = f", du {stamp(said.occurred_at)}" if said.occurred_at else ""
        yield f"  {stamp(said.observed_at)}  {SOURCES[said.provenance]} : {STATUSES[said.status]}{amount}{dated}"
    for txn in card.txns:
        yield f"Écriture {txn.id}, le {stamp(txn.posted_at)} :"
        for entry in txn.entries:
            yield f"  {entry.account:<24} {francs(abs(entry.amount_xof)):>12} F {side(entry.amount_xof)}"
    yield "Ce qu'il paie :"
    for period in card.pays:
        yield f"  {days_between(period.period_start, period.period_end)}  {francs(period.amount_xof)} F"
    if not card.pays:
        yield "  aucune période"
