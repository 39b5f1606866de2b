"""Brings a database to the schema that this code expects."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, pool

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


class SchemaUnknown(Exception):
    """The database was made by code whose migrations are not ours."""

    def __init__(self, revision: str) -> None:
        self.revision = revision
        super().__init__(f"the database stands at {revision}, which this installation does not know")


def config_for(owner_url: str) -> Config:
    """Return Alembic's configuration for one database; the address stays out of any file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "%%(year)d-%%(month).2d-%%(day).2d-%%(hour).2d%%(minute).2d_%%(slug)s")
    config.attributes["owner_url"] = owner_url
    return config


def migrate(owner_url: str) -> str:
    """Apply every missing migration and return the head that was reached.

    Errors:  SchemaUnknown when the database was made by other code; nothing is changed then.
    """
    require_known(owner_url)
    command.upgrade(config_for(owner_url), "head")
    return head()


def require_known(owner_url: str) -> None:
    """Raise SchemaUnknown when the database stands at a migration that this installation does not have."""
    engine = create_engine(owner_url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        reached = MigrationContext.configure(connection).get_current_revision()
    engine.dispose()
    known = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    if reached is not None and reached not in known:
        raise SchemaUnknown(reached)


def head() -> str:
    """Return the newest migration that this code knows."""
    newest = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    if newest is None:
        raise RuntimeError("this installation has no migrations")
    return newest
