"""`ramu staff`: who may come to the console."""

import asyncio
from typing import Annotated

import typer

from gateway.cli.arguments import PasswordStdin
from gateway.cli.environment import environment
from gateway.cli.terminal import author, given_password, stop, transact
from gateway.config.settings import load_settings
from gateway.console.auth import staff
from gateway.console.auth.passwords import hash_password
from gateway.console.auth.roles import Role
from gateway.console.auth.staff import NewStaff, StaffRefused
from gateway.infra.clock import SystemClock

app = typer.Typer(no_args_is_help=True)

Login = Annotated[str, typer.Argument(metavar="IDENTIFIANT", help="L'identifiant, en minuscules.")]

ROLE_NAMES = {
    Role.DESK: "guichet",
    Role.FINANCE: "finance",
    Role.ACCOUNTANT: "agent comptable",
    Role.AUDITOR: "auditeur",
    Role.ADMIN: "administrateur (sans accès aux chiffres)",
}


@app.command("add")
def add(
    login: Login,
    name: Annotated[str, typer.Option(metavar="NOM", help="Le nom de la personne.")],
    role: Annotated[Role, typer.Option(help="Son rôle.")],
    *,
    password_stdin: PasswordStdin = False,
) -> None:
    """Ajouter une personne ; son mot de passe est demandé deux fois."""
    settings, now = load_settings(environment()), SystemClock().now()
    try:
        typed = given_password(from_stdin=password_stdin, is_new=True)
        password = staff.checked_password(typed, login, local_mode=settings.is_local)
        new = NewStaff(login=login, name=name, role=role, password_hash=hash_password(password))
        asyncio.run(transact(settings, lambda connection: staff.add(connection, new, author(), now)))
    except StaffRefused as refused:
        stop(str(refused))
    typer.echo(f"Compte « {login} » ajouté : {ROLE_NAMES[role]}.")


@app.command("password")
def renew(login: Login, *, password_stdin: PasswordStdin = False) -> None:
    """Donner un nouveau mot de passe ; ses connexions en cours sont fermées."""
    settings, now = load_settings(environment()), SystemClock().now()
    try:
        typed = given_password(from_stdin=password_stdin, is_new=True)
        hashed = hash_password(staff.checked_password(typed, login, local_mode=settings.is_local))
        asyncio.run(transact(settings, lambda connection: staff.renew(connection, login, hashed, author(), now)))
    except StaffRefused as refused:
        stop(str(refused))
    typer.echo(f"Compte « {login} » : nouveau mot de passe donné.")


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
        typer.echo(f"{row.login:<20} {state:<7} {ROLE_NAMES[row.role]:<20} {row.name}")
