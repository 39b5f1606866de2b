-- One function for each table, because it runs for every row; both look at the whole transaction.
CREATE FUNCTION ramu_{table}_balanced() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    lines bigint;
    total numeric;
    is_new boolean;
BEGIN
    SELECT count(entry.line), coalesce(sum(entry.amount_xof), 0), ramu_is_written_now(txn.written_in, txn.xmin)
      INTO lines, total, is_new
      FROM ledger_txn txn LEFT JOIN ledger_entry entry ON entry.txn_id = txn.id
     WHERE txn.id = NEW.{column} GROUP BY txn.written_in, txn.xmin;
    lines := coalesce(lines, 0);
    IF lines < 2 OR total <> 0 THEN
        RAISE EXCEPTION 'ledger transaction % has % lines and is out of balance by % F', NEW.{column}, lines, total
            USING ERRCODE = 'check_violation';
    END IF;
    -- A balanced pair added to an old transaction would change it as surely as an update.
    IF is_new IS NOT TRUE THEN
        RAISE EXCEPTION 'ledger transaction % was written before: nothing is added to it', NEW.{column}
            USING ERRCODE = 'restrict_violation', HINT = 'Correct it with a new entry.';
    END IF;
    RETURN NULL;
END $$;
