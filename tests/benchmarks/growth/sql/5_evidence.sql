-- A callback for each request that was paid, what it said, and what the operator answered when it was asked.
INSERT INTO callback (id, operator, request_id, method, path, query, headers, body, verdict, reason, received_at, attempts, handled_at)
SELECT 2 * p, 'sandbox', 2 * p, 'PUT', '/webhooks/sandbox', '',
       '{"host": "ramu.example", "content-type": "application/json", "user-agent": "operator/1"}'::jsonb,
       convert_to('{"transactionReference":"' || name || '","transactionStatus":"completed","amount":"' || amount_xof
                  || '","currency":"XOF"}', 'UTF8'),
       'accept_unverified', 'unsigned', at + interval '1 s', 1, posted_at
  FROM grown_payment WHERE is_asked ORDER BY p;

INSERT INTO observation (operator, provenance, status, amount_xof, fee_xof, payer_msisdn, our_reference,
                         operator_transaction_id, occurred_at, observed_at, request_id, callback_id, detail, remarks)
SELECT 'sandbox', provenance, 'succeeded', amount_xof, 5, payer, reference, name, at, posted_at, 2 * p, callback_id, '', ''
  FROM (SELECT *, 1 AS place, 'unverified_callback' AS provenance, 2 * p AS callback_id FROM grown_payment WHERE is_asked
         UNION ALL
        SELECT *, 2, 'query', NULL FROM grown_payment WHERE is_asked) AS told
 ORDER BY p, place;
