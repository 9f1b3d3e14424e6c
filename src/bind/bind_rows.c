#include "bind/rows.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "base/json.h"

/* Rows and row handles, and how each column type is written. */

enum {
    OID_BOOL = 16,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_JSON = 114,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701,
    OID_TEXT_ARRAY = 1009,
    OID_VARCHAR_ARRAY = 1015,
    OID_TIMESTAMP = 1114,
    OID_TIMESTAMPTZ = 1184,
    OID_JSONB = 3802
};

enum { MAX_COLUMNS = 64, KEY_BYTES = 4096 };

struct rows {
    struct mb_claim claim;
    PGresult *res; /* NULL once the task is over */
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
    *res = NULL;
    mb_task_claim(task, &r->claim, release);
}

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
    lua_pushinteger(L, PQntuples(living(L, luaL_checkudata(L, 1, ROWS_TYPE))));
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
    if (!lua_isinteger(L, 2))
        return luaL_error(L, "rows are indexed by 1..#rows, not by '%s'",
                          luaL_tolstring(L, 2, NULL));
    lua_Integer i = lua_tointeger(L, 2);
    if (i < 1 || i > PQntuples(living(L, r))) return 0;
    struct row *row = lua_newuserdatauv(L, sizeof *row, 1);
    row->rows = r;
    row->index = (int)i - 1;
    luaL_setmetatable(L, ROW_TYPE);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    return 1;
}

/* "2026-11-22 08:00:00.12+00" -> "2026-11-22T08:00:00.120Z"; 0 when it is no such text
 * (infinity, BC): it is then passed on as it is. */
static size_t rfc3339(const char *s, size_t n, char out[24])
{
    if (n < 22 || s[10] != ' ' || s[4] != '-' || memcmp(s + n - 3, "+00", 3) != 0) return 0;
    memcpy(out, s, 10);
    out[10] = 'T';
    memcpy(out + 11, s + 11, 8);
    memcpy(out + 19, ".000Z", 5);
    if (s[19] == '.')
        for (size_t i = 0; i < 3 && 20 + i < n - 3; i++) out[20 + i] = s[20 + i];
    return 24;
}

static enum mb_rc write_array(struct mb_buf *out, const char *s, size_t n)
{
    enum mb_rc rc = mb_buf_add(out, "[", 1);
    struct mb_buf item;
    mb_buf_init(&item, n + 1);
    bool first = true;
    for (size_t i = 1; rc == MB_OK && i + 1 < n;) {
        bool quoted = s[i] == '"';
        mb_buf_clear(&item);
        i += quoted;
        while (i + 1 < n && rc == MB_OK && (quoted ? s[i] != '"' : s[i] != ',')) {
            if (s[i] == '\\') i++;
            rc = mb_buf_add(&item, s + i++, 1);
        }
        i += quoted;
        i += 1; /* the comma */
        if (rc == MB_OK && !first) rc = mb_buf_add(out, ",", 1);
        first = false;
        if (rc != MB_OK) break;
        if (!quoted && item.len == 4 && memcmp(item.data, "NULL", 4) == 0)
            rc = mb_buf_add(out, "null", 4);
        else
            rc = mb_json_str_trusted(out, item.data ? item.data : "", item.len);
    }
    mb_buf_reset(&item);
    return rc == MB_OK ? mb_buf_add(out, "]", 1) : rc;
}

static enum mb_rc write_float(struct mb_buf *out, const char *s, size_t n)
{
    bool finite = n > 0 && s[0] != 'N' && s[0] != 'I' && !(n > 1 && s[1] == 'I');
    return finite ? mb_buf_add(out, s, n) : mb_buf_add(out, "null", 4);
}

static enum mb_rc write_field(struct mb_buf *out, const PGresult *res, int row, int col)
{
    if (PQgetisnull(res, row, col)) return mb_buf_add(out, "null", 4);
    const char *s = PQgetvalue(res, row, col);
    size_t n = (size_t)PQgetlength(res, row, col);
    switch (PQftype(res, col)) {
    case OID_BOOL: return s[0] == 't' ? mb_buf_add(out, "true", 4) : mb_buf_add(out, "false", 5);
    case OID_INT2:
    case OID_INT4:
    case OID_INT8:
    case OID_JSON:
    case OID_JSONB: return mb_buf_add(out, s, n);
    case OID_FLOAT4:
    case OID_FLOAT8: return write_float(out, s, n);
    case OID_TEXT_ARRAY:
    case OID_VARCHAR_ARRAY: return write_array(out, s, n);
    case OID_TIMESTAMP:
    case OID_TIMESTAMPTZ: {
        char text[24];
        size_t len = rfc3339(s, n, text);
        return len ? mb_json_str_trusted(out, text, len) : mb_json_str_trusted(out, s, n);
    }
    default: return mb_json_str_trusted(out, s, n);
    }
}

