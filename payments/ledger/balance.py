"""Proves the books without the chain: everything balances, and money stands where its evidence says."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from payments.detail import read_detail
from payments.ledger.finding import Finding, FindingKind
from payments.ledger.proof import is_whole
from payments.ledger.totals import CHANGED

#: A finding of one kind is told this many times; whoever reads it looks further by hand.
FINDINGS_MAX: Final = 20

BY_ACCOUNT = text("""
    SELECT account, count(*) AS entry_count, sum(amount_xof) AS amount_xof
      FROM ledger_entry GROUP BY account ORDER BY account
""")

UNBALANCED = text("""
    SELECT jsonb_build_object('code', 'txn_unbalanced', 'txn_id', txn.id, 'entry_count', count(entry.line),
                              'sum_xof', coalesce(sum(entry.amount_xof), 0))
      FROM ledger_txn txn LEFT JOIN ledger_entry entry ON entry.txn_id = txn.id
     GROUP BY txn.id
    HAVING count(entry.line) < 2 OR coalesce(sum(entry.amount_xof), 0) <> 0
     ORDER BY txn.id LIMIT :most
""")

ORPHANS = text("""
    SELECT jsonb_build_object('code', 'entry_alone', 'txn_id', entry.txn_id, 'line', entry.line)
      FROM ledger_entry entry
     WHERE NOT EXISTS (SELECT FROM ledger_txn txn WHERE txn.id = entry.txn_id)
     ORDER BY entry.txn_id, entry.line LIMIT :most
""")

NOT_ZERO = text("""
    SELECT jsonb_build_object('code', 'ledger_sum', 'sum_xof', sum(amount_xof))
      FROM ledger_entry HAVING sum(amount_xof) <> 0 LIMIT :most
""")

NOT_POSTED = text("""
    SELECT jsonb_build_object('code', 'payment_posted_otherwise', 'payment_id', payment.id,
                              'amount_xof', payment.amount_xof, 'posted_xof', coalesce(sum(entry.amount_xof), 0))
      FROM payment
      LEFT JOIN ledger_entry entry
        ON entry.txn_id = payment.ledger_txn_id AND entry.account = 'clearing/' || payment.operator
     GROUP BY payment.id
    HAVING coalesce(sum(entry.amount_xof), 0) <> payment.amount_xof
     ORDER BY payment.id LIMIT :most
""")

#: The sealed entries say for whom; a payment that names another party was changed by hand.
ELSEWHERE = text("""
    SELECT jsonb_build_object('code', 'payment_of_another', 'payment_id', payment.id,
                              'party_id', payment.party_id, 'txn_id', entry.txn_id, 'line', entry.line,
                              'entry_party_id', entry.party_id, 'account', entry.account)
      FROM payment
      JOIN ledger_entry entry
        ON entry.txn_id = payment.ledger_txn_id AND entry.account <> 'clearing/' || payment.operator
     WHERE CASE WHEN payment.party_id IS NULL THEN entry.account NOT LIKE 'suspense/%'
                ELSE entry.party_id <> payment.party_id OR entry.account LIKE 'suspense/%' END
     ORDER BY payment.id, entry.line LIMIT :most
""")

#: The sealed transaction says when the money moved.
MOVED = text("""
    SELECT jsonb_build_object('code', 'payment_at_other_moment', 'payment_id', payment.id,
                              'occurred', payment.occurred_at, 'effective', txn.effective_at)
      FROM payment JOIN ledger_txn txn ON txn.id = payment.ledger_txn_id
     WHERE txn.effective_at <> payment.occurred_at
     ORDER BY payment.id LIMIT :most
""")

#: The sealed transaction's reference names the operator and its transaction.
RENAMED = text("""
    SELECT jsonb_build_object('code', 'payment_other_name', 'payment_id', payment.id,
                              'operator', payment.operator, 'transaction_id', payment.operator_transaction_id,
                              'ref', txn.ref)
      FROM payment LEFT JOIN ledger_txn txn ON txn.id = payment.ledger_txn_id
     WHERE txn.ref IS DISTINCT FROM 'payment/' || payment.operator || '/' || payment.operator_transaction_id
     ORDER BY payment.id LIMIT :most
""")

#: Whatever was handed in, put together again from its pieces.
STATEMENT_CHANGED = text("""
    SELECT jsonb_build_object('code', 'file_changed', 'of_file_id', coalesce(file_id, id), 'operator', operator,
                              'filename', filename)
      FROM statement_upload upload
     WHERE sha256 IS DISTINCT FROM (SELECT sha256(string_agg(content, ''::bytea ORDER BY number))
                                      FROM statement_chunk WHERE upload_id = upload.id)
     ORDER BY id LIMIT :most
""")

WITHOUT_PAYMENT = text("""
    SELECT jsonb_build_object('code', 'money_without_payment', 'txn_id', entry.txn_id,
                              'amount_xof', entry.amount_xof, 'account', entry.account)
      FROM ledger_entry entry
     WHERE entry.account LIKE 'clearing/%' AND entry.amount_xof > 0
       AND NOT EXISTS (SELECT FROM payment WHERE payment.ledger_txn_id = entry.txn_id)
     ORDER BY entry.txn_id, entry.line LIMIT :most
""")

#: Each question answers with one row per finding. Those of the ledger itself are only asked when one pass over it
#: has found something (see proof).
OF_THE_LEDGER: Final[tuple[tuple[FindingKind, TextClause], ...]] = (
    (FindingKind.UNBALANCED, UNBALANCED),
    (FindingKind.ENTRY_WITHOUT_TXN, ORPHANS),
    (FindingKind.LEDGER_NOT_ZERO, NOT_ZERO),
    (FindingKind.PAYMENT_NOT_POSTED, NOT_POSTED),
    (FindingKind.PAYMENT_ELSEWHERE, ELSEWHERE),
    (FindingKind.CLEARING_WITHOUT_PAYMENT, WITHOUT_PAYMENT),
    (FindingKind.PAYMENT_MOVED, MOVED),
    (FindingKind.PAYMENT_RENAMED, RENAMED),
)
#: What the pass over the ledger does not see.
BESIDE_THE_LEDGER: Final[tuple[tuple[FindingKind, TextClause], ...]] = (
    (FindingKind.STATEMENT_CHANGED, STATEMENT_CHANGED),
    (FindingKind.TOTAL_CHANGED, CHANGED),
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


async def check_books(connection: AsyncConnection) -> tuple[Finding, ...]:
    """Answer every question of the books.

    Returns: the findings, at most FINDINGS_MAX of each kind.
    """
    findings: list[Finding] = []
    questions = BESIDE_THE_LEDGER if await is_whole(connection) else (*OF_THE_LEDGER, *BESIDE_THE_LEDGER)
    for kind, question in questions:
        documents = (await connection.execute(question, {"most": FINDINGS_MAX})).scalars()
        findings += [Finding(None, kind, read_detail(document)) for document in documents]
    return tuple(findings)
