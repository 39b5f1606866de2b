"""Statements brought by hand: measured and stored on the way in, read and matched by the jobs, shown as they go."""

import asyncio
import re
from datetime import datetime
from typing import BinaryIO, Final

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from gateway.console.auth import audit
from gateway.console.deps import ConsoleDeps, PageRefused, Visit, snapshot
from gateway.console.guard import POLICY_HEADER, POLICY_WITH_SCRIPT, field_of
from gateway.console.pages import LIST_ROWS_MAX, labelled_page
from gateway.infra.reading import TooLarge, TooManyLines, measure
from gateway.money.import_statement import receive
from gateway.reports.statements import (
    UploadRow,
    recent_statements,
    upload_report,
    upload_state,
    uploads_aside,
    uploads_at_work,
)
from payments.reconciliation.upload import AT_REST
from payments.reconciliation.uploads import Upload, new_upload

STATEMENTS_PATH: Final = "/finance/releves"

FILE_BYTES_MAX = 20 * 1024 * 1024
#: The file and the few fields and marks around it.
UPLOAD_BYTES_MAX = FILE_BYTES_MAX + 64 * 1024
FILENAME_CHARS_MAX = 120
#: No number of ours is longer.
ID_DIGITS_MAX = 18

#: While a small file is read, its sender is answered with the outcome at once.
LOOK_AGAIN_S: Final = 0.1

#: How often a page about a file at work asks for itself, while the file is so young; later a person reloads it.
REFRESH_S: Final = ((60, 2), (15 * 60, 15))

#: A file that nobody took for so long shows that no worker runs.
WORKER_PATIENCE_S: Final = 15


async def statements_page(console: ConsoleDeps, visit: Visit) -> Response:
    """Show the form, the statements at work or aside, and the ones that came last."""
    return await _statements(console, visit)


async def _statements(
    console: ConsoleDeps, visit: Visit, fault: PageRefused | None = None, operator: str = ""
) -> Response:
    async with snapshot(console.deps.console_db) as connection:
        statements = await recent_statements(connection)
        at_work = await uploads_at_work(connection, LIST_ROWS_MAX)
        aside = await uploads_aside(connection, LIST_ROWS_MAX)
    return labelled_page(
        console,
        visit,
        "statements.html",
        "releves",
        statements=statements,
        at_work=at_work,
        aside=aside,
        givers=console.deps.statement_givers(),
        fault=fault,
        chosen=operator,
        status=fault.status if fault else 200,
    )


async def receive_statement(console: ConsoleDeps, visit: Visit) -> Response:
    """Store a statement and lead to its page, which shows what becomes of it."""
    operator = field_of(visit.form, "operator")
    if operator not in console.deps.statement_givers():
        raise PageRefused(400, "Opérateur inconnu", "Choisissez un opérateur de la liste. Rien n'a été enregistré.")
    try:
        filename, content = await _uploaded(visit)
    except PageRefused as fault:
        return await _statements(console, visit, fault, operator)
    new = await asyncio.to_thread(new_upload, operator, filename, content, audit.actor_of(visit.officer.login))
    upload, already = await receive(console.deps.console_db, new, visit.now)
    await _note(console, visit, upload, already=already)
    await _outcome(console, upload)
    again = "?encore=1" if already else ""
    return RedirectResponse(f"{STATEMENTS_PATH}/{upload.id}{again}", 303)


async def statement_page(console: ConsoleDeps, visit: Visit) -> Response:
    """Show where one statement stands, and what became of its lines."""
    written = str(visit.request.path_params["upload_id"])
    if not (written.isascii() and written.isdigit() and len(written) <= ID_DIGITS_MAX):
        raise _unknown()
    async with snapshot(console.deps.console_db) as connection:
        report = await upload_report(connection, int(written))
    if report is None:
        raise _unknown()
    refresh_s = _refresh_s(report.row, visit.now)
    response = labelled_page(
        console, visit, "statement.html", "releves",
        report=report,
        again=visit.request.query_params.get("encore") == "1",
        refresh_s=refresh_s,
        no_worker=_is_left_alone(report.row, visit.now),
    )  # fmt: skip
    if refresh_s is not None:
        response.headers[POLICY_HEADER] = POLICY_WITH_SCRIPT
    return response


def _refresh_s(row: UploadRow, now: datetime) -> int | None:
    age_s = (now - row.received_at).total_seconds()
    if row.at_rest:
        return None
    return next((refresh_s for younger_than_s, refresh_s in REFRESH_S if age_s < younger_than_s), None)


def _is_left_alone(row: UploadRow, now: datetime) -> bool:
    due_at = row.next_attempt_at
    return not row.at_rest and due_at is not None and (now - due_at).total_seconds() > WORKER_PATIENCE_S


async def _uploaded(visit: Visit) -> tuple[str, BinaryIO]:
    files = visit.form.getlist("statement")
    if len(files) != 1 or not isinstance(files[0], UploadFile) or not files[0].filename:
        raise PageRefused(400, "Aucun fichier", "Choisissez le fichier du relevé. Rien n'a été enregistré.")
    try:
        # What was sent waits on the disk, and is gone through there.
        holds_anything = await asyncio.to_thread(measure, files[0].file, FILE_BYTES_MAX)
    except TooLarge:
        raise PageRefused(413, "Fichier trop grand", "La limite est de 20 Mo. Rien n'a été enregistré.") from None
    except TooManyLines:
        limit = "La limite est d'un million de lignes. Rien n'a été enregistré."
        raise PageRefused(413, "Fichier trop long", limit) from None
    if not holds_anything:
        raise PageRefused(422, "Fichier vide", "Ce fichier ne contient rien. Rien n'a été enregistré.")
    return _clean(files[0].filename), files[0].file


def _clean(filename: str) -> str:
    # A browser may send a whole path, and anyone may send anything.
    last = re.split(r"[\\/]", filename)[-1]
    return "".join(char for char in last if char.isprintable())[:FILENAME_CHARS_MAX] or "releve"


async def _outcome(console: ConsoleDeps, upload: Upload) -> None:
    """Wait a moment for the jobs; a connection is only held while asking."""
    loop = asyncio.get_running_loop()
    until = loop.time() + console.outcome_wait_s
    state: str | None = upload.state
    while state not in AT_REST and loop.time() < until:
        await asyncio.sleep(LOOK_AGAIN_S)
        async with console.deps.console_db.single() as connection:
            state = await upload_state(connection, upload.id)


async def _note(console: ConsoleDeps, visit: Visit, upload: Upload, *, already: bool) -> None:
    async def note(connection: AsyncConnection) -> None:
        await audit.record(
            connection, visit.now, audit.actor_of(visit.officer.login), "statement.received",
            f"statement/{upload.operator}/{upload.id}", again=already,
        )  # fmt: skip

    await console.deps.console_db.transact(note)


def _unknown() -> PageRefused:
    return PageRefused(404, "Relevé inconnu", "Aucun relevé de ce numéro n'a été reçu.")
