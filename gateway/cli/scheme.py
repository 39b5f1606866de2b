"""`ramu scheme`: the contribution schemes that are loaded."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.cli.environment import environment
from gateway.cli.terminal import stop
from gateway.config.settings import Settings, load_settings
from gateway.contributions.document import DOCUMENT_CHARS_MAX, SchemeInvalid, scheme_from_text
from gateway.contributions.fault_labels import sentence
from gateway.contributions.schemes import SchemeCatalog
from gateway.french import short_date
from gateway.local.illustrative import load_people, load_schemes
from gateway.wiring import wired

app = typer.Typer(no_args_is_help=True)


@app.command("load-illustrative", help="Mettre en place les données d'exemple ; mode local seulement.")
def load_illustrative() -> None:
    """Load schemes, households and an account to try things with; local mode only."""
    settings = load_settings(environment())
    if not settings.is_local:
        typer.echo("Les données d'exemple n'existent qu'en mode local : RAMU_MODE=local.", err=True)
        raise typer.Exit(1)
    typer.echo(asyncio.run(_load(settings)))


@app.command("check", help="Lire le document d'un barème et dire tout ce qui n'y va pas, sans rien charger.")
def check(
    document: Annotated[
        Path, typer.Argument(metavar="FICHIER", exists=True, dir_okay=False, readable=True, help="Un fichier JSON.")
    ],
) -> None:
    """Say every fault of a scheme's document at once; nothing is loaded."""
    # One character more than a document may have shows that it is too long. An editor may write a mark before it all.
    with document.open(encoding="utf-8-sig") as file:
        try:
            written = file.read(DOCUMENT_CHARS_MAX + 1)
        except UnicodeDecodeError:
            stop("Le document n'est pas écrit en UTF-8.")
    try:
        scheme = scheme_from_text(written)
    except SchemeInvalid as refused:
        stop("\n".join(["Ce document n'est pas un barème :", *(f"- {sentence(fault)}" for fault in refused.faults)]))
    typer.echo(f"Rien à redire : {scheme.code} v{scheme.version}, {scheme.label}.")


@app.command("list", help="Montrer les barèmes chargés.")
def list_schemes() -> None:
    """Show every scheme version that is loaded."""
    for line in asyncio.run(_lines(load_settings(environment()))):
        typer.echo(line)


async def _load(settings: Settings) -> str:
    async with wired(settings) as process:

        async def write(connection: AsyncConnection) -> int:
            now = process.deps.clock.now()
            loaded = await load_schemes(connection, now)
            catalog = SchemeCatalog()
            await catalog.refresh(connection)
            await load_people(connection, catalog, now)
            return loaded

        loaded = await process.deps.worker_db.transact(write)
    return f"Données d'exemple (ILLUSTRATIVE) en place ; barèmes ajoutés : {loaded}"


async def _lines(settings: Settings) -> list[str]:
    async with wired(settings) as process:
        async with process.deps.console_db.single() as connection:
            await process.catalog.refresh(connection)
        return _shown(process.catalog)


def _shown(catalog: SchemeCatalog) -> list[str]:
    readable = [
        f"{scheme.code} v{scheme.version}  {scheme.label}  [{scheme.legal.status}]  "
        f"depuis le {short_date(scheme.valid_from)}"
        for _, scheme in sorted(catalog.schemes.items())
    ]
    for (code, version), refused in sorted(catalog.unreadable.items()):
        readable.append(f"{code} v{version}  ILLISIBLE, donc sans effet :")
        readable.extend(f"- {sentence(fault)}" for fault in refused.faults)
    return readable
