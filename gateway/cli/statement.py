"""`ramu statement`: bring in what operators say."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Final, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from gateway.cli.environment import environment
from gateway.cli.terminal import author, stop
from gateway.finance import audit
from gateway.finance.upload_words import line_list, upload_words
from gateway.finance.words import BUCKETS, counted, francs
from gateway.importing import StatementPutOff, bring_through, receive, resume
from gateway.local.faults import reason
from gateway.reading import LINES_MAX, TooLarge, TooManyLines, read_bounded
from gateway.reconciling import ImportOutcome
from gateway.reconciling import Progress as Tell
from gateway.reports.statements import UploadRow, uploads_aside, uploads_at_work, uploads_done
from gateway.settings import load_settings
from gateway.wiring import Parts, Wiring
from payments.errors import OperatorUnknown, StatementRejected
from payments.reconciliation import uploads
from payments.reconciliation.uploads import NewUpload, Upload
from payments.upload import UploadState

app = typer.Typer(no_args_is_help=True, help="Les relevés des opérateurs.")

Result = TypeVar("Result")

#: Who a statement given at the command line comes from, in the records.
ACTOR = "command-line"

FILE_BYTES_MAX: Final = 200 * 1024 * 1024

#: Of each kind, how many the list shows.
LISTED_MAX: Final = 20

#: The file is received and safe, but not matched to its end; the jobs go on, or people must look.
PUT_OFF_EXIT: Final = 3


@app.command("import")
def import_file(
    path: Annotated[Path, typer.Argument(metavar="FICHIER", help="Le relevé, tel que l'opérateur l'a donné.")],
    operator: Annotated[str, typer.Option(help="L'opérateur qui l'a donné.")] = "sandbox",
) -> None:
    """Importer un relevé : il est gardé, lu et rapproché, ou mis en quarantaine avec son motif."""
    # The bytes have no name here: they are held once, by whoever stores them.
    _show(_run(lambda parts: _import(parts, operator, path.name, _content(path))))


@app.command("resume")
def finish() -> None:
    """Terminer les relevés dont l'import a été interrompu."""
    outcomes = _run(lambda parts: resume(parts.reconciling))
    if not outcomes:
        typer.echo("Aucun relevé n'attend.")
    for outcome in outcomes:
        _show(outcome)


@app.command("list")
def everything() -> None:
    """Montrer les relevés reçus : ceux qui attendent quelqu'un, ceux qui sont au travail, les derniers finis."""

    async def read(parts: Parts) -> tuple[UploadRow, ...]:
        async with parts.deps.desk.single() as connection:
            aside, at_work = await uploads_aside(connection, LISTED_MAX), await uploads_at_work(connection, LISTED_MAX)
            return (*aside, *at_work, *await uploads_done(connection, LISTED_MAX))

    rows = _run(read)
    if not rows:
        typer.echo("Aucun relevé reçu.")
    for row in rows:
        state = ", ".join(filter(None, (upload_words(row.state).word, line_list(row.motive_lines))))
        typer.echo(f"n° {row.upload_id:<6} {row.received_at:%Y-%m-%d %H:%M}  {row.operator}, {row.filename} : {state}")
        if row.motive:
            typer.echo(f"{'':9} {row.motive}")


@app.command("retry")
def again(
    number: Annotated[int, typer.Argument(metavar="NUMÉRO", help="Le numéro que montre `ramu statement list`.")],
) -> None:
    """Reprendre un relevé en quarantaine ou arrêté, une fois sa cause corrigée."""
    _show(_run(lambda parts: _retry(parts, number)))


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = read_bounded(file, FILE_BYTES_MAX)
    except OSError as error:
        stop(f"Le fichier {path} ne peut pas être lu : {reason(error.errno)}.")
    except TooLarge:
        limit_mb = FILE_BYTES_MAX // 1024 // 1024
        stop(f"Le fichier {path} est trop grand : {limit_mb} Mo au plus. Rien n'a été enregistré.")
    except TooManyLines:
        stop(f"Le fichier {path} est trop long : {francs(LINES_MAX)} lignes au plus. Rien n'a été enregistré.")
    if not content or content.isspace():
        stop(f"Le fichier {path} est vide. Rien n'a été enregistré.")
    return content


async def _import(parts: Parts, operator: str, filename: str, content: bytes) -> ImportOutcome:
    if operator not in parts.deps.operators:
        raise OperatorUnknown(operator)
    new, now = NewUpload(operator, filename, content, ACTOR), parts.deps.clock.now()
    upload, already = await receive(parts.deps.work, new, now)
    return await _through(parts, upload, already=already)


async def _retry(parts: Parts, number: int) -> ImportOutcome:
    now = parts.deps.clock.now()
    async with parts.deps.work.unit_of_work() as connection:
        upload = await uploads.retry(connection, number, now)
        if upload is not None:
            subject = f"statement/{upload.operator}/{upload.id}"
            await audit.record(connection, now, author(), "statement.retried", subject)
    if upload is None:
        stop(f"Aucun relevé n° {number} en quarantaine ou arrêté.")
    return await _through(parts, upload, already=False)


async def _through(parts: Parts, upload: Upload, *, already: bool) -> ImportOutcome:
    columns = (TextColumn("Rapprochement"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        return await bring_through(parts.reconciling, upload.id, _drawn_by(bar), already=already)


def _run(work: Callable[[Parts], Awaitable[Result]]) -> Result:
    async def running() -> Result:
        wiring = Wiring(load_settings(environment()))
        try:
            return await work(wiring.parts)
        finally:
            await wiring.close()

    try:
        return asyncio.run(running())
    except OperatorUnknown as unknown:
        stop(f"Aucun opérateur « {unknown.name} » n'est configuré.")
    except StatementRejected as rejected:
        place = f", {line_list(tuple(rejected.line_numbers))}" if rejected.line_numbers else ""
        stop(f"Relevé refusé{place} : {rejected.why}. Il est en quarantaine : rien n'en est compté.")
    except StatementPutOff as put_off:
        _put_off(put_off.upload)


def _put_off(upload: Upload) -> NoReturn:
    motive = upload.motive
    why = f" ({', '.join(filter(None, (motive.why, line_list(motive.line_numbers))))})" if motive else ""
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
    if outcome.late.count:
        named = counted(outcome.late.count, "opération", "opérations")
        typer.echo(
            f"Pour des journées déjà closes : {named}, {francs(outcome.late.amount_xof)} F. "
            "Leurs rapports ne changent pas ; la prochaine journée close les porte."
        )
