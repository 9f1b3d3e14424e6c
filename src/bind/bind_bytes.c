#include <lauxlib.h>
#include <sodium.h>

#include "bind/modules.h"

/*
 * mb.bytes: contents of files on their way through a script, a piece at a time.
 *
 *   local digest = bytes.sha256()
 *   digest:add(piece)
 *   local hex = digest:hex()                      -- of all that was added
 *   db.query(files.append, id, bytes.parameter(piece))  -- a column bytea gives bytes by itself
 */

static const char DIGEST_TYPE[] = "mb.bytes.digest";

/* bytes.sha256() -> the digest of nothing yet */
static int l_sha256(lua_State *L)
{
    crypto_hash_sha256_state *state = lua_newuserdatauv(L, sizeof *state, 0);
    crypto_hash_sha256_init(state);
    luaL_setmetatable(L, DIGEST_TYPE);
    return 1;
}

static int digest_add(lua_State *L)
{
    crypto_hash_sha256_state *state = luaL_checkudata(L, 1, DIGEST_TYPE);
    size_t n;
    const char *s = luaL_checklstring(L, 2, &n);
    crypto_hash_sha256_update(state, (const unsigned char *)s, n);
    return 0;
}

/* -> lower-case hex; more may be added behind it */
static int digest_hex(lua_State *L)
{
    crypto_hash_sha256_state state = *(crypto_hash_sha256_state *)luaL_checkudata(L, 1, DIGEST_TYPE);
    unsigned char digest[crypto_hash_sha256_BYTES];
    char out[2 * sizeof digest + 1];
    crypto_hash_sha256_final(&state, digest);
    sodium_bin2hex(out, sizeof out, digest, sizeof digest);
    lua_pushlstring(L, out, 2 * sizeof digest);
    return 1;
}

/* bytes.parameter(text) -> the text of a parameter of type bytea: \x and hex. Parameters are texts, which hold no
 * NUL byte. */
static int l_parameter(lua_State *L)
{
    luaL_Buffer b;
    size_t n;
    const char *s = luaL_checklstring(L, 1, &n);
    char *out = luaL_buffinitsize(L, &b, 2 * n + 3);
    out[0] = '\\';
    out[1] = 'x';
    sodium_bin2hex(out + 2, 2 * n + 1, (const unsigned char *)s, n);
    luaL_pushresultsize(&b, 2 * n + 2);
    return 1;
}

int mb_open_bytes(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"sha256", l_sha256}, {"parameter", l_parameter}, {NULL, NULL}};
    static const luaL_Reg methods[] = {{"add", digest_add}, {"hex", digest_hex}, {NULL, NULL}};
    luaL_newmetatable(L, DIGEST_TYPE);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    luaL_newlib(L, functions);
    return 1;
}
