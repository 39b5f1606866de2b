"""A figure of a day opened: the lines that it adds up, beside what was signed where the day is closed."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from gateway.console.break_labels import BREAKS
from gateway.console.day_page import DAY_TITLES
from gateway.console.deps import ConsoleDeps, PageRefused, Visit, snapshot
from gateway.console.exports import export
from gateway.console.labels import PUSH_STATES
from gateway.console.pages import asked_day, labelled_page
from gateway.reports.evidence import seal_of
from gateway.reports.figure_lines import (
    LINES_SHOWN_MAX,
    AskedFigure,
    DayFigure,
    FigureLine,
    FigureLines,
    each_figure_line,
    figure_lines,
)
from gateway.reports.sealed_day import read_sealed

LINES_PATH: Final = "/finance/lignes"
ACCOUNT_CHARS_MAX: Final = 120
#: What leaves the operator's account is shown below zero, as on the page of the day.
OUTGOING: Final = frozenset({DayFigure.FEES, DayFigure.TRANSFERS})

LINE_TITLES: Mapping[str, str] = {
    "at": "Le (UTC)",
    "kind": "Nature",
    "name": "Référence opérateur",
    "receipt_number": "Quittance",
    "amount_xof": "Montant (F)",
}
LINE_KINDS: Mapping[str, str] = {
    "payment": "paiement",
    "request": "demande",
    "collection": "encaissement",
    "reversal": "annulation",
    "fee": "frais",
    "transfer": "virement",
    "other": "autre mouvement",
    **{kind: said.label for kind, said in BREAKS.items()},
}


async def figure_page(console: ConsoleDeps, visit: Visit) -> Response:
    """Show the lines of a figure, their count and their sum."""
    asked = asked_figure(visit)
    async with snapshot(console.deps.console_db) as connection:
        found = _signed_lines(asked, await figure_lines(connection, asked))
        sealed_xof = await _sealed_xof(connection, asked)
    return labelled_page(
        console, visit, "lines.html", "jour",
        asked=asked,
        found=found,
        sealed_xof=sealed_xof,
        title=_title(asked),
        kinds=LINE_KINDS,
        rows_max=LINES_SHOWN_MAX,
        query=str(visit.request.query_params),
    )  # fmt: skip


async def figure_csv(console: ConsoleDeps, visit: Visit) -> Response:
    """Return every line of a figure as a file."""
    asked = asked_figure(visit)

    async def rows(connection: AsyncConnection) -> AsyncGenerator[Sequence[FigureLine]]:
        async for lines in each_figure_line(connection, asked):
            yield [_signed(asked, line) for line in lines]

    name = f"lignes-{asked.day}-{asked.figure.value.removesuffix('_xof')}"
    return await export(console, visit, name, LINE_TITLES, rows, labels={"kind": LINE_KINDS})


def asked_figure(visit: Visit) -> AskedFigure:
    """Read which figure is asked for; what is none is said so."""
    asked = visit.request.query_params
    operator, account = asked.get("operateur", ""), asked.get("compte", "")
    try:
        figure = DayFigure(asked.get("chiffre", ""))
    except ValueError:
        raise _no_figure() from None
    if any(len(text) > ACCOUNT_CHARS_MAX or not text.isprintable() for text in (operator, account)):
        raise _no_figure()
    state = asked.get("etat", "")
    if (state in PUSH_STATES) != (figure is DayFigure.PUSHES):
        raise _no_figure()
    return AskedFigure(asked_day(visit, visit.now.date()), figure, operator, account, state)


def shown_xof(figure: DayFigure, amount_xof: int) -> int:
    """Return an amount as the page of the day shows it."""
    return -amount_xof if figure in OUTGOING else amount_xof


def _signed(asked: AskedFigure, line: FigureLine) -> FigureLine:
    return replace(line, amount_xof=shown_xof(asked.figure, line.amount_xof))


def _signed_lines(asked: AskedFigure, found: FigureLines) -> FigureLines:
    rows = tuple(_signed(asked, line) for line in found.rows)
    return replace(found, rows=rows, sum_xof=shown_xof(asked.figure, found.sum_xof))


async def _sealed_xof(connection: AsyncConnection, asked: AskedFigure) -> int | None:
    """Return the figure as it was signed; None while the day is open or its report says nothing of it."""
    seal = await seal_of(connection, asked.day)
    sealed = None if seal is None else read_sealed(seal.content)
    if sealed is None or asked.figure is DayFigure.PUSHES or asked.figure.value.endswith("_count"):
        return None
    rows = sealed.summary.rows if asked.operator else (sealed.summary.total,)
    row = next((one for one in rows if (one.operator, one.account) == (asked.operator, asked.account)), None)
    signed: int | None = None if row is None else getattr(row, asked.figure.value)
    return None if signed is None else shown_xof(asked.figure, signed)


def _title(asked: AskedFigure) -> str:
    if asked.figure is DayFigure.PUSHES:
        return f"Demandes {PUSH_STATES[asked.state][1]}"
    return DAY_TITLES[asked.figure.value].removesuffix(" (F)").removesuffix(" (nombre)")


def _no_figure() -> PageRefused:
    return PageRefused(400, "Chiffre inconnu", "Ouvrez un chiffre depuis la page d'une journée.")
