"""`ramu scheme`: the contribution schemes that are loaded."""

import asyncio

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.cli.environment import environment
from gateway.contributions.schemes import SchemeBook
from gateway.local.illustrative import load_people, load_schemes
from gateway.settings import load_settings
from gateway.wiring import Wiring

app = typer.Typer(help="Les barèmes de cotisation.", no_args_is_help=True)


@app.command("load-illustrative", help="Mettre en place les données d'exemple ; mode local seulement.")
def load_illustrative() -> None:
    """Load schemes, households and an account to try things with; local mode only."""
    settings = load_settings(environment())
    if not settings.is_local:
        typer.echo("Les données d'exemple n'existent qu'en mode local: RAMU_MODE=local.", err=True)
        raise typer.Exit(1)
    typer.echo(asyncio.run(_load(Wiring(settings))))


@app.command("list", help="Montrer les barèmes chargés.")
def list_schemes() -> None:
    """Show every scheme version that is loaded."""
    for line in asyncio.run(_lines(Wiring(load_settings(environment())))):
        typer.echo(line)


async def _load(wiring: Wiring) -> str:
    parts = wiring.parts

    async def write(connection: AsyncConnection) -> int:
        now = parts.deps.clock.now()
        loaded = await load_schemes(connection, now)
        book = SchemeBook()
        await book.refresh(connection)
        await load_people(connection, book, now)
        return loaded

    try:
        loaded = await parts.deps.work.transact(write)
    finally:
        await wiring.close()
    return f"Données d'exemple (ILLUSTRATIVE) en place; barèmes ajoutés: {loaded}"


async def _lines(wiring: Wiring) -> list[str]:
    try:
        async with wiring.parts.deps.desk.single() as connection:
            await wiring.parts.book.refresh(connection)
    finally:
        await wiring.close()
    schemes = sorted(wiring.parts.book.schemes.values(), key=lambda scheme: (scheme.code, scheme.version))
    return [
        f"{scheme.code} v{scheme.version}  {scheme.label}  [{scheme.legal.status}]  depuis {scheme.valid_from}"
        for scheme in schemes
    ]
