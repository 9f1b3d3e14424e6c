#include <lauxlib.h>
#include <stdio.h>

#include "bind/json.h"
#include "bind/rows.h"
#include "bind/shape.h"

/*
 * Lua values -> JSON text. What has no faithful form there is an error that names its place: nothing is left out,
 * and nothing becomes something else. Along a shape the members stand in the order that is declared, an empty table
 * is the list or the object that it is said to be, and null and absent are told apart: what is required and nullable
 * is written as null where a table has nothing.
 */

enum { ENCODE_DEPTH = 64 };

/* Beyond it a reader that takes numbers for doubles, as RFC 7493 section 2.2 expects, sees another one. */
static const lua_Integer MOST_EXACT = (INT64_C(1) << 53) - 1;

struct encoder {
    lua_State *L;
    struct mb_buf *out;
    struct mb_err *err;
    const struct mb_shape *shape; /* NULL = none: any value */
    int values;                   /* its list of values, on the stack */
    int depth;
    size_t at;      /* where the pointer of what is wrong begins: it is written from the end */
    char path[200]; /* JSON pointer, "/data/3/price" */
};

/* A failure may leave values on the stack: encode clears it. */
static enum mb_rc encode_value(struct encoder *e, int index);
static enum mb_rc encode_as(struct encoder *e, int index, int node);

/* ---- where something is wrong ---- */

/* Puts a step before the pointer; one that has no room any more is left out, the nearest to the value stay. */
static enum mb_rc blame(struct encoder *e, enum mb_rc rc, const char *step, size_t n)
{
    if (rc != MB_OK && n < e->at) {
        e->at -= n + 1;
        e->path[e->at] = '/';
        memcpy(e->path + e->at + 1, step, n);
    }
    return rc;
}

static enum mb_rc blame_item(struct encoder *e, enum mb_rc rc, size_t i)
{
    char text[24];
    if (rc == MB_OK) return rc;
    return blame(e, rc, text, (size_t)snprintf(text, sizeof text, "%zu", i));
}

static enum mb_rc not_a(struct encoder *e, int index, const char *what)
{
    return mb_fail(e->err, MB_E_JSON, "is a %s, not %s", luaL_typename(e->L, index), what);
}

/* ---- values without parts ---- */

static enum mb_rc encode_number(struct encoder *e, int index)
{
    if (lua_isinteger(e->L, index)) {
        lua_Integer i = lua_tointeger(e->L, index);
        if (e->shape != NULL && (i > MOST_EXACT || i < -MOST_EXACT))
            return mb_fail(e->err, MB_E_JSON,
                           "is over 2^53, which most readers round: send it as a text");
        return mb_buf_i64(e->out, i);
    }
    enum mb_rc rc = mb_json_double(e->out, lua_tonumber(e->L, index));
    return rc == MB_E_JSON ? mb_fail(e->err, rc, "NaN and infinity have no JSON form") : rc;
}

static enum mb_rc judge_text(struct encoder *e, enum mb_rc rc)
{
    return rc == MB_E_JSON ? mb_fail(e->err, rc, "a text is not valid UTF-8") : rc;
}

static enum mb_rc encode_string(struct encoder *e, int index)
{
    size_t n;
    const char *s = lua_tolstring(e->L, index, &n);
    return judge_text(e, mb_json_str(e->out, s, n));
}

static enum mb_rc encode_boolean(struct encoder *e, int index)
{
    return lua_toboolean(e->L, index) ? mb_buf_add(e->out, "true", 4)
                                      : mb_buf_add(e->out, "false", 5);
}

/* node: of rows or a row; -1 = of any value. */
static enum mb_rc encode_userdata(struct encoder *e, int index, int node)
{
    bool is_rows;
    const struct mb_rows_form form = {e->shape, node};
    enum mb_rc rc = mb_rows_encode(e->L, index, node < 0 ? NULL : &form, e->out, &is_rows, e->err);
    if (is_rows) return rc;
    struct mb_str raw;
    if (!mb_json_raw(e->L, index, &raw))
        return mb_fail(e->err, MB_E_JSON, "a userdata cannot be encoded");
    return mb_buf_add(e->out, raw.ptr, raw.len);
}

/* ---- lists ---- */

