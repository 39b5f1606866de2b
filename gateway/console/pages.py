"""The pages of the console and their files; every figure comes from a report."""

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any

from starlette.responses import Response

from gateway.console.auth.roles import Right
from gateway.console.break_labels import BREAKS
from gateway.console.deps import ConsoleDeps, PageRefused, Visit, snapshot
from gateway.console.exports import export
from gateway.console.labels import HELD
from gateway.console.rendering import page
from gateway.french import read_day
from gateway.money.import_statement import FIRST_DAY
from gateway.reports.breaks import each_open_break, open_breaks
from gateway.reports.suspense import each_open_suspense, open_suspense, open_suspense_total, suspense_balance_xof
from gateway.reports.trial_balance import trial_balance
from gateway.reports.unreadable import unread_summary
from gateway.reports.waiting import parked, troubles

#: What a page shows of a long list; the file has the rest.
LIST_ROWS_MAX = 200

BREAK_TITLES: Mapping[str, str] = {
    "break_id": "N°",
    "day": "Jour",
    "operator": "Opérateur",
    "kind": "Type",
    "subject": "Référence opérateur",
    "operator_amount_xof": "L'opérateur dit (F)",
    "ledger_amount_xof": "Nous disons (F)",
    "true_difference_xof": "Différence (F)",
    "difference_xof": "Compté dans la journée (F)",
    "waits": "À traiter",
    "age_days": "Ancienneté (jours)",
    "detail": "Détail",
    "opened_at": "Ouvert le (UTC)",
}
SUSPENSE_TITLES: Mapping[str, str] = {
    "receipt_number": "Quittance",
    "operator": "Opérateur",
    "operator_transaction_id": "Référence opérateur",
    "amount_xof": "Montant (F)",
    "payer_in_file": "Payeur",
    "our_reference": "Référence donnée",
    "hold_reason": "Bloqué",
    "occurred_at": "Reçu le (UTC)",
    "age_days": "Ancienneté (jours)",
}


async def breaks_page(console: ConsoleDeps, visit: Visit) -> Response:
    """Show every break that waits for a decision."""
    async with snapshot(console.deps.console_db) as connection:
        today = visit.now.date()
        breaks = await open_breaks(connection, today, LIST_ROWS_MAX)
        informing = await open_breaks(connection, today, LIST_ROWS_MAX, informing=True)
        waiting: dict[str, Any] = {
            "troubles": await troubles(connection),
            "parked": await parked(connection, LIST_ROWS_MAX, listed=False),
            "unread": await unread_summary(connection),
        }
    return labelled_page(
        console, visit, "breaks.html", "ecarts", breaks=breaks, informing=informing, rows_max=LIST_ROWS_MAX, **waiting
    )


async def breaks_csv(console: ConsoleDeps, visit: Visit) -> Response:
    """Return every open break as a file."""
    today = visit.now.date()
    labels = {"kind": {kind: said.label for kind, said in BREAKS.items()}}
    rows = partial(each_open_break, today=today)
    return await export(console, visit, f"ecarts-{today}", BREAK_TITLES, rows, labels=labels)


async def suspense_page(console: ConsoleDeps, visit: Visit) -> Response:
    """Show the money whose household is not known."""
    async with snapshot(console.deps.console_db) as connection:
        waiting = await open_suspense(connection, visit.now.date(), LIST_ROWS_MAX)
        total = await open_suspense_total(connection)
        balance_xof = await suspense_balance_xof(connection)
    return labelled_page(
        console, visit, "suspense.html", "attente",
        waiting=waiting,
        total=total,
        balance_xof=balance_xof,
    )  # fmt: skip


async def suspense_csv(console: ConsoleDeps, visit: Visit) -> Response:
    """Return the money whose household is not known as a file."""
    today = visit.now.date()
    rows = partial(each_open_suspense, today=today)
    return await export(console, visit, f"attente-{today}", SUSPENSE_TITLES, rows, labels={"hold_reason": HELD})


async def balance_page(console: ConsoleDeps, visit: Visit) -> Response:
    """Show that the books add up to zero."""
    async with snapshot(console.deps.console_db) as connection:
        balance = await trial_balance(connection)
    return labelled_page(console, visit, "balance.html", "balance", balance=balance)


def asked_day(visit: Visit, today: date) -> date:
    """Read which day is asked for; none means today."""
    asked = visit.request.query_params.getlist("jour")
    if not asked:
        return today
    if len(asked) > 1:
        raise _bad_day("Demandez un seul jour à la fois.")
    return read_known_day(asked[0], today)


def read_known_day(written: str, today: date) -> date:
    """Read a day that is over or running, and that the service can know."""
    day = read_day(written)
    if day is None:
        raise _bad_day("Écrivez le jour ainsi : 22/11/2026 ou 2026-11-22.")
    if day > today:
        raise _bad_day("Ce jour n'est pas encore venu.")
    if day < FIRST_DAY:
        raise _bad_day("Ce jour est antérieur à l'ouverture du service.")
    return day


def _bad_day(sentence: str) -> PageRefused:
    return PageRefused(400, "Jour impossible", sentence)


def labelled_page(
    console: ConsoleDeps,
    visit: Visit,
    template: str,
    here: str,
    status: int = 200,
    **said: Any,  # noqa: ANN401 - templates take anything
) -> Response:
    """Return a page with everything that every guarded page needs."""
    labels = {name: operator.label for name, operator in console.deps.operators.items()}
    return page(
        template,
        status,
        officer=visit.officer,
        local_mode=console.deps.local_mode,
        here=here,
        now=visit.now,
        labels=labels,
        may_export=visit.officer.may(Right.EXPORT),
        may_import=visit.officer.may(Right.IMPORT),
        may_close=visit.officer.may(Right.CLOSE),
        **said,
    )
