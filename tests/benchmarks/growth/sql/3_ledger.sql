-- Payments, their ledger transactions with entries, and what was allocated to periods.
INSERT INTO ledger_txn (id, ref, kind, effective_at, posted_at, actor, reason, written_in)
SELECT p, 'payment/sandbox/' || name, 'payment', at, posted_at, 'operator/sandbox',
       'query: ' || CASE WHEN h IS NULL THEN 'suspense' ELSE 'reference' END, 1
  FROM grown_payment ORDER BY p;

INSERT INTO ledger_entry (txn_id, line, account, party_id, amount_xof)
SELECT * FROM (
    SELECT p, 1, 'clearing/sandbox', $households + 1::bigint, amount_xof FROM grown_payment
     UNION ALL
    SELECT p, 2, 'suspense/sandbox', $households + 2, -amount_xof FROM grown_payment WHERE h IS NULL
     UNION ALL
    SELECT p, 2, 'contributions', h, -taken_xof FROM grown_share WHERE taken_xof > 0
     UNION ALL
    SELECT p, CASE WHEN taken_xof > 0 THEN 3 ELSE 2 END, 'advances', h, taken_xof - amount_xof
      FROM grown_share WHERE amount_xof > taken_xof) AS entry(txn, line, account, h, xof)
 ORDER BY txn, line;

INSERT INTO ledger_txn (id, ref, kind, effective_at, posted_at, actor, reason, written_in)
SELECT ledger_txn_id, 'charges/' || ledger_txn_id, 'charge', min(charged_at), min(charged_at), 'rule/charges',
       'shares owed from the day on which they are charged', 1
  FROM charge WHERE ledger_txn_id IS NOT NULL GROUP BY ledger_txn_id ORDER BY ledger_txn_id;

INSERT INTO ledger_entry (txn_id, line, account, party_id, amount_xof)
SELECT txn, line, CASE line WHEN 1 THEN 'receivables' ELSE 'quote_parts' END, $households + 3, (3 - 2 * line) * xof
  FROM (SELECT ledger_txn_id AS txn, sum(amount_xof) AS xof
          FROM charge WHERE ledger_txn_id IS NOT NULL GROUP BY ledger_txn_id) AS owed
 CROSS JOIN generate_series(1, 2) AS line
 ORDER BY txn, line;

INSERT INTO payment (id, operator, operator_transaction_id, request_id, party_id, amount_xof, fee_xof, payer_msisdn,
                     our_reference, matched_by, provenance, occurred_at, posted_at, ledger_txn_id, receipt_number)
SELECT p, 'sandbox', name, CASE WHEN is_asked THEN 2 * p END, h, amount_xof, 5, payer, reference,
       CASE WHEN h IS NULL THEN 'suspense' WHEN is_asked THEN 'reference' ELSE 'payer' END,
       CASE WHEN p % 50 = 1 THEN 'statement' WHEN p % 5 = 2 THEN 'signed_callback' ELSE 'query' END,
       at, posted_at, p, 'Q' || lpad(p::text, 9, '0')
  FROM grown_payment ORDER BY p;

INSERT INTO allocation (party_id, charge_id, ledger_txn_id, amount_xof, allocated_on)
SELECT share.h, period.id, share.p,
       least(before_xof + amount_xof, (k + 1) * owed_xof) - greatest(before_xof, k * owed_xof), (at AT TIME ZONE 'UTC')::date
  FROM (SELECT *, generate_series(before_xof / owed_xof, least((before_xof + amount_xof - 1) / owed_xof, periods - 1)) AS k
          FROM grown_share WHERE taken_xof > 0) AS share
  JOIN grown_period AS period ON period.h = share.h AND period.place = k
 ORDER BY share.p, k;
