-- The roles stay: they belong to the cluster, and another database of it may use them.
ALTER DEFAULT PRIVILEGES FOR ROLE medbookd_owner IN SCHEMA public REVOKE EXECUTE ON FUNCTIONS FROM medbookd_app;
ALTER DEFAULT PRIVILEGES FOR ROLE medbookd_owner IN SCHEMA public REVOKE USAGE ON SEQUENCES FROM medbookd_app;
ALTER DEFAULT PRIVILEGES FOR ROLE medbookd_owner IN SCHEMA public
    REVOKE SELECT, INSERT, UPDATE, DELETE ON TABLES FROM medbookd_app;
ALTER DEFAULT PRIVILEGES FOR ROLE medbookd_owner GRANT EXECUTE ON FUNCTIONS TO PUBLIC;
REVOKE USAGE ON SCHEMA public FROM medbookd_app, medbookd_report;
REVOKE USAGE, CREATE ON SCHEMA public FROM medbookd_owner;
GRANT USAGE ON SCHEMA public TO PUBLIC;

DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I RESET timezone', current_database());
EXCEPTION WHEN insufficient_privilege THEN
    NULL; -- then the way up could not set it either
END
$$;
