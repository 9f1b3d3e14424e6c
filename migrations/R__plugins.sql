-- Looking after the schemas of plugins. The server runs this each minute, as itself: it is a member of the roles that own
-- them, of pg_signal_backend and of pg_read_all_stats, where the database let it become one.
SET LOCAL ROLE medbookd_owner;

-- Of each plugin with tables how large they are, with indexes and TOAST, whether that is over "most" bytes (0 = any size
-- will do), and how many of its statements were ended. Over it the plugin's role loses INSERT and UPDATE, whoever gave
-- them; below it has them again. A statement is ended that has run for "patience" milliseconds: whoever asked for it
-- has given up, or is gone. What the server has no right to do it leaves.
CREATE OR REPLACE FUNCTION mb_watch_plugins(most bigint, patience integer)
RETURNS TABLE ("plugin" text, "bytes" bigint, "isFull" boolean, "ended" bigint) LANGUAGE plpgsql AS $$
DECLARE
    apart record;
    relation regclass;
BEGIN
    FOR apart IN
        SELECT oid, nspname FROM pg_namespace
         WHERE nspname LIKE 'plugin\_%' AND pg_get_userbyid(nspowner) = nspname || ':owner'
    LOOP
        "plugin" := substr(apart.nspname, length('plugin_') + 1);
        SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) INTO "bytes"
          FROM pg_class c WHERE relnamespace = apart.oid AND relkind IN ('r', 'm');
        "isFull" := most > 0 AND "bytes" > most;
        "ended" := 0;
        BEGIN
            SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) INTO "ended"
              FROM pg_stat_activity
             WHERE usename = apart.nspname AND datname = current_database() AND state = 'active'
               AND mb_now() - query_start > patience * interval '1 ms';
            FOR relation IN
                SELECT c.oid FROM pg_class c
                 WHERE relnamespace = apart.oid AND relkind IN ('r', 'p', 'v', 'f')
                   AND relname <> '_medbookd_migrations'
                   AND CASE WHEN "isFull" THEN has_any_column_privilege(apart.nspname, c.oid, 'INSERT, UPDATE')
                            ELSE NOT has_table_privilege(apart.nspname, c.oid, 'INSERT') END
            LOOP
                EXECUTE format(CASE WHEN "isFull" THEN 'REVOKE INSERT, UPDATE ON %s FROM %I, PUBLIC'
                                    ELSE 'GRANT INSERT, UPDATE ON %s TO %I' END, relation, apart.nspname);
            END LOOP;
        EXCEPTION WHEN insufficient_privilege THEN
            NULL;
        END;
        RETURN NEXT;
    END LOOP;
END
$$;

RESET ROLE;
