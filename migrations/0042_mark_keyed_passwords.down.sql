-- Passwords with the mark stay as they are: older servers take them for wrong, and their owners ask for new ones.
COMMENT ON COLUMN "User"."password" IS 'Argon2id, as libsodium writes it; never leaves the database but for a sign-in';
