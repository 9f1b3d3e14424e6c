-- Roles belong to the cluster, so another database of medbookd may have made them already. None has
-- a password: whoever operates the database gives one, or maps a login to them. Every object that a
-- later migration makes belongs to medbookd_owner, whoever runs it; members of that role may migrate.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['medbookd_owner', 'medbookd_app', 'medbookd_plugin', 'medbookd_report'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I %s', wanted,
                           CASE WHEN wanted = 'medbookd_app' THEN 'LOGIN' ELSE 'NOLOGIN' END);
            EXECUTE format('ALTER ROLE %I SET timezone TO ''UTC''', wanted);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- made by an earlier migration, or this moment by one of another database
        END;
    END LOOP;
    IF NOT pg_has_role(current_user, 'medbookd_owner', 'MEMBER') THEN
        EXECUTE format('GRANT medbookd_owner TO %I', current_user);
    END IF;
END
$$;

COMMENT ON ROLE medbookd_owner IS 'owns every object of medbookd';
COMMENT ON ROLE medbookd_app IS 'the server: reads and writes rows, never changes the schema';
COMMENT ON ROLE medbookd_plugin IS 'group of the roles of plugins, each of which sees its own schema only';
COMMENT ON ROLE medbookd_report IS 'reads tables that hold neither personal data nor secrets';

-- Instants are shown and read in UTC in every session of this database.
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET timezone TO ''UTC''', current_database());
EXCEPTION WHEN insufficient_privilege THEN
    IF current_setting('timezone') NOT IN ('UTC', 'Etc/UTC') THEN
        RAISE EXCEPTION 'the time zone of database % must be UTC, it is %', current_database(), current_setting('timezone')
            USING HINT = format('as its owner: ALTER DATABASE %I SET timezone TO ''UTC''', current_database());
    END IF;
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO medbookd_owner;
GRANT USAGE ON SCHEMA public TO medbookd_app, medbookd_report;

ALTER DEFAULT PRIVILEGES FOR ROLE medbookd_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE medbookd_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO medbookd_app;
ALTER DEFAULT PRIVILEGES FOR ROLE medbookd_owner IN SCHEMA public GRANT USAGE ON SEQUENCES TO medbookd_app;
ALTER DEFAULT PRIVILEGES FOR ROLE medbookd_owner IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO medbookd_app;
