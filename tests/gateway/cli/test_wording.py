"""One language in the terminal: whatever is typed, right or wrong, is answered in French."""

import re
from collections.abc import Iterator

import pytest
from typer.core import TyperCommand, TyperGroup, TyperOption
from typer.testing import CliRunner, Result

from gateway.cli import wording
from gateway.cli.main import COMMANDS, app, loaded

#: Words that no French sentence has, and types of our code.
ENGLISH = re.compile(
    r"(?i)\b(the|this|show|exit|required|default|command|error|missing|invalid|value|such|got|unexpected|extra"
    r"|does|not|take|requires|did you mean|env var|must|int|str|bool|range|path|datetime)\b|<\w+>|%Y"
)
#: Options, values and names, which stand as they are typed.
TYPED = re.compile(r"--[a-z-]+|« [^»]* »|\[[A-Za-z0-9_<>=]+\]|http\S+|[A-Z_]{3,}")


def ramu(*arguments: str) -> Result:
    environment = {"RAMU_MODE": "local", "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/nothing", "COLUMNS": "200"}
    return CliRunner().invoke(app, list(arguments), env=environment)


def below(command: TyperCommand | TyperGroup, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], TyperCommand]]:
    if isinstance(command, TyperGroup):
        for name, one in command.commands.items():
            assert isinstance(one, TyperCommand | TyperGroup)
            yield from below(one, (*path, name))
    else:
        yield path, command


EVERY = [found for name in COMMANDS for found in below(loaded(name), (name,))]


def english_in(text: str) -> list[str]:
    return [found[0] for found in ENGLISH.finditer(TYPED.sub("", text))]


def test_there_are_as_many_commands_as_people_know_of() -> None:
    assert len(EVERY) > 25


@pytest.mark.parametrize("path", [path for path, _ in EVERY], ids=" ".join)
def test_the_help_of_a_command_is_french(path: tuple[str, ...]) -> None:
    shown = ramu(*path, "--help")
    assert shown.exit_code == 0
    assert wording.HELP in shown.output
    usage, _, rest = shown.output.strip().partition("\n")
    assert usage.startswith("Usage: ")
    assert english_in(rest) == []


@pytest.mark.parametrize(("path", "command"), EVERY, ids=[" ".join(path) for path, _ in EVERY])
def test_an_argument_has_a_name_in_capitals_and_everything_a_sentence(
    path: tuple[str, ...], command: TyperCommand
) -> None:
    for param in command.params:
        if getattr(param, "hidden", False):
            continue
        said = str(getattr(param, "help", "") or "")
        assert said.endswith("."), (path, param.name, said)
        if not isinstance(param, TyperOption):
            assert re.fullmatch("[A-ZÉ]+", param.metavar or ""), (path, param.metavar)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "La commande « nowhere » n'existe pas."),
        (("dey",), "La commande « dey » n'existe pas. Peut-être : day"),
        (("day", "clos"), "La commande « clos » n'existe pas. Peut-être : close"),
        (("--nothing",), "L'option --nothing n'existe pas."),
        (("sms", "list", "--mst", "3"), "L'option --mst n'existe pas. Peut-être : --most, --state"),
        (("sms", "list", "--most"), "L'option --most attend une valeur."),
        (("sms", "list", "--most", "0"), "l'option --most ne convient pas. Il faut un nombre de 1 à 10000."),
        (("sms", "list", "--most", "x"), "l'option --most ne convient pas. Il faut un nombre de 1 à 10000."),
        (("sms", "retry", "x"), "La valeur de l'argument NUMÉRO ne convient pas. Il faut un nombre entier."),
        (("run", "--quiet=3"), "L'option --quiet ne prend pas de valeur."),
        (("clock", "show", "1m"), "De trop : 1m"),
        (("clock", "advance"), "Il manque l'argument DURÉE."),
        (("day", "close"), "Il manque l'option --by. Qui signe."),
        (("day", "show", "31/02/2026"), "l'argument JOUR ne convient pas. La journée, comme 22/11/2026 ou"),
        (("scheme", "check", "/nowhere.json"), "Il faut un fichier qui existe et se lit."),
        (("scheme", "check", "/"), "Il faut un fichier qui existe et se lit."),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, tuple) else "",
)
def test_what_cannot_be_read_is_refused_in_french(arguments: tuple[str, ...], said: str) -> None:
    refused = ramu(*arguments)
    assert refused.exit_code == 2
    assert said in refused.output
    assert english_in(refused.output.partition("\n\n")[2]) == []


def test_a_sentence_that_nobody_translated_is_french_all_the_same() -> None:
    class Strange(Exception):
        ctx = None

        def format_message(self) -> str:
            return "Something that the next release says."

    assert wording.refusal(Strange()) == wording.UNREADABLE


def test_english_would_be_seen() -> None:
    assert english_in("Show this message and exit.") == ["Show", "this", "exit"]
    assert english_in("Missing option '--by'.") == ["Missing"]


def test_the_version_is_told() -> None:
    assert re.fullmatch(r"RAMU Gateway \d+\.\d+\.\d+\n", ramu("--version").output)


def test_an_end_of_input_ends_with_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(_: object) -> None:
        raise EOFError

    monkeypatch.setattr("gateway.cli.clock.load_settings", leave)
    left = ramu("clock", "show")
    assert (left.exit_code, left.output.strip()) == (1, wording.ABORTED)
