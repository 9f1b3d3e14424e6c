#include "bind/json.h"

#include <lauxlib.h>

#include "bind/modules.h"

/* mb.json, and JSON text -> Lua values; the other direction is json_encode.c. */

static const char RAW_TYPE[] = "mb.json.raw";
static const char ARRAY_TAG; /* registry key of the metatable that marks arrays */

bool mb_is_json_null(lua_State *L, int index)
{
    return lua_type(L, index) == LUA_TLIGHTUSERDATA && lua_touserdata(L, index) == NULL;
}

bool mb_json_is_marked_array(lua_State *L, int index)
{
    if (!lua_getmetatable(L, index)) return false;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &ARRAY_TAG);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

bool mb_json_raw(lua_State *L, int index, struct mb_str *text)
{
    if (!luaL_testudata(L, index, RAW_TYPE)) return false;
    lua_getiuservalue(L, index, 1);
    text->ptr = lua_tolstring(L, -1, &text->len);
    lua_pop(L, 1); /* still anchored in the userdata */
    return true;
}

/* ---- decoding ----
 * Open containers stand on the Lua stack; for each an entry says whether it is an array. */

/* Room in an object from the beginning: growing by one field, then two, then four costs more. */
enum { USUAL_FIELDS = 8 };

struct decoder {
    lua_State *L;
    struct {
        bool array;
        lua_Integer n;
    } level[64];
    int depth;
};

static enum mb_rc put(struct decoder *d)
{
    if (d->depth == 0) return MB_OK;
    if (d->level[d->depth - 1].array)
        lua_rawseti(d->L, -2, ++d->level[d->depth - 1].n);
    else
        lua_rawset(d->L, -3);
    return MB_OK;
}

static enum mb_rc on_null(void *ctx)
{
    struct decoder *d = ctx;
    lua_pushlightuserdata(d->L, NULL);
    return put(d);
}

static enum mb_rc on_boolean(void *ctx, bool v)
{
    struct decoder *d = ctx;
    lua_pushboolean(d->L, v);
    return put(d);
}

static enum mb_rc on_number(void *ctx, struct mb_str text, bool is_int, int64_t i)
{
    struct decoder *d = ctx;
    if (is_int) {
        lua_pushinteger(d->L, i);
        return put(d);
    }
    char z[64];
    if (text.len >= sizeof z) return MB_E_JSON;
    memcpy(z, text.ptr, text.len);
    z[text.len] = 0;
    if (lua_stringtonumber(d->L, z) == 0) return MB_E_JSON;
    lua_Number v = lua_tonumber(d->L, -1);
    if (v - v != 0) /* overflowed to infinity */
        return MB_E_JSON;
    return put(d);
}

static enum mb_rc on_string(void *ctx, struct mb_str s)
{
    struct decoder *d = ctx;
    lua_pushlstring(d->L, s.ptr, s.len);
    return put(d);
}

static enum mb_rc on_key(void *ctx, struct mb_str s)
{
    lua_pushlstring(((struct decoder *)ctx)->L, s.ptr, s.len);
    return MB_OK;
}

void mb_json_push_array(lua_State *L)
{
    enum { USUAL = 4 };
    lua_createtable(L, USUAL, 0);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &ARRAY_TAG);
    lua_setmetatable(L, -2);
}

static enum mb_rc begin(struct decoder *d, bool array)
{
    if (d->depth >= 64 || !lua_checkstack(d->L, 6)) return MB_E_LIMIT;
    if (array)
        mb_json_push_array(d->L);
    else
        lua_createtable(d->L, 0, USUAL_FIELDS);
    d->level[d->depth].array = array;
    d->level[d->depth++].n = 0;
    return MB_OK;
}

static enum mb_rc on_begin_object(void *ctx) { return begin(ctx, false); }
static enum mb_rc on_begin_array(void *ctx) { return begin(ctx, true); }

static enum mb_rc on_end(void *ctx)
{
    struct decoder *d = ctx;
    d->depth--;
    return put(d);
}

struct decode_call {
    struct mb_str text;
    struct mb_json_fault *fault;
    struct mb_buf scratch;
    enum mb_rc rc;
};

static int decode_protected(lua_State *L)
{
    static const struct mb_json_sink sink = {on_null,   on_boolean,     on_number,
                                             on_string, on_key,         on_begin_object,
                                             on_end,    on_begin_array, on_end};
    struct decode_call *c = lua_touserdata(L, 1);
    struct decoder d = {.L = L, .depth = 0};
    c->rc = mb_json_read(c->text, &mb_vm_plan(mb_vm_of(L))->limits.json, &sink, &d, &c->scratch,
                         c->fault);
    return c->rc == MB_OK ? 1 : 0;
}

