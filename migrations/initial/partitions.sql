-- Tables that are kept in stretches of their numbers: a stretch that nobody needs leaves as a whole, without a row deleted.

-- By which number, how many of them stand in one partition (about a month of the whole country; of observations four, of
-- the lines of statements a year), what counts it, and which rows still have something before them.
CREATE FUNCTION ramu_partitioned()
    RETURNS TABLE (parent text, number text, size bigint, counter text, waits text) LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, public, pg_temp AS $$
    VALUES ('callback', 'id', 8000000, 'callback_id_seq', 'handled_at IS NULL'),
           ('observation', 'id', 32000000, 'observation_id_seq', 'false'),
           ('outbox_sms', 'id', 4000000, 'outbox_sms_id_seq', 'state = ''queued'''),
           ('statement_line', 'file_id', 1000, 'statement_file_id_seq', 'matched_at IS NULL')
$$;

-- Which partitions stand, in their order.
CREATE FUNCTION ramu_partitions(parent text) RETURNS TABLE (name text, place bigint) LANGUAGE sql STABLE
    SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT relname::text, substring(relname FROM '[0-9]+$')::bigint
      FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
     WHERE inhparent = ('public.' || parent)::regclass
     ORDER BY 2
$$;

-- Add partitions until a whole one stands empty behind the last number that was handed out. Filled and attached rather
-- than made in place: callers go on meanwhile. As the owner, because the service may make no tables.
CREATE FUNCTION ramu_grow() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    kept record;
    guard name;
    last_number bigint;
    last_place bigint;
    part text;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('ramu_grow', 0));
    FOR kept IN SELECT * FROM ramu_partitioned() LOOP
        last_number := coalesce(pg_sequence_last_value(('public.' || kept.counter)::regclass), 0);
        last_place := coalesce((SELECT max(place) FROM ramu_partitions(kept.parent)), 0);
        WHILE last_place * kept.size < last_number + kept.size OR last_place < 2 LOOP
            last_place := last_place + 1;
            part := format('%s_%s', kept.parent, last_place);
            EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)',
                           part, kept.parent);
            EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%s) TO (%s)', kept.parent, part,
                           CASE WHEN last_place = 1 THEN 'MINVALUE' ELSE ((last_place - 1) * kept.size + 1)::text END,
                           last_place * kept.size + 1);
            -- Emptying is refused by each partition for itself; the other guards come with it.
            EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON public.%I EXECUTE FUNCTION ramu_refuse()',
                           part || '_not_emptied', part);
            FOR guard IN SELECT tgname FROM pg_trigger
                          WHERE tgrelid = ('public.' || part)::regclass AND NOT tgisinternal LOOP
                EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER %I', part, guard);
            END LOOP;
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;

-- Take the oldest partition out of its table, for the archive whose digest is given: it stays, guarded, under its name
-- until the owner drops it. Whatever still waits for a job or a person keeps it where it is.
CREATE FUNCTION ramu_detach(parent text, archive_sha256 bytea, reason text) RETURNS text LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    kept record;
    oldest record;
    waiting boolean;
    lines bigint;
BEGIN
    SELECT * INTO kept FROM ramu_partitioned() known WHERE known.parent = ramu_detach.parent;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'nothing leaves % in stretches', parent USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT * INTO oldest FROM ramu_partitions(kept.parent) LIMIT 1;
    IF coalesce(pg_sequence_last_value(('public.' || kept.counter)::regclass), 0) <= oldest.place * kept.size THEN
        RAISE EXCEPTION '% is still written', oldest.name USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    EXECUTE format('LOCK TABLE public.%I IN SHARE MODE', oldest.name);
    EXECUTE format('SELECT EXISTS (SELECT FROM public.%I WHERE %s)', oldest.name, kept.waits) INTO waiting;
    IF waiting THEN
        RAISE EXCEPTION '% holds rows that wait for a job or a person', oldest.name
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    EXECUTE format('SELECT count(*) FROM public.%I', oldest.name) INTO lines;
    INSERT INTO detached_partition
    VALUES (oldest.name, kept.parent, oldest.place * kept.size, lines, archive_sha256, reason, session_user, now());
    EXECUTE format('ALTER TABLE public.%I DETACH PARTITION public.%I', kept.parent, oldest.name);
    EXECUTE format('CREATE TRIGGER %I BEFORE INSERT OR UPDATE OR DELETE ON public.%I FOR EACH ROW EXECUTE FUNCTION ramu_refuse()',
                   oldest.name || '_kept', oldest.name);
    EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER %I', oldest.name, oldest.name || '_kept');
    RETURN oldest.name;
END $$;
