-- What the tables below need in their constraints and defaults.
CREATE EXTENSION btree_gist;

SET LOCAL ROLE medbookd_owner;

CREATE FUNCTION mb_now() RETURNS timestamptz
    LANGUAGE sql VOLATILE PARALLEL SAFE
    AS 'SELECT clock_timestamp()';
COMMENT ON FUNCTION mb_now() IS
    'the one clock of all SQL: real time, not that of the transaction, which may have waited for a lock; test databases replace it';

-- 36^8 = 2821109907456 is just below 2^41.4: 48 random bits modulo it are even to 1 in 100.
CREATE FUNCTION mb_base36(number bigint) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
SELECT substr('0123456789abcdefghijklmnopqrstuvwxyz', 1 + (number / 78364164096 % 36)::integer, 1)
    || substr('0123456789abcdefghijklmnopqrstuvwxyz', 1 + (number / 2176782336 % 36)::integer, 1)
    || substr('0123456789abcdefghijklmnopqrstuvwxyz', 1 + (number / 60466176 % 36)::integer, 1)
    || substr('0123456789abcdefghijklmnopqrstuvwxyz', 1 + (number / 1679616 % 36)::integer, 1)
    || substr('0123456789abcdefghijklmnopqrstuvwxyz', 1 + (number / 46656 % 36)::integer, 1)
    || substr('0123456789abcdefghijklmnopqrstuvwxyz', 1 + (number / 1296 % 36)::integer, 1)
    || substr('0123456789abcdefghijklmnopqrstuvwxyz', 1 + (number / 36 % 36)::integer, 1)
    || substr('0123456789abcdefghijklmnopqrstuvwxyz', 1 + (number % 36)::integer, 1)
$$;
COMMENT ON FUNCTION mb_base36(bigint) IS 'the lowest eight base-36 digits of a number';

CREATE FUNCTION mb_cuid() RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL SAFE
    AS $$
DECLARE
    -- Of a random UUID the first six and the last six bytes are free of version bits.
    random bytea := uuid_send(gen_random_uuid());
BEGIN
    RETURN 'c' || mb_base36((extract(epoch FROM mb_now()) * 1000)::bigint)
        || mb_base36(('x' || encode(substr(random, 1, 6), 'hex'))::bit(48)::bigint % 2821109907456)
        || mb_base36(('x' || encode(substr(random, 11, 6), 'hex'))::bit(48)::bigint % 2821109907456);
END
$$;
COMMENT ON FUNCTION mb_cuid() IS
    'a new id: c, eight base-36 digits of the milliseconds since 1970, sixteen random ones';

RESET ROLE;
