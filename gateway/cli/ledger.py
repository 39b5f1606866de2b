"""`ramu ledger`: prove the books, seal them, add them up."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.cli.environment import environment
from gateway.clock import SystemClock
from gateway.closing import verify_all
from gateway.database import Pool, Timeouts, open_database
from gateway.finance.words import francs
from gateway.settings import Settings, load_settings
from payments.ledger.balance import balances
from payments.ledger.fault import Fault, FaultKind
from payments.ledger.seal import Block, seal

Result = TypeVar("Result")

app = typer.Typer(no_args_is_help=True, help="Le grand livre.")

#: A proof reads everything; it may take its time without holding anyone up.
PATIENCE: Final = Timeouts(statement_ms=3_600_000, lock_ms=30_000, idle_in_transaction_ms=3_600_000)

FAULTS: Final = {
    FaultKind.CONTENT_CHANGED: "une ligne scellée a été modifiée",
    FaultKind.ROWS_MISSING: "des écritures scellées ont disparu",
    FaultKind.ROWS_INSERTED: "des écritures ont été glissées parmi les écritures scellées",
    FaultKind.CHAIN_BROKEN: "la chaîne des blocs est rompue",
    FaultKind.HEAD_LOST: "un bloc attesté par une journée close a disparu",
    FaultKind.DAY_CHANGED: "le rapport d'une journée close a été modifié",
    FaultKind.DAY_CHAIN_BROKEN: "la chaîne des journées est rompue",
    FaultKind.UNBALANCED: "une écriture n'est pas équilibrée",
    FaultKind.ENTRY_WITHOUT_TXN: "une ligne n'appartient à aucune écriture",
    FaultKind.LEDGER_NOT_ZERO: "le grand livre n'est pas à zéro",
    FaultKind.PAYMENT_NOT_POSTED: "un paiement n'est pas passé pour son montant",
    FaultKind.PAYMENT_ELSEWHERE: "un paiement ne nomme pas le ménage de son écriture",
    FaultKind.CLEARING_WITHOUT_PAYMENT: "de l'argent est entré sans paiement",
    FaultKind.ALLOCATION_NOT_POSTED: "une imputation ne correspond pas à son écriture",
}


@app.command("verify")
def verify_books() -> None:
    """Prouver la chaîne des blocs, la chaîne des journées et les livres."""
    found = asyncio.run(_transact(load_settings(environment()), verify_all))
    typer.echo(f"Blocs relus : {found.blocks} ; écritures scellées : {found.txns}.")
    for fault in found.faults:
        typer.echo(_sentence(fault), err=True)
    if not found.ok:
        typer.echo(f"Le grand livre N'EST PAS intact : {len(found.faults)} défaut(s).", err=True)
        raise typer.Exit(1)
    typer.echo("Le grand livre est intact : la chaîne est continue et les livres sont équilibrés.")


@app.command("seal")
def seal_books() -> None:
    """Sceller tout ce qui ne l'est pas encore."""
    settings, now = load_settings(environment()), SystemClock().now()
    sealed: list[Block] = []
    while block := asyncio.run(_transact(settings, lambda connection: seal(connection, now))):
        sealed.append(block)
        typer.echo(f"Bloc {block.seq} : {block.txn_count} écritures, {block.sha256.hex()}")
    if not sealed:
        typer.echo("Tout est déjà scellé.")


@app.command("balance")
def show_balance() -> None:
    """Additionner chaque compte ; ensemble, ils font zéro."""
    rows = asyncio.run(_transact(load_settings(environment()), balances))
    for row in rows:
        typer.echo(f"{row.account:<24} {row.entry_count:>10} lignes {francs(row.amount_xof):>22} F")
    typer.echo(f"{'total':<24} {'':>17} {francs(sum(row.amount_xof for row in rows)):>22} F")


def _sentence(fault: Fault) -> str:
    place = f"Bloc {fault.block_seq}" if fault.block_seq is not None else "Livres"
    return f"{place} : {FAULTS[fault.kind]} ({fault.detail})."


async def _transact(settings: Settings, work: Callable[[AsyncConnection], Awaitable[Result]]) -> Result:
    database = open_database(settings.database_url.get_secret_value(), Pool(size=1), PATIENCE)
    try:
        return await database.transact(work)
    finally:
        await database.close()
