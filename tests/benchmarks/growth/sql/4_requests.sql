-- What we asked of wallets: the paid ones under even ids, refused and silent ones under odd ids.
INSERT INTO payment_request (id, operator, reference, correlation_id, callback_token, idempotency_key, party_id,
                             payer_msisdn, amount_xof, state, submissions, inquiries, failures, created_at, submitted_at,
                             next_attempt_at, finalised_at)
SELECT id, 'sandbox', 'R' || upper(lpad(to_hex(id), 12, '0')), md5('c' || id)::uuid, md5('t' || id),
       'ussd:africastalking:ATUid_' || md5('s' || id) || ':4:0', h, '+2237' || lpad(h::text, 7, '0'), amount_xof, state, 1,
       CASE state WHEN 'succeeded' THEN 1 ELSE 8 END, 0, asked_at, asked_at + interval '3 s',
       CASE WHEN state IN ('submitted', 'pending', 'unknown') THEN now() + interval '1 day' END,
       CASE WHEN state IN ('succeeded', 'failed') THEN asked_at + interval '40 s' END
  FROM (SELECT 2 * p AS id, h, amount_xof, 'succeeded' AS state, at - interval '40 s' AS asked_at
          FROM grown_payment WHERE is_asked
         UNION ALL
        SELECT 2 * p - 1, h, amount_xof,
               CASE WHEN p % 40 = 0 THEN 'expired'
                    WHEN p > $payments - 3000 AND p % 24 = 0 THEN (ARRAY['pending', 'unknown', 'submitted'])[1 + p / 24 % 3]
                    ELSE 'failed' END,
               at - interval '5 min'
          FROM grown_payment WHERE is_asked AND p % 8 = 0) AS asked
 ORDER BY asked_at, id;

INSERT INTO payment_request_queue (request_id, operator, state, was_polled, next_attempt_at, parked_at)
SELECT id, operator, state, inquiries > 0, next_attempt_at, parked_at FROM payment_request
 WHERE next_attempt_at IS NOT NULL OR parked_at IS NOT NULL OR state IN ('created', 'unknown');
