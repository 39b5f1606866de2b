"""`ramu migrate`: bring the database to the schema of this release."""

import os

import typer

from gateway.config.settings import load_settings
from gateway.infra.migrate import migrate


def command() -> None:
    """Apply the missing migrations as the owner of the tables."""
    settings = load_settings(os.environ)
    typer.echo(f"Base de données à jour: {migrate(settings.migration_url())}")
