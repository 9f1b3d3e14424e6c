#include "plugin/library.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdint.h>

#include "bind/budget.h"

/* Each of the functions keeps what it was given, and how far it came, on its stack. */

enum { PER_LOOK = 4096 };

static bool is_late(lua_State *L)
{
    mb_budget_check(L);
    return mb_budget_is_late(L);
}

static lua_Integer least(lua_Integer a, lua_Integer b) { return a < b ? a : b; }

/* ---- texts at the speed of memory ---- */

static int l_upper(lua_State *L)
{
    size_t n;
    luaL_Buffer b;
    const char *s = luaL_checklstring(L, 1, &n);
    char *out = luaL_buffinitsize(L, &b, n);
    for (size_t i = 0; i < n; i++) out[i] = (char)(s[i] - (s[i] >= 'a' && s[i] <= 'z' ? 32 : 0));
    luaL_pushresultsize(&b, n);
    return 1;
}

static int l_lower(lua_State *L)
{
    size_t n;
    luaL_Buffer b;
    const char *s = luaL_checklstring(L, 1, &n);
    char *out = luaL_buffinitsize(L, &b, n);
    for (size_t i = 0; i < n; i++) out[i] = (char)(s[i] + (s[i] >= 'A' && s[i] <= 'Z' ? 32 : 0));
    luaL_pushresultsize(&b, n);
    return 1;
}

/* ---- many values of one text ---- */

/* From 1, counted from the end when negative; at least `floor`. */
static lua_Integer position(lua_Integer at, lua_Integer n, lua_Integer floor)
{
    if (at < 0) at = at < -n ? floor : n + at + 1;
    return at < floor ? floor : at;
}

enum { AT_TEXT = 1, AT_FROM, AT_TO, AT_LAX, ARGUMENTS = 4 };

/* Bytes from..to of the text, which stand at AT_FROM and AT_TO; those before `from` were pushed. */
static int byte_on(lua_State *L, int status, lua_KContext from)
{
    const char *s = lua_tostring(L, AT_TEXT);
    lua_Integer last = lua_tointeger(L, AT_TO);
    (void)status;
    for (lua_Integer at = from; at <= last;) {
        lua_Integer end = least(last + 1, at + PER_LOOK);
        for (; at < end; at++) lua_pushinteger(L, (unsigned char)s[at - 1]);
        if (at <= last && is_late(L)) return mb_budget_rest(L, at, byte_on);
    }
    return lua_gettop(L) - ARGUMENTS;
}

static int l_byte(lua_State *L)
{
    size_t n;
    (void)luaL_checklstring(L, AT_TEXT, &n);
    lua_Integer first = luaL_optinteger(L, AT_FROM, 1), from = position(first, (lua_Integer)n, 1);
    lua_Integer to = position(luaL_optinteger(L, AT_TO, first), (lua_Integer)n, 0);
    to = least(to, (lua_Integer)n);
    lua_settop(L, ARGUMENTS);
    lua_pushinteger(L, to);
    lua_replace(L, AT_TO);
    if (to - from >= INT32_MAX / 2) return luaL_error(L, "string slice too long");
    if (to >= from) luaL_checkstack(L, (int)(to - from + 1), "string slice too long");
    return byte_on(L, LUA_OK, from);
}

/* ---- UTF-8 ---- */

static bool is_continuation(char c) { return ((unsigned char)c & 0xC0) == 0x80; }

/* The length of the character at s, of up to 6 bytes (RFC 2279), or, unless lax, of what RFC 3629 allows; 0 = it is
 * none. A NUL stands behind the text. */
static int decode(const char *s, bool is_lax, lua_Integer *code)
{
    static const uint32_t first_of[] = {0, 0, 0x80, 0x800, 0x10000, 0x200000, 0x4000000};
    unsigned char lead = (unsigned char)*s;
    *code = lead;
    if (lead < 0x80) return 1;
    int n = 0;
    for (unsigned bit = 0x80; (lead & bit) != 0 && n < 8; bit >>= 1) n++;
    if (n < 2 || n > 6) return 0;
    uint32_t value = lead & (0xFFu >> (n + 1));
    for (int i = 1; i < n; i++) {
        if (!is_continuation(s[i])) return 0;
        value = value << 6 | ((unsigned char)s[i] & 0x3Fu);
    }
    *code = value;
    if (value < first_of[n]) return 0;
    bool is_strict = value <= 0x10FFFF && (value < 0xD800 || value > 0xDFFF);
    return is_lax || is_strict ? n : 0;
}

/* Counts on at byte `at`; what was counted stands at the top. */
static int len_on(lua_State *L, int status, lua_KContext at)
{
    const char *s = lua_tostring(L, AT_TEXT);
    lua_Integer last = lua_tointeger(L, AT_TO), count = lua_tointeger(L, -1), code;
    bool is_lax = lua_toboolean(L, AT_LAX);
    (void)status;
    for (lua_Integer steps = 1; at <= last; steps++) {
        int n = decode(s + at - 1, is_lax, &code);
        if (n == 0) {
            lua_pushnil(L);
            lua_pushinteger(L, at);
            return 2;
        }
        count++;
        at += n;
        if (steps % PER_LOOK != 0 || at > last || !is_late(L)) continue;
        lua_settop(L, ARGUMENTS);
        lua_pushinteger(L, count);
        return mb_budget_rest(L, at, len_on);
    }
    lua_pushinteger(L, count);
    return 1;
}

