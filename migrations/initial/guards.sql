-- The rules that PostgreSQL keeps by itself: nothing edited, nothing unbalanced, no state skipped.
-- Temporary tables stand last on every guard's path: a session could otherwise show a guard tables of its own making.
-- The steps of the tables of states are filled in by the migration, which reads this file.

CREATE FUNCTION ramu_refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% of % refused: rows of this table are added, never changed', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', HINT = 'Correct it with a new entry.';
END $$;

CREATE FUNCTION ramu_payment_posted() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    posted numeric;
BEGIN
    SELECT sum(amount_xof) INTO posted FROM ledger_entry
     WHERE txn_id = NEW.ledger_txn_id AND account = 'clearing/' || NEW.operator;
    IF posted IS DISTINCT FROM NEW.amount_xof THEN
        RAISE EXCEPTION 'payment % of % F is posted as % F', NEW.id, NEW.amount_xof, posted
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

-- As the owner, because it locks the first charge of a period, which stands for all of them: two transactions that each
-- fit must not fit together by accident.
CREATE FUNCTION ramu_allocation_fits() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
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
    SELECT sum(amount_xof) INTO owed FROM charge
     WHERE enrolment_id = first.enrolment_id AND payer_party_id = first.payer_party_id
       AND period_start = first.period_start;
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

