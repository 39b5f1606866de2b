"""Proves the books without the chain: everything balances, and money stands where its evidence says."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.ledger.fault import Fault, FaultKind

#: A fault of one kind is told this many times; whoever reads it looks further by hand.
TOLD_MOST: Final = 20

BY_ACCOUNT = text("""
    SELECT account, count(*) AS entry_count, sum(amount_xof) AS amount_xof
      FROM ledger_entry GROUP BY account ORDER BY account
""")

UNBALANCED = text("""
    SELECT 'écriture ' || txn.id || ' : ' || count(entry.line) || ' ligne(s), somme '
           || coalesce(sum(entry.amount_xof), 0) || ' F'
      FROM ledger_txn txn LEFT JOIN ledger_entry entry ON entry.txn_id = txn.id
     GROUP BY txn.id
    HAVING count(entry.line) < 2 OR coalesce(sum(entry.amount_xof), 0) <> 0
     ORDER BY txn.id LIMIT :most
""")

ORPHANS = text("""
    SELECT 'ligne ' || entry.txn_id || '/' || entry.line || ' sans écriture'
      FROM ledger_entry entry
     WHERE NOT EXISTS (SELECT FROM ledger_txn txn WHERE txn.id = entry.txn_id)
     ORDER BY entry.txn_id, entry.line LIMIT :most
""")

NOT_ZERO = text("""
    SELECT 'sa somme fait ' || sum(amount_xof) || ' F' FROM ledger_entry HAVING sum(amount_xof) <> 0 LIMIT :most
""")

NOT_POSTED = text("""
    SELECT 'paiement ' || payment.id || ' de ' || payment.amount_xof || ' F, passé pour '
           || coalesce(sum(entry.amount_xof), 0) || ' F'
      FROM payment
      LEFT JOIN ledger_entry entry
        ON entry.txn_id = payment.ledger_txn_id AND entry.account = 'clearing/' || payment.operator
     GROUP BY payment.id
    HAVING coalesce(sum(entry.amount_xof), 0) <> payment.amount_xof
     ORDER BY payment.id LIMIT :most
""")

#: The sealed entries say for whom; a payment that names another household was changed by hand.
ELSEWHERE = text("""
    SELECT 'paiement ' || payment.id || ' : ' || coalesce('ménage ' || payment.household_id, 'aucun ménage')
           || ', ligne ' || entry.txn_id || '/' || entry.line || ' : '
           || coalesce('ménage ' || entry.household_id, 'aucun ménage')
      FROM payment
      JOIN ledger_entry entry
        ON entry.txn_id = payment.ledger_txn_id AND entry.account <> 'clearing/' || payment.operator
     WHERE entry.household_id IS DISTINCT FROM payment.household_id
     ORDER BY payment.id, entry.line LIMIT :most
""")

#: The sealed transaction says when the money moved.
MOVED = text("""
    SELECT 'paiement ' || payment.id || ' du ' || payment.occurred_at || ', écriture du ' || txn.effective_at
      FROM payment JOIN ledger_txn txn ON txn.id = payment.ledger_txn_id
     WHERE txn.effective_at <> payment.occurred_at
     ORDER BY payment.id LIMIT :most
""")

#: The sealed transaction's reference names the operator and its transaction.
RENAMED = text("""
    SELECT 'paiement ' || payment.id || ' : ' || payment.operator || ' ' || payment.operator_transaction_id
           || ', écriture ' || coalesce(txn.ref, 'absente')
      FROM payment LEFT JOIN ledger_txn txn ON txn.id = payment.ledger_txn_id
     WHERE txn.ref IS DISTINCT FROM 'payment/' || payment.operator || '/' || payment.operator_transaction_id
     ORDER BY payment.id LIMIT :most
""")

STATEMENT_CHANGED = text("""
    SELECT 'relevé ' || id || ' de ' || operator || ' : ' || filename
      FROM statement_file WHERE sha256(content) <> sha256 ORDER BY id LIMIT :most
""")

WITHOUT_PAYMENT = text("""
    SELECT 'écriture ' || entry.txn_id || ' : ' || entry.amount_xof || ' F sur ' || entry.account
      FROM ledger_entry entry
     WHERE entry.account LIKE 'clearing/%' AND entry.amount_xof > 0
       AND NOT EXISTS (SELECT FROM payment WHERE payment.ledger_txn_id = entry.txn_id)
     ORDER BY entry.txn_id, entry.line LIMIT :most
""")

#: Each question answers with one sentence per fault.
QUESTIONS: Final[tuple[tuple[FaultKind, TextClause], ...]] = (
    (FaultKind.UNBALANCED, UNBALANCED),
    (FaultKind.ENTRY_WITHOUT_TXN, ORPHANS),
    (FaultKind.LEDGER_NOT_ZERO, NOT_ZERO),
    (FaultKind.PAYMENT_NOT_POSTED, NOT_POSTED),
    (FaultKind.PAYMENT_ELSEWHERE, ELSEWHERE),
    (FaultKind.CLEARING_WITHOUT_PAYMENT, WITHOUT_PAYMENT),
    (FaultKind.PAYMENT_MOVED, MOVED),
    (FaultKind.PAYMENT_RENAMED, RENAMED),
    (FaultKind.STATEMENT_CHANGED, STATEMENT_CHANGED),
)


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """What stands on one account.

    Units:   amount_xof in whole francs; above zero debit, below zero credit.
    """

    account: str
    entry_count: int
    amount_xof: int


async def balances(connection: AsyncConnection) -> tuple[AccountBalance, ...]:
    """Add up every account; together they are zero."""
    rows = (await connection.execute(BY_ACCOUNT)).all()
    return tuple(AccountBalance(row.account, row.entry_count, int(row.amount_xof)) for row in rows)


async def check_books(connection: AsyncConnection) -> tuple[Fault, ...]:
    """Ask every question of the books.

    Returns: the faults found, at most TOLD_MOST of each kind.
    """
    faults: list[Fault] = []
    for kind, question in QUESTIONS:
        sentences = (await connection.execute(question, {"most": TOLD_MOST})).scalars()
        faults += [Fault(None, kind, sentence) for sentence in sentences]
    return tuple(faults)