/* len(text, from, to, lax) */
static int l_len(lua_State *L)
{
    size_t n;
    (void)luaL_checklstring(L, AT_TEXT, &n);
    lua_Integer length = (lua_Integer)n, from = luaL_optinteger(L, AT_FROM, 1);
    lua_Integer to = luaL_optinteger(L, AT_TO, -1);
    from = position(from, length, 0);
    to = position(to, length, 0);
    luaL_argcheck(L, from >= 1 && from - 1 <= length, AT_FROM, "initial position out of bounds");
    luaL_argcheck(L, to <= length, AT_TO, "final position out of bounds");
    lua_settop(L, ARGUMENTS);
    lua_pushinteger(L, to);
    lua_replace(L, AT_TO);
    lua_pushinteger(L, 0);
    return len_on(L, LUA_OK, from);
}

static int codepoint_on(lua_State *L, int status, lua_KContext at)
{
    const char *s = lua_tostring(L, AT_TEXT);
    lua_Integer last = lua_tointeger(L, AT_TO), code;
    bool is_lax = lua_toboolean(L, AT_LAX);
    (void)status;
    for (lua_Integer steps = 1; at <= last; steps++) {
        int n = decode(s + at - 1, is_lax, &code);
        if (n == 0) return luaL_error(L, "invalid UTF-8 code");
        lua_pushinteger(L, code);
        at += n;
        if (steps % PER_LOOK == 0 && at <= last && is_late(L))
            return mb_budget_rest(L, at, codepoint_on);
    }
    return lua_gettop(L) - ARGUMENTS;
}

/* codepoint(text, from, to, lax) */
static int l_codepoint(lua_State *L)
{
    size_t n;
    (void)luaL_checklstring(L, AT_TEXT, &n);
    lua_Integer from = position(luaL_optinteger(L, AT_FROM, 1), (lua_Integer)n, 0);
    lua_Integer to = position(luaL_optinteger(L, AT_TO, from), (lua_Integer)n, 0);
    luaL_argcheck(L, from >= 1, AT_FROM, "out of bounds");
    luaL_argcheck(L, to <= (lua_Integer)n, AT_TO, "out of bounds");
    lua_settop(L, ARGUMENTS);
    lua_pushinteger(L, to);
    lua_replace(L, AT_TO);
    if (to - from >= INT32_MAX / 2) return luaL_error(L, "string slice too long");
    if (to >= from) luaL_checkstack(L, (int)(to - from + 1), "string slice too long");
    return codepoint_on(L, LUA_OK, from);
}

/* ---- one text of many values: string.char, utf8.char, of which the stock one is the upvalue ---- */

/* The arguments stand from 1, behind them the text that was made of those before `done`, in pieces. */
static int char_on(lua_State *L, int status, lua_KContext done)
{
    int list = lua_gettop(L), count = list - 1;
    (void)status;
    while (done < count) {
        int n = (int)least(PER_LOOK, count - done);
        lua_pushvalue(L, lua_upvalueindex(1));
        for (int i = 1; i <= n; i++) lua_pushvalue(L, (int)done + i);
        lua_call(L, n, 1);
        lua_rawseti(L, list, (lua_Integer)lua_rawlen(L, list) + 1);
        done += n;
        if (done < count && is_late(L)) return mb_budget_rest(L, done, char_on);
    }
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (lua_Integer i = 1, n = (lua_Integer)lua_rawlen(L, list); i <= n; i++) {
        lua_rawgeti(L, list, i);
        luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
    return 1;
}

static int l_char(lua_State *L)
{
    int n = lua_gettop(L);
    luaL_checkstack(L, PER_LOOK + 8, "too many values");
    if (n > PER_LOOK) {
        lua_newtable(L);
        return char_on(L, LUA_OK, 0);
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, n, 1);
    return 1;
}

/* ---- unpack(table, from, to) ---- */

static int unpack_on(lua_State *L, int status, lua_KContext from)
{
    lua_Integer last = lua_tointeger(L, 3);
    (void)status;
    for (lua_Integer at = from;;) {
        lua_Integer end = last - at >= PER_LOOK ? at + PER_LOOK - 1 : last;
        while (at < end) lua_rawgeti(L, 1, at++);
        lua_rawgeti(L, 1, at); /* apart, because at may be the greatest integer */
        if (at == last) return lua_gettop(L) - 3;
        at++;
        if (is_late(L)) return mb_budget_rest(L, (lua_KContext)at, unpack_on);
    }
}

static int l_unpack(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer from = luaL_optinteger(L, 2, 1);
    lua_Integer to = luaL_optinteger(L, 3, (lua_Integer)lua_rawlen(L, 1));
    if (from > to) return 0;
    lua_settop(L, 2);
    lua_pushinteger(L, to);
    lua_Unsigned n = (lua_Unsigned)to - (lua_Unsigned)from;
    if (n >= (lua_Unsigned)INT32_MAX || !lua_checkstack(L, (int)n + 1))
        return luaL_error(L, "too many results to unpack");
    return unpack_on(L, LUA_OK, (lua_KContext)from);
}

static void replace_char(lua_State *L)
{
    lua_getfield(L, -1, "char");
    lua_pushcclosure(L, l_char, 1);
    lua_setfield(L, -2, "char");
}

void mb_library_install(lua_State *L)
{
    static const luaL_Reg texts[] = {
        {"byte", l_byte}, {"lower", l_lower}, {"upper", l_upper}, {NULL, NULL}};
    static const luaL_Reg codes[] = {{"codepoint", l_codepoint}, {"len", l_len}, {NULL, NULL}};
    static const luaL_Reg tables[] = {{"unpack", l_unpack}, {NULL, NULL}};
    lua_getglobal(L, LUA_STRLIBNAME);
    luaL_setfuncs(L, texts, 0);
    replace_char(L);
    lua_getglobal(L, LUA_UTF8LIBNAME);
    luaL_setfuncs(L, codes, 0);
    replace_char(L);
    lua_getglobal(L, LUA_TABLIBNAME);
    luaL_setfuncs(L, tables, 0);
    lua_pop(L, 3);
}
