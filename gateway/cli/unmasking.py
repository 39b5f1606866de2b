"""Names and numbers of people in the terminal: masked, unless somebody says why, which is written down."""

from datetime import datetime
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.cli.terminal import author, stop
from gateway.console.auth import audit
from gateway.reports.household_card import initials
from payments.msisdn import mask

WholeBecause = Annotated[
    str | None,
    typer.Option(
        "--whole", metavar="RAISON", help="Montrer noms et numéros en entier ; la raison est gardée avec l'auteur."
    ),
]


def reason_of(whole: str | None) -> str:
    """Return why names and numbers are to be shown; nothing means that they are masked."""
    reason = (whole or "").strip()
    if whole is not None and not reason:
        stop("Dites pourquoi : --whole RAISON.")
    return reason


async def note_shown(connection: AsyncConnection, now: datetime, subject: str, reason: str) -> None:
    """Write down that somebody saw names and numbers, and why, in the transaction that reads them."""
    await audit.people_shown(connection, now, author(), subject, reason)


def shown_name(name: str, *, is_whole: bool) -> str:
    """Return a name, or its first letters."""
    return name if is_whole else initials(name)


def shown_number(msisdn: str | None, *, is_whole: bool) -> str:
    """Return a telephone number, or what the mask leaves of it."""
    if not msisdn:
        return "inconnu"
    return msisdn if is_whole else mask(msisdn)
