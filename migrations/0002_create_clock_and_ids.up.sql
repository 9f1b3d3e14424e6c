-- What the tables below need in their constraints and defaults.
CREATE EXTENSION btree_gist;

SET LOCAL ROLE medbookd_owner;

CREATE FUNCTION mb_now() RETURNS timestamptz
    LANGUAGE sql VOLATILE PARALLEL SAFE
    AS 'SELECT clock_timestamp()';
COMMENT ON FUNCTION mb_now() IS
    'the one clock of all SQL: real time, not that of the transaction, which may have waited for a lock; test databases replace it';

-- The random part is base64 folded into the alphabet: 5.1 bits a character, 81 in all, at a tenth of
-- the cost of long division by 36.
CREATE FUNCTION mb_cuid() RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL SAFE
    AS $$
DECLARE
    digits constant text := '0123456789abcdefghijklmnopqrstuvwxyz';
    ms bigint := extract(epoch FROM mb_now()) * 1000;
    random bytea := uuid_send(gen_random_uuid()); -- of its bytes 6 and 8 hold version bits
BEGIN
    RETURN 'c' || substr(digits, 1 + (ms / 78364164096 % 36)::integer, 1)
        || substr(digits, 1 + (ms / 2176782336 % 36)::integer, 1)
        || substr(digits, 1 + (ms / 60466176 % 36)::integer, 1)
        || substr(digits, 1 + (ms / 1679616 % 36)::integer, 1)
        || substr(digits, 1 + (ms / 46656 % 36)::integer, 1)
        || substr(digits, 1 + (ms / 1296 % 36)::integer, 1)
        || substr(digits, 1 + (ms / 36 % 36)::integer, 1)
        || substr(digits, 1 + (ms % 36)::integer, 1)
        || translate(lower(encode(substr(random, 1, 6) || substr(random, 11, 6), 'base64')), '+/', 'xy');
END
$$;
COMMENT ON FUNCTION mb_cuid() IS
    'a new id: c, eight base-36 digits of the milliseconds since 1970, sixteen random ones';

RESET ROLE;
