-- Households with their parties, their heads, telephones and charges; the operator's parties and accounts.
INSERT INTO party (id, kind) SELECT h, 'household' FROM grown_household ORDER BY h;
INSERT INTO party (id, kind) VALUES ($households + 1, 'operator'), ($households + 2, 'suspense');
INSERT INTO account (code, kind, operator, party_id, syscohada_code)
VALUES ('clearing/sandbox', 'clearing', 'sandbox', $households + 1, '552'),
       ('suspense/sandbox', 'suspense', 'sandbox', $households + 2, '4712');

INSERT INTO enrolment (id, party_id, scheme_code, scheme_version, valid_from)
SELECT h, h, CASE WHEN is_cotton THEN 'COTON' ELSE 'ARTISAN' END, 1, registered_on FROM grown_household ORDER BY h;

INSERT INTO household (id, enrolment_id, ramu_number, activity, cercle_code, people_count, children_count,
                       registered_on, registered_at, next_period_on)
SELECT h, h, ramu_number,
       CASE WHEN is_cotton THEN 'coton'
            ELSE (ARRAY['commerce', 'artisan', 'culture', 'elevage', 'peche', 'autre'])[1 + h % 6] END,
       '0301', people, 0, registered_on,
       registered_on + interval '9 h',
       (SELECT max(ends) + 1 FROM grown_period AS period WHERE period.h = grown_household.h)
  FROM grown_household ORDER BY h;

INSERT INTO member (id, household_id, name, is_head) SELECT h, h, 'Awa ' || translate(h::text, '0123456789', 'ABCDEFGHIJ') || ' DIARRA', true FROM grown_household ORDER BY h;

INSERT INTO phone_link (msisdn, party_id, last_wallet, valid_from)
SELECT msisdn, h, CASE WHEN h % 3 <> 0 THEN 'sandbox' END, registered_on + interval '9 h' FROM grown_household ORDER BY h;

-- What a cotton household does not pay itself, the State owes from the day on which it is charged: one transaction of the
-- ledger for each such day.
INSERT INTO party (id, kind) VALUES ($households + 3, 'state');
INSERT INTO share_payer (kind, cercle_code, party_id) VALUES ('STATE', '', $households + 3);

INSERT INTO charge (id, enrolment_id, payer_party_id, period_start, period_end, due_on, sequence, kind, amount_xof,
                    charged_at, is_receivable)
SELECT id, h, h, starts, ends, due_on, 1, 'contribution', owed_xof, due_on + interval '10 min', false
  FROM grown_period JOIN grown_household USING (h) ORDER BY id;

INSERT INTO charge (id, enrolment_id, payer_party_id, period_start, period_end, due_on, sequence, kind, amount_xof,
                    charged_at, is_receivable, ledger_txn_id)
SELECT (SELECT max(id) FROM grown_period) + row_number() OVER (ORDER BY id), h, $households + 3, starts, ends, due_on, 1,
       'contribution', gross_xof - owed_xof, due_on + interval '10 min', true,
       $payments + dense_rank() OVER (ORDER BY due_on)
  FROM grown_period JOIN grown_household USING (h) WHERE gross_xof > owed_xof;