/* The text before each value of a row, rendered once per result: `{"id":`, `,"name":` … */
struct keys {
    char text[KEY_BYTES];
    size_t start[MAX_COLUMNS + 1];
    int count;
};

static enum mb_rc render_keys(struct keys *k, const PGresult *res, struct mb_err *err)
{
    struct mb_buf b;
    mb_buf_init(&b, KEY_BYTES);
    k->count = PQnfields(res);
    enum mb_rc rc = k->count <= MAX_COLUMNS ? MB_OK : MB_E_LIMIT;
    for (int c = 0; rc == MB_OK && c < k->count; c++) {
        const char *name = PQfname(res, c);
        k->start[c] = b.len;
        rc = mb_buf_add(&b, c ? "," : "{", 1);
        if (rc == MB_OK) rc = mb_json_str_trusted(&b, name, strlen(name));
        if (rc == MB_OK) rc = mb_buf_add(&b, ":", 1);
    }
    if (rc == MB_OK) {
        k->start[k->count] = b.len;
        if (b.len > 0) memcpy(k->text, b.data, b.len);
    }
    mb_buf_reset(&b);
    return rc == MB_OK ? rc
                       : mb_fail(err, rc, "a result has more than %d columns or too long names",
                                 MAX_COLUMNS);
}

static enum mb_rc write_row(struct mb_buf *out, const struct keys *k, const PGresult *res, int row)
{
    enum mb_rc rc = k->count > 0 ? MB_OK : mb_buf_add(out, "{", 1);
    for (int c = 0; rc == MB_OK && c < k->count; c++) {
        rc = mb_buf_add(out, k->text + k->start[c], k->start[c + 1] - k->start[c]);
        if (rc == MB_OK) rc = write_field(out, res, row, c);
    }
    return rc == MB_OK ? mb_buf_add(out, "}", 1) : rc;
}

enum mb_rc mb_rows_write(const PGresult *res, struct mb_buf *out, struct mb_err *err)
{
    struct keys k;
    enum mb_rc rc = render_keys(&k, res, err);
    if (rc == MB_OK) rc = mb_buf_add(out, "[", 1);
    for (int i = 0, n = PQntuples(res); rc == MB_OK && i < n; i++) {
        if (i) rc = mb_buf_add(out, ",", 1);
        if (rc == MB_OK) rc = write_row(out, &k, res, i);
    }
    return rc == MB_OK ? mb_buf_add(out, "]", 1) : rc;
}

enum mb_rc mb_rows_encode(lua_State *L, int index, struct mb_buf *out, bool *is, struct mb_err *err)
{
    struct rows *rows = luaL_testudata(L, index, ROWS_TYPE);
    struct row *row = rows ? NULL : luaL_testudata(L, index, ROW_TYPE);
    *is = rows || row;
    if (!*is) return MB_OK;
    const PGresult *res = rows ? rows->res : row->rows->res;
    if (!res) return mb_fail(err, MB_E_SCRIPT, "these rows belong to a request that is over");
    if (rows) return mb_rows_write(res, out, err);
    struct keys k;
    enum mb_rc rc = render_keys(&k, res, err);
    return rc == MB_OK ? write_row(out, &k, res, row->index) : rc;
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
    case OID_FLOAT4:
    case OID_FLOAT8: lua_pushnumber(L, strtod(s, NULL)); return;
    case OID_TIMESTAMP:
    case OID_TIMESTAMPTZ:
        if (rfc3339(s, n, text)) {
            lua_pushlstring(L, text, 24);
            return;
        }
        break;
    default: break;
    }
    lua_pushlstring(L, s, n);
}

static int row_index(lua_State *L)
{
    struct row *row = luaL_checkudata(L, 1, ROW_TYPE);
    const char *name = luaL_checkstring(L, 2);
    const PGresult *res = living(L, row->rows);
    for (int c = 0, n = PQnfields(res); c < n; c++)
        if (strcmp(PQfname(res, c), name) == 0) {
            push_field(L, res, row->index, c);
            return 1;
        }
    return luaL_error(L, "the result has no column '%s'", name);
}

void mb_rows_register(lua_State *L)
{
    static const luaL_Reg rows[] = {
        {"__gc", rows_gc}, {"__len", rows_len}, {"__index", rows_index}, {NULL, NULL}};
    static const luaL_Reg row[] = {{"__index", row_index}, {NULL, NULL}};
    luaL_newmetatable(L, ROWS_TYPE);
    luaL_setfuncs(L, rows, 0);
    luaL_newmetatable(L, ROW_TYPE);
    luaL_setfuncs(L, row, 0);
    lua_pop(L, 2);
}
