-- The text before Argon2id's own says that an HMAC of the password was hashed.
SET LOCAL ROLE medbookd_owner;
COMMENT ON COLUMN "User"."password" IS
    'Argon2id, as libsodium writes it, after "hmac1:" of an HMAC of the password under the server''s key; never leaves the database but for a sign-in';
RESET ROLE;
