#include <lauxlib.h>
#include <stdio.h>

#include "bind/json.h"
#include "bind/modules.h"
#include "bind/statement.h"

/*
 * mb.query: statements by name, made while scripts load; requests only run them.
 *
 *   return { find = query.read("users.find", [[SELECT … WHERE "id" = $1]]) }
 */

enum { MAX_ARRAY_BYTES = 65536 };

static const char STATEMENT_TYPE[] = "mb.statement";
static const char ARRAY_TYPE[] = "mb.query.array";

const struct mb_statement *mb_statement_at(lua_State *L, int index)
{
    return luaL_checkudata(L, index, STATEMENT_TYPE);
}

void mb_statement_push(lua_State *L, struct mb_str name, struct mb_str sql, enum mb_db_kind kind)
{
    struct mb_stmt *interned;
    struct mb_err err;
    if (mb_stmt_intern(&interned, name, sql, &err) != MB_OK)
        luaL_error(L, "statement %s: %s", name.ptr, err.text);
    struct mb_statement *s = lua_newuserdatauv(L, sizeof *s, 0);
    *s = (struct mb_statement){interned, kind};
    luaL_setmetatable(L, STATEMENT_TYPE);
}

/* A statement is kept for the life of the process: one made per request would fill it. */
static int new_statement(lua_State *L, enum mb_db_kind kind)
{
    struct mb_str name, sql;
    name.ptr = luaL_checklstring(L, 1, &name.len);
    sql.ptr = luaL_checklstring(L, 2, &sql.len);
    if (mb_vm_is_built(mb_vm_of(L)))
        return luaL_error(L, "statement %s: statements are made while scripts load", name.ptr);
    mb_statement_push(L, name, sql, kind);
    return 1;
}

static int l_read(lua_State *L) { return new_statement(L, MB_DB_READ); }
static int l_write(lua_State *L) { return new_statement(L, MB_DB_WRITE); }

/* ---- parameters ---- */

static int array_gc(lua_State *L)
{
    mb_buf_reset(lua_touserdata(L, 1));
    return 0;
}

/* The item at -1, quoted. */
static enum mb_rc add_item(lua_State *L, struct mb_buf *b, lua_Integer number)
{
    size_t len;
    int type = lua_type(L, -1);
    if (type != LUA_TSTRING && type != LUA_TNUMBER)
        luaL_error(L, "item %I of an array parameter is a %s", number, lua_typename(L, type));
    const char *s = lua_tolstring(L, -1, &len);
    enum mb_rc rc = mb_buf_addz(b, number > 1 ? ",\"" : "\"");
    for (size_t i = 0; rc == MB_OK && i < len; i++) {
        if (s[i] == '"' || s[i] == '\\') rc = mb_buf_add(b, "\\", 1);
        if (rc == MB_OK) rc = mb_buf_add(b, s + i, 1);
    }
    return rc == MB_OK ? mb_buf_add(b, "\"", 1) : rc;
}

/* { "a", "b" } -> {"a","b"} as PostgreSQL writes arrays; replaces the table at index. */
static void array_text(lua_State *L, int index)
{
    lua_Integer n = (lua_Integer)lua_rawlen(L, index);
    lua_pushnil(L);
    if (n == 0 && lua_next(L, index))
        luaL_error(L, "an array parameter is a list, not a table by name");
    if (n > 0) lua_pop(L, 1);
    struct mb_buf *b = lua_newuserdatauv(L, sizeof *b, 0);
    mb_buf_init(b, MAX_ARRAY_BYTES);
    luaL_setmetatable(L, ARRAY_TYPE);
    enum mb_rc rc = mb_buf_add(b, "{", 1);
    for (lua_Integer i = 1; rc == MB_OK && i <= n; i++) {
        lua_rawgeti(L, index, i);
        rc = add_item(L, b, i);
        lua_pop(L, 1);
    }
    if (rc == MB_OK) rc = mb_buf_add(b, "}", 1);
    if (rc != MB_OK) luaL_error(L, "an array parameter is over %d bytes", MAX_ARRAY_BYTES);
    lua_pushlstring(L, b->data, b->len);
    mb_buf_reset(b);
    lua_replace(L, index);
    lua_pop(L, 1);
}

/* A float keeps every digit, which lua_tolstring would not. */
static void float_text(lua_State *L, int index)
{
    char text[40];
    int n = snprintf(text, sizeof text, "%.17g", lua_tonumber(L, index));
    lua_pushlstring(L, text, (size_t)n);
    lua_replace(L, index);
}

static struct mb_str param(lua_State *L, int index, int number)
{
    struct mb_str v = {NULL, 0};
    switch (lua_type(L, index)) {
    case LUA_TNIL: return v;
    case LUA_TBOOLEAN: return lua_toboolean(L, index) ? MB_STR("t") : MB_STR("f");
    case LUA_TTABLE: array_text(L, index); break;
    case LUA_TNUMBER:
        if (!lua_isinteger(L, index)) float_text(L, index);
        break;
    case LUA_TSTRING: break;
    default:
        if (mb_is_json_null(L, index)) return v;
        luaL_error(L, "parameter $%d is a %s", number, luaL_typename(L, index));
    }
    v.ptr = lua_tolstring(L, index, &v.len);
    if (memchr(v.ptr, 0, v.len)) luaL_error(L, "parameter $%d holds a NUL byte", number);
    return v;
}

int mb_statement_params(lua_State *L, int first, int last, struct mb_str *values)
{
    int n = last - first + 1;
    if (n > MB_STATEMENT_PARAMS)
        luaL_error(L, "a statement takes at most %d parameters", MB_STATEMENT_PARAMS);
    for (int i = 0; i < n; i++) values[i] = param(L, first + i, i + 1);
    return n;
}

int mb_open_query(lua_State *L)
{
    static const luaL_Reg functions[] = {{"read", l_read}, {"write", l_write}, {NULL, NULL}};
    luaL_newmetatable(L, STATEMENT_TYPE);
    luaL_newmetatable(L, ARRAY_TYPE);
    lua_pushcfunction(L, array_gc);
    lua_setfield(L, -2, "__gc");
    luaL_newlib(L, functions);
    return 1;
}
