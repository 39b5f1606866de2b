"""`ramu migrate`: bring the database to the schema of this release."""

import os

import typer

from gateway.migrate import migrate
from gateway.settings import load_settings


def command() -> None:
    """Apply the missing migrations as the owner of the tables."""
    settings = load_settings(os.environ)
    typer.echo(f"Base de données à jour: {migrate(settings.migration_url())}")
