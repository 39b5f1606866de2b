"""Callbacks that came to nothing: who sent them, what they are, and how they are dismissed for a reason."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import RedirectResponse, Response

from gateway.console.auth import audit
from gateway.console.auth.roles import Right
from gateway.console.deps import ConsoleDeps, PageRefused, Visit, snapshot
from gateway.console.guard import field_of
from gateway.console.pages import LIST_ROWS_MAX, labelled_page
from gateway.console.uploads import ID_DIGITS_MAX
from gateway.infra.logs import mask_text
from gateway.reports.callback import callback_report
from gateway.reports.callback_sentences import CALLBACK_STATES, OBSERVED, PROVENANCES, VERDICTS, reason_words
from gateway.reports.unreadable import COUNTED_MAX, unread_callbacks, unread_senders
from payments.evidence.unreadable import Dismissal, dismiss_one, dismiss_sender

CALLBACKS_PATH: Final = "/finance/avis"

#: A reason that somebody else understands in a year, and no more than a sentence or two.
REASON_CHARS_MIN: Final = 5
REASON_CHARS_MAX: Final = 500
#: An operator's or a sender's name is never longer.
NAME_CHARS_MAX: Final = 80


async def callbacks_page(console: ConsoleDeps, visit: Visit) -> Response:
    """Show who sent what came to nothing, and the callbacks themselves."""
    of = _asked_sender(visit)
    async with snapshot(console.deps.console_db) as connection:
        senders = await unread_senders(connection, LIST_ROWS_MAX)
        rows = await unread_callbacks(connection, LIST_ROWS_MAX, of)
    return labelled_page(
        console, visit, "callbacks.html", "avis",
        senders=senders,
        rows=rows,
        rows_max=LIST_ROWS_MAX,
        counted_max=COUNTED_MAX,
        of=of,
        reason_words=reason_words,
        dismissed=_dismissed(visit),
        may_dismiss=visit.officer.may(Right.DISMISS),
        reason_chars=(REASON_CHARS_MIN, REASON_CHARS_MAX),
    )  # fmt: skip


async def callback_page(console: ConsoleDeps, visit: Visit) -> Response:
    """Show one callback, masked, and what was made of it."""
    async with snapshot(console.deps.console_db) as connection:
        report = await callback_report(connection, _asked_id(visit), console.deps.operators)
    if report is None:
        raise _unknown()
    return labelled_page(
        console, visit, "callback.html", "avis",
        report=report,
        states=CALLBACK_STATES,
        verdicts=VERDICTS,
        observed=OBSERVED,
        provenances=PROVENANCES,
        reason_words=reason_words,
        may_dismiss=visit.officer.may(Right.DISMISS),
        reason_chars=(REASON_CHARS_MIN, REASON_CHARS_MAX),
    )  # fmt: skip


async def dismiss_callback(console: ConsoleDeps, visit: Visit) -> Response:
    """Dismiss one callback for a reason."""
    callback_id, dismissal = _asked_id(visit), _dismissal(visit)

    async def decide(connection: AsyncConnection) -> int:
        count = await dismiss_one(connection, callback_id, dismissal)
        if count:
            await _note(connection, dismissal, f"callback/{callback_id}", count)
        return count

    return _done(await console.deps.console_db.transact(decide))


async def dismiss_callbacks(console: ConsoleDeps, visit: Visit) -> Response:
    """Dismiss, for one reason, what one sender had sent when the page was shown."""
    operator, sender = (_name(field_of(visit.form, name)) for name in ("operateur", "expediteur"))
    through_id, dismissal = _id(field_of(visit.form, "dernier")), _dismissal(visit)

    async def decide(connection: AsyncConnection) -> int:
        count = await dismiss_sender(connection, operator, sender, through_id, dismissal)
        if count:
            await _note(connection, dismissal, f"callbacks/{operator}/{sender}", count)
        return count

    return _done(await console.deps.console_db.transact(decide))


async def _note(connection: AsyncConnection, dismissal: Dismissal, subject: str, count: int) -> None:
    # What a person writes may hold a number, and the trace is kept for ever.
    reason = mask_text(dismissal.reason)
    await audit.record(
        connection, dismissal.at, dismissal.by, "callback.dismissed", subject, callbacks=count, reason=reason
    )


def _dismissal(visit: Visit) -> Dismissal:
    reason = " ".join(field_of(visit.form, "motif").split())
    if not REASON_CHARS_MIN <= len(reason) <= REASON_CHARS_MAX or not reason.isprintable():
        sentence = f"Dites pourquoi en {REASON_CHARS_MIN} à {REASON_CHARS_MAX} caractères. Rien n'a été classé."
        raise PageRefused(400, "Motif manquant", sentence)
    return Dismissal(visit.now, audit.actor_of(visit.officer.login), reason)


def _done(count: int) -> Response:
    return RedirectResponse(f"{CALLBACKS_PATH}?classes={count}", 303)


def _dismissed(visit: Visit) -> int | None:
    """Read how many callbacks the form before dismissed; anything else in its place is nothing."""
    written = visit.request.query_params.get("classes", "")
    return int(written) if _is_number(written) else None


def _asked_sender(visit: Visit) -> tuple[str, str] | None:
    asked = visit.request.query_params
    operator, sender = (_name(asked.get(name, "")) for name in ("operateur", "expediteur"))
    return (operator, sender) if operator and sender else None


def _name(written: str) -> str:
    """Return what can be the name of an operator or a sender, and nothing for anything else."""
    return written if written.isprintable() and len(written) <= NAME_CHARS_MAX else ""


def _asked_id(visit: Visit) -> int:
    return _id(str(visit.request.path_params["callback_id"]))


def _id(written: str) -> int:
    if not _is_number(written):
        raise _unknown()
    return int(written)


def _is_number(written: str) -> bool:
    return written.isascii() and written.isdigit() and len(written) <= ID_DIGITS_MAX


def _unknown() -> PageRefused:
    return PageRefused(404, "Avis inconnu", "Aucun avis de ce numéro n'est gardé ici ; il a pu partir aux archives.")
