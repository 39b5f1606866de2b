"""`ramu scheme`: the contribution schemes that are loaded."""

import asyncio

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.cli.environment import environment
from gateway.config.settings import load_settings
from gateway.contributions.schemes import SchemeCatalog
from gateway.local.illustrative import load_people, load_schemes
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
    process = wiring.process

    async def write(connection: AsyncConnection) -> int:
        now = process.deps.clock.now()
        loaded = await load_schemes(connection, now)
        catalog = SchemeCatalog()
        await catalog.refresh(connection)
        await load_people(connection, catalog, now)
        return loaded

    try:
        loaded = await process.deps.worker_db.transact(write)
    finally:
        await wiring.close()
    return f"Données d'exemple (ILLUSTRATIVE) en place; barèmes ajoutés: {loaded}"


async def _lines(wiring: Wiring) -> list[str]:
    try:
        async with wiring.process.deps.console_db.single() as connection:
            await wiring.process.catalog.refresh(connection)
    finally:
        await wiring.close()
    schemes = sorted(wiring.process.catalog.schemes.values(), key=lambda scheme: (scheme.code, scheme.version))
    return [
        f"{scheme.code} v{scheme.version}  {scheme.label}  [{scheme.legal.status}]  depuis {scheme.valid_from}"
        for scheme in schemes
    ]
