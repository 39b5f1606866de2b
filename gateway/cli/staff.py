"""`ramu staff`: who may come to the console."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import typer

from gateway.cli.environment import environment
from gateway.cli.terminal import author, stop, transact
from gateway.config.settings import load_settings
from gateway.console.auth import staff
from gateway.console.auth.passwords import hash_password
from gateway.console.auth.roles import Role
from gateway.console.auth.staff import ONE_TIME_LIFETIME, NewStaff, StaffRefused
from gateway.console.labels import ROLES
from gateway.french import moment
from gateway.infra.clock import SystemClock
from gateway.infra.ids import RandomIds

app = typer.Typer(no_args_is_help=True)

Login = Annotated[str, typer.Argument(metavar="IDENTIFIANT", help="L'identifiant, en minuscules.")]

#: What is typed: a role's French name, in one word.
ROLE_WORDS: Mapping[str, Role] = {name.replace(" ", "-"): role for role, name in ROLES.items()}


def read_role(word: str) -> Role:
    """Lire un rôle."""
    try:
        return ROLE_WORDS[word.strip().lower()]
    except KeyError:
        raise typer.BadParameter(f"« {word} » n'est pas un rôle ; les rôles : {', '.join(ROLE_WORDS)}.") from None


@app.command("add")
def add(
    login: Login,
    name: Annotated[str, typer.Option(metavar="NOM", help="Le nom de la personne.")],
    role: Annotated[Role, typer.Option(parser=read_role, metavar="RÔLE", help=f"Son rôle : {', '.join(ROLE_WORDS)}.")],
) -> None:
    """Ajouter une personne, et lui donner un mot de passe à usage unique."""
    settings, now, password = load_settings(environment()), SystemClock().now(), RandomIds().password()
    try:
        new = NewStaff(login, name, role, hash_password(password), now + ONE_TIME_LIFETIME)
        asyncio.run(transact(settings, lambda connection: staff.add(connection, new, author(), now)))
    except StaffRefused as refused:
        stop(str(refused))
    typer.echo(f"Compte « {login} » ajouté : {ROLES[role]}.")
    _hand_over(password, now)


@app.command("password")
def renew(login: Login) -> None:
    """Donner un nouveau mot de passe à usage unique ; ses connexions en cours sont fermées."""
    settings, now, password = load_settings(environment()), SystemClock().now(), RandomIds().password()
    hashed = hash_password(password)
    try:
        asyncio.run(transact(settings, lambda connection: staff.renew(connection, login, hashed, author(), now)))
    except StaffRefused as refused:
        stop(str(refused))
    typer.echo(f"Compte « {login} » : son ancien mot de passe ne vaut plus.")
    _hand_over(password, now)


@app.command("disable")
def disable(login: Login) -> None:
    """Fermer un compte et ses connexions en cours."""
    settings, now = load_settings(environment()), SystemClock().now()
    try:
        asyncio.run(transact(settings, lambda connection: staff.disable(connection, login, author(), now)))
    except StaffRefused as refused:
        stop(str(refused))
    typer.echo(f"Compte « {login} » fermé.")


@app.command("list")
def everyone() -> None:
    """Montrer les comptes."""
    rows = asyncio.run(transact(load_settings(environment()), staff.everyone))
    if not rows:
        typer.echo("Aucun compte. Ajoutez-en un : ramu staff add IDENTIFIANT --name NOM --role finance")
    for row in rows:
        state = "fermé" if row.disabled_at else "actif"
        typer.echo(f"{row.login:<20} {state:<7} {ROLES[row.role]:<16} {row.name}")


def _hand_over(password: str, now: datetime) -> None:
    typer.echo(f"Mot de passe à usage unique : {password}")
    typer.echo(
        f"Il vaut jusqu'au {moment(now + ONE_TIME_LIFETIME)} et n'est montré qu'ici ; "
        "la personne choisit le sien à sa première connexion."
    )
