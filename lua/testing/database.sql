-- What a database for tests has beyond the schema: a clock that tests stop, also where it is the default of a column;
-- and, because a test is one transaction that stays open, an outbox without a horizon, read from here on. Sessions of
-- the server under test find this schema before that of the system.
CREATE SCHEMA mb_rehearsal;
GRANT USAGE ON SCHEMA mb_rehearsal TO PUBLIC;

-- Each session has a setting, the time at which its clock stands; without it the clock goes.
CREATE OR REPLACE FUNCTION mb_now() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE
    AS $$SELECT coalesce(nullif(current_setting('mb_rehearsal.now', true), '')::timestamptz, clock_timestamp())$$;
CREATE FUNCTION mb_rehearsal.now() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE
    AS $$SELECT coalesce(nullif(current_setting('mb_rehearsal.now', true), '')::timestamptz, clock_timestamp())$$;

-- As whoever made this, since plugins may set nothing.
CREATE FUNCTION mb_rehearsal.stand(at text) RETURNS text LANGUAGE sql SECURITY DEFINER
    AS $$SELECT set_config('mb_rehearsal.now', at, false)$$;

-- Tables of the server and of plugins; plugins' sessions have a search_path of their own.
DO $$
DECLARE
    d record;
BEGIN
    FOR d IN
        SELECT adrelid::regclass AS "table", attname AS "column"
          FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
         WHERE pg_get_expr(adbin, adrelid) = 'now()'
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT mb_rehearsal.now()', d."table", d."column");
    END LOOP;
    FOR d IN SELECT rolname FROM pg_roles WHERE rolname LIKE 'plugin\_%' AND rolcanlogin LOOP
        EXECUTE format('ALTER ROLE %I IN DATABASE %I SET search_path = mb_rehearsal, pg_catalog, %I',
                       d.rolname, current_database(), d.rolname);
    END LOOP;
END
$$;

CREATE FUNCTION mb_rehearsal.pg_snapshot_xmin(pg_snapshot) RETURNS xid8 LANGUAGE sql
    AS $$SELECT '18446744073709551615'::xid8$$;
CREATE FUNCTION mb_rehearsal.begin_here() RETURNS trigger LANGUAGE plpgsql
    AS $$BEGIN NEW."transactionId" := pg_current_xact_id(); RETURN NEW; END$$;
CREATE TRIGGER begin_here BEFORE INSERT ON "OutboxCursor"
    FOR EACH ROW EXECUTE FUNCTION mb_rehearsal.begin_here();
