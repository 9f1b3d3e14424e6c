#include "bind/rows_parts.h"

#include <lauxlib.h>
#include <sodium.h>
#include <stdlib.h>

/* Rows and row handles for Lua; as JSON they are written by rows_json.c. */

struct rows {
    struct mb_claim claim;
    PGresult *res; /* NULL once the task is over */
    int count;     /* of the rows that are shown: the first ones */
};

struct row {
    struct rows *rows; /* kept alive by the user value */
    int index;
};

static const char ROWS_TYPE[] = "mb.rows";
static const char ROW_TYPE[] = "mb.row";

static void release(struct mb_claim *c)
{
    struct rows *r = (struct rows *)c;
    PQclear(r->res);
    r->res = NULL;
}

void mb_rows_push(lua_State *L, struct mb_task *task, PGresult **res)
{
    struct rows *r = lua_newuserdatauv(L, sizeof *r, 0);
    memset(r, 0, sizeof *r);
    luaL_setmetatable(L, ROWS_TYPE);
    r->res = *res;
    r->count = PQntuples(r->res);
    *res = NULL;
    mb_task_claim(task, &r->claim, release);
}

/* Of those that a script closes too, `local rows <close> = db.query(…)`: who reads much in turns needs only one turn's
 * room. */
static int rows_gc(lua_State *L)
{
    struct rows *r = lua_touserdata(L, 1);
    mb_claim_drop(&r->claim);
    if (r->res) release(&r->claim);
    return 0;
}

static PGresult *living(lua_State *L, struct rows *r)
{
    if (!r->res) luaL_error(L, "these rows belong to a request that is over");
    return r->res;
}

static int rows_len(lua_State *L)
{
    struct rows *r = luaL_checkudata(L, 1, ROWS_TYPE);
    (void)living(L, r);
    lua_pushinteger(L, r->count);
    return 1;
}

/* rows:keep(n): the first n are all that there are from now on; returns whether there were more. So a page asks
 * for one row more than it shows. */
static int rows_keep(lua_State *L)
{
    struct rows *r = luaL_checkudata(L, 1, ROWS_TYPE);
    lua_Integer n = luaL_checkinteger(L, 2);
    (void)living(L, r);
    lua_pushboolean(L, n < r->count);
    if (n >= 0 && n < r->count) r->count = (int)n;
    return 1;
}

/* rows.columns: their names, in order */
static int push_columns(lua_State *L, const PGresult *res)
{
    int n = PQnfields(res);
    lua_createtable(L, n, 0);
    for (int c = 0; c < n; c++) {
        lua_pushstring(L, PQfname(res, c));
        lua_rawseti(L, -2, c + 1);
    }
    return 1;
}

static int rows_index(lua_State *L)
{
    struct rows *r = luaL_checkudata(L, 1, ROWS_TYPE);
    if (lua_type(L, 2) == LUA_TSTRING && strcmp(lua_tostring(L, 2), "columns") == 0)
        return push_columns(L, living(L, r));
    if (lua_type(L, 2) == LUA_TSTRING && strcmp(lua_tostring(L, 2), "keep") == 0) {
        lua_pushcfunction(L, rows_keep);
        return 1;
    }
    if (!lua_isinteger(L, 2))
        return luaL_error(L, "rows are indexed by 1..#rows, not by '%s'",
                          luaL_tolstring(L, 2, NULL));
    lua_Integer i = lua_tointeger(L, 2);
    (void)living(L, r);
    if (i < 1 || i > r->count) return 0;
    struct row *row = lua_newuserdatauv(L, sizeof *row, 1);
    row->rows = r;
    row->index = (int)i - 1;
    luaL_setmetatable(L, ROW_TYPE);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    return 1;
}

enum mb_rc mb_rows_write(const PGresult *res, struct mb_buf *out, struct mb_err *err)
{
    return mb_rows__json(res, -1, PQntuples(res), NULL, out, err);
}

enum mb_rc mb_rows_encode(lua_State *L, int index, const struct mb_rows_form *form,
                          struct mb_buf *out, bool *is, struct mb_err *err)
{
    struct rows *rows = luaL_testudata(L, index, ROWS_TYPE);
    struct row *row = rows ? NULL : luaL_testudata(L, index, ROW_TYPE);
    *is = rows || row;
    if (!*is) return MB_OK;
    const PGresult *res = rows ? rows->res : row->rows->res;
    if (!res) return mb_fail(err, MB_E_SCRIPT, "these rows belong to a request that is over");
    return mb_rows__json(res, rows ? -1 : row->index, rows ? rows->count : 1, form, out, err);
}

/* "\\x6869" -> its bytes, however they are printed. */
static void push_bytes(lua_State *L, const char *s, size_t n)
{
    luaL_Buffer b;
    size_t length = 0;
    char *out = luaL_buffinitsize(L, &b, n / 2);
    if (n < 2 || s[0] != '\\' || s[1] != 'x' ||
        sodium_hex2bin((unsigned char *)out, n / 2, s + 2, n - 2, NULL, &length, NULL) != 0)
        luaL_error(L, "bytes come as hex: bytea_output of the database is not to be changed");
    luaL_pushresultsize(&b, length);
}

static void push_field(lua_State *L, const PGresult *res, int row, int col)
{
    const char *s = PQgetvalue(res, row, col);
    size_t n = (size_t)PQgetlength(res, row, col);
    char text[24];
    if (PQgetisnull(res, row, col)) {
        lua_pushnil(L);
        return;
    }
    switch (PQftype(res, col)) {
    case OID_BOOL: lua_pushboolean(L, s[0] == 't'); return;
    case OID_INT2:
    case OID_INT4:
    case OID_INT8: lua_pushinteger(L, (lua_Integer)strtoll(s, NULL, 10)); return;
    case OID_BYTEA: push_bytes(L, s, n); return;
    case OID_FLOAT4:
    case OID_FLOAT8: lua_pushnumber(L, strtod(s, NULL)); return;
    case OID_TIMESTAMP:
    case OID_TIMESTAMPTZ:
        if (mb_rows__instant(s, n, text)) {
            lua_pushlstring(L, text, sizeof text);
            return;
        }
        break;
    default: break;
    }
    lua_pushlstring(L, s, n);
}

/* The upvalue is the metatable: found without its name, as scripts read every field through this. */
static int row_index(lua_State *L)
{
    if (!lua_getmetatable(L, 1) || !lua_rawequal(L, -1, lua_upvalueindex(1)))
        return luaL_typeerror(L, 1, ROW_TYPE);
    struct row *row = lua_touserdata(L, 1);
    const char *name = luaL_checkstring(L, 2);
    const PGresult *res = living(L, row->rows);
    for (int c = 0, n = PQnfields(res); c < n; c++) {
        const char *field = PQfname(res, c);
        if (field[0] == name[0] && strcmp(field, name) == 0) {
            push_field(L, res, row->index, c);
            return 1;
        }
    }
    return luaL_error(L, "the result has no column '%s'", name);
}

void mb_rows_register(lua_State *L)
{
    static const luaL_Reg rows[] = {
        {"__gc", rows_gc}, {"__close", rows_gc}, {"__len", rows_len}, {"__index", rows_index}, {NULL, NULL}};
    static const luaL_Reg row[] = {{"__index", row_index}, {NULL, NULL}};
    luaL_newmetatable(L, ROWS_TYPE);
    luaL_setfuncs(L, rows, 0);
    luaL_newmetatable(L, ROW_TYPE);
    lua_pushvalue(L, -1);
    luaL_setfuncs(L, row, 1);
    lua_pop(L, 2);
}
