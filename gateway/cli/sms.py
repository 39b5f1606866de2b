"""`ramu sms`: the messages that reached nobody, and how they are sent again."""

import asyncio
from collections.abc import Sequence
from enum import StrEnum
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
from gateway.french import counted as counted_words
from gateway.french import stamp
from gateway.reports.sms_words import SMS_KINDS, SMS_STATES
from gateway.sms import review
from gateway.sms.kinds import SmsState
from gateway.sms.review import OPEN_STATES, Retry, ShownSms, SmsCount
from payments.msisdn import mask

app = typer.Typer(no_args_is_help=True)


class StateWord(StrEnum):
    """A state as people type it: on a keyboard without accents too."""

    QUEUED = "en-attente"
    SENT = "remis"
    DELIVERED = "recu"
    UNDELIVERED = "non-recu"
    FAILED = "refuse"
    DROPPED = "abandonne"


STATE_OF: Final = {word: SmsState[word.name] for word in StateWord}
TROUBLES: Final = {
    "network": "réseau ou fournisseur",
    "balance": "compte SMS vide : le recharger",
    "account": "notre compte est refusé : clé, nom d'expéditeur ou trafic",
    "number": "ce numéro ne reçoit pas nos SMS",
}
REFUSALS: Final = {
    Retry.UNKNOWN: "Aucun SMS n'a le numéro {id}.",
    Retry.IN_HAND: "Le SMS {id} part déjà.",
    Retry.ARRIVED: "Le SMS {id} a été remis au réseau : rien à renvoyer.",
    Retry.TOO_LATE: "Le SMS {id} n'est plus utile ou n'est plus vrai : il n'est pas renvoyé.",
}


class NotPutBack(Exception):
    """A message that is not sent again; the text is a French sentence for the terminal."""


@app.command("list")
def show(
    state: Annotated[StateWord | None, typer.Option(help="Par défaut, tout ce qui n'est pas arrivé.")] = None,
    most: Most = 50,
) -> None:
    """Montrer les SMS qui ne sont pas arrivés, les plus récents d'abord, et compter ceux qui restent."""
    states = OPEN_STATES if state is None else (STATE_OF[state],)

    async def read(connection: AsyncConnection) -> tuple[tuple[ShownSms, ...], tuple[SmsCount, ...]]:
        return await review.listed(connection, states, most), await review.counted(connection)

    messages, counts = asyncio.run(transact(load_settings(environment()), read))
    if messages:
        Console().print(_table(messages))
    else:
        typer.echo("Aucun SMS à montrer.")
    for one in counts:
        typer.echo(f"{SMS_KINDS[one.kind]}, {SMS_STATES[one.state]} : {one.count}")


@app.command("retry")
def retry(
    sms_id: Annotated[int | None, typer.Argument(metavar="NUMÉRO", help="Le numéro donné par la liste.")] = None,
    *,
    all_failed: Annotated[
        bool, typer.Option("--all-failed", help="Tout ce qui a été refusé, n'a pas été reçu ou attend.")
    ] = False,
) -> None:
    """Renvoyer un SMS, ou tous ceux qui peuvent encore servir."""
    if (sms_id is None) is not all_failed:
        stop("Donnez le numéro d'un SMS, ou --all-failed pour tous.")
    settings = load_settings(environment())
    now = present(settings)

    async def put_back(connection: AsyncConnection) -> int:
        if sms_id is None:
            count = await review.retry_all(connection, now)
        else:
            told = await review.retry_one(connection, sms_id, now)
            if told is not Retry.PUT_BACK:
                raise NotPutBack(REFUSALS[told].format(id=sms_id))
            count = 1
        subject = f"sms/{'all' if sms_id is None else sms_id}"
        await audit.record(connection, now, author(), "sms.retried", subject, messages=count)
        return count

    try:
        count = asyncio.run(transact(settings, put_back))
    except NotPutBack as refused:
        stop(str(refused))
    typer.echo(f"{counted_words(count, 'SMS remis', 'SMS remis')} en file.")


def _table(messages: Sequence[ShownSms]) -> Table:
    table = Table()
    for heading in ("No", "Demandé le", "Genre", "Numéro", "État", "Essais", "Raison"):
        table.add_column(heading, justify="right" if heading in {"No", "Essais"} else "left")
    for one in messages:
        reason = " : ".join(part for part in (TROUBLES.get(one.trouble or ""), one.words) if part)
        table.add_row(
            str(one.id),
            stamp(one.queued_at),
            SMS_KINDS[one.kind],
            mask(one.msisdn),
            SMS_STATES[one.state],
            str(one.attempts),
            reason,
        )
    return table
