"""`ramu day`: close days and show the ones that are closed."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Annotated

import typer

from gateway.cli.arguments import Day, OptionalDay, PasswordStdin
from gateway.cli.environment import environment
from gateway.cli.terminal import author, given_password, present, stop
from gateway.config.settings import Settings, load_settings
from gateway.console.auth.access import LoginForm, LoginService, MustWait, OwnPasswordNeeded
from gateway.console.auth.audit import actor_of
from gateway.console.auth.passwords import Passwords
from gateway.console.auth.roles import RIGHTS, Right
from gateway.console.auth.sessions import SessionRules
from gateway.console.labels import ROLES
from gateway.french import moment, short_date
from gateway.infra.deps import Deps
from gateway.money.close_day import DayToClose, DayUnexplained, close
from gateway.reports.closing_sentences import missing_sentences, refusal_sentence
from gateway.wiring import wired
from payments.reconciliation.close import DayNotClosable, SealedDay, read_day

app = typer.Typer(no_args_is_help=True)


class SignatureRefused(Exception):
    """Whoever signs is not known, or may not sign; the text is a French sentence for the terminal."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signs, and the password that proves it."""

    login: str
    password: str = field(repr=False)


@app.command("close")
def close_one(
    by: Annotated[str, typer.Option("--by", metavar="IDENTIFIANT", help="Qui signe.")],
    day: OptionalDay = None,
    remarks: Annotated[
        str | None, typer.Option("--with-remarks", metavar="TEXTE", help="Clore malgré ce qui manque, en l'expliquant.")
    ] = None,
    *,
    password_stdin: PasswordStdin = False,
) -> None:
    """Clore une journée passée, hier si rien n'est dit, sous le mot de passe de qui signe : son rapport est scellé."""
    # Read once: whoever signs while midnight passes signs the day that is named here, before the password is asked.
    settings = load_settings(environment())
    wanted = day or present(settings).date() - timedelta(days=1)
    typer.echo(f"Journée à clore : {short_date(wanted)}.")
    signature = Signature(by, given_password(from_stdin=password_stdin))
    try:
        sealed = asyncio.run(_close(settings, signature, wanted, (remarks or "").strip() or None))
    except SignatureRefused as refused:
        stop(str(refused))
    except DayNotClosable as refused:
        stop(refusal_sentence(refused))
    except DayUnexplained as refused:
        stop(_what_is_missing(wanted, refused))
    _show(sealed)


@app.command("show")
def show_one(day: Day) -> None:
    """Montrer le rapport scellé d'une journée."""
    sealed = asyncio.run(_read(load_settings(environment()), day))
    if sealed is None:
        stop(f"La journée du {short_date(day)} n'est pas close.")
    typer.echo(json.dumps(json.loads(sealed.content), ensure_ascii=False, indent=2))
    _show(sealed)


def _show(sealed: SealedDay) -> None:
    closed_at = moment(sealed.closed_at)
    typer.echo(f"Journée du {short_date(sealed.day)}, close par {sealed.closed_by} le {closed_at} (UTC)")
    typer.echo(f"  empreinte      {sealed.sha256.hex()}")
    typer.echo(f"  signée avant   {sealed.previous_sha256.hex()}")
    typer.echo(f"  grand livre    {sealed.ledger_head_sha256.hex()}")


def _what_is_missing(day: date, refused: DayUnexplained) -> str:
    unfinished = [(file.filename, file.motive) for file in refused.unfinished]
    why = " ; ".join(missing_sentences(refused.without_statement, refused.unexplained_xof, unfinished, {}))
    return f"La journée du {short_date(day)} n'est pas close : {why}. Pour clore malgré tout : --with-remarks TEXTE."


async def _close(settings: Settings, signature: Signature, day: date, remarks: str | None) -> SealedDay:
    async with wired(settings) as process:
        await _require_signer(process.deps, signature)
        return await close(process.reconciling, DayToClose(day, actor_of(signature.login), remarks))


async def _require_signer(deps: Deps, signature: Signature) -> None:
    logins = LoginService(deps.console_db, deps.ids, Passwords(), SessionRules())
    try:
        role = await logins.role_of(LoginForm(signature.login, signature.password, author()), deps.machine_now())
    except MustWait as told:
        raise SignatureRefused(f"Trop d'essais de suite : réessayez dans {told.wait_s} s. Rien n'a été clos.") from None
    except OwnPasswordNeeded:
        raise SignatureRefused(
            f"« {signature.login} » n'a encore qu'un mot de passe à usage unique : en choisir un dans la console, "
            "puis signer. Rien n'a été clos."
        ) from None
    if role is None:
        raise SignatureRefused(f"« {signature.login} » : identifiant ou mot de passe incorrect. Rien n'a été clos.")
    if Right.CLOSE not in RIGHTS[role]:
        raise SignatureRefused(f"Le rôle de « {signature.login} » ({ROLES[role]}) ne signe pas les journées.")


async def _read(settings: Settings, day: date) -> SealedDay | None:
    async with wired(settings) as process, process.deps.console_db.single() as connection:
        return await read_day(connection, day)
