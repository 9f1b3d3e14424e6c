-- The repeatable functions go with what they stand on; the runner makes them again on the way up.
DO $$
DECLARE
    made regprocedure;
BEGIN
    FOR made IN SELECT oid FROM pg_proc
                 WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'mb\_%'
                   AND proowner = 'medbookd_owner'::regrole
    LOOP
        EXECUTE 'DROP FUNCTION ' || made;
    END LOOP;
END
$$;
DROP EXTENSION btree_gist;
