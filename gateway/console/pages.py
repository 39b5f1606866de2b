"""The pages of the console and their files; every figure comes from a report."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from gateway.console.auth.roles import Right
from gateway.console.break_labels import BREAKS
from gateway.console.deps import ConsoleDeps, PageRefused, Visit, snapshot
from gateway.console.exports import export
from gateway.console.labels import HELD
from gateway.console.rendering import page
from gateway.french import read_day
from gateway.money.import_statement import FIRST_DAY
from gateway.reports.breaks import breaks_of_day, each_open_break, open_breaks
from gateway.reports.day import OperatorDay, day_report
from gateway.reports.evidence import seal_of
from gateway.reports.sealed_day import has_moved
from gateway.reports.suspense import each_open_suspense, open_suspense, open_suspense_total, suspense_balance_xof
from gateway.reports.trial_balance import trial_balance
from gateway.reports.unreadable import unread_summary
from gateway.reports.waiting import parked, parked_count, troubles
from payments.reconciliation.late import late_of_day

#: What a page shows of a long list; the file has the rest.
LIST_ROWS_MAX = 200

DAY_TITLES: Mapping[str, str] = {
    "day": "Jour",
    "operator": "Opérateur",
    "account": "Compte",
    "statement_received": "Relevé complet",
    "is_verifiable": "Vérifiable par l'opérateur",
    "opening_xof": "Solde d'ouverture (F)",
    "collections_xof": "Encaissements (F)",
    "reversals_xof": "Annulations (F)",
    "fees_xof": "Frais de l'opérateur (F)",
    "transfers_xof": "Virements sortants (F)",
    "others_xof": "Autres mouvements (F)",
    "contradictions_xof": "Soldes qui se contredisent (F)",
    "closing_xof": "Solde de clôture (F)",
    "movement_xof": "Mouvement du compte (F)",
    "operator_amount_xof": "L'opérateur dit (F)",
    "operator_payment_count": "L'opérateur dit (nombre)",
    "posted_xof": "Passé aux ménages (F)",
    "posted_count": "Passé aux ménages (nombre)",
    "suspense_xof": "En attente (F)",
    "suspense_count": "En attente (nombre)",
    "breaks_xof": "Écarts (F)",
    "breaks_open_count": "Écarts ouverts (nombre)",
    "unexplained_xof": "Inexpliqué (F)",
    "lines_waiting_count": "Lignes à rapprocher (nombre)",
    "proved_by_callback_count": "Prouvés par avis signé (nombre)",
    "proved_by_query_count": "Prouvés par interrogation (nombre)",
    "proved_by_statement_count": "Prouvés par relevé (nombre)",
    "proved_by_hand_count": "Saisis à la main (nombre)",
}
#: The columns of the equation, and those that lead from one balance to the other.
EQUATION = (
    ("operator_amount_xof", "L'opérateur dit"),
    ("posted_xof", "Passé aux ménages"),
    ("suspense_xof", "En attente"),
    ("breaks_xof", "Écarts"),
    ("unexplained_xof", "Inexpliqué"),
)
MOVEMENT = (
    ("opening_xof", "Solde d'ouverture"),
    ("collections_xof", "Encaissements"),
    ("reversals_xof", "Annulations"),
    ("fees_xof", "Frais"),
    ("transfers_xof", "Virements sortants"),
    ("others_xof", "Autres"),
    ("contradictions_xof", "Contradictions"),
    ("closing_xof", "Solde de clôture"),
)
BREAK_TITLES: Mapping[str, str] = {
    "break_id": "N°",
    "day": "Jour",
    "operator": "Opérateur",
    "kind": "Type",
    "subject": "Référence opérateur",
    "operator_amount_xof": "L'opérateur dit (F)",
    "ledger_amount_xof": "Nous disons (F)",
    "difference_xof": "Différence (F)",
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


async def day_page(console: ConsoleDeps, visit: Visit) -> Response:
    """Show the reconciliation of a day."""
    today = visit.now.date()
    day = asked_day(visit, today)
    async with snapshot(console.deps.console_db) as connection:
        report, seal = await day_report(connection, day, console.deps.operators), await seal_of(connection, day)
        said: dict[str, Any] = {
            "report": report,
            "breaks": await breaks_of_day(connection, day, today, LIST_ROWS_MAX),
            "parked_count": await parked_count(connection),
            "unread": await unread_summary(connection),
            "troubles": await troubles(connection),
            "seal": seal,
            "moved": seal is not None and has_moved(seal.content, report),
            "late": await late_of_day(connection, day),
        }
    return labelled_page(
        console, visit, "day.html", "jour",
        **said,
        today=today,
        previous_day=day - timedelta(days=1) if day > FIRST_DAY else None,
        next_day=day + timedelta(days=1) if day < today else None,
        first_day=FIRST_DAY,
        rows_max=LIST_ROWS_MAX,
        equation=EQUATION,
        movement=MOVEMENT,
    )  # fmt: skip


async def day_csv(console: ConsoleDeps, visit: Visit) -> Response:
    """Return the reconciliation of a day as a file, from the same query as the page."""
    day = asked_day(visit, visit.now.date())

    async def rows(connection: AsyncConnection) -> AsyncGenerator[Sequence[OperatorDay]]:
        yield (await day_report(connection, day, console.deps.operators)).rows

    return await export(console, visit, f"rapprochement-{day}", DAY_TITLES, rows)


async def breaks_page(console: ConsoleDeps, visit: Visit) -> Response:
    """Show every break that waits for a decision."""
    async with snapshot(console.deps.console_db) as connection:
        breaks = await open_breaks(connection, visit.now.date(), LIST_ROWS_MAX)
        waiting: dict[str, Any] = {
            "troubles": await troubles(connection),
            "parked": await parked(connection, LIST_ROWS_MAX, listed=False),
            "unread": await unread_summary(connection),
        }
    return labelled_page(console, visit, "breaks.html", "ecarts", breaks=breaks, rows_max=LIST_ROWS_MAX, **waiting)


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
    day = read_day(asked[0]) if len(asked) == 1 else None
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
