"""`ramu`: one command line, one file per command."""

import typer
from sqlalchemy.exc import OperationalError
from typer.core import TyperGroup

from gateway.cli import (
    callbacks,
    coverage,
    day,
    ledger,
    migrate,
    phone,
    run,
    sandbox,
    scheme,
    serve,
    sms,
    staff,
    statement,
    work,
)
from gateway.config.settings import SettingsInvalid


class PlainGroup(TyperGroup):
    """The commands, whose refusals are sentences and not tracebacks."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]  # typer carries its own copy of click's Context
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except SettingsInvalid as faults:
            typer.echo(str(faults), err=True)
            raise typer.Exit(1) from None
        except OperationalError:
            typer.echo("La base de données ne répond pas: lancez « ramu run », ou vérifiez DATABASE_URL.", err=True)
            raise typer.Exit(1) from None


app = typer.Typer(
    cls=PlainGroup,
    help="RAMU Gateway : les cotisations, du code composé à la journée signée.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

# One line per command; a module with commands of its own gives an `app`.
app.command("run", help="Tout faire tourner sur cette machine, en mode local.")(run.command)
app.command("migrate", help="Mettre la base de données au niveau de cette version.")(migrate.command)
app.command("serve", help="Répondre aux appels, aux opérateurs et au bureau des finances.")(serve.command)
app.command("work", help="Faire le travail de fond.")(work.command)
app.command("phone", help="Composer le code depuis ce terminal.")(phone.command)
app.command("sandbox", help="Faire tourner l'opérateur d'essai, sans argent réel.")(sandbox.sandbox)
app.add_typer(scheme.app, name="scheme")
app.add_typer(statement.app, name="statement")
app.add_typer(coverage.app, name="coverage")
app.add_typer(callbacks.app, name="callbacks")
app.add_typer(day.app, name="day")
app.add_typer(ledger.app, name="ledger")
app.add_typer(sms.app, name="sms")
app.add_typer(staff.app, name="staff")

if __name__ == "__main__":
    app()
