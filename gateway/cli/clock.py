"""`ramu clock`: move the time of local mode ahead, for whoever wants to see what a month brings."""

import asyncio
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.cli.environment import environment
from gateway.cli.terminal import author, stop, transact
from gateway.config.settings import Settings, load_settings
from gateway.console.auth import audit
from gateway.contributions.schedule import MONTHS_IN_YEAR, add_months
from gateway.french import counted, moment
from gateway.infra import clock_shift
from gateway.infra.clock import NO_SHIFT, ClockShift, SystemClock

app = typer.Typer(no_args_is_help=True)

SPAN: Final = re.compile(r"([1-9][0-9]{0,3}) ?(min|h|j|m|a)")
UNITS: Final = {
    "min": ("minute", "minutes"),
    "h": ("heure", "heures"),
    "j": ("jour", "jours"),
    "m": ("mois", "mois"),
    "a": ("an", "ans"),
}
EXACT: Final = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "j": timedelta(days=1)}
MONTHS: Final = {"m": 1, "a": MONTHS_IN_YEAR}
YEARS_MAX: Final = clock_shift.AHEAD_MAX.days // 365

NOT_LOCAL: Final = (
    "L'horloge ne s'avance qu'en mode local, où rien n'est réel ; en production, l'heure est celle de la machine."
)
NOT_A_SPAN: Final = "« {written} » n'est pas une durée : écrivez par exemple 15min, 3h, 2j, 1m (un mois) ou 1a (un an)."
TOO_FAR: Final = f"L'horloge n'avance pas de plus de {YEARS_MAX} ans en tout. Pour repartir : supprimez .ramu."
MOVING: Final = "L'horloge est en train d'avancer : réessayez dans quelques secondes."


@dataclass(frozen=True, slots=True)
class Span:
    """How far the time moves: months are those of the calendar, the rest is exact."""

    count: int
    unit: str

    def after(self, start: datetime) -> timedelta:
        """Return how long the span lasts when it begins at a moment; a day that a month lacks becomes its last."""
        if self.unit in EXACT:
            return self.count * EXACT[self.unit]
        return add_months(start.date(), self.count * MONTHS[self.unit]) - start.date()

    def __str__(self) -> str:
        return counted(self.count, *UNITS[self.unit])


@app.command("show")
def show() -> None:
    """Montrer l'heure de RAMU, et son avance sur celle de la machine."""
    settings = load_settings(environment())
    now = SystemClock().now()
    shift = asyncio.run(transact(settings, clock_shift.read_shift)) if settings.is_local else NO_SHIFT
    ahead = shift.at(now)
    told = f"en avance de {_duration(ahead)} sur celle de la machine" if ahead else "celle de la machine"
    typer.echo(f"Il est {moment(now + ahead)} (UTC) : {told}.")


@app.command("advance")
def advance(
    written: Annotated[
        str, typer.Argument(metavar="DURÉE", help="15min (minutes), 3h (heures), 2j (jours), 1m (mois) ou 1a (ans).")
    ],
) -> None:
    """Avancer l'heure de tout RAMU à la fois ; mode local seulement, et jamais en arrière."""
    settings = load_settings(environment())
    if not settings.is_local:
        stop(NOT_LOCAL)
    named = SPAN.fullmatch(written.strip())
    if named is None:
        stop(NOT_A_SPAN.format(written=written))
    span = Span(int(named[1]), named[2])
    if span.count * MONTHS.get(span.unit, 0) > YEARS_MAX * MONTHS_IN_YEAR:
        stop(TOO_FAR)
    try:
        now = asyncio.run(_advance(settings, span))
    except clock_shift.TooFarAhead:
        stop(TOO_FAR)
    except clock_shift.ClockMoving:
        stop(MOVING)
    typer.echo(f"L'horloge est avancée de {span} : il est {moment(now)} (UTC).")


async def _advance(settings: Settings, span: Span) -> datetime:
    machine = SystemClock()

    async def move(connection: AsyncConnection) -> ClockShift:
        now = machine.now()
        start = now + (await clock_shift.read_shift(connection)).at(now)
        shift = await clock_shift.move_ahead(connection, span.after(start), now)
        await audit.record(connection, start, author(), "clock.advanced", "clock", by=str(span))
        return shift

    shift = await transact(settings, move)
    # Whoever is told that the time has moved finds it moved everywhere.
    await asyncio.sleep(max((shift.begins_at - machine.now()).total_seconds(), 0))
    return machine.now() + shift.ahead


def _duration(ahead: timedelta) -> str:
    hours, rest = divmod(ahead.seconds, 3600)
    parts = [(ahead.days, "j"), (hours, "h"), (rest // 60, "min")]
    *most, last = [counted(count, *UNITS[unit]) for count, unit in parts if count]
    return f"{', '.join(most)} et {last}" if most else last
