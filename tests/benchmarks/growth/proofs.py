"""What the triggers would have refused, asked of all rows at once; each question counts what is wrong."""

PROOFS = {
    "transactions out of balance": """
        SELECT count(*) FROM (SELECT FROM ledger_entry GROUP BY txn_id
                              HAVING sum(amount_xof) <> 0 OR count(*) < 2) AS wrong""",
    "transactions without entries": """
        SELECT (SELECT count(*) FROM ledger_txn) - (SELECT count(DISTINCT txn_id) FROM ledger_entry)""",
    "payments not posted": """
        SELECT count(*) FROM payment LEFT JOIN ledger_entry entry
            ON entry.txn_id = payment.ledger_txn_id AND entry.account = 'clearing/' || payment.operator
         WHERE entry.amount_xof IS DISTINCT FROM payment.amount_xof""",
    "charges that hold too much": """
        SELECT count(*) FROM (SELECT FROM charge JOIN allocation ON charge_id = charge.id
                               GROUP BY charge.id, charge.amount_xof
                              HAVING sum(allocation.amount_xof) NOT BETWEEN 0 AND charge.amount_xof) AS wrong""",
    "allocations to another party's charge": """
        SELECT count(*) FROM allocation JOIN charge ON charge.id = charge_id
         WHERE payer_party_id <> party_id""",
    "francs allocated that are no contributions": """
        SELECT (SELECT coalesce(sum(amount_xof), 0) FROM allocation)
             + (SELECT coalesce(sum(amount_xof), 0) FROM ledger_entry WHERE account = 'contributions')""",
    "statements whose lines do not lead to their closing balance": """
        SELECT count(*) FROM statement_file file
         WHERE opening_xof + coalesce((SELECT sum(moved_xof) FROM statement_line WHERE file_id = file.id), 0)
               <> closing_xof""",
}
