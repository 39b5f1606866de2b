"""`ramu statement`: bring in what operators say."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from gateway.cli.environment import environment
from gateway.cli.terminal import stop
from gateway.finance.words import BUCKETS, counted, francs
from gateway.importing import import_statement, resume
from gateway.local.faults import reason
from gateway.reconciling import ImportOutcome
from gateway.reconciling import Progress as Tell
from gateway.settings import Settings, load_settings
from gateway.wiring import Wiring
from payments.errors import OperatorUnknown, StatementRejected

app = typer.Typer(no_args_is_help=True, help="Les relevés des opérateurs.")

#: Who a statement given at the command line comes from, in the records.
ACTOR = "command-line"


@app.command("import")
def import_file(
    path: Annotated[Path, typer.Argument(metavar="FICHIER", help="Le relevé, tel que l'opérateur l'a donné.")],
    operator: Annotated[str, typer.Option(help="L'opérateur qui l'a donné.")] = "sandbox",
) -> None:
    """Importer un relevé : tout, ou rien s'il est refusé."""
    settings = load_settings(environment())
    try:
        content = path.read_bytes()
        outcome = asyncio.run(_import(settings, operator, path.name, content))
    except OSError as error:
        stop(f"Le fichier {path} ne peut pas être lu : {reason(error.errno)}.")
    except OperatorUnknown:
        stop(f"Aucun opérateur « {operator} » n'est configuré.")
    except StatementRejected as rejected:
        place = f", ligne {rejected.line_number}" if rejected.line_number is not None else ""
        stop(f"Relevé refusé{place} : {rejected.why}. Rien n'a été enregistré.")
    _show(outcome)


@app.command("resume")
def finish() -> None:
    """Terminer les relevés dont l'import a été interrompu."""
    outcomes = asyncio.run(_resume(load_settings(environment())))
    if not outcomes:
        typer.echo("Aucun relevé n'attend.")
    for outcome in outcomes:
        _show(outcome)


async def _import(settings: Settings, operator: str, filename: str, content: bytes) -> ImportOutcome:
    wiring = Wiring(settings)
    columns = (TextColumn("Rapprochement"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            return await import_statement(
                wiring.parts.reconciling,
                operator=operator,
                filename=filename,
                content=content,
                actor=ACTOR,
                progress=_drawn_by(bar),
            )
    finally:
        await wiring.close()


async def _resume(settings: Settings) -> tuple[ImportOutcome, ...]:
    wiring = Wiring(settings)
    try:
        return await resume(wiring.parts.reconciling)
    finally:
        await wiring.close()


def _drawn_by(bar: Progress) -> Tell:
    task = bar.add_task("", total=None)

    def tell(done: int, total: int) -> None:
        bar.update(task, completed=done, total=total)

    return tell


def _show(outcome: ImportOutcome) -> None:
    if outcome.already_imported:
        typer.echo(f"{outcome.filename} était déjà importé : rien n'est compté deux fois.")
    table = Table(title=f"{outcome.filename} : {counted(outcome.line_count, 'ligne', 'lignes')}")
    table.add_column("Lignes du relevé")
    table.add_column("Nombre", justify="right")
    table.add_column("Somme (F)", justify="right")
    for bucket, total in outcome.buckets.items():
        table.add_row(BUCKETS.get(bucket, bucket), str(total.count), francs(total.sum_xof))
    Console().print(table)
    typer.echo(f"Encaissé selon l'opérateur : {francs(outcome.collected_xof)} F")
    typer.echo(f"Écarts ouverts : {outcome.breaks_opened}")
