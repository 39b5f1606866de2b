"""The shapes that arguments have in every command: what a command is about stands alone, all else has a name."""

from datetime import date
from typing import Annotated, Final

import typer

from gateway.french import read_day

DAY_HELP: Final = "comme 22/11/2026 ou 2026-11-22"


def _day(written: str) -> date:
    day = read_day(written)
    if day is None:
        raise ValueError(written)
    return day


Day = Annotated[date, typer.Argument(parser=_day, metavar="JOUR", help=f"La journée, {DAY_HELP}.")]
#: A day that is yesterday or today when nobody names one; the command says which.
OptionalDay = Annotated[
    date | None, typer.Argument(parser=_day, metavar="JOUR", help=f"La journée, {DAY_HELP}.", show_default=False)
]
Most = Annotated[int, typer.Option("--most", min=1, max=10_000, metavar="NOMBRE", help="Combien en montrer au plus.")]
PasswordStdin = Annotated[
    bool,
    typer.Option("--password-stdin", help="Lire le mot de passe sur l'entrée standard, comme le fait un script."),
]
