"""`ramu`: one command line, one file per command, of which only the one that is asked for is loaded."""

import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException
from typer.main import get_command, get_group

from gateway.cli.wording import ABORTED, in_french, refusal

#: Each command has a file of its name beside this one, with `command` or, where it has commands of its own, with `app`.
COMMANDS: Final[Mapping[str, str]] = {
    "run": "Tout faire tourner sur cette machine, en mode local.",
    "migrate": "Mettre la base de données au niveau de cette version.",
    "serve": "Répondre aux appels, aux opérateurs et au bureau des finances.",
    "work": "Faire le travail de fond.",
    "clock": "L'heure du mode local, que l'on peut avancer.",
    "phone": "Composer le code depuis ce terminal.",
    "sandbox": "Faire tourner l'opérateur d'essai, sans argent réel.",
    "scheme": "Les barèmes de cotisation.",
    "statement": "Les relevés des opérateurs.",
    "household": "Un ménage, et tout ce qui le regarde.",
    "payment": "Un paiement, et tout ce qui le prouve.",
    "number": "Les numéros de téléphone passés à quelqu'un d'autre.",
    "coverage": "Les jours couverts de chaque ménage.",
    "callbacks": "Les avis des opérateurs mis de côté, et ce qui en dépend.",
    "day": "Les journées et leur clôture.",
    "ledger": "Le grand livre.",
    "sms": "Les SMS qui ne sont pas arrivés.",
    "staff": "Les comptes de la console.",
}


class Commands(TyperGroup):
    """The commands; what one refuses is told in a sentence, with no traceback."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - as its parent
        """Know every command by its name and by what the list of commands says of it."""
        known = {name: TyperCommand(name, help=told) for name, told in COMMANDS.items()}
        super().__init__(**{**settings, "commands": known})

    def main(self, *given: Any, **settings: Any) -> Any:  # noqa: ANN401 - typer carries its own copy of click
        """Run what was typed; what cannot be read is refused in French."""
        in_french(self)
        try:
            code = super().main(*given, **{**settings, "standalone_mode": False})
        except typer.Abort:
            typer.echo(ABORTED, err=True)
            code = 1
        except TyperException as refused:
            # Where help stands in place of a refusal, the library has shown it already.
            if type(refused).__name__ != "NoArgsIsHelpError":
                typer.echo(refusal(refused), err=True)
            code = refused.exit_code
        sys.exit(code)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - typer carries its own copy of click
        """Load the command that was asked for."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, loaded(str(name)), rest

    def invoke(self, ctx: Any) -> object:  # noqa: ANN401 - typer carries its own copy of click
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except Exception as failure:
            # Loaded only now: what can be refused is known to modules that most commands do without.
            sentence: str | None = import_module("gateway.cli.refusals").sentence_of(failure)
            if sentence is None:
                raise
            typer.echo(sentence, err=True)
            raise typer.Exit(1) from None


def loaded(name: str) -> TyperCommand | TyperGroup:
    """Return a command ready to run."""
    module = import_module(f"gateway.cli.{name}")
    if hasattr(module, "app"):
        found: TyperCommand | TyperGroup = get_group(module.app)
    else:
        alone = typer.Typer(add_completion=False)
        alone.command(name)(module.command)
        found = get_command(alone)  # type: ignore[assignment]  # of one function it is a command
    found.name, found.help = name, COMMANDS[name]
    in_french(found)
    return found


app = typer.Typer(cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)


def _tell_version(*, is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"RAMU Gateway {version('ramu-gateway')}")
        raise typer.Exit


@app.callback(help="RAMU Gateway : les cotisations, du code composé à la journée signée.")
def ramu(
    *,
    is_version_asked: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Montrer la version.")
    ] = False,
) -> None:
    """Stand above the commands."""
    del is_version_asked


if __name__ == "__main__":
    app()
