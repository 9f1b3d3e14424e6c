/*
 * json.encode and json.decode for scripts that may have to rest. What is short is done in one go. A longer value is taken
 * apart as far as its parts are long: these stand open on the Lua stack, an object with its key above it.
 */
#include <lauxlib.h>
#include <stdio.h>

#include "bind/budget.h"
#include "bind/json.h"
#include "bind/vm.h"

enum { DEPTH = 64, SHORT = 16384, STEPS_PER_LOOK = 64 };

static const char ENCODE_TYPE[] = "mb.json.encode", DECODE_TYPE[] = "mb.json.decode";

/* ---- encode(value) -> text ---- */

enum { AT_VALUE = 1, AT_CALL };

enum phase { COUNTING, ITEMS, MEMBERS }; /* of a list first the keys are looked at */

struct level {
    enum phase phase;
    bool is_begun;
    lua_Integer next, n; /* of a list; while counting `next` is how many there were */
};

struct encode_call {
    struct mb_buf buf;
    struct mb_err err;
    unsigned steps;
    size_t looked_at; /* length of the text at the last look */
    int depth;
    struct level level[DEPTH];
};

static int encode_gc(lua_State *L)
{
    struct encode_call *c = lua_touserdata(L, 1);
    mb_buf_reset(&c->buf);
    return 0;
}

/* With the names of the open tables before what is wrong. */
static int fail(lua_State *L, const struct encode_call *c, const char *text)
{
    int index = AT_CALL + 1;
    luaL_checkstack(L, 8, NULL);
    luaL_where(L, 1);
    lua_pushliteral(L, "");
    for (int i = 0; i < c->depth; i++, index++) {
        const struct level *it = &c->level[i];
        if (it->phase == COUNTING) continue;
        if (it->phase == MEMBERS)
            lua_pushfstring(L, "/%s", lua_tostring(L, ++index));
        else
            lua_pushfstring(L, "/%d", (int)it->next - 2);
        lua_concat(L, 2);
    }
    const char *path = lua_tostring(L, -1);
    const char *colon = path[0] != '\0' && text[0] != '/' ? ": " : "";
    lua_pushfstring(L, "%sjson.encode: %s%s%s", lua_tostring(L, -2), path, colon, text);
    return lua_error(L);
}

static enum mb_rc open_table(lua_State *L, struct encode_call *c)
{
    if (c->depth == DEPTH || !lua_checkstack(L, 8))
        return mb_fail(&c->err, MB_E_JSON, "tables are nested deeper than %d, or in a circle",
                       DEPTH);
    lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
    bool is_list = n > 0 || mb_json_is_marked_array(L, -1);
    c->level[c->depth++] = (struct level){.phase = is_list ? COUNTING : MEMBERS, .n = n};
    lua_pushnil(L); /* the key before the first */
    return mb_buf_add(&c->buf, is_list ? "[" : "{", 1);
}

/* Writes the value at the top and pops it, or opens it when it is a long table. */
static enum mb_rc encode_top(lua_State *L, struct encode_call *c)
{
    size_t before = c->buf.len, most = c->buf.max;
    bool may_open = lua_istable(L, -1) && most - before > SHORT;
    if (may_open) c->buf.max = before + SHORT;
    enum mb_rc rc = mb_json_encode(L, lua_gettop(L), &c->buf, &c->err);
    c->buf.max = most;
    if (rc == MB_E_LIMIT && may_open) {
        c->buf.len = before;
        c->err.rc = MB_OK;
        return open_table(L, c);
    }
    if (rc == MB_OK) lua_pop(L, 1);
    return rc;
}

static enum mb_rc close_table(lua_State *L, struct encode_call *c)
{
    bool is_list = c->level[--c->depth].phase == ITEMS;
    lua_pop(L, 1);
    return mb_buf_add(&c->buf, is_list ? "]" : "}", 1);
}

/* The next key of a list: they are 1 to n and nothing else. */
static enum mb_rc count_key(lua_State *L, struct encode_call *c, struct level *it)
{
    if (lua_next(L, -2)) {
        lua_pop(L, 1);
        lua_Integer i = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
        it->next++;
        if (i >= 1 && i <= it->n) return MB_OK;
        return mb_fail(&c->err, MB_E_JSON,
                       "a table with [1] is a list and has the key '%s' besides",
                       luaL_tolstring(L, -1, NULL));
    }
    if (it->next != it->n)
        return mb_fail(&c->err, MB_E_JSON, "a list has a hole: json.null stands for nothing in it");
    it->phase = ITEMS;
    it->next = 1;
    return MB_OK;
}

static enum mb_rc next_item(lua_State *L, struct encode_call *c, struct level *it)
{
    if (it->next > it->n) return close_table(L, c);
    enum mb_rc rc = it->next > 1 ? mb_buf_add(&c->buf, ",", 1) : MB_OK;
    lua_rawgeti(L, -1, it->next++);
    return rc == MB_OK ? encode_top(L, c) : rc;
}