static enum mb_rc encode_item(struct encoder *e, size_t i, int node)
{
    enum mb_rc rc = i > 1 ? mb_buf_add(e->out, ",", 1) : MB_OK;
    if (rc == MB_OK) rc = encode_as(e, lua_gettop(e->L), node);
    return blame_item(e, rc, i - 1);
}

/* Whether the keys of the table are 1 to n and nothing else. */
static enum mb_rc judge_list(struct encoder *e, int index, size_t n)
{
    size_t found = 0;
    lua_pushnil(e->L);
    while (lua_next(e->L, index)) {
        lua_pop(e->L, 1);
        lua_Integer i = lua_isinteger(e->L, -1) ? lua_tointeger(e->L, -1) : 0;
        if (i < 1 || (size_t)i > n)
            return mb_fail(e->err, MB_E_JSON,
                           "a table with [1] is a list and has the key '%s' besides",
                           luaL_tolstring(e->L, -1, NULL));
        found++;
    }
    if (found == n) return MB_OK;
    return mb_fail(e->err, MB_E_JSON, "a list has a hole: json.null stands for nothing in it");
}

/* Items that do not stand in the order in which a table hands them out. */
static enum mb_rc encode_strewn(struct encoder *e, int index, size_t from, size_t n, int node)
{
    enum mb_rc rc = judge_list(e, index, n);
    for (size_t i = from; rc == MB_OK && i <= n; i++) {
        lua_rawgeti(e->L, index, (lua_Integer)i);
        rc = encode_item(e, i, node);
        if (rc == MB_OK) lua_pop(e->L, 1);
    }
    return rc;
}

/* As nearly every list is one from its first item to the last, it is gone through once. */
static enum mb_rc encode_list(struct encoder *e, int index, size_t n, int node)
{
    enum mb_rc rc = mb_buf_add(e->out, "[", 1);
    int key = lua_gettop(e->L) + 1;
    size_t i = 0;
    lua_pushnil(e->L);
    while (rc == MB_OK && lua_next(e->L, index)) {
        if (!lua_isinteger(e->L, key) || lua_tointeger(e->L, key) != (lua_Integer)i + 1 || i == n) {
            lua_settop(e->L, key - 1);
            rc = encode_strewn(e, index, i + 1, n, node);
            i = n;
            break;
        }
        rc = encode_item(e, ++i, node);
        if (rc == MB_OK) lua_settop(e->L, key);
    }
    if (rc == MB_OK && i < n) rc = judge_list(e, index, n);
    return rc == MB_OK ? mb_buf_add(e->out, "]", 1) : rc;
}

static bool is_list(lua_State *L, int index, size_t n)
{
    return n > 0 || mb_json_is_marked_array(L, index);
}

/* ---- objects ---- */

/* A member of an object that declares none, or not this one. */
static enum mb_rc encode_member(struct encoder *e, bool is_first, int key, int node)
{
    if (lua_type(e->L, key) != LUA_TSTRING)
        return mb_fail(e->err, MB_E_JSON, "an object has a key that is a %s, not a string",
                       luaL_typename(e->L, key));
    size_t n;
    const char *s = lua_tolstring(e->L, key, &n);
    enum mb_rc rc = judge_text(e, mb_json_member(e->out, is_first, s, n));
    return rc == MB_OK ? blame(e, encode_as(e, key + 1, node), s, n) : rc;
}

static enum mb_rc encode_object(struct encoder *e, int index)
{
    enum mb_rc rc = mb_buf_add(e->out, "{", 1);
    int key = lua_gettop(e->L) + 1;
    bool is_first = true;
    lua_pushnil(e->L);
    while (rc == MB_OK && lua_next(e->L, index)) {
        rc = encode_member(e, is_first, key, -1);
        is_first = false;
        if (rc == MB_OK) lua_settop(e->L, key);
    }
    return rc == MB_OK ? mb_buf_add(e->out, "}", 1) : rc;
}

