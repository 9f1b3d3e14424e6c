#include <lauxlib.h>

#include "bind/json.h"
#include "bind/modules.h"
#include "bind/request.h"
#include "bind/shape.h"
#include "bind/vm.h"

/*
 * mb.shape: what a request came with, checked and made in one go (shape.h).
 *
 *   shape.body(spec, otherwise)   of a schema that was verified -> f(req), which reads the body: returns the
 *                          value, which req.body is from now on. Where there is none, or it is not sound, f returns
 *                          nothing, and has called otherwise(req). No f when an object has too many fields
 *   shape.params(spec, otherwise), shape.query(spec, otherwise)   the same of these fields, which
 *                          came as texts
 *   shape.text(spec)       f(text), as body of a text, nil when it is not sound; for tests
 *   shape.answer(spec)     f(value): the text that an answer of it is, or nil and what is wrong with the value, or
 *                          with the text that it holds as json.raw; for tests
 */

enum {
    AT_SHAPE = lua_upvalueindex(1),
    AT_VALUES = lua_upvalueindex(2),
    AT_OTHERWISE = lua_upvalueindex(3)
};

static int end_otherwise(lua_State *L, int status, lua_KContext ctx)
{
    (void)L;
    (void)status;
    (void)ctx;
    return 0;
}

/* The request stands at 1. */
static int otherwise(lua_State *L)
{
    lua_settop(L, 1);
    lua_pushvalue(L, AT_OTHERWISE);
    lua_insert(L, 1);
    lua_callk(L, 1, 0, 0, end_otherwise);
    return end_otherwise(L, LUA_OK, 0);
}

/* The value at the top is this part of the request at 1. */
static int hand_on(lua_State *L, enum mb_request_part part)
{
    lua_pushvalue(L, -1);
    mb_request_keep(L, 1, part);
    return 1;
}

/* The values stand on the stack meanwhile, where they are quicker to reach. */
static bool read(lua_State *L, struct mb_str text)
{
    lua_pushvalue(L, AT_VALUES);
    return mb_shape_read(L, lua_touserdata(L, AT_SHAPE), text,
                         &mb_vm_plan(mb_vm_of(L))->limits.json, lua_gettop(L));
}

static int f_body(lua_State *L)
{
    struct mb_str text;
    lua_settop(L, 1);
    bool is_read = mb_request_text(L, 1, &text) && read(L, text);
    return is_read ? hand_on(L, MB_REQUEST_BODY) : otherwise(L);
}

static int f_text(lua_State *L)
{
    struct mb_str text;
    text.ptr = luaL_checklstring(L, 1, &text.len);
    return read(L, text);
}

/* ---- fields that came as texts ---- */

/* As mb_shape_push_text. */
static bool push_field(lua_State *L, const struct mb_shape_node *n, struct mb_str s)
{
    enum { MAX_DIGITS = 18 };
    switch (n->kind) {
    case MB_SHAPE_STRING: return mb_shape_push_text(L, n, s, AT_VALUES);
    case MB_SHAPE_BOOLEAN:
        lua_pushboolean(L, mb_str_eq(s, MB_STR("true")));
        return lua_toboolean(L, -1) || mb_str_eq(s, MB_STR("false"));
    case MB_SHAPE_INTEGER: break;
    default: return false;
    }
    size_t sign = s.len > 0 && s.ptr[0] == '-';
    lua_Integer v = 0;
    if (s.len == sign || s.len > MAX_DIGITS) return false;
    for (size_t i = sign; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') return false;
        v = v * 10 + (s.ptr[i] - '0');
    }
    return mb_shape_push_integer(L, n, sign ? -v : v, AT_VALUES);
}

struct taker {
    lua_State *L;
    const struct mb_shape *s;
    int made;
    uint64_t has;
};

/* A name that comes twice is not sound. */
static bool take_field(void *ctx, struct mb_str name, struct mb_str value)
{
    struct taker *t = ctx;
    const struct mb_shape_node *root = &t->s->node[0];
    int i = mb_shape_find(t->s, root, name);
    if (i < 0 || (t->has >> i & 1)) return false;
    t->has |= UINT64_C(1) << i;
    const struct mb_shape_field *f = &t->s->field[root->first + i];
    lua_rawgeti(t->L, AT_VALUES, f->name_at);
    if (!push_field(t->L, &t->s->node[f->node], value)) return false;
    lua_rawset(t->L, t->made);
    return true;
}

typedef bool (*walk_fn)(lua_State *L, int index, mb_request_see see, void *ctx);

static int take(lua_State *L, walk_fn walk, enum mb_request_part part)
{
    const struct mb_shape *s = lua_touserdata(L, AT_SHAPE);
    const struct mb_shape_node *root = &s->node[0];
    lua_settop(L, 1);
    lua_createtable(L, 0, root->nfields);
    struct taker t = {.L = L, .s = s, .made = 2};
    bool is_sound = walk(L, 1, take_field, &t) && mb_shape_complete(L, s, root, t.has, AT_VALUES);
    return is_sound ? hand_on(L, part) : otherwise(L);
}

static int f_params(lua_State *L) { return take(L, mb_request_params, MB_REQUEST_PARAMS); }
static int f_query(lua_State *L) { return take(L, mb_request_query, MB_REQUEST_QUERY); }

/* Returns f as a closure. */
static int make(lua_State *L, lua_CFunction f)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    if (!mb_shape_push(L, 1)) return 0;
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, f, 3);
    return 1;
}

static bool write_answer(lua_State *L, struct mb_buf *out, struct mb_err *err)
{
    struct mb_shape *s = lua_touserdata(L, AT_SHAPE);
    if (mb_json_encode_as(L, 1, s, AT_VALUES, out, err) != MB_OK) return false;
    return mb_shape_holds(L, s, AT_VALUES, mb_buf_str(out), err) == MB_OK;
}

static int f_answer(lua_State *L)
{
    struct mb_err err;
    struct mb_buf out;
    lua_settop(L, 1);
    mb_buf_init(&out, mb_vm_plan(mb_vm_of(L))->limits.max_reply);
    bool is_sound = write_answer(L, &out, &err);
    if (!is_sound) lua_pushnil(L);
    lua_pushlstring(L, is_sound ? out.data : err.text, is_sound ? out.len : strlen(err.text));
    mb_buf_reset(&out);
    return is_sound ? 1 : 2;
}

static int l_body(lua_State *L) { return make(L, f_body); }
static int l_text(lua_State *L) { return make(L, f_text); }
static int l_answer(lua_State *L) { return make(L, f_answer); }
static int l_params(lua_State *L) { return make(L, f_params); }
static int l_query(lua_State *L) { return make(L, f_query); }

int mb_open_shape(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"body", l_body}, {"text", l_text}, {"params", l_params}, {"query", l_query}, {"answer", l_answer}, {NULL, NULL}};
    mb_shape_register(L);
    luaL_newlib(L, functions);
    return 1;
}
