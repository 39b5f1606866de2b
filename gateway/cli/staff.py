"""`ramu staff`: who may come to the console."""

import asyncio
import getpass
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.cli.environment import environment
from gateway.clock import SystemClock
from gateway.database import Pool, Timeouts, open_database
from gateway.finance import staff
from gateway.finance.passwords import hash_password
from gateway.finance.roles import Role
from gateway.finance.staff import NewStaff, StaffRefused
from gateway.settings import Settings, load_settings

Result = TypeVar("Result")
app = typer.Typer(no_args_is_help=True, help="Les comptes de la console.")

ROLE_NAMES = {
    Role.DESK: "guichet",
    Role.FINANCE: "finance",
    Role.ACCOUNTANT: "agent comptable",
    Role.AUDITOR: "auditeur",
    Role.ADMIN: "administrateur (sans accès aux chiffres)",
}


@app.command("add")
def add(
    login: Annotated[str, typer.Argument(help="L'identifiant, en minuscules.")],
    name: Annotated[str, typer.Option(help="Le nom de la personne.")],
    role: Annotated[Role, typer.Option(help="Son rôle.")],
) -> None:
    """Ajouter une personne ; le mot de passe est demandé, ou lu sur l'entrée standard."""
    settings, now = load_settings(environment()), SystemClock().now()
    try:
        password = staff.checked_password(_password(), login, local_mode=settings.is_local)
        new = NewStaff(login=login, name=name, role=role, password_hash=hash_password(password))
        asyncio.run(_transact(settings, lambda connection: staff.add(connection, new, _actor(), now)))
    except StaffRefused as refused:
        _stop(str(refused))
    typer.echo(f"Compte « {login} » ajouté : {ROLE_NAMES[role]}.")


@app.command("password")
def renew(login: Annotated[str, typer.Argument(help="L'identifiant, oublié ou bloqué.")]) -> None:
    """Donner un nouveau mot de passe et débloquer le compte ; ses connexions en cours sont fermées."""
    settings, now = load_settings(os.environ), SystemClock().now()
    try:
        hashed = hash_password(staff.checked_password(_password(), login, local_mode=settings.is_local))
        asyncio.run(_transact(settings, lambda connection: staff.renew(connection, login, hashed, _actor(), now)))
    except StaffRefused as refused:
        _stop(str(refused))
    typer.echo(f"Compte « {login} » débloqué, avec son nouveau mot de passe.")


@app.command("disable")
def disable(login: Annotated[str, typer.Argument(help="L'identifiant à fermer.")]) -> None:
    """Fermer un compte et ses connexions en cours."""
    settings, now = load_settings(environment()), SystemClock().now()
    try:
        asyncio.run(_transact(settings, lambda connection: staff.disable(connection, login, _actor(), now)))
    except StaffRefused as refused:
        _stop(str(refused))
    typer.echo(f"Compte « {login} » fermé.")


@app.command("list")
def everyone() -> None:
    """Montrer les comptes."""
    settings, now = load_settings(environment()), SystemClock().now()
    rows = asyncio.run(_transact(settings, staff.everyone))
    if not rows:
        typer.echo("Aucun compte. Ajoutez-en un : ramu staff add IDENTIFIANT --name NOM --role finance")
    for row in rows:
        state = "fermé" if row.disabled_at else "bloqué" if row.locked_until and row.locked_until > now else "actif"
        typer.echo(f"{row.login:<20} {state:<7} {ROLE_NAMES[row.role]:<20} {row.name}")


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Mot de passe : ")
    if getpass.getpass("Encore une fois : ") != first:
        raise StaffRefused("Les deux saisies diffèrent.")
    return first


def _actor() -> str:
    # The command line knows the machine's account, not a colleague; in a container it may have no name.
    return f"command/uid-{os.getuid()}"


async def _transact(settings: Settings, work: Callable[[AsyncConnection], Awaitable[Result]]) -> Result:
    database = open_database(settings.database_url.get_secret_value(), Pool(size=1), Timeouts())
    try:
        return await database.transact(work)
    finally:
        await database.close()


def _stop(sentence: str) -> None:
    typer.echo(sentence, err=True)
    raise typer.Exit(1)