-- A household is locked by its party: whatever is written for it refers to that row and touches it anyway, so that nothing
-- else of it is written only to be locked. As the owner, because the service may change no party.
CREATE FUNCTION ramu_lock_parties(ids bigint[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM FROM party WHERE id = ANY (ids) ORDER BY id FOR NO KEY UPDATE;
END $$;

CREATE FUNCTION ramu_try_lock_party(wanted bigint) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM FROM party WHERE id = wanted FOR NO KEY UPDATE SKIP LOCKED;
    RETURN FOUND;
END $$;

-- A later charge corrects the first of its period and payer: together they are never below nothing, nor below what was
-- paid already. It locks the same row as an allocation does.
CREATE FUNCTION ramu_charge_fits() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    first charge%ROWTYPE;
    owed numeric;
    allocated numeric;
BEGIN
    SELECT * INTO first FROM charge
     WHERE enrolment_id = NEW.enrolment_id AND payer_party_id = NEW.payer_party_id
       AND period_start = NEW.period_start AND sequence = 1 FOR NO KEY UPDATE;
    SELECT sum(amount_xof) INTO owed FROM charge
     WHERE enrolment_id = NEW.enrolment_id AND payer_party_id = NEW.payer_party_id
       AND period_start = NEW.period_start;
    SELECT coalesce(sum(amount_xof), 0) INTO allocated FROM allocation
     WHERE party_id = first.payer_party_id AND charge_id = first.id;
    IF first.id IS NULL OR owed < allocated
       OR (first.period_end, first.due_on, first.is_receivable)
          IS DISTINCT FROM (NEW.period_end, NEW.due_on, NEW.is_receivable) THEN
        RAISE EXCEPTION 'charge % of period % would leave party % owing % F, of which % F are paid',
            NEW.sequence, NEW.period_start, NEW.payer_party_id, owed, allocated USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

-- What a payer owes of charges stands in the transaction that they name, once: a second charge of an old transaction would
-- be more than it posted.
CREATE FUNCTION ramu_charge_posted() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    charged numeric;
    posted numeric;
BEGIN
    SELECT sum(amount_xof) INTO charged FROM charge
     WHERE ledger_txn_id = NEW.ledger_txn_id AND payer_party_id = NEW.payer_party_id;
    SELECT sum(amount_xof) INTO posted FROM ledger_entry
     WHERE txn_id = NEW.ledger_txn_id AND party_id = NEW.payer_party_id AND account = 'receivables';
    IF posted IS DISTINCT FROM charged THEN
        RAISE EXCEPTION 'ledger transaction % makes party % owe % F and its charges % F', NEW.ledger_txn_id,
            NEW.payer_party_id, posted, charged USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION ramu_request_step() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN ({steps}) THEN
        RAISE EXCEPTION 'payment request % cannot go from % to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

-- As the owner: the queue is derived, and nobody else writes it.
CREATE FUNCTION ramu_queue_request() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.next_attempt_at IS NULL AND NEW.parked_at IS NULL AND NEW.state NOT IN ('created', 'unknown') THEN
        DELETE FROM payment_request_queue WHERE request_id = NEW.id;
    ELSE
        INSERT INTO payment_request_queue AS queue (request_id, operator, state, was_polled, next_attempt_at, parked_at)
        VALUES (NEW.id, NEW.operator, NEW.state, NEW.inquiries > 0, NEW.next_attempt_at, NEW.parked_at)
            ON CONFLICT (request_id) DO UPDATE
           SET state = excluded.state, was_polled = excluded.was_polled, next_attempt_at = excluded.next_attempt_at,
               parked_at = excluded.parked_at;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION ramu_upload_step() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN ({upload_steps}) THEN
        RAISE EXCEPTION 'statement upload % cannot go from % to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    -- A file is named only by the upload of its own bytes.
    IF NEW.file_id IS DISTINCT FROM OLD.file_id AND NOT EXISTS (
        SELECT FROM statement_file
         WHERE id = NEW.file_id AND operator = OLD.operator AND sha256 = OLD.sha256) THEN
        RAISE EXCEPTION 'statement upload % holds other bytes than this file', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.file_id IS NOT NULL AND NEW.file_id IS DISTINCT FROM OLD.file_id THEN
        RAISE EXCEPTION 'statement upload % has its file already', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

-- Which database transaction wrote a ledger transaction. "xmin" alone names the savepoint, not the transaction, and
-- comes round again after 2^32; the kept id alone could come round in a new cluster into which a dump was restored.
-- Together they cannot: the kept id must be ours, and the row's own writer must still be under way, which for a row
-- that we can see is only ever ourselves or one of our savepoints.
CREATE FUNCTION ramu_written_in() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    NEW.written_in := pg_current_xact_id()::text::bigint;
    RETURN NEW;
END $$;

CREATE FUNCTION ramu_is_written_now(written_in bigint, writer xid) RETURNS boolean LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    ours bigint := pg_current_xact_id()::text::bigint;
    -- A savepoint's id is larger than its transaction's; the writer's lacks the upper half, which ours gives it.
    steps_after bigint := (writer::text::bigint - ours) & 4294967295;
BEGIN
    IF written_in <> ours OR steps_after >= 2147483648 THEN
        RETURN false;
    END IF;
    RETURN pg_xact_status((ours + steps_after)::text::xid8) IS NOT DISTINCT FROM 'in progress';
END $$;

-- Money leaves suspense whole, for the party that the assignment names, in the transaction that it names; and comes back
-- the same way. Turns follow each other, so that two assignments of one payment cannot both stand.
CREATE FUNCTION ramu_assignment_moves() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    held payment%ROWTYPE;
    before_party bigint;
    out_xof numeric;
    given_xof numeric;
    direction int := CASE WHEN NEW.turn % 2 = 1 THEN 1 ELSE -1 END;
BEGIN
    SELECT * INTO held FROM payment WHERE id = NEW.payment_id;
    IF held.party_id IS NOT NULL THEN
        RAISE EXCEPTION 'payment % never waited in suspense', NEW.payment_id USING ERRCODE = 'check_violation';
    END IF;
    SELECT party_id INTO before_party FROM suspense_assignment
     WHERE payment_id = NEW.payment_id AND turn = NEW.turn - 1;
    IF NEW.turn > 1 AND before_party IS NULL THEN
        RAISE EXCEPTION 'turn % of payment % follows no turn %', NEW.turn, NEW.payment_id, NEW.turn - 1
            USING ERRCODE = 'check_violation';
    END IF;
    IF direction = -1 AND before_party <> NEW.party_id THEN
        RAISE EXCEPTION 'payment % was assigned to party %, not to %', NEW.payment_id, before_party, NEW.party_id
            USING ERRCODE = 'check_violation';
    END IF;
    SELECT sum(entry.amount_xof) FILTER (WHERE entry.account = 'suspense/' || held.operator),
           -sum(entry.amount_xof) FILTER (WHERE entry.party_id = NEW.party_id)
      INTO out_xof, given_xof
      FROM ledger_entry entry WHERE entry.txn_id = NEW.ledger_txn_id;
    IF (out_xof, given_xof) IS DISTINCT FROM (direction * held.amount_xof::numeric, direction * held.amount_xof::numeric)
    THEN
        RAISE EXCEPTION 'payment % of % F leaves suspense as % F and comes to party % as % F', NEW.payment_id,
            held.amount_xof, out_xof, NEW.party_id, given_xof USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
