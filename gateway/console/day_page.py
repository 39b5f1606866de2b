"""The page of a day and its file: an open day as the books stand, a closed one as signed and what came after."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from gateway.console.account import FormFault
from gateway.console.deps import ConsoleDeps, PageRefused, Visit, snapshot
from gateway.console.exports import export
from gateway.console.pages import LIST_ROWS_MAX, asked_day, labelled_page
from gateway.french import moment
from gateway.money.close_day import closability
from gateway.money.import_statement import FIRST_DAY
from gateway.reports.breaks import BreakRow, breaks_of_day, breaks_opened_since
from gateway.reports.closing_sentences import missing_sentences, refusal_sentence
from gateway.reports.day import DaySummary, OperatorDay, bounds, day_report
from gateway.reports.evidence import Seal, seal_of
from gateway.reports.sealed_day import (
    MovedFigure,
    breaks_as_signed,
    breaks_not_signed,
    moved_figures,
    read_sealed,
)
from gateway.reports.unreadable import unread_summary
from gateway.reports.waiting import parked_count_between, troubles
from payments.reconciliation.close import DayRefusal
from payments.reconciliation.late import UNDER_WAY_MAX, LateMoney, late_of_day

DAY_TITLES: Mapping[str, str] = {
    "figures": "Chiffres",
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
    "stated_until": "Relevé jusqu'à (UTC)",
    "after_xof": "Reçu après le relevé (F)",
    "after_count": "Reçu après le relevé (nombre)",
    "unexplained_until_xof": "Inexpliqué jusqu'au relevé (F)",
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
#: What is asked for when the figures of a closed day are wanted as the books stand now.
PRESENT: Final = "actuels"


@dataclass(frozen=True, slots=True)
class SinceClosing:
    """What the books say of a closed day that its report does not hold."""

    figures: tuple[MovedFigure, ...]
    late: tuple[LateMoney, ...]
    breaks: tuple[BreakRow, ...]
    is_readable: bool

    @property
    def is_nothing(self) -> bool:
        """Return whether the day still is what was signed."""
        return self.is_readable and not (self.figures or self.late or self.breaks)


@dataclass(frozen=True, slots=True)
class ClosingForm:
    """What keeps an open day from being closed, in words, and whether a remark may say so and close it all the same."""

    refused: str
    earlier_day: date | None
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedDay(OperatorDay):
    """A row of the day's file, which says whether its figures are those that were signed."""

    figures: str


async def day_page(console: ConsoleDeps, visit: Visit) -> Response:
    """Show the reconciliation of a day."""
    return await show_day(console, visit, asked_day(visit, visit.now.date()))


async def show_day(
    console: ConsoleDeps, visit: Visit, day: date, *, fault: FormFault | None = None, remarks: str = ""
) -> Response:
    """Show a day, and beside its form what was wrong with what was sent."""
    today, operators = visit.now.date(), console.deps.operators
    async with snapshot(console.deps.console_db) as connection:
        present, seal = await day_report(connection, day, operators), await seal_of(connection, day)
        breaks = await breaks_of_day(connection, day, today, LIST_ROWS_MAX)
        sealed = None if seal is None else read_sealed(seal.content)
        report = present if sealed is None else sealed.summary
        since = None if seal is None else await _since(connection, seal, present, today)
        said = {
            "report": report,
            "seal": seal,
            "sealed": sealed,
            "since": since,
            "breaks": breaks if sealed is None else breaks_as_signed(sealed, breaks)[:LIST_ROWS_MAX],
            "parked_count": await parked_count_between(connection, *bounds(day)),
            "unread": await unread_summary(connection),
            "troubles": await troubles(connection) if day == today else (),
            "closing": None if seal or day >= today else await _closing(connection, console, visit, present),
        }
    return labelled_page(
        console, visit, "day.html", "jour",
        status=fault.status if fault else 200,
        **said,
        today=today,
        previous_day=day - timedelta(days=1) if day > FIRST_DAY else None,
        next_day=day + timedelta(days=1) if day < today else None,
        first_day=FIRST_DAY,
        rows_max=LIST_ROWS_MAX,
        equation=EQUATION,
        movement=MOVEMENT,
        titles=DAY_TITLES,
        fault=fault,
        remarks=remarks,
        has_closed=seal is not None and visit.request.query_params.get("close") == "1",
    )  # fmt: skip


async def day_csv(console: ConsoleDeps, visit: Visit) -> Response:
    """Return the reconciliation of a day as a file, with the figures of the page; a closed day's are those signed."""
    day = asked_day(visit, visit.now.date())
    asked = visit.request.query_params.get("chiffres")
    if asked not in {None, PRESENT}:
        raise PageRefused(400, "Chiffres inconnus", "Un jour clos a ses chiffres scellés et ses chiffres actuels.")
    async with console.deps.console_db.single() as connection:
        seal = None if asked == PRESENT else await seal_of(connection, day)
    sealed = None if seal is None else read_sealed(seal.content)

    async def rows(connection: AsyncConnection) -> AsyncGenerator[Sequence[StatedDay]]:
        report = await day_report(connection, day, console.deps.operators) if sealed is None else sealed.summary
        words = _figures_named(None if sealed is None or seal is None else seal.closed_at)
        yield [StatedDay(**asdict(row), figures=words) for row in report.rows]

    name = f"rapprochement-{day}" if sealed is None else f"rapprochement-{day}-scelle"
    return await export(console, visit, name, DAY_TITLES, rows)


def _figures_named(closed_at: datetime | None) -> str:
    return PRESENT if closed_at is None else f"scellés le {moment(closed_at)}"


async def _since(connection: AsyncConnection, seal: Seal, present: DaySummary, today: date) -> SinceClosing:
    sealed = read_sealed(seal.content)
    opened = await breaks_opened_since(connection, seal.day, seal.closed_at - UNDER_WAY_MAX, today, LIST_ROWS_MAX)
    return SinceClosing(
        figures=() if sealed is None else moved_figures(sealed.summary, present),
        late=await late_of_day(connection, seal.day),
        breaks=() if sealed is None else breaks_not_signed(sealed, opened),
        is_readable=sealed is not None,
    )


async def _closing(connection: AsyncConnection, console: ConsoleDeps, visit: Visit, report: DaySummary) -> ClosingForm:
    found = await closability(connection, report, console.deps.operators, visit.now)
    labels = {name: operator.label for name, operator in console.deps.operators.items()}
    missing, refused = found.missing, found.refused
    unfinished = [(file.filename, file.motive) for file in missing.unfinished]
    return ClosingForm(
        refused="" if refused is None else refusal_sentence(refused),
        earlier_day=refused.day if refused is not None and refused.refusal is DayRefusal.EARLIER_DAY_OPEN else None,
        missing=missing_sentences(missing.without_statement, missing.unexplained_xof, unfinished, labels),
    )
