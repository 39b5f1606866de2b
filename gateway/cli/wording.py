"""The words of the library that reads our commands, in the language of whoever types them."""

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import typer
from typer import rich_utils
from typer.core import TyperCommand, TyperGroup, TyperOption

#: What the library writes into every page of help, under its own names.
FIXED: Final[Mapping[str, str]] = {
    "DEPRECATED_STRING": "(abandonné) ",
    "DEFAULT_STRING": "[par défaut : {}]",
    "ENVVAR_STRING": "[variable : {}]",
    "REQUIRED_LONG_STRING": "[obligatoire]",
    "COMMANDS_PANEL_TITLE": "Commandes",
    "ERRORS_PANEL_TITLE": "Erreur",
    "ABORTED_TEXT": "Abandonné.",
}
HELP: Final = "Montrer cette aide."
SUBCOMMAND: Final = "COMMANDE [ARGUMENTS]..."
ABORTED: Final = "Abandonné."

#: How a value is called where its command gives it no name.
VALUES: Final[Mapping[type, str]] = {int: "NOMBRE", Path: "FICHIER", datetime: "JOUR"}
ANY_VALUE: Final = "TEXTE"

#: Refusals that the library tells apart by their sentence alone.
SENTENCES: Final = tuple(
    (re.compile(theirs, re.DOTALL), ours)
    for theirs, ours in (
        (r"No such command '(.*?)'\. Did you mean (.*)\?", "La commande « {0} » n'existe pas. Peut-être : {1}"),
        (r"No such command '(.*)'\.", "La commande « {0} » n'existe pas."),
        (r"Missing command\.", "Il manque une commande."),
        (r"Got unexpected extra argument\(s\) \((.*)\)", "De trop : {0}"),
        (r"Option '(.*?)' does not take a value\.", "L'option {0} ne prend pas de valeur."),
        (r"Option '(.*?)' requires .*", "L'option {0} attend une valeur."),
        (r"No such option: (\S*)", "L'option {0} n'existe pas."),
        (r"No such option: (\S*) \(Possible options: (.*)\)", "L'option {0} n'existe pas. Peut-être : {1}"),
    )
)
UNREADABLE: Final = "La commande ne se lit pas."


def in_french(command: TyperCommand | TyperGroup) -> None:
    """Put into French what the library says in the help of a command, and of all those below it."""
    for name, words in FIXED.items():
        setattr(rich_utils, name, words)
    help_option = command.get_help_option(typer.Context(command))
    if help_option is not None:
        help_option.help, help_option.metavar = HELP, ""
    for param in command.params:
        _name_in_french(param)
    if isinstance(command, TyperGroup):
        command.subcommand_metavar = SUBCOMMAND
        for below in command.commands.values():
            if isinstance(below, TyperCommand | TyperGroup):
                in_french(below)


def refusal(refused: Any) -> str:  # noqa: ANN401 - typer carries its own copy of click
    """Return what a person reads of a command that was refused: its usage, where help is, and what is wrong."""
    ctx = getattr(refused, "ctx", None)
    if ctx is None:
        return _what(refused)
    return f"{ctx.get_usage()}\n« {ctx.command_path} --help » montre l'aide.\n\n{_what(refused)}"


def _what(refused: Any) -> str:  # noqa: ANN401 - as above
    param = getattr(refused, "param", None)
    if param is not None:
        hint = _hint(param)
        if type(refused).__name__ == "MissingParameter":
            return f"Il manque {hint}. {_expected(param)}"
        return f"La valeur de {hint} ne convient pas. {_expected(param)}"
    message = refused.format_message()
    for theirs, ours in SENTENCES:
        if (found := theirs.fullmatch(message)) is not None:
            return ours.format(*(part.replace("'", "") for part in found.groups()))
    return UNREADABLE


def _hint(param: Any) -> str:  # noqa: ANN401 - as above
    return f"l'option {' / '.join(param.opts)}" if isinstance(param, TyperOption) else f"l'argument {param.metavar}"


def _expected(param: Any) -> str:  # noqa: ANN401 - as above
    described, info = param.type_descriptor, param.type_descriptor.parameter_info
    if described.is_choice:
        return f"Il faut l'un de ces mots : {', '.join(map(str, described.choices))}."
    if described.is_ranged:
        return f"Il faut un nombre de {info.min} à {info.max}."
    if described.annotation is int:
        return "Il faut un nombre entier."
    if described.is_path:
        return "Il faut un fichier qui existe et se lit."
    return str(param.help)


def _name_in_french(param: Any) -> None:  # noqa: ANN401 - as above
    if param.metavar is None:
        param.metavar = _metavar(param)
    if not isinstance(param, TyperOption):
        # The name of an argument says what it is; the library would add the type of our code.
        param.display_type_rich = _nothing


def _nothing(ctx: object) -> None:
    """Say nothing of a type."""
    del ctx


def _metavar(param: Any) -> str:  # noqa: ANN401 - as above
    described = param.type_descriptor
    if described.annotation is bool:
        return ""
    if described.is_choice:
        return "|".join(map(str, described.choices))
    return VALUES.get(described.annotation, ANY_VALUE)
