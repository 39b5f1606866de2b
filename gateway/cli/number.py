"""`ramu number`: a telephone number that may have changed hands, held until a person ends its link or restores it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Final

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.cli.environment import environment
from gateway.cli.terminal import author, present, stop, transact
from gateway.config.settings import Settings, load_settings
from gateway.console.auth import audit
from gateway.french import short_date, stamp
from gateway.members import number_holds
from gateway.members.number_holds import HoldDecided, NumberLink
from payments.errors import MsisdnInvalid
from payments.msisdn import mask
from payments.numbering import parse_msisdn

app = typer.Typer(no_args_is_help=True)

Number = Annotated[str, typer.Argument(metavar="NUMÉRO", help="Le numéro de téléphone, comme on l'écrit.")]
Reason = Annotated[
    str,
    typer.Option("--reason", metavar="RAISON", help="Pourquoi, et comment cela a été vérifié ; gardé avec la trace."),
]
REASON_CHARS_MAX: Final = 500


class NotDone(Exception):
    """What was asked of a number and cannot be done; the text is a French sentence for the terminal."""


@app.command("show")
def show(number: Number) -> None:
    """Dire à quel ménage un numéro est lié, et si ce lien est suspendu."""
    msisdn = _read(number)

    async def read(connection: AsyncConnection) -> NumberLink | None:
        return await number_holds.read_link(connection, msisdn)

    link = asyncio.run(transact(load_settings(environment()), read))
    if link is None:
        typer.echo(f"{mask(msisdn)} n'est lié à aucun ménage.")
        return
    typer.echo(f"{mask(msisdn)} est lié au ménage {link.ramu_number} depuis le {short_date(link.valid_from)}.")
    if link.held_at is not None:
        typer.echo(f"Ce lien est suspendu depuis le {stamp(link.held_at)} : ramu number release, ou end.")


@app.command("hold")
def hold(number: Number, reason: Reason) -> None:
    """Suspendre le lien d'un numéro : rien du ménage n'y est montré ni envoyé, son argent attend."""
    settings, msisdn, why, by = load_settings(environment()), _read(number), _checked(reason), author()
    now = present(settings)

    async def held(connection: AsyncConnection) -> None:
        if await number_holds.read_link(connection, msisdn) is None:
            raise NotDone("Ce numéro n'est lié à aucun ménage.")
        if not await number_holds.hold(connection, msisdn, by, now):
            raise NotDone("Le lien de ce numéro est déjà suspendu.")
        await audit.record(connection, now, by, "number.held", f"number/{mask(msisdn)}", reason=why)

    _run(settings, held)
    typer.echo(f"{mask(msisdn)} : lien suspendu.")


@app.command("release")
def release(number: Number, reason: Reason) -> None:
    """Rendre un numéro suspendu à son ménage, avec les quittances qu'il n'a pas reçues."""
    _decide(number, reason, number_holds.release, "number.released")
    typer.echo("Le numéro est rendu à son ménage. L'argent resté en attente est affecté par deux personnes.")


@app.command("end")
def end(number: Number, reason: Reason) -> None:
    """Retirer un numéro suspendu à son ménage, à partir du moment où il a été suspendu."""
    _decide(number, reason, number_holds.end, "number.ended")
    typer.echo("Le numéro n'est plus lié à ce ménage.")


def _decide(
    number: str,
    reason: str,
    decide: Callable[[AsyncConnection, str, HoldDecided], Awaitable[bool]],
    action: str,
) -> None:
    settings, msisdn, why = load_settings(environment()), _read(number), _checked(reason)
    decided = HoldDecided(author(), why, present(settings))

    async def decide_once(connection: AsyncConnection) -> None:
        if not await decide(connection, msisdn, decided):
            raise NotDone("Le lien de ce numéro n'est pas suspendu, ou le numéro a été inscrit depuis.")
        subject = f"number/{mask(msisdn)}"
        await audit.record(connection, decided.at, decided.by, action, subject, reason=decided.reason)

    _run(settings, decide_once)


def _run(settings: Settings, work: Callable[[AsyncConnection], Awaitable[None]]) -> None:
    try:
        asyncio.run(transact(settings, work))
    except NotDone as refused:
        stop(str(refused))


def _read(number: str) -> str:
    try:
        return parse_msisdn(number)
    except MsisdnInvalid:
        stop("Ce n'est pas un numéro de téléphone : huit chiffres pour le Mali, sinon + et l'indicatif du pays.")


def _checked(reason: str) -> str:
    words = " ".join(reason.split())
    if not 0 < len(words) <= REASON_CHARS_MAX:
        stop(f"Donnez une raison, de {REASON_CHARS_MAX} caractères au plus.")
    return words