/* The members that no field declares, of which there are some: all keys are looked at again. */
static enum mb_rc encode_others(struct encoder *e, int index, const struct mb_shape_node *n,
                                size_t written)
{
    enum mb_rc rc = MB_OK;
    int key = lua_gettop(e->L) + 1;
    int node = n->more == MB_SHAPE_FREE_VALUES ? -1 : n->more;
    lua_pushnil(e->L);
    while (rc == MB_OK && lua_next(e->L, index)) {
        struct mb_str name = {NULL, 0};
        if (lua_type(e->L, key) == LUA_TSTRING) name.ptr = lua_tolstring(e->L, key, &name.len);
        if (name.ptr == NULL || mb_shape_find(e->shape, n, name) < 0) {
            rc = n->more != MB_SHAPE_CLOSED ? encode_member(e, written++ == 0, key, node)
                 : name.ptr ? blame(e, mb_fail(e->err, MB_E_JSON, "is not declared"), name.ptr,
                                    name.len)
                            : mb_fail(e->err, MB_E_JSON,
                                      "an object has a key that is a %s, not a string",
                                      luaL_typename(e->L, key));
        }
        if (rc == MB_OK) lua_settop(e->L, key);
    }
    return rc;
}

static bool has_more_than(struct encoder *e, int index, size_t n)
{
    size_t found = 0;
    lua_pushnil(e->L);
    while (lua_next(e->L, index)) {
        lua_pop(e->L, 1);
        if (++found <= n) continue;
        lua_pop(e->L, 1);
        return true;
    }
    return false;
}

/* The field whose value is at the top. */
static enum mb_rc encode_field(struct encoder *e, const struct mb_shape_field *f, bool is_first)
{
    enum mb_rc rc = mb_buf_add(e->out, f->member.ptr + is_first, f->member.len - is_first);
    if (rc == MB_OK) rc = encode_as(e, lua_gettop(e->L), f->node);
    return blame(e, rc, f->name.ptr, f->name.len);
}

static enum mb_rc encode_fields(struct encoder *e, int index, const struct mb_shape_node *n)
{
    enum mb_rc rc = mb_buf_add(e->out, "{", 1);
    size_t written = 0, found = 0;
    const struct mb_shape_field *f = &e->shape->field[n->first], *end = f + n->nfields;
    for (; rc == MB_OK && f < end; f++) {
        lua_rawgeti(e->L, e->values, f->name_at);
        bool is_there = lua_rawget(e->L, index) != LUA_TNIL;
        found += is_there;
        if (is_there || f->is_required) rc = encode_field(e, f, written++ == 0);
        if (rc == MB_OK) lua_pop(e->L, 1);
    }
    if (rc == MB_OK && has_more_than(e, index, found)) rc = encode_others(e, index, n, written);
    return rc == MB_OK ? mb_buf_add(e->out, "}", 1) : rc;
}

/* ---- any value, and values along a shape ---- */

static enum mb_rc enter(struct encoder *e)
{
    if (++e->depth <= ENCODE_DEPTH && lua_checkstack(e->L, 8)) return MB_OK;
    return mb_fail(e->err, MB_E_JSON, "tables are nested deeper than %d, or in a circle",
                   ENCODE_DEPTH);
}

static enum mb_rc encode_table(struct encoder *e, int index, int node)
{
    const struct mb_shape_node *n = node < 0 ? NULL : &e->shape->node[node];
    size_t len = (size_t)lua_rawlen(e->L, index);
    enum mb_rc rc = enter(e);
    if (rc != MB_OK) return rc;
    if (n == NULL)
        rc = is_list(e->L, index, len) ? encode_list(e, index, len, -1) : encode_object(e, index);
    else if (n->kind == MB_SHAPE_ARRAY)
        rc = encode_list(e, index, len, n->items);
    else if (n->kind != MB_SHAPE_OBJECT)
        rc = not_a(e, index, mb_shape_kind_word(n->kind));
    else if (is_list(e->L, index, len))
        rc = mb_fail(e->err, MB_E_JSON, "is a list, not an object");
    else
        rc = encode_fields(e, index, n);
    e->depth--;
    return rc;
}

static enum mb_rc encode_value(struct encoder *e, int index)
{
    switch (lua_type(e->L, index)) {
    case LUA_TNIL: return mb_buf_add(e->out, "null", 4);
    case LUA_TBOOLEAN: return encode_boolean(e, index);
    case LUA_TNUMBER: return encode_number(e, index);
    case LUA_TSTRING: return encode_string(e, index);
    case LUA_TTABLE: return encode_table(e, index, -1);
    case LUA_TUSERDATA: return encode_userdata(e, index, -1);
    case LUA_TLIGHTUSERDATA:
        if (mb_is_json_null(e->L, index)) return mb_buf_add(e->out, "null", 4);
        break;
    default: break;
    }
    return mb_fail(e->err, MB_E_JSON, "a %s cannot be encoded", luaL_typename(e->L, index));
}

