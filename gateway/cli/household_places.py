"""`ramu household unplaced` and `place`: places that no list has, and the cercle that an agent finds for them."""

import asyncio
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.cli.environment import environment
from gateway.cli.terminal import author, present, stop, transact
from gateway.config.settings import load_settings
from gateway.console.auth import audit
from gateway.french import short_date
from gateway.members.correct import CorrectionAct, correct_place
from gateway.members.number import parse
from gateway.members.places import all_places, cercle_name
from gateway.reports.unplaced import UnplacedHousehold, unplaced_households
from ussd_flows.places import Place, place_of, search, search_key

NAMED_MAX: Final = 10

HOUSEHOLD = text(
    "SELECT id, cercle_code, coalesce(place_words, '') AS place_words FROM household WHERE ramu_number = :number"
)


def unplaced(
    most: Annotated[int, typer.Option("--most", min=1, max=10_000, help="Les plus anciens d'abord.")] = 50,
) -> None:
    """Montrer les ménages dont le cercle n'est pas encore connu, et ce qu'ils ont écrit."""

    async def read(connection: AsyncConnection) -> tuple[UnplacedHousehold, ...]:
        return await unplaced_households(connection, most)

    rows = asyncio.run(transact(load_settings(environment()), read))
    if not rows:
        typer.echo("Tous les ménages ont un cercle.")
        return
    table = Table("No RAMU", "Lieu déclaré", "Inscrit le")
    for row in rows:
        table.add_row(row.ramu_number, row.place_words, short_date(row.registered_on))
    Console(width=120, markup=False, highlight=False).print(table)
    typer.echo("Donner un cercle : ramu household place NUMÉRO CERCLE")


def place(
    number: Annotated[str, typer.Argument(metavar="NUMÉRO", help="Le numéro RAMU du ménage.")],
    cercle: Annotated[str, typer.Argument(metavar="CERCLE", help="Le nom ou le code d'un cercle, ou Bamako.")],
) -> None:
    """Donner son cercle à un ménage ; ce qu'il avait déclaré est gardé, et une trace aussi."""
    ramu_number = parse(number)
    if ramu_number is None:
        stop("Ce n'est pas un numéro RAMU : dix chiffres, dont le dernier les vérifie.")
    found = _named(cercle)
    settings = load_settings(environment())
    now = present(settings)

    async def write(connection: AsyncConnection) -> bool:
        row = (await connection.execute(HOUSEHOLD, {"number": ramu_number})).one_or_none()
        if row is None:
            return False
        act = CorrectionAct(row.id, author(), f"place/{ramu_number}/{now.isoformat()}", now)
        if await correct_place(connection, act, found.code, row.place_words):
            await audit.record(
                connection, now, author(), "household.placed", f"household/{ramu_number}", cercle=found.code
            )
        return True

    if not asyncio.run(transact(settings, write)):
        stop("Aucun ménage n'a ce numéro RAMU.")
    typer.echo(f"Le ménage {ramu_number} est dans le cercle : {cercle_name(found.code)}.")


def _named(cercle: str) -> Place:
    """Return the one place that is meant: by its code, or by a name that only one begins with or bears whole."""
    places = all_places()
    if by_code := place_of(places, cercle.strip()):
        return by_code
    found = search(places, cercle)
    if not found:
        stop(f"Aucun cercle ne s'appelle « {cercle.strip()} ».")
    if len(found) > 1 and search_key(found[0].name) != search_key(cercle):
        named = ", ".join(f"{one.name} ({one.code})" for one in found[:NAMED_MAX])
        stop(f"Plusieurs cercles répondent à ce nom : {named}. Donnez le code.")
    return found[0]