/* Protected, so that a memory error of Lua cannot leak the scratch buffer. */
enum mb_rc mb_json_decode(lua_State *L, struct mb_str text, struct mb_json_fault *fault)
{
    struct mb_vm *vm = mb_vm_of(L);
    struct decode_call c = {
        .text = text, .fault = fault, .scratch = mb_vm_take_scratch(vm), .rc = MB_OK};
    lua_pushcfunction(L, decode_protected);
    lua_pushlightuserdata(L, &c);
    int status = lua_pcall(L, 1, LUA_MULTRET, 0);
    mb_vm_give_scratch(vm, &c.scratch);
    if (status != LUA_OK) lua_error(L);
    return c.rc;
}

/* ---- the module ---- */

struct encode_call {
    struct mb_buf buf;
    struct mb_err err;
};

static int encode_gc(lua_State *L)
{
    struct encode_call *c = lua_touserdata(L, 1);
    mb_buf_reset(&c->buf);
    return 0;
}

static int l_encode(lua_State *L)
{
    luaL_checkany(L, 1);
    struct encode_call *c = lua_newuserdatauv(L, sizeof *c, 0);
    mb_buf_init(&c->buf, mb_vm_plan(mb_vm_of(L))->limits.max_reply);
    luaL_setmetatable(L, "mb.json.buffer");
    if (mb_json_encode(L, 1, &c->buf, &c->err) != MB_OK)
        return luaL_error(L, "json.encode: %s", c->err.text);
    lua_pushlstring(L, c->buf.data, c->buf.len);
    mb_buf_reset(&c->buf);
    return 1;
}

/* decode(text) -> value, or nil and "… at byte n" */
static int l_decode(lua_State *L)
{
    struct mb_str text;
    struct mb_json_fault fault = {0};
    text.ptr = luaL_checklstring(L, 1, &text.len);
    if (mb_json_decode(L, text, &fault) == MB_OK) return 1;
    lua_pushnil(L);
    lua_pushfstring(L, "%s at byte %d", fault.text, (int)fault.offset + 1);
    return 2;
}

static int l_array(lua_State *L)
{
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &ARRAY_TAG);
    lua_setmetatable(L, 1);
    return 1;
}

/* is_array(t): decoded from [...] or made by array(), or holding [1] */
static int l_is_array(lua_State *L)
{
    lua_pushboolean(L, lua_istable(L, 1) && (lua_rawlen(L, 1) > 0 || mb_json_is_marked_array(L, 1)));
    return 1;
}

static int l_raw(lua_State *L)
{
    luaL_checkstring(L, 1);
    lua_newuserdatauv(L, 0, 1);
    luaL_setmetatable(L, RAW_TYPE);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    return 1;
}

int mb_open_json(lua_State *L)
{
    static const luaL_Reg functions[] = {{"encode", l_encode},     {"decode", l_decode},
                                         {"array", l_array},       {"raw", l_raw},
                                         {"is_array", l_is_array}, {NULL, NULL}};
    luaL_newmetatable(L, RAW_TYPE);
    luaL_newmetatable(L, "mb.json.buffer");
    lua_pushcfunction(L, encode_gc);
    lua_setfield(L, -2, "__gc");
    lua_newtable(L);
    lua_pushliteral(L, "array");
    lua_setfield(L, -2, "__name");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &ARRAY_TAG);
    luaL_newlib(L, functions);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    return 1;
}

static enum mb_rc wrong_headers(lua_State *L, struct mb_err *err, const char *why)
{
    lua_pop(L, 2);
    return mb_fail(err, MB_E_SCRIPT, "headers are a table of texts by name, at most a few: %s",
                   why);
}

enum mb_rc mb_collect_headers(lua_State *L, int index, struct mb_http_header *out, size_t max,
                              size_t *n, const char **content_type, struct mb_err *err)
{
    *n = 0;
    lua_pushnil(L);
    while (lua_next(L, index)) {
        struct mb_http_header h;
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
            return wrong_headers(L, err, "one is not a text");
        h.name.ptr = lua_tolstring(L, -2, &h.name.len);
        h.value.ptr = lua_tolstring(L, -1, &h.value.len);
        if (content_type && mb_str_ieq(h.name, MB_STR("content-type"))) {
            if (memchr(h.value.ptr, 0, h.value.len))
                return wrong_headers(L, err, "the Content-Type holds a NUL byte");
            *content_type = h.value.ptr;
        } else if (*n == max) {
            return wrong_headers(L, err, "there are too many");
        } else {
            out[(*n)++] = h;
        }
        lua_pop(L, 1);
    }
    return MB_OK;
}
