"""Brings a database to the schema that this code expects."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


def config_for(owner_url: str) -> Config:
    """Give Alembic's configuration for one database; the address stays out of any file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "%%(year)d-%%(month).2d-%%(day).2d-%%(hour).2d%%(minute).2d_%%(slug)s")
    config.attributes["owner_url"] = owner_url
    return config


def migrate(owner_url: str) -> str:
    """Apply every missing migration and give the head that was reached."""
    config = config_for(owner_url)
    command.upgrade(config, "head")
    return head()


def head() -> str:
    """Give the newest migration that this code knows."""
    newest = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    if newest is None:
        raise RuntimeError("this installation has no migrations")
    return newest
