-- Questions that several readers ask in the same words.

-- What came in as advance by the day it was paid, less what was spent of that day. What takes a payment back takes back
-- the day of that payment.
CREATE VIEW advance_movement AS
SELECT entry.household_id, CAST(coalesce(original.effective_at, txn.effective_at) AT TIME ZONE 'UTC' AS date) AS day,
       -entry.amount_xof AS amount_xof
  FROM ledger_entry entry
  JOIN ledger_txn txn ON txn.id = entry.txn_id
  LEFT JOIN ledger_txn original ON original.id = txn.reverses_id
 WHERE entry.account = 'advances' AND txn.kind <> 'advance_spent'
 UNION ALL
SELECT entry.household_id, allocation.allocated_on, -allocation.amount_xof
  FROM ledger_entry entry
  JOIN ledger_txn txn ON txn.id = entry.txn_id AND txn.kind = 'advance_spent'
  JOIN allocation ON allocation.ledger_txn_id = entry.txn_id AND allocation.household_id = entry.household_id
 WHERE entry.account = 'advances';
