"""`ramu migrate`: bring the database to the schema of this release."""

import os

import typer

from gateway.config.settings import load_settings
from gateway.infra.migrate import SchemaUnknown, migrate


def command() -> None:
    """Apply the missing migrations as the owner of the tables."""
    settings = load_settings(os.environ)
    try:
        reached = migrate(settings.migration_url())
    except SchemaUnknown as unknown:
        typer.echo(
            f"Cette base vient d'une version de RAMU que celle-ci ne connaît pas (schéma « {unknown.revision} ») : "
            "donnez l'adresse d'une autre base dans DATABASE_URL ; rien n'a été changé.",
            err=True,
        )
        raise typer.Exit(1) from None
    typer.echo(f"Base de données à jour : {reached}")
