"""`ramu household`: one household, as whoever answers for it needs to see it."""

import asyncio
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Final

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.cli import household_places
from gateway.cli.environment import environment
from gateway.cli.terminal import days_between, present, stop, transact
from gateway.cli.unmasking import WholeBecause, note_shown, reason_of, shown_name, shown_number
from gateway.config.settings import load_settings
from gateway.console.payment_labels import COVER_REASONS
from gateway.french import counted, francs, short_date, stamp
from gateway.members.number import parse as parse_ramu_number
from gateway.members.places import cercle_name
from gateway.reports.household_card import HouseholdCard, household_card
from gateway.reports.sms_words import SMS_KINDS, SMS_STATES
from payments.errors import MsisdnInvalid
from payments.numbering import parse_msisdn

app = typer.Typer(no_args_is_help=True)
app.command("unplaced")(household_places.unplaced)
app.command("place")(household_places.place)

NOT_FOUND: Final = "Aucun ménage : donnez le numéro RAMU, ou le numéro de téléphone qui paie pour lui."


@app.callback()
def household() -> None:
    """Stand above the one command there is, so that it keeps its name."""


@app.command("show")
def show(
    number: Annotated[
        str, typer.Argument(metavar="NUMÉRO", help="Le numéro RAMU, ou un numéro de téléphone du ménage.")
    ],
    whole: WholeBecause = None,
) -> None:
    """Montrer un ménage : ce qui est dû et payé, ses jours couverts, ses paiements et ses SMS."""
    settings, reason = load_settings(environment()), reason_of(whole)
    now = present(settings)
    ramu_number, msisdn = parse_ramu_number(number), _msisdn(number)

    async def read(connection: AsyncConnection) -> HouseholdCard | None:
        card = await household_card(connection, ramu_number, None if ramu_number else msisdn)
        if card is not None and reason:
            await note_shown(connection, now, f"household/{card.ramu_number}", reason)
        return card

    card = asyncio.run(transact(settings, read))
    if card is None:
        stop(NOT_FOUND)
    for line in _lines(card, now.date(), is_whole=bool(reason)):
        typer.echo(line)


def _msisdn(written: str) -> str | None:
    try:
        return parse_msisdn(written)
    except MsisdnInvalid:
        return None


def _lines(card: HouseholdCard, today: date, *, is_whole: bool) -> Iterator[str]:
    yield f"Ménage {card.ramu_number} : {shown_name(card.name, is_whole=is_whole) or 'sans chef de ménage'}"
    people = counted(card.people_count, "personne", "personnes")
    children = f" dont {counted(card.children_count, 'enfant', 'enfants')}" if card.children_count else ""
    yield f"  {people}{children}, {cercle_name(card.cercle_code) or card.cercle_code}"
    yield f"  barème {card.scheme_code} v{card.scheme_version}, inscrit le {short_date(card.registered_on)}"
    phones = ", ".join(shown_number(msisdn, is_whole=is_whole) for msisdn in card.phones)
    yield f"  téléphone : {phones or 'aucun'}"
    running = next((one for one in card.cover if one.valid_from <= today <= one.valid_to), None)
    rights = f"ouverts jusqu'au {short_date(running.valid_to)}" if running else "fermés"
    yield f"  droits : {rights}"
    if card.advance_xof:
        yield f"  payé d'avance : {francs(card.advance_xof)} F"
    yield from _histories(card)


def _histories(card: HouseholdCard) -> Iterator[str]:
    yield from _listed(
        "Périodes",
        [
            f"{days_between(one.period_start, one.period_end)}  "
            f"dû {francs(one.amount_xof):>9} F  payé {francs(one.paid_xof):>9} F"
            for one in card.periods
        ],
    )
    yield from _listed(
        "Jours couverts",
        [
            f"{short_date(one.valid_from)} - {short_date(one.valid_to)}  {COVER_REASONS[one.reason]}"
            for one in card.cover
        ],
    )
    yield from _listed(
        "Paiements",
        [
            f"{stamp(one.occurred_at)}  {francs(one.amount_xof):>9} F  {one.receipt_number}  {one.operator}"
            for one in card.payments
        ],
    )
    yield from _listed(
        "SMS",
        [
            f"{stamp(one.queued_at)}  {SMS_KINDS[one.kind]}, {SMS_STATES[one.state]}  (n° {one.sms_id})"
            for one in card.messages
        ],
    )


def _listed(title: str, lines: list[str]) -> Iterator[str]:
    yield f"{title}, du plus récent :"
    yield from (f"  {line}" for line in lines or ["rien"])
