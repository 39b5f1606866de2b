"""`ramu coverage`: who is cared for on a day, and the rows that say so made again."""

import asyncio
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.cli.arguments import OptionalDay
from gateway.cli.environment import environment
from gateway.cli.terminal import present, transact
from gateway.config.settings import Settings, load_settings
from gateway.contributions.coverage import Rebuilt
from gateway.contributions.coverage import rebuild as rebuild_some
from gateway.contributions.schemes import SchemeCatalog
from gateway.french import short_date
from gateway.infra.database import Database
from gateway.members.places import cercle_name
from gateway.reports.coverage import CercleCoverage, coverage_by_cercle
from gateway.wiring import wired

app = typer.Typer(no_args_is_help=True)

#: Households of one transaction: few enough that no payment waits for them.
BATCH: Final = 500
#: So many are named; more would not help whoever looks for the cause.
NAMED_MAX: Final = 20


class _TakenBack(Exception):
    """Ends the transaction of a run that only looks, and brings out what it found."""

    def __init__(self, found: Rebuilt | None) -> None:
        self.found = found


@app.command("by-cercle")
def by_cercle(day: OptionalDay = None) -> None:
    """Compter par cercle les ménages à jour, exemptés, en délai de grâce ; aujourd'hui si rien n'est dit."""
    settings = load_settings(environment())
    asked = day or present(settings).date()

    async def read(connection: AsyncConnection) -> tuple[CercleCoverage, ...]:
        return await coverage_by_cercle(connection, asked)

    rows = asyncio.run(transact(settings, read))
    table = Table("Cercle", "Ménages", "À jour", "dont exemptés", "En délai de grâce", "Non couverts")
    for row in rows:
        uncovered = row.household_count - row.up_to_date_count - row.grace_count
        figures = (row.household_count, row.up_to_date_count, row.exempt_count, row.grace_count, uncovered)
        table.add_row(cercle_name(row.cercle_code) or row.cercle_code or "(à situer)", *map(str, figures))
    typer.echo(f"Ménages couverts le {short_date(asked)}")
    Console(width=120, markup=False, highlight=False).print(table)


@app.command("rebuild")
def rebuild(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Comparer seulement, ne rien écrire.")] = False,
) -> None:
    """Refaire les jours couverts à partir des montants appelés et des paiements, et dire ce qui différait."""
    changed, unread = asyncio.run(_rebuild(load_settings(environment()), dry_run=dry_run))
    for what, found in (("différaient", changed), ("n'ont pas pu être calculés", unread)):
        if found:
            more = f" et {len(found) - NAMED_MAX} autres" if len(found) > NAMED_MAX else ""
            typer.echo(f"{len(found)} ménages {what} : {', '.join(map(str, found[:NAMED_MAX]))}{more}")
    if not changed and not unread:
        typer.echo("Rien ne différait.")
    if unread or (dry_run and changed):
        raise typer.Exit(1)


async def _rebuild(settings: Settings, *, dry_run: bool) -> tuple[list[int], list[int]]:
    after = 0
    changed: list[int] = []
    unread: list[int] = []
    async with wired(settings) as process:
        async with process.deps.worker_db.single() as connection:
            await process.catalog.refresh(connection)
        while found := await _next(process.deps.worker_db, process.catalog, after, dry_run=dry_run):
            after = found.last
            changed += sorted(found.changed)
            unread += sorted(found.unread)
    return changed, unread


async def _next(database: Database, catalog: SchemeCatalog, after: int, *, dry_run: bool) -> Rebuilt | None:
    """Make the rows of a batch again; a dry run does the same and takes it back."""

    async def write(connection: AsyncConnection) -> Rebuilt | None:
        found = await rebuild_some(connection, catalog, after, BATCH)
        if dry_run:
            raise _TakenBack(found)
        return found

    try:
        return await database.transact(write)
    except _TakenBack as looked:
        return looked.found
