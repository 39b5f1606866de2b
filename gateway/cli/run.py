"""`ramu run`: everything on this machine, with nothing but Python installed."""

import asyncio
import os
import sys
from typing import Annotated

import typer

from gateway.cli.story import tell_story
from gateway.local import ports, stack
from gateway.local.faults import reason
from gateway.local.folder import local_dir
from gateway.local.postgres import private as postgres
from gateway.local.supervisor import Child

_NAME_CHARS = 8

Port = Annotated[int, typer.Option("--port", min=1, max=65535, help="Le port des pages et des appels.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Ne pas raconter ce qui se passe.")]
OperatorPort = Annotated[int, typer.Option("--operator-port", min=1, max=65535, help="Le port de l'opérateur d'essai.")]

_WELCOME = """\

RAMU tourne sur cette machine, en mode local : rien n'est réel, les données sont des exemples.

  Toutes les portes               {url}/
  Composer le code (téléphone)    {url}/phone/
  L'opérateur d'essai             {operator_url}/
  Le bureau des finances          {url}/finance/   identifiant : local   mot de passe : local

  Pour tout arrêter : Ctrl-C. Les données restent dans {local_dir}.
"""


def command(port: Port = 8000, operator_port: OperatorPort = 8001, *, quiet: Quiet = False) -> None:
    """Start RAMU whole on this machine: database, pages, worker and a sandbox operator."""
    if os.environ.get("RAMU_MODE", "local") != "local":
        _refuse("« ramu run » est le mode local ; en production, lancez « ramu serve » et « ramu work » séparément.")
    folder = local_dir(os.environ)
    home = stack.LocalStack(
        local_dir=folder,
        port=port,
        operator_port=operator_port,
        steps=(_ramu("migrate", "migrate"), _ramu("exemples", "scheme", "load-illustrative")),
        services=(
            _ramu("web", "serve", "--port", str(port), *(() if quiet else ("--tell-dials",))),
            _ramu("worker", "work"),
            _ramu("operator", "sandbox", "--port", str(operator_port)),
        ),
    )
    run_stack(home, quiet=quiet)


def run_stack(home: stack.LocalStack, *, quiet: bool = False) -> None:
    """Run the stack until told to stop, or say in one sentence why it cannot run."""
    welcome = _WELCOME.format(url=home.url, operator_url=home.operator_url, local_dir=home.local_dir)
    try:
        with ports.only_run(home.local_dir):
            ports.require_free({"--port": home.port, "--operator-port": home.operator_port})
            asyncio.run(stack.run(home, os.environ, _say, welcome, None if quiet else tell_story))
    except (ports.NotFree, postgres.PrivatePostgresRefused, stack.StepFailed, stack.DataUnknown) as refusal:
        _refuse(str(refusal))
    except OSError as error:
        _refuse(f"Impossible d'écrire dans {home.local_dir} ({reason(error.errno)}) : changez RAMU_LOCAL_DIR.")


def _ramu(name: str, *arguments: str) -> Child:
    return Child(name, (sys.executable, "-m", "gateway.cli.main", *arguments))


def _say(name: str, line: str) -> None:
    typer.echo(f"{name:<{_NAME_CHARS}} | {line}".rstrip())


def _refuse(sentence: str) -> None:
    typer.echo(sentence, err=True)
    raise typer.Exit(1)