static enum mb_rc encode_null(struct encoder *e, const struct mb_shape_node *n)
{
    if (n->is_nullable) return mb_buf_add(e->out, "null", 4);
    return mb_fail(e->err, MB_E_JSON, "is null, which its schema does not allow");
}

/* Where a table has nothing: what is required is null there, if it may be. */
static enum mb_rc encode_nothing(struct encoder *e, const struct mb_shape_node *n)
{
    return n->is_nullable ? encode_null(e, n)
                          : mb_fail(e->err, MB_E_JSON, "is missing, which its schema requires");
}

/* A float that is a whole number is an integer to JSON Schema, and to most languages. */
static enum mb_rc encode_integer(struct encoder *e, int index)
{
    lua_Integer i;
    if (lua_isinteger(e->L, index)) return encode_number(e, index);
    if (!lua_numbertointeger(lua_tonumber(e->L, index), &i) ||
        (lua_Number)i != lua_tonumber(e->L, index))
        return mb_fail(e->err, MB_E_JSON, "is not a whole number");
    lua_pushinteger(e->L, i);
    enum mb_rc rc = encode_number(e, lua_gettop(e->L));
    if (rc == MB_OK) lua_pop(e->L, 1);
    return rc;
}

/* The value as the node has it; -1 = any. */
static enum mb_rc encode_as(struct encoder *e, int index, int node)
{
    const struct mb_shape_node *n = node < 0 ? NULL : &e->shape->node[node];
    if (n == NULL || n->kind == MB_SHAPE_ANY) return encode_value(e, index);
    switch (lua_type(e->L, index)) {
    case LUA_TNIL: return encode_nothing(e, n);
    case LUA_TTABLE: return encode_table(e, index, node);
    case LUA_TUSERDATA: return encode_userdata(e, index, node);
    case LUA_TSTRING:
        if (n->kind == MB_SHAPE_STRING) return encode_string(e, index);
        break;
    case LUA_TNUMBER:
        if (n->kind == MB_SHAPE_INTEGER) return encode_integer(e, index);
        if (n->kind == MB_SHAPE_NUMBER) return encode_number(e, index);
        break;
    case LUA_TBOOLEAN:
        if (n->kind == MB_SHAPE_BOOLEAN) return encode_boolean(e, index);
        break;
    case LUA_TLIGHTUSERDATA:
        if (mb_is_json_null(e->L, index)) return encode_null(e, n);
        break;
    default: break;
    }
    return not_a(e, index, mb_shape_kind_word(n->kind));
}

/* err->text may begin with a pointer itself, of a field within rows. */
static enum mb_rc tell(const struct encoder *e, enum mb_rc rc)
{
    if (e->err->rc == rc) {
        char text[sizeof e->err->text];
        memcpy(text, e->err->text, sizeof text);
        bool has_place = e->path[e->at] != '\0' && text[0] != '/';
        return mb_fail(e->err, rc, "%s%s%s", e->path + e->at, has_place ? ": " : "", text);
    }
    return rc == MB_E_LIMIT
               ? mb_fail(e->err, rc, "the text is over %zu bytes (http.max_reply)", e->out->max)
               : mb_fail(e->err, rc, "not enough memory for the text");
}

static enum mb_rc encode(struct encoder *e, int index, int node)
{
    int top = lua_gettop(e->L);
    e->at = sizeof e->path - 1;
    e->err->rc = MB_OK;
    index = lua_absindex(e->L, index);
    enum mb_rc rc = lua_checkstack(e->L, 8) ? encode_as(e, index, node) : MB_E_NOMEM;
    lua_settop(e->L, top);
    return rc == MB_OK ? rc : tell(e, rc);
}

enum mb_rc mb_json_encode(lua_State *L, int index, struct mb_buf *out, struct mb_err *err)
{
    struct encoder e = {.L = L, .out = out, .err = err};
    return encode(&e, index, -1);
}

enum mb_rc mb_json_encode_as(lua_State *L, int index, const struct mb_shape *shape, int values,
                             struct mb_buf *out, struct mb_err *err)
{
    struct encoder e = {
        .L = L, .out = out, .err = err, .shape = shape, .values = lua_absindex(L, values)};
    return encode(&e, index, 0);
}
