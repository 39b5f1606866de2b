-- Questions that several readers ask in the same words.

-- What came in as advance by the day it was paid, less what was spent of that day. What takes a payment back takes back
-- the day of that payment.
CREATE VIEW advance_movement AS
SELECT entry.party_id, CAST(coalesce(original.effective_at, txn.effective_at) AT TIME ZONE 'UTC' AS date) AS day,
       -entry.amount_xof AS amount_xof
  FROM ledger_entry entry
  JOIN ledger_txn txn ON txn.id = entry.txn_id
  LEFT JOIN ledger_txn original ON original.id = txn.reverses_id
 WHERE entry.account = 'advances' AND txn.kind <> 'advance_spent'
 UNION ALL
SELECT entry.party_id, allocation.allocated_on, -allocation.amount_xof
  FROM ledger_entry entry
  JOIN ledger_txn txn ON txn.id = entry.txn_id AND txn.kind = 'advance_spent'
  JOIN allocation ON allocation.ledger_txn_id = entry.txn_id AND allocation.party_id = entry.party_id
 WHERE entry.account = 'advances';

-- What waits in suspense: money whose party is not known, unless an assignment took it out and none put it back.
CREATE VIEW payment_in_suspense AS
SELECT payment.id, payment.operator, payment.operator_transaction_id, payment.amount_xof, payment.payer_msisdn,
       payment.our_reference, payment.occurred_at, payment.posted_at, payment.receipt_number, payment.hold_reason
  FROM payment
 WHERE payment.party_id IS NULL
   AND NOT EXISTS (SELECT FROM suspense_assignment taken
                    WHERE taken.payment_id = payment.id AND taken.turn % 2 = 1
                      AND NOT EXISTS (SELECT FROM suspense_assignment undone
                                       WHERE undone.payment_id = taken.payment_id AND undone.turn = taken.turn + 1));

-- Whether a party as a whole is cared for on a day: by what was paid, because nothing is asked of it, or in its days of
-- grace.
CREATE VIEW household_coverage AS
SELECT household.id AS household_id, household.cercle_code, coverage.valid_from, coverage.valid_to, coverage.reason
  FROM household JOIN coverage ON coverage.party_id = household.id AND coverage.member_id IS NULL;
