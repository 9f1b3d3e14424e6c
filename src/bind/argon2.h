#pragma once
/* Passwords as they are stored: Argon2id as libsodium writes it, 19 MiB and two passes, some 30 ms. On any thread. */
#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>

enum { MB_ARGON2_TEXT = crypto_pwhash_STRBYTES };

/* password: n bytes. False: not enough memory. */
static inline bool mb_argon2_hash(char out[MB_ARGON2_TEXT], const char *password, size_t n)
{
    enum { PASSES = 2, BYTES = 19456 * 1024 };
    return crypto_pwhash_str_alg(out, password, n, PASSES, BYTES, crypto_pwhash_ALG_ARGON2ID13) == 0;
}

/* Takes as long for a wrong one. */
static inline bool mb_argon2_verify(const char *hash, const char *password, size_t n)
{
    return crypto_pwhash_str_verify(hash, password, n) == 0;
}
