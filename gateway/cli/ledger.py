"""`ramu ledger`: prove the books, seal them, add them up."""

import asyncio
from typing import Annotated, Final

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.cli.environment import environment
from gateway.cli.terminal import present, stop, transact
from gateway.config.settings import load_settings
from gateway.console.labels import side
from gateway.french import counted, francs, short_date
from gateway.infra.database import Timeouts
from gateway.money.close_day import verify_all
from gateway.reports.break_sentences import sentence
from gateway.reports.detached import Detached, detached_partitions
from payments.ledger.balance import balances
from payments.ledger.finding import Finding, FindingKind
from payments.ledger.post import wait_for_postings
from payments.ledger.seal import Block, Verification, seal
from payments.reconciliation.late import LateMoney, late_lines, late_payments

app = typer.Typer(no_args_is_help=True)

#: Late money is a remark, not a finding; beyond so many, the breaks of the console list it.
LATE_MOST: Final = 50
#: A proof reads everything; it may take its time without holding anyone up.
PATIENCE: Final = Timeouts(statement_ms=3_600_000, lock_ms=30_000, idle_in_transaction_ms=3_600_000)

FINDINGS: Final = {
    FindingKind.CONTENT_CHANGED: "une ligne scellée a été modifiée",
    FindingKind.ROWS_MISSING: "des écritures scellées ont disparu",
    FindingKind.ROWS_INSERTED: "des écritures ont été glissées parmi les écritures scellées",
    FindingKind.CHAIN_BROKEN: "la chaîne des blocs est rompue",
    FindingKind.HEAD_LOST: "une empreinte attestée a disparu",
    FindingKind.DAY_CHANGED: "le rapport d'une journée close a été modifié",
    FindingKind.DAY_CHAIN_BROKEN: "la chaîne des journées est rompue",
    FindingKind.EVIDENCE_CHANGED: "des lignes qui portent une journée close ont changé",
    FindingKind.STATEMENT_CHANGED: "les octets d'un relevé ne sont plus ceux qui ont été reçus",
    FindingKind.PAYMENT_MOVED: "un paiement n'a plus le moment de son écriture",
    FindingKind.PAYMENT_RENAMED: "un paiement n'a plus l'opérateur ou le numéro d'opération de son écriture",
    FindingKind.ALLOCATION_MOVED: "une imputation n'a pas la date du paiement",
    FindingKind.CHARGE_EXCEEDED: "une échéance a reçu plus qu'elle ne doit",
    FindingKind.CHARGE_NOT_POSTED: "une quote-part appelée n'est pas passée pour son montant",
    FindingKind.TOTAL_CHANGED: "la somme gardée d'un compte n'est pas celle de ses lignes",
    FindingKind.UNBALANCED: "une écriture n'est pas équilibrée",
    FindingKind.ENTRY_WITHOUT_TXN: "une ligne n'appartient à aucune écriture",
    FindingKind.LEDGER_NOT_ZERO: "le grand livre n'est pas à zéro",
    FindingKind.PAYMENT_NOT_POSTED: "un paiement n'est pas passé pour son montant",
    FindingKind.PAYMENT_ELSEWHERE: "un paiement ne nomme pas le ménage de son écriture",
    FindingKind.CLEARING_WITHOUT_PAYMENT: "de l'argent est entré sans paiement",
    FindingKind.ALLOCATION_NOT_POSTED: "une imputation ne correspond pas à son écriture",
}


HASH_BYTES: Final = 32

Attested = Annotated[
    list[str] | None,
    typer.Option("--attested", metavar="EMPREINTE", help="Une empreinte notée hors de la machine ; peut se répéter."),
]


@app.command("verify")
def verify_books(attested: Attested = None) -> None:
    """Prouver la chaîne des blocs, la chaîne des journées et les livres."""
    kept = [_digest(written) for written in attested or ()]

    async def prove(
        connection: AsyncConnection,
    ) -> tuple[Verification, tuple[LateMoney, ...], tuple[Detached, ...]]:
        late = await late_payments(connection, LATE_MOST + 1) + await late_lines(connection, LATE_MOST + 1)
        return await verify_all(connection, kept), late, await detached_partitions(connection)

    found, late, archived = asyncio.run(transact(load_settings(environment()), prove, PATIENCE))
    typer.echo(f"Blocs relus : {found.blocks} ; écritures scellées : {found.txns} ; pas encore : {found.unsealed}.")
    if kept:
        typer.echo(f"Empreintes attestées cherchées : {len(kept)}.")
    for gone in archived:
        typer.echo(
            f"Archive : {gone.name}, {_lines(gone.row_count)}, {gone.archive_sha256.hex()} "
            f"(sorties le {short_date(gone.detached_at)} par {gone.detached_by})."
        )
    for one in late[:LATE_MOST]:
        typer.echo(
            f"Remarque : {francs(one.amount_xof)} F de {one.operator} ({one.subject}) ont été connus "
            f"après la clôture du {short_date(one.day)}."
        )
    if len(late) > LATE_MOST:
        typer.echo("Remarque : il y en a d'autres, que montre la page des écarts.")
    for finding in found.findings:
        typer.echo(_sentence(finding), err=True)
    if not found.ok:
        stop(f"Le grand livre N'EST PAS intact : {counted(len(found.findings), 'défaut', 'défauts')}.")
    typer.echo("Le grand livre est intact : la chaîne est continue et les livres sont équilibrés.")


@app.command("seal")
def seal_books() -> None:
    """Sceller tout ce qui ne l'est pas encore."""
    settings = load_settings(environment())
    now = present(settings)
    sealed: list[Block] = []
    asyncio.run(transact(settings, wait_for_postings, PATIENCE))
    while block := asyncio.run(transact(settings, lambda connection: seal(connection, now), PATIENCE)):
        sealed.append(block)
        written = counted(block.txn_count, "écriture", "écritures")
        typer.echo(f"Bloc {block.seq} : {written}, {block.sha256.hex()}")
    if not sealed:
        typer.echo("Tout est déjà scellé.")


@app.command("balance")
def show_balance() -> None:
    """Additionner chaque compte ; ensemble, ils font zéro."""
    rows = asyncio.run(transact(load_settings(environment()), balances, PATIENCE))
    for row in rows:
        typer.echo(f"{row.account:<24} {_lines(row.entry_count):>17} {_balance(row.amount_xof)}")
    typer.echo(f"{'total':<24} {'':>17} {_balance(sum(row.amount_xof for row in rows))}")


def _lines(count: int) -> str:
    return counted(count, "ligne", "lignes")


def _balance(amount_xof: int) -> str:
    return f"{francs(abs(amount_xof)):>22} F {side(amount_xof)}"


def _digest(written: str) -> bytes:
    try:
        digest = bytes.fromhex(written)
    except ValueError:
        digest = b""
    if len(digest) != HASH_BYTES:
        stop(f"« {written} » n'est pas une empreinte : elle s'écrit en {2 * HASH_BYTES} chiffres hexadécimaux.")
    return digest


def _sentence(finding: Finding) -> str:
    place = f"Bloc {finding.block_seq}" if finding.block_seq is not None else "Livres"
    return f"{place} : {FINDINGS[finding.kind]} ({sentence(finding.detail)})."
