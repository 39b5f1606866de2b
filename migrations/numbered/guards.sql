-- A period is told by its first day or, where it is counted from the first payment, by its place. What is NULL is no other's.
CREATE OR REPLACE FUNCTION ramu_allocation_fits() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    first charge%ROWTYPE;
    owed numeric;
    allocated numeric;
    collected numeric;
    posted numeric;
    received numeric;
BEGIN
    SELECT * INTO first FROM charge WHERE id = NEW.charge_id FOR NO KEY UPDATE;
    -- Each by its own index, however many periods there are.
    IF first.number IS NULL THEN
        SELECT sum(amount_xof) INTO owed FROM charge
         WHERE enrolment_id = first.enrolment_id AND payer_party_id = first.payer_party_id
           AND period_start = first.period_start;
    ELSE
        SELECT sum(amount_xof) INTO owed FROM charge
         WHERE enrolment_id = first.enrolment_id AND payer_party_id = first.payer_party_id
           AND number = first.number;
    END IF;
    SELECT sum(amount_xof) INTO allocated FROM allocation
     WHERE party_id = NEW.party_id AND charge_id = NEW.charge_id;
    IF allocated < 0 OR allocated > owed OR first.payer_party_id <> NEW.party_id OR first.sequence <> 1 THEN
        RAISE EXCEPTION 'charge % (% of its period) of party % owes % F and would hold % F of party %',
            NEW.charge_id, first.sequence, first.payer_party_id, owed, allocated, NEW.party_id
            USING ERRCODE = 'check_violation';
    END IF;
    -- What is owed before it is paid is collected; what is no debt is income when it is paid. Neither is booked as both.
    SELECT sum(part.amount_xof) FILTER (WHERE NOT charge.is_receivable),
           sum(part.amount_xof) FILTER (WHERE charge.is_receivable)
      INTO allocated, collected
      FROM allocation part JOIN charge ON charge.id = part.charge_id
     WHERE part.ledger_txn_id = NEW.ledger_txn_id AND part.party_id = NEW.party_id;
    SELECT -sum(amount_xof) FILTER (WHERE account = 'contributions'),
           -sum(amount_xof) FILTER (WHERE account = 'receivables')
      INTO posted, received
      FROM ledger_entry WHERE txn_id = NEW.ledger_txn_id AND party_id = NEW.party_id;
    IF (posted, received) IS DISTINCT FROM (allocated, collected) THEN
        RAISE EXCEPTION 'ledger transaction % brings party % contributions of % F and % F are allocated, receipts of % F and % F',
            NEW.ledger_txn_id, NEW.party_id, posted, allocated, received, collected USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION ramu_charge_fits() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    first charge%ROWTYPE;
    owed numeric;
    allocated numeric;
BEGIN
    SELECT * INTO first FROM charge
     WHERE enrolment_id = NEW.enrolment_id AND payer_party_id = NEW.payer_party_id
       AND (period_start = NEW.period_start OR number = NEW.number) AND sequence = 1 FOR NO KEY UPDATE;
    SELECT sum(amount_xof) INTO owed FROM charge
     WHERE enrolment_id = NEW.enrolment_id AND payer_party_id = NEW.payer_party_id
       AND (period_start = NEW.period_start OR number = NEW.number);
    SELECT coalesce(sum(amount_xof), 0) INTO allocated FROM allocation
     WHERE party_id = first.payer_party_id AND charge_id = first.id;
    IF first.id IS NULL OR owed < allocated
       OR (first.period_end, first.due_on, first.is_receivable)
          IS DISTINCT FROM (NEW.period_end, NEW.due_on, NEW.is_receivable) THEN
        RAISE EXCEPTION 'charge % of period % would leave party % owing % F, of which % F are paid',
            NEW.sequence, coalesce(NEW.period_start::text, NEW.number::text), NEW.payer_party_id, owed, allocated USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
