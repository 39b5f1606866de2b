"""`ramu statement`: bring in what operators say."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, BinaryIO, Final, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from gateway.cli.arguments import Most
from gateway.cli.environment import environment
from gateway.cli.terminal import author, stop
from gateway.config.settings import load_settings
from gateway.console.auth import audit
from gateway.console.labels import BUCKETS
from gateway.console.upload_labels import line_list, upload_labels
from gateway.french import counted, francs, short_date, stamp
from gateway.infra.reading import LINES_MAX, TooLarge, TooManyLines, measure
from gateway.local.faults import reason
from gateway.money.import_statement import StatementPutOff, bring_through, receive, resume
from gateway.money.match_statement import ImportOutcome
from gateway.money.match_statement import Progress as Tell
from gateway.reports.break_sentences import sentence
from gateway.reports.statements import UploadRow, uploads_aside, uploads_at_work, uploads_done
from gateway.wiring import ProcessDeps, wired
from payments.errors import OperatorUnknown, StatementRejected
from payments.reconciliation import uploads
from payments.reconciliation.upload import UploadState
from payments.reconciliation.uploads import Upload, new_upload

app = typer.Typer(no_args_is_help=True)

Result = TypeVar("Result")

#: Who a statement given at the command line comes from, in the records.
ACTOR = "command-line"

FILE_BYTES_MAX: Final = 200 * 1024 * 1024

#: The file is received and safe, but not matched to its end; the jobs go on, or people must look.
PUT_OFF_EXIT: Final = 3


@app.command("import")
def import_file(
    path: Annotated[Path, typer.Argument(metavar="FICHIER", help="Le relevé, tel que l'opérateur l'a donné.")],
    operator: Annotated[
        str | None, typer.Option(metavar="NOM", help="L'opérateur qui l'a donné ; inutile quand il n'y en a qu'un.")
    ] = None,
) -> None:
    """Importer un relevé : il est gardé, lu et rapproché, ou mis en quarantaine avec son motif."""
    with _opened(path) as content:
        _show(_run(lambda process: _import(process, operator, path.name, content)))


@app.command("resume")
def finish() -> None:
    """Terminer les relevés dont l'import a été interrompu."""
    outcomes = _run(lambda process: resume(process.reconciling))
    if not outcomes:
        typer.echo("Aucun relevé n'attend.")
    for outcome in outcomes:
        _show(outcome)


@app.command("list")
def everything(most: Most = 20) -> None:
    """Montrer les relevés reçus : ceux qui attendent quelqu'un, ceux qui sont au travail, les derniers finis."""

    async def read(process: ProcessDeps) -> tuple[UploadRow, ...]:
        async with process.deps.console_db.single() as connection:
            aside, at_work = await uploads_aside(connection, most), await uploads_at_work(connection, most)
            return (*aside, *at_work, *await uploads_done(connection, most))

    rows = _run(read)
    if not rows:
        typer.echo("Aucun relevé reçu.")
    for row in rows:
        state = ", ".join(filter(None, (upload_labels(row.state).word, line_list(row.motive_lines))))
        typer.echo(f"n° {row.upload_id:<6} {stamp(row.received_at)}  {row.operator}, {row.filename} : {state}")
        if row.motive:
            typer.echo(f"{'':9} {row.motive}")


@app.command("retry")
def again(
    number: Annotated[int, typer.Argument(metavar="NUMÉRO", help="Le numéro que montre `ramu statement list`.")],
) -> None:
    """Reprendre un relevé en quarantaine ou arrêté, une fois sa cause corrigée."""
    _show(_run(lambda process: _retry(process, number)))


