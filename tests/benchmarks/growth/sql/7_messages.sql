-- A message for each registration and payment, dialogues that ended a moment ago, and what was noted of the colleagues.
INSERT INTO outbox_sms (key, kind, household_id, msisdn, body, state, attempts, queued_at, next_attempt_at, sent_at,
                        provider_id)
SELECT key, kind, h, msisdn, body, CASE WHEN waits THEN 'queued' ELSE 'sent' END, CASE WHEN waits THEN 0 ELSE 1 END, at,
       CASE WHEN waits THEN at END, CASE WHEN NOT waits THEN at + interval '1 s' END,
       CASE WHEN NOT waits THEN 'ATXid_' || md5(key) END
  FROM (SELECT p > $payments - 500 AS waits, posted_at AS at, 'payment/' || p AS key,
               CASE WHEN h IS NULL THEN 'suspense' ELSE 'receipt' END AS kind, h, payer AS msisdn,
               'RAMU : ' || amount_xof || ' F reçus pour Awa DIARRA ' || coalesce(h, 0) || '. Quittance Q' || lpad(p::text, 9, '0')
               || '. Droits ouverts. Ne donnez votre code secret à personne.' AS body
          FROM grown_payment
         UNION ALL
        SELECT false, registered_on + interval '9 h', 'registered/ussd:africastalking:' || md5('r' || h) || ':3', 'registered',
               h, msisdn, 'RAMU : Awa DIARRA, inscription enregistrée. No RAMU ' || ramu_number
          FROM grown_household) AS told
 ORDER BY at;

INSERT INTO sms_key (key, sms_id) SELECT key, id FROM outbox_sms ORDER BY id;

INSERT INTO ussd_session (aggregator, session_id, msisdn, version, content, expires_at)
SELECT 'africastalking', 'ATUid_live' || s, '+2237' || lpad((1 + s % $households)::text, 7, '0'), 2, '{}',
       now() + interval '1 h'
  FROM generate_series(1, greatest(200, $payments / 500)) AS s;

INSERT INTO audit_event (at, actor, action, subject, detail)
SELECT now(), 'staff/local', 'report.exported', 'report/' || a, '{}' FROM generate_series(1, greatest(1000, $payments / 100)) AS a;
