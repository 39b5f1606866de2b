"""`ramu callbacks`: what operators said and we could not take, what it is, and how it is tried again."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Final, NamedTuple

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.cli.arguments import Most
from gateway.cli.environment import environment
from gateway.cli.terminal import author, present, stop, transact
from gateway.config.settings import load_settings
from gateway.console.auth import audit
from gateway.console.labels import PUSH_STATES
from gateway.console.labels import author as author_words
from gateway.contributions import parking
from gateway.french import counted, francs, plural, short_date, stamp
from gateway.reports.callback import CallbackReport, callback_report
from gateway.reports.callback_sentences import CALLBACK_STATES, OBSERVED, PROVENANCES, VERDICTS
from gateway.reports.unreadable import UnreadSender, unread_senders
from gateway.reports.waiting import ParkedRow, PutOffRow, TroubleRow, parked, put_off, troubles
from payments.evidence import callbacks as inbox
from payments.evidence import inquiries
from payments.operators.registry import built_in
from payments.requests import dispatch
from payments.requests.trouble import TroubleKind

app = typer.Typer(no_args_is_help=True)

KINDS: Final = {"callback": "avis", "question": "question", "request": "demande", "household": "ménage"}
TROUBLES: Final = {TroubleKind.REFUSES_US: "nous refuse", TroubleKind.SILENT: "ne répond pas"}
#: One letter for each kind and the row's number, as the list shows it.
NAME: Final = re.compile(r"([AQDMaqdm])([1-9][0-9]{0,17})")
AGAIN: Final = {"A": inbox.retry, "Q": inquiries.retry, "D": dispatch.retry, "M": parking.retry}
NOT_A_NAME: Final = "Le nom est celui de la liste : A, Q, D ou M, puis un nombre. Exemple : ramu callbacks {verb} A12"


class Waiting(NamedTuple):
    """All that a list shows."""

    troubles: tuple[TroubleRow, ...]
    parked: tuple[ParkedRow, ...]
    put_off: tuple[PutOffRow, ...]
    senders: tuple[UnreadSender, ...]


@app.command("list")
def listed(most: Most = 50) -> None:
    """Montrer ce qui attend une personne, ce qui sera relu, et les opérateurs en panne ou qui nous refusent."""

    async def read(connection: AsyncConnection) -> Waiting:
        return Waiting(
            await troubles(connection),
            await parked(connection, most),
            await put_off(connection, most),
            await unread_senders(connection, most),
        )

    waiting = asyncio.run(transact(load_settings(environment()), read))
    for one in waiting.troubles:
        typer.echo(f"{one.operator} {TROUBLES[one.kind]} depuis le {stamp(one.since)} UTC ({one.job}) : {one.detail}")
    for sender in waiting.senders:
        typer.echo(_sender(sender))
    if waiting.put_off:
        _print(_put_off_table(waiting.put_off))
    if waiting.parked:
        _print(_parked_table(waiting.parked))
    else:
        typer.echo("Rien n'est mis de côté.")
    if waiting.parked or waiting.put_off:
        typer.echo("Voir un avis : ramu callbacks show NOM. Essayer de nouveau : ramu callbacks retry NOM")


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="NOM", help="Le nom d'un avis, donné par la liste : A12.")],
) -> None:
    """Montrer un avis, sans les secrets, les noms ni les numéros entiers, et ce qui en a été fait."""
    kind, number = _named(name, "show")
    if kind != "A":
        stop("Seul un avis se montre : son nom commence par A.")
    operators = built_in()
    report = asyncio.run(
        transact(load_settings(environment()), lambda connection: callback_report(connection, number, operators))
    )
    if report is None:
        stop(f"Aucun avis A{number} n'est gardé ici ; il a pu partir aux archives.")
    for line in _lines(report):
        typer.echo(line)


@app.command("retry")
def retry(
    name: Annotated[str, typer.Argument(metavar="NOM", help="Le nom donné par la liste, par exemple A12.")],
) -> None:
    """Essayer de nouveau, avant les autres, ce qui a échoué ou a été mis de côté ; une trace en est gardée."""
    kind, number = _named(name, "retry")
    settings = load_settings(environment())
    now = present(settings)

    async def again(connection: AsyncConnection) -> bool:
        found = await AGAIN[kind](connection, number, now)
        if found:
            await audit.record(connection, now, author(), "parked.retried", f"parked/{kind}{number}")
        return found

    if not asyncio.run(transact(settings, again)):
        stop(f"{kind}{number} n'a ni échoué ni été mis de côté : rien à essayer de nouveau.")
    typer.echo(f"{kind}{number} sera essayé de nouveau dans les secondes qui viennent.")


def _named(name: str, verb: str) -> tuple[str, int]:
    named = NAME.fullmatch(name.strip())
    if named is None:
        stop(NOT_A_NAME.format(verb=verb))
    return named[1].upper(), int(named[2])


def _print(table: Table) -> None:
    Console(width=160, markup=False, highlight=False).print(table)


def _sender(one: UnreadSender) -> str:
    callbacks = counted(one.callback_count, "avis illisible", "avis illisibles")
    nothing = plural(one.callback_count, "qui n'attend rien", "qui n'attendent rien")
    waiting = f"dont {one.waiting_count} à décider" if one.waiting_count else nothing
    days = f"du {short_date(one.first_at)} au {short_date(one.last_at)}"
    return f"{one.operator}, {one.sender} : {callbacks}, {waiting} ({days}, le dernier A{one.through_id})"


def _parked_table(rows: Sequence[ParkedRow]) -> Table:
    table = Table("Nom", "Opérateur", "Quoi", "Reçu (UTC)", "Mis de côté (UTC)", "Essais", "Pourquoi")
    for row in rows:
        moments = (stamp(row.since), stamp(row.parked_at))
        table.add_row(row.name, row.operator, KINDS[row.kind], *moments, str(row.attempts), row.why)
    return table


def _put_off_table(rows: Sequence[PutOffRow]) -> Table:
    table = Table("Nom", "Opérateur", "Reçu (UTC)", "Sera relu (UTC)", "Essais", "Pourquoi")
    for row in rows:
        moments = (f"{row.since:%d/%m/%Y %H:%M}", f"{row.next_attempt_at:%d/%m/%Y %H:%M:%S}")
        table.add_row(row.name, row.operator, *moments, str(row.attempts), row.why)
    return table


def _lines(report: CallbackReport) -> Iterator[str]:
    moment = report.ended_at or report.next_attempt_at
    when = f", le {moment:%d/%m/%Y à %H:%M:%S} UTC" if moment else ""
    yield f"Avis A{report.id}, {report.operator} : {CALLBACK_STATES[report.state]}{when}"
    yield f"Reçu le {report.received_at:%d/%m/%Y à %H:%M:%S} UTC de {report.sender or 'on ne sait qui'}"
    yield f"Jugé à l'arrivée : {VERDICTS[report.verdict]}"
    yield f"Essais : {report.attempts}"
    if report.dismissed_by:
        yield f"Classé par {author_words(report.dismissed_by)} : {report.dismiss_reason}"
    yield ""
    yield f"{report.method} {report.address}"
    yield from (f"{name}: {value}" for name, value in report.headers.items())
    yield ""
    yield report.body_shown
    yield f"({counted(report.size_bytes, 'octet', 'octets')}, masqué ; le message est gardé tel quel)"
    yield ""
    yield from _made_of_it(report)


def _made_of_it(report: CallbackReport) -> Iterator[str]:
    if report.remark:
        yield f"Remarque : {report.remark}"
    if report.reader_fault:
        yield f"Relu maintenant : illisible, {report.reader_fault}"
    if report.request_reference:
        yield f"Demande {report.request_reference} : {PUSH_STATES[report.request_state or 'created'][0]}"
    for seen in report.observations:
        amount = "" if seen.amount_xof is None else f", {francs(seen.amount_xof)} F"
        payer = f", payeur {seen.payer_masked}" if seen.payer_masked else ""
        about = seen.operator_transaction_id or "sans référence"
        yield f"Constat : opération {about}, {OBSERVED[seen.status]}{amount}{payer} ({PROVENANCES[seen.provenance]})"
    for asked in report.questions:
        end = "a reçu sa réponse" if asked.closed_at else "mise de côté" if asked.parked_at else "sera posée de nouveau"
        detail = f" ({asked.last_detail})" if asked.last_detail else ""
        about = f" sur {asked.operator_transaction_id}" if asked.operator_transaction_id else ""
        yield f"Question à l'opérateur{about} : {counted(asked.attempts, 'fois', 'fois')}, {end}{detail}"
    for paid in report.payments:
        yield f"Paiement {paid.receipt_number} : {francs(paid.amount_xof)} F ({PROVENANCES[paid.provenance]})"
    if not (report.observations or report.questions or report.payments):
        yield "Rien n'en a été fait : ni constat, ni question, ni paiement."
