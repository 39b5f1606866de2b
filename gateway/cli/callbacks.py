"""`ramu callbacks`: what operators said and we could not take, and how it is tried again."""

import asyncio
import re
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.cli.arguments import Most
from gateway.cli.environment import environment
from gateway.cli.terminal import author, present, stop, transact
from gateway.config.settings import load_settings
from gateway.console.auth import audit
from gateway.contributions import parking
from gateway.french import stamp
from gateway.reports.waiting import ParkedRow, TroubleRow, parked, troubles
from payments.evidence import callbacks as inbox
from payments.evidence import inquiries
from payments.requests import dispatch
from payments.requests.trouble import TroubleKind

app = typer.Typer(no_args_is_help=True)

KINDS: Final = {"callback": "avis", "question": "question", "request": "demande", "household": "ménage"}
TROUBLES: Final = {TroubleKind.REFUSES_US: "nous refuse", TroubleKind.SILENT: "ne répond pas"}
#: One letter for each kind and the row's number, as the list shows it.
NAME: Final = re.compile(r"([AQDMaqdm])([1-9][0-9]{0,17})")
AGAIN: Final = {"A": inbox.retry, "Q": inquiries.retry, "D": dispatch.retry, "M": parking.retry}


@app.command("list")
def show(most: Most = 50) -> None:
    """Montrer ce qui attend une personne, le plus ancien d'abord, et les opérateurs en panne ou qui nous refusent."""

    async def read(connection: AsyncConnection) -> tuple[tuple[TroubleRow, ...], tuple[ParkedRow, ...]]:
        return await troubles(connection), await parked(connection, most)

    operators, rows = asyncio.run(transact(load_settings(environment()), read))
    for one in operators:
        since = stamp(one.since)
        typer.echo(f"{one.operator} {TROUBLES[one.kind]} depuis le {since} UTC ({one.job}) : {one.detail}")
    if not rows:
        typer.echo("Rien n'est mis de côté.")
        return
    table = Table("Nom", "Opérateur", "Quoi", "Reçu (UTC)", "Mis de côté (UTC)", "Essais", "Pourquoi")
    for row in rows:
        moments = (stamp(row.since), stamp(row.parked_at))
        table.add_row(row.name, row.operator, KINDS[row.kind], *moments, str(row.attempts), row.why)
    Console(width=160, markup=False, highlight=False).print(table)
    typer.echo("Essayer de nouveau : ramu callbacks retry NOM")


@app.command("retry")
def retry(
    name: Annotated[str, typer.Argument(metavar="NOM", help="Le nom donné par la liste, par exemple A12.")],
) -> None:
    """Essayer de nouveau ce qui a été mis de côté ; une trace en est gardée."""
    named = NAME.fullmatch(name.strip())
    if named is None:
        stop("Le nom est celui de la liste : A, Q, D ou M, puis un nombre. Exemple : ramu callbacks retry A12")
    kind, number = named[1].upper(), int(named[2])
    settings = load_settings(environment())
    now = present(settings)

    async def again(connection: AsyncConnection) -> bool:
        found = await AGAIN[kind](connection, number, now)
        if found:
            await audit.record(connection, now, author(), "parked.retried", f"parked/{kind}{number}")
        return found

    if not asyncio.run(transact(settings, again)):
        stop(f"{kind}{number} n'est pas mis de côté.")
    typer.echo(f"{kind}{number} sera essayé de nouveau dans les secondes qui viennent.")
