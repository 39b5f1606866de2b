-- A statement a day until 40 days ago: collections, fees, and payments that failed; all of it matched.
CREATE TABLE grown_line AS
SELECT (at AT TIME ZONE 'UTC')::date - DATE '$first_day' + 1 AS file_id,
       row_number() OVER (PARTITION BY (at AT TIME ZONE 'UTC')::date ORDER BY at, p, place) AS line_number, told.*
  FROM (SELECT p, 1 AS place, h, at, 'collection' AS kind, 'succeeded' AS status, amount_xof, NULL::bigint AS fee_xof, payer,
               reference, name, amount_xof AS moved_xof, amount_xof AS due_xof
          FROM grown_payment
         UNION ALL
        SELECT p, 2, h, at, 'fee', 'succeeded', NULL, 5, NULL, NULL, name, -5, 0 FROM grown_payment WHERE p % 10 = 3
         UNION ALL
        SELECT p, 3, h, at, 'collection', 'failed', amount_xof, NULL, NULL, NULL, 'MF' || p, 0, 0
          FROM grown_payment WHERE p % 10 = 4) AS told
 WHERE at < (DATE '$today' - 40)::timestamp AT TIME ZONE 'UTC';

INSERT INTO statement_file (id, operator, sha256, filename, account, period_start, period_end, covered_until,
                            opening_xof, closing_xof, line_count, collected_xof, fees_xof, gap_xof, is_in_time, imported_by, imported_at)
SELECT place + 1, 'sandbox', sha256(convert_to('file' || place, 'UTF8')), 'releve-' || (DATE '$first_day' + place) || '.csv',
       'RAMU', DATE '$first_day' + place, DATE '$first_day' + place + 1,
       DATE '$first_day' + place + 1,
       coalesce(sum(moved_xof) OVER before, 0), coalesce(sum(moved_xof) OVER before, 0) + coalesce(moved_xof, 0),
       coalesce(lines, 0), coalesce(collected_xof, 0), coalesce(fees_xof, 0), 0, true, 'staff/local',
       DATE '$first_day' + place + 1 + interval '7 h'
  FROM generate_series(0, $days - 41) AS place
  LEFT JOIN (SELECT file_id - 1 AS place, count(*) AS lines, sum(moved_xof) AS moved_xof, sum(due_xof) AS collected_xof,
                    sum(due_xof - moved_xof) AS fees_xof
               FROM grown_line GROUP BY file_id) AS summed USING (place)
WINDOW before AS (ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
 ORDER BY place;

INSERT INTO statement_upload (operator, sha256, filename, size_bytes, received_by, received_at, state, attempts,
                              breaks_opened, file_id)
SELECT operator, sha256, filename, length('file' || (id - 1)), imported_by, imported_at, 'matched', 1, 0, id FROM statement_file ORDER BY id;

INSERT INTO statement_chunk (upload_id, number, content)
SELECT id, 0, convert_to('file' || (file_id - 1), 'UTF8') FROM statement_upload;

INSERT INTO statement_line (file_id, line_number, operator, kind, status, amount_xof, fee_xof, payer_msisdn, our_reference,
                            operator_transaction_id, occurred_at, raw, moved_xof, remarks, subject, counts_at, due_xof,
                            running_xof, bucket, matched_at, payment_id)
SELECT file_id, line_number, 'sandbox', kind, status, amount_xof, fee_xof, payer, reference, name, at,
       p || ';' || at || ';' || name || ';Paiement marchand;Succès;+22370000001;R;;' || coalesce(amount_xof, 0) || ';', moved_xof, '',
       name, at, due_xof, sum(moved_xof) OVER (PARTITION BY file_id ORDER BY line_number),
       CASE WHEN due_xof = 0 THEN 'not_money' WHEN h IS NULL THEN 'suspense' WHEN p % 50 = 1 THEN 'recovered'
            ELSE 'matched' END,
       DATE '$first_day' + file_id::int + interval '7 h 1 min', CASE WHEN due_xof > 0 THEN p END
  FROM grown_line ORDER BY file_id, line_number;

INSERT INTO reconciliation_break (kind, operator, account, subject, about, day, operator_amount_xof, ledger_amount_xof,
                                  difference_xof, detail, opened_at, closed_at, close_reason)
SELECT (ARRAY['AMOUNT', 'STATEMENT_ONLY', 'LEDGER_ONLY', 'UNIDENTIFIED'])[1 + b % 4], 'sandbox', '', 'X' || b, 'X' || b, day,
       1000, 900, 0, jsonb_build_object('code', 'line_status', 'line_number', b, 'file_id', 1, 'status', 'unknown'), day + interval '1 day', CASE WHEN b % 2 = 0 THEN day + interval '3 days' END,
       CASE WHEN b % 2 = 0 THEN 'expliqué par l''opérateur' END
  FROM (SELECT b, DATE '$first_day' + (sqrt(b / ($payments / 500 + 200)::float8) * ($days - 41))::int AS day
          FROM generate_series(1, $payments / 500 + 200) AS b) AS found
 ORDER BY b;
DROP TABLE grown_line;
