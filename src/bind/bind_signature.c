#include <lauxlib.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "base/buf.h"
#include "bind/modules.h"

/*
 * mb.signature: whether somebody else's signature of a text holds, by their public key. The numbers of key and
 * signature are bytes, as JSON Web Keys have them once their base64url is taken off (RFC 7518):
 *
 *   signature.holds("RS256", { n = "…", e = "…" }, text, signature)   RSA of 2048 to 8192 bits, PKCS #1 v1.5
 *   signature.holds("ES256", { x = "…", y = "…" }, text, signature)   P-256, 32 bytes each, the signature 64
 *
 * No other algorithm is known, and none takes a key of another kind: it is the caller who names it, by the key. By a
 * key that is too large, which would take long, or too small nothing holds.
 */

enum {
    LEAST_RSA_BITS = 2048,
    MOST_RSA_BITS = 8192,
    MOST_EXPONENT_BITS = 64,
    P256_BYTES = 32
};

/* A number of the key at 2; empty when it has none. */
static struct mb_str number_of(lua_State *L, const char *name)
{
    struct mb_str s = {"", 0};
    if (lua_getfield(L, 2, name) == LUA_TSTRING) s.ptr = lua_tolstring(L, -1, &s.len);
    return s; /* the table holds it */
}

static BIGNUM *big(struct mb_str s)
{
    return BN_bin2bn((const unsigned char *)s.ptr, (int)s.len, NULL);
}

static EVP_PKEY *key_of(const char *kind, OSSL_PARAM_BLD *build)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
    if (params && ctx && EVP_PKEY_fromdata_init(ctx) > 0)
        (void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return key;
}

/* NULL: it is no key that is used. */
static EVP_PKEY *rsa_key(lua_State *L)
{
    BIGNUM *n = big(number_of(L, "n"));
    BIGNUM *e = big(number_of(L, "e"));
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    bool is_sound = n && e && build && BN_num_bits(n) >= LEAST_RSA_BITS &&
                    BN_num_bits(n) <= MOST_RSA_BITS && BN_num_bits(e) <= MOST_EXPONENT_BITS &&
                    !BN_is_one(e); /* by which everybody could sign */
    if (is_sound && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e))
        key = key_of("RSA", build);
    OSSL_PARAM_BLD_free(build);
    BN_free(n);
    BN_free(e);
    return key;
}

/* NULL: it is no point of the curve. */
static EVP_PKEY *p256_key(lua_State *L)
{
    unsigned char point[1 + 2 * P256_BYTES] = {POINT_CONVERSION_UNCOMPRESSED};
    struct mb_str x = number_of(L, "x"), y = number_of(L, "y");
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (build && x.len == P256_BYTES && y.len == P256_BYTES) {
        memcpy(point + 1, x.ptr, x.len);
        memcpy(point + 1 + P256_BYTES, y.ptr, y.len);
        if (OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) &&
            OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point))
            key = key_of("EC", build);
    }
    OSSL_PARAM_BLD_free(build);
    return key;
}

static bool verify(EVP_PKEY *key, struct mb_str text, struct mb_str signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool holds = ctx && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) > 0 &&
                 EVP_DigestVerify(ctx, (const unsigned char *)signature.ptr, signature.len,
                                  (const unsigned char *)text.ptr, text.len) == 1;
    EVP_MD_CTX_free(ctx);
    return holds;
}

/* OpenSSL takes the two numbers as DER. */
static bool verify_p256(EVP_PKEY *key, struct mb_str text, struct mb_str signature)
{
    if (signature.len != 2 * P256_BYTES) return false;
    BIGNUM *r = big((struct mb_str){signature.ptr, P256_BYTES});
    BIGNUM *s = big((struct mb_str){signature.ptr + P256_BYTES, P256_BYTES});
    ECDSA_SIG *pair = ECDSA_SIG_new();
    unsigned char *der = NULL;
    if (!r || !s || !pair || !ECDSA_SIG_set0(pair, r, s)) { /* which owns them from here */
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(pair);
        return false;
    }
    int n = i2d_ECDSA_SIG(pair, &der);
    bool holds = n > 0 && verify(key, text, (struct mb_str){(const char *)der, (size_t)n});
    OPENSSL_free(der);
    ECDSA_SIG_free(pair);
    return holds;
}

/* signature.holds(algorithm, key, text, signature) -> boolean; another algorithm raises */
static int l_holds(lua_State *L)
{
    static const char *const algorithms[] = {"RS256", "ES256", NULL};
    struct mb_str text, signature;
    bool is_rsa = luaL_checkoption(L, 1, NULL, algorithms) == 0;
    luaL_checktype(L, 2, LUA_TTABLE);
    text.ptr = luaL_checklstring(L, 3, &text.len);
    signature.ptr = luaL_checklstring(L, 4, &signature.len);
    lua_settop(L, 4);
    EVP_PKEY *key = is_rsa ? rsa_key(L) : p256_key(L);
    bool holds = key && (is_rsa ? verify : verify_p256)(key, text, signature);
    EVP_PKEY_free(key);
    ERR_clear_error(); /* or the next who uses OpenSSL takes it for theirs */
    lua_pushboolean(L, holds);
    return 1;
}

int mb_open_signature(lua_State *L)
{
    static const luaL_Reg functions[] = {{"holds", l_holds}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
