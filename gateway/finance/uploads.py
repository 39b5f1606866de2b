"""Statements brought by hand: measured on the way in, imported by the same code as the command line."""

import re
from hashlib import sha256

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.datastructures import UploadFile
from starlette.responses import Response

from gateway.finance import audit
from gateway.finance.guard import field_of
from gateway.finance.pages import labelled_page
from gateway.finance.parts import FinanceDeps, ImportOutcome, Refused, Visit, snapshot
from gateway.reports.evidence import recent_statements
from payments.errors import StatementRejected

FILE_BYTES_MAX = 20 * 1024 * 1024
#: The file and the few fields and marks around it.
UPLOAD_BYTES_MAX = FILE_BYTES_MAX + 64 * 1024
FILENAME_CHARS_MAX = 120


async def statements_page(finance: FinanceDeps, visit: Visit) -> Response:
    """Show the form and the statements that came last."""
    return await _page(finance, visit, 200, outcome=None, rejected=None)


async def import_statement(finance: FinanceDeps, visit: Visit) -> Response:
    """Import a statement and show what became of its lines, or why it was refused whole."""
    operator = field_of(visit.form, "operator")
    if operator not in finance.deps.operators:
        raise Refused(400, "Opérateur inconnu", "Choisissez un opérateur de la liste. Rien n'a été enregistré.")
    filename, content = await _uploaded(visit)
    actor = audit.actor_of(visit.officer.login)
    try:
        outcome = await finance.import_statement(operator=operator, filename=filename, content=content, actor=actor)
    except StatementRejected as rejected:
        await _note(finance, visit, "statement.rejected", operator, content, why=str(rejected)[:200])
        return await _page(finance, visit, 422, outcome=None, rejected=rejected)
    await _note(finance, visit, "statement.imported", operator, content, again=outcome.already_imported)
    return await _page(finance, visit, 200, outcome=outcome, rejected=None)


async def _uploaded(visit: Visit) -> tuple[str, bytes]:
    files = visit.form.getlist("statement")
    if len(files) != 1 or not isinstance(files[0], UploadFile) or not files[0].filename:
        raise Refused(400, "Aucun fichier", "Choisissez le fichier du relevé. Rien n'a été enregistré.")
    content = await files[0].read()
    if not content.strip():
        raise Refused(422, "Fichier vide", "Ce fichier ne contient rien. Rien n'a été enregistré.")
    if len(content) > FILE_BYTES_MAX:
        raise Refused(413, "Fichier trop grand", "La limite est de 20 Mo. Rien n'a été enregistré.")
    return _clean(files[0].filename), content


def _clean(filename: str) -> str:
    # A browser may send a whole path, and anyone may send anything.
    last = re.split(r"[\\/]", filename)[-1]
    return "".join(char for char in last if char.isprintable())[:FILENAME_CHARS_MAX] or "releve"


async def _page(
    finance: FinanceDeps, visit: Visit, status: int, outcome: ImportOutcome | None, rejected: StatementRejected | None
) -> Response:
    async with snapshot(finance.deps.desk) as connection:
        statements = await recent_statements(connection)
    response = labelled_page(
        finance, visit, "statements.html", "releves", statements=statements, outcome=outcome, rejected=rejected
    )
    response.status_code = status
    return response


async def _note(
    finance: FinanceDeps, visit: Visit, action: str, operator: str, content: bytes, **detail: str | bool
) -> None:
    subject = f"statement/{operator}/{sha256(content).hexdigest()[:16]}"

    async def note(connection: AsyncConnection) -> None:
        await audit.record(connection, visit.now, audit.actor_of(visit.officer.login), action, subject, **detail)

    await finance.deps.desk.transact(note)
