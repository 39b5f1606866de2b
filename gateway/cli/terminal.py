"""What every command does the same way: stop with a sentence, ask for a password, run one transaction."""

import asyncio
import getpass
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Final, NoReturn, TypeVar

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.config.settings import Settings
from gateway.french import short_date
from gateway.infra.clock import ShiftedClock, SystemClock
from gateway.infra.clock_shift import read_shift
from gateway.infra.database import Pool, Timeouts, open_database

Result = TypeVar("Result")

QUICK: Final = Timeouts()


def stop(sentence: str, code: int = 1) -> NoReturn:
    """End the command with a sentence for the person who gave it."""
    typer.echo(sentence, err=True)
    raise typer.Exit(code)


def author() -> str:
    """Name who gives a command: the machine's account, for in a container it may have no name."""
    return f"command/uid-{os.getuid()}"


def is_watched() -> bool:
    """Return whether a person sits in front of this terminal."""
    return sys.stdin.isatty()


def given_password(*, from_stdin: bool) -> str:
    """Return a password: typed by a person without being shown, or handed over by a script."""
    if from_stdin:
        return piped_password()
    if not is_watched():
        stop("Le mot de passe se tape au clavier ; un script le passe par l'entrée avec --password-stdin.")
    return asked_password()


def asked_password(question: str = "Mot de passe : ") -> str:
    """Ask for a password without showing it."""
    return getpass.getpass(question)


def piped_password() -> str:
    """Read a password that a script hands over: the first line of the standard input."""
    return sys.stdin.readline().rstrip("\r\n")


def present(settings: Settings) -> datetime:
    """Return the time of this service: the machine's, or in local mode what `ramu clock` made of it."""
    clock = ShiftedClock(SystemClock())
    if settings.is_local:
        clock.take(asyncio.run(transact(settings, read_shift)))
    return clock.now()


async def transact(
    settings: Settings, work: Callable[[AsyncConnection], Awaitable[Result]], patience: Timeouts = QUICK
) -> Result:
    """Run one transaction on a connection of this command's own."""
    database = open_database(settings.database_url.get_secret_value(), Pool(size=1), patience)
    try:
        return await database.transact(work)
    finally:
        await database.close()


def days_between(start: date | None, end: date | None) -> str:
    """Write the days of a period, both ends included; a first one has none until it is paid."""
    return "première, pas encore datée" if start is None or end is None else f"{short_date(start)} - {short_date(end)}"