static enum mb_rc next_member(lua_State *L, struct encode_call *c, struct level *it)
{
    if (!lua_next(L, -2)) return close_table(L, c);
    if (lua_type(L, -2) != LUA_TSTRING)
        return mb_fail(&c->err, MB_E_JSON, "an object has a key that is a %s, not a string",
                       luaL_typename(L, -2));
    size_t n;
    const char *s = lua_tolstring(L, -2, &n);
    enum mb_rc rc = mb_json_member(&c->buf, !it->is_begun, s, n);
    it->is_begun = true;
    if (rc == MB_E_JSON) return mb_fail(&c->err, rc, "a text is not valid UTF-8");
    return rc == MB_OK ? encode_top(L, c) : rc;
}

static enum mb_rc encode_step(lua_State *L, struct encode_call *c)
{
    struct level *it = &c->level[c->depth - 1];
    switch (it->phase) {
    case COUNTING: return count_key(L, c, it);
    case ITEMS: return next_item(L, c, it);
    case MEMBERS: break;
    }
    return next_member(L, c, it);
}

static bool is_late(lua_State *L, struct encode_call *c)
{
    if (++c->steps % STEPS_PER_LOOK != 0 && c->buf.len - c->looked_at < SHORT) return false;
    c->looked_at = c->buf.len;
    mb_budget_check(L);
    return mb_budget_is_late(L);
}

static int encode_on(lua_State *L, int status, lua_KContext ctx)
{
    struct encode_call *c = lua_touserdata(L, AT_CALL);
    enum mb_rc rc = MB_OK;
    (void)status;
    if (ctx == 0) rc = encode_top(L, c); /* nothing is done yet */
    while (rc == MB_OK && c->depth > 0) {
        rc = encode_step(L, c);
        if (rc == MB_OK && is_late(L, c)) return mb_budget_rest(L, 1, encode_on);
    }
    if (rc == MB_E_LIMIT && c->err.rc != rc)
        (void)mb_fail(&c->err, rc, "the text is over %zu bytes (http.max_reply)", c->buf.max);
    else if (rc != MB_OK && c->err.rc != rc)
        (void)mb_fail(&c->err, rc, "not enough memory for the text");
    if (rc != MB_OK) return fail(L, c, c->err.text);
    lua_pushlstring(L, c->buf.data, c->buf.len);
    mb_buf_reset(&c->buf);
    return 1;
}

int mb_json_encode_call(lua_State *L)
{
    luaL_checkany(L, AT_VALUE);
    lua_settop(L, AT_VALUE);
    struct encode_call *c = lua_newuserdatauv(L, sizeof *c, 0);
    mb_buf_init(&c->buf, mb_vm_plan(mb_vm_of(L))->limits.max_reply);
    c->err.rc = MB_OK;
    c->steps = 0;
    c->looked_at = 0;
    c->depth = 0;
    luaL_setmetatable(L, ENCODE_TYPE);
    lua_pushvalue(L, AT_VALUE);
    return encode_on(L, LUA_OK, 0);
}

/* ---- decode(text) -> value, or nil and why ---- */

enum { AT_TEXT = 1 };

struct decode_call {
    struct mb_json_reader *reader;
    struct mb_json_maker maker;
};

static int decode_gc(lua_State *L)
{
    struct decode_call *c = lua_touserdata(L, 1);
    mb_json_reader_free(c->reader);
    c->reader = NULL;
    return 0;
}

static int push_fault(lua_State *L, const struct mb_json_fault *fault)
{
    lua_pushnil(L);
    lua_pushfstring(L, "%s at byte %d", fault->text, (int)fault->offset + 1);
    return 2;
}

static int decode_on(lua_State *L, int status, lua_KContext ctx)
{
    struct decode_call *c = lua_touserdata(L, AT_CALL);
    struct mb_json_fault fault = {0};
    (void)status;
    c->maker.L = L;
    for (bool is_over = false; !is_over;) {
        enum mb_rc rc = mb_json_reader_run(c->reader, STEPS_PER_LOOK, &is_over, &fault);
        if (rc != MB_OK) return push_fault(L, &fault);
        mb_budget_check(L);
        if (!is_over && mb_budget_is_late(L)) return mb_budget_rest(L, ctx, decode_on);
    }
    mb_json_reader_free(c->reader);
    c->reader = NULL;
    return 1; /* the value is at the top */
}

int mb_json_decode_call(lua_State *L)
{
    struct mb_str text;
    struct mb_json_fault fault = {0};
    text.ptr = luaL_checklstring(L, AT_TEXT, &text.len);
    if (text.len <= SHORT)
        return mb_json_decode(L, text, &fault) == MB_OK ? 1 : push_fault(L, &fault);
    lua_settop(L, AT_TEXT);
    struct decode_call *c = lua_newuserdatauv(L, sizeof *c, 0);
    c->reader = NULL;
    c->maker.depth = 0;
    luaL_setmetatable(L, DECODE_TYPE);
    c->reader =
        mb_json_reader_new(text, &mb_vm_plan(mb_vm_of(L))->limits.json, &mb_json__sink, &c->maker);
    if (c->reader == NULL) return luaL_error(L, "not enough memory");
    return decode_on(L, LUA_OK, 0);
}

static void register_type(lua_State *L, const char *name, lua_CFunction gc)
{
    luaL_newmetatable(L, name);
    lua_pushcfunction(L, gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
}

void mb_json__register_calls(lua_State *L)
{
    register_type(L, ENCODE_TYPE, encode_gc);
    register_type(L, DECODE_TYPE, decode_gc);
}
