#include "bind/json.h"

#include <lauxlib.h>

#include "bind/vm.h"

/* JSON -> Lua values. Open containers stand on the Lua stack; for each an entry says whether it is an array. */

/* Room in an object from the beginning: growing by one field, then two, then four costs more. */
enum { USUAL_FIELDS = 8 };

static enum mb_rc put(struct mb_json_maker *d)
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
    struct mb_json_maker *d = ctx;
    lua_pushlightuserdata(d->L, NULL);
    return put(d);
}

static enum mb_rc on_boolean(void *ctx, bool v)
{
    struct mb_json_maker *d = ctx;
    lua_pushboolean(d->L, v);
    return put(d);
}

static enum mb_rc on_number(void *ctx, struct mb_str text, bool is_int, int64_t i)
{
    struct mb_json_maker *d = ctx;
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
    struct mb_json_maker *d = ctx;
    lua_pushlstring(d->L, s.ptr, s.len);
    return put(d);
}

static enum mb_rc on_key(void *ctx, struct mb_str s)
{
    lua_pushlstring(((struct mb_json_maker *)ctx)->L, s.ptr, s.len);
    return MB_OK;
}

static enum mb_rc begin(struct mb_json_maker *d, bool array)
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
    struct mb_json_maker *d = ctx;
    d->depth--;
    return put(d);
}

const struct mb_json_sink mb_json__sink = {on_null,   on_boolean,     on_number,
                                           on_string, on_key,         on_begin_object,
                                           on_end,    on_begin_array, on_end};

struct decode_call {
    struct mb_str text;
    struct mb_json_fault *fault;
    struct mb_buf scratch;
    enum mb_rc rc;
};

static int decode_protected(lua_State *L)
{
    struct decode_call *c = lua_touserdata(L, 1);
    struct mb_json_maker d = {.L = L, .depth = 0};
    c->rc = mb_json_read(c->text, &mb_vm_plan(mb_vm_of(L))->limits.json, &mb_json__sink, &d,
                         &c->scratch, c->fault);
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
