"""`ramu scheme`: the contribution schemes that are loaded."""

import asyncio
import os

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contributions.schemes import SchemeBook
from gateway.local.illustrative import load_people, load_schemes
from gateway.settings import load_settings
from gateway.wiring import Wiring

app = typer.Typer(help="Les barèmes de cotisation.", no_args_is_help=True)


@app.command("load-illustrative")
def load_illustrative() -> None:
    """Load schemes, households and an account to try things with; local mode only."""
    settings = load_settings(os.environ)
    if not settings.is_local:
        typer.echo("Les données d'exemple n'existent qu'en mode local: RAMU_MODE=local.", err=True)
        raise typer.Exit(1)
    typer.echo(asyncio.run(_load(Wiring(settings))))


@app.command("list")
def list_schemes() -> None:
    """Show the schemes in force."""
    for line in asyncio.run(_lines(Wiring(load_settings(os.environ)))):
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
