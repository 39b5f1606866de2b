"""`ramu day`: close days and show the ones that are closed."""

import asyncio
import json
from datetime import date, datetime, timedelta
from typing import Annotated, Final, NoReturn

import typer

from gateway.cli.environment import environment
from gateway.clock import SystemClock
from gateway.closing import DayToClose, DayUnexplained, close
from gateway.finance.audit import actor_of
from gateway.finance.roles import RIGHTS, Right
from gateway.finance.staff import everyone
from gateway.finance.words import francs
from gateway.settings import Settings, load_settings
from gateway.wiring import Wiring
from payments.reconciliation.close import DayNotClosable, DayRefusal, SealedDay, read_day

app = typer.Typer(no_args_is_help=True, help="Les journées et leur clôture.")

Day = Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], metavar="JOUR", help="La journée, AAAA-MM-JJ.")]

REFUSALS: Final = {
    DayRefusal.NOT_OVER: "La journée du {day} n'est pas finie : elle se clôt le lendemain.",
    DayRefusal.ALREADY_CLOSED: "La journée du {day} est déjà close.",
    DayRefusal.EARLIER_DAY_OPEN: "Les journées se closent dans l'ordre : celle du {day} est encore ouverte.",
    DayRefusal.BEFORE_ANY_ACTIVITY: "Rien à clore le {day} : l'activité commence plus tard.",
}


class SignerUnknown(Exception):
    """Nobody who may sign has this login."""


@app.command("close")
def close_one(
    by: Annotated[str, typer.Option("--by", metavar="IDENTIFIANT", help="Qui signe.")],
    day: Annotated[datetime | None, typer.Option("--day", formats=["%Y-%m-%d"], help="Par défaut, hier.")] = None,
    remarks: Annotated[
        str | None, typer.Option("--with-remarks", metavar="TEXTE", help="Clore malgré ce qui manque, en l'expliquant.")
    ] = None,
) -> None:
    """Clore une journée passée : son rapport est scellé à la suite de la veille."""
    yesterday = SystemClock().now().date() - timedelta(days=1)
    wanted = day.date() if day is not None else yesterday
    try:
        sealed = asyncio.run(_close(load_settings(environment()), by, wanted, (remarks or "").strip() or None))
    except SignerUnknown:
        _stop(f"« {by} » n'a pas de compte ouvert, ou son rôle ne signe pas les journées : voir « ramu staff list ».")
    except DayNotClosable as refused:
        _stop(REFUSALS[refused.refusal].format(day=refused.day))
    except DayUnexplained as refused:
        _stop(_what_is_missing(wanted, refused))
    _show(sealed)


@app.command("show")
def show_one(day: Day) -> None:
    """Montrer le rapport scellé d'une journée."""
    sealed = asyncio.run(_read(load_settings(environment()), day.date()))
    if sealed is None:
        _stop(f"La journée du {day.date()} n'est pas close.")
    typer.echo(json.dumps(json.loads(sealed.content), ensure_ascii=False, indent=2))
    _show(sealed)


def _show(sealed: SealedDay) -> None:
    typer.echo(f"Journée du {sealed.day}, close par {sealed.closed_by} le {sealed.closed_at:%Y-%m-%d à %H:%M} (UTC)")
    typer.echo(f"  empreinte      {sealed.sha256.hex()}")
    typer.echo(f"  veille         {sealed.previous_sha256.hex()}")
    typer.echo(f"  grand livre    {sealed.ledger_head_sha256.hex()}")


def _what_is_missing(day: date, refused: DayUnexplained) -> str:
    faults = [f"le relevé de {operator} manque" for operator in refused.without_statement]
    faults += [f"{francs(xof)} F de {name} restent inexpliqués" for name, xof in refused.unexplained_xof.items()]
    return f"La journée du {day} n'est pas close : {' ; '.join(faults)}. Pour clore malgré tout : --with-remarks TEXTE."


async def _close(settings: Settings, login: str, day: date, remarks: str | None) -> SealedDay:
    wiring = Wiring(settings)
    try:
        async with wiring.parts.deps.desk.single() as connection:
            colleagues = await everyone(connection)
        signers = {row.login for row in colleagues if row.disabled_at is None and Right.CLOSE in RIGHTS[row.role]}
        if login not in signers:
            raise SignerUnknown
        return await close(wiring.parts.reconciling, DayToClose(day, actor_of(login), remarks))
    finally:
        await wiring.close()


async def _read(settings: Settings, day: date) -> SealedDay | None:
    wiring = Wiring(settings)
    try:
        async with wiring.parts.deps.desk.single() as connection:
            return await read_day(connection, day)
    finally:
        await wiring.close()


def _stop(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(1)