def _opened(path: Path) -> BinaryIO:
    try:
        content = path.open("rb")
        holds_anything = measure(content, FILE_BYTES_MAX)
    except OSError as error:
        stop(f"Le fichier {path} ne peut pas être lu : {reason(error.errno)}.")
    except TooLarge:
        limit_mb = FILE_BYTES_MAX // 1024 // 1024
        stop(f"Le fichier {path} est trop grand : {limit_mb} Mo au plus. Rien n'a été enregistré.")
    except TooManyLines:
        stop(f"Le fichier {path} est trop long : {francs(LINES_MAX)} lignes au plus. Rien n'a été enregistré.")
    if not holds_anything:
        stop(f"Le fichier {path} est vide. Rien n'a été enregistré.")
    return content


async def _import(process: ProcessDeps, named: str | None, filename: str, content: BinaryIO) -> ImportOutcome:
    operator = _giver(process.deps.statement_givers(), named)
    new = await asyncio.to_thread(new_upload, operator, filename, content, ACTOR)
    upload, already = await receive(process.deps.worker_db, new, process.deps.clock.now())
    return await _through(process, upload, already=already)


def _giver(givers: tuple[str, ...], named: str | None) -> str:
    """Return the operator that gave a statement: the one that is named, or the only one there is."""
    if named is None and len(givers) > 1:
        stop(f"Plusieurs opérateurs donnent des relevés ({', '.join(givers)}) : dites lequel avec --operator.")
    if named is None and not givers:
        stop("Aucun opérateur qui donne des relevés n'est configuré.")
    operator = givers[0] if named is None else named
    if operator not in givers:
        raise OperatorUnknown(operator)
    return operator


async def _retry(process: ProcessDeps, number: int) -> ImportOutcome:
    now = process.deps.clock.now()
    async with process.deps.worker_db.unit_of_work() as connection:
        upload = await uploads.retry(connection, number, now)
        if upload is not None:
            subject = f"statement/{upload.operator}/{upload.id}"
            await audit.record(connection, now, author(), "statement.retried", subject)
    if upload is None:
        stop(f"Aucun relevé n° {number} en quarantaine ou arrêté.")
    return await _through(process, upload, already=False)


async def _through(process: ProcessDeps, upload: Upload, *, already: bool) -> ImportOutcome:
    columns = (TextColumn("Rapprochement"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        return await bring_through(process.reconciling, upload.id, _drawn_by(bar), already=already)


def _run(work: Callable[[ProcessDeps], Awaitable[Result]]) -> Result:
    async def running() -> Result:
        async with wired(load_settings(environment())) as process:
            return await work(process)

    try:
        return asyncio.run(running())
    except OperatorUnknown as unknown:
        stop(f"Aucun opérateur « {unknown.name} » n'est configuré.")
    except StatementRejected as rejected:
        place = f", {line_list(tuple(rejected.line_numbers))}" if rejected.line_numbers else ""
        stop(f"Relevé refusé{place} : {sentence(rejected.detail)}. Il est en quarantaine : rien n'en est compté.")
    except StatementPutOff as put_off:
        _put_off(put_off.upload)


def _put_off(upload: Upload) -> NoReturn:
    motive = upload.motive
    why = f" ({', '.join(filter(None, (sentence(motive.detail), line_list(motive.line_numbers))))})" if motive else ""
    what_next = (
        f"Une fois la cause corrigée : ramu statement retry {upload.id}."
        if upload.state is UploadState.PARKED
        else "Le travail de fond le reprendra ; ou tout de suite : ramu statement resume."
    )
    stop(f"Relevé n° {upload.id} reçu et gardé, mais pas rapproché jusqu'au bout{why}. {what_next}", PUT_OFF_EXIT)


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
    if outcome.late.sealed_days:
        days = ", ".join(map(short_date, outcome.late.sealed_days))
        typer.echo(f"Ce relevé touche des journées déjà closes : {days}. Ce qui a été signé ne change pas.")
    if outcome.late.count:
        named = counted(outcome.late.count, "opération", "opérations")
        typer.echo(
            f"Pour des journées déjà closes : {named}, {francs(outcome.late.amount_xof)} F. "
            "Leurs rapports ne changent pas ; la prochaine journée close les porte."
        )
