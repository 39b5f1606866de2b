"""The rows that a day's figures of our books add up, as SQL: whoever lists them and whoever adds them up reads these.

What we hold belongs to the account whose statement names it, else to the operator's first; only an operator with
several accounts is asked line by line. A break that no statement revealed is counted with the first account.
"""

from typing import Final

#: Up to which moment each account is stated, and which account is the home of what names none.
ACCOUNTS: Final = """
    told AS (
        SELECT * FROM unnest(CAST(:told_operators AS text[]), CAST(:told_accounts AS text[]),
                             CAST(:told_untils AS timestamptz[])) AS told(operator, account, stated_until)
    ), account AS (
        SELECT operator, account, min(id) AS first_id FROM statement_file GROUP BY operator, account
    ), home AS (
        SELECT DISTINCT ON (operator) operator, account, count(*) OVER (PARTITION BY operator) > 1 AS is_one_of_several
          FROM account ORDER BY operator, first_id
    ), paying AS (
        -- From one operator to the next along an index, so that a day is looked up for each and not in all payments.
        SELECT min(operator) AS operator FROM payment
         UNION ALL
        SELECT (SELECT min(operator) FROM payment WHERE operator > paying.operator) FROM paying
         WHERE paying.operator IS NOT NULL
    )
"""

#: Every payment of the day, with the account that it counts on, whether it waits for a household, and whether it came
#: after what is stated.
HELD_ROWS: Final = """
    SELECT payment.operator, own.account, payment.id, receipt_number, operator_transaction_id, occurred_at, amount_xof,
           provenance, waits, coalesce(occurred_at >= told.stated_until, false) AS is_after
      FROM paying
      JOIN payment ON payment.operator = paying.operator AND occurred_at >= :day_start AND occurred_at < :day_end
     CROSS JOIN LATERAL (SELECT CASE WHEN payment.party_id IS NULL THEN EXISTS (
                                    SELECT FROM payment_in_suspense AS held WHERE held.id = payment.id)
                                ELSE false END AS waits) AS place
      LEFT JOIN home ON home.operator = payment.operator
      LEFT JOIN LATERAL (SELECT file.account
                           FROM statement_line line JOIN statement_file file ON file.id = line.file_id
                          WHERE home.is_one_of_several
                            AND line.operator = payment.operator AND line.subject = payment.operator_transaction_id
                            AND line.kind = 'collection' AND line.status = 'succeeded'
                          ORDER BY line.file_id, line.line_number LIMIT 1) AS named ON true
     CROSS JOIN LATERAL (SELECT coalesce(named.account, home.account, '') AS account) AS own
      LEFT JOIN told ON told.operator = payment.operator AND told.account = own.account
"""

#: Every break of the day, with the account that it counts on; what was superseded counts nothing.
BREAK_ROWS: Final = """
    SELECT found.operator, CASE found.account WHEN '' THEN coalesce(home.account, '') ELSE found.account END AS account,
           found.id, kind, subject, day, closed_at,
           CASE WHEN superseded_at IS NULL THEN difference_xof ELSE 0 END AS amount_xof
      FROM reconciliation_break AS found LEFT JOIN home ON home.operator = found.operator
     WHERE found.day = :day
"""
