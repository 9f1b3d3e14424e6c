#include "bind/json.h"

#include <lauxlib.h>

#include "bind/modules.h"

/* mb.json: encode(value), decode(text) (json_slices.c), array, is_array, raw, null. */

static const char RAW_TYPE[] = "mb.json.raw";
static const char ARRAY_TAG; /* registry key of the metatable that marks arrays */

void mb_json_push_null(lua_State *L) { lua_pushlightuserdata(L, NULL); }

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

void mb_json_make_raw(lua_State *L)
{
    lua_newuserdatauv(L, 0, 1);
    luaL_setmetatable(L, RAW_TYPE);
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, 1);
}

void mb_json_push_array(lua_State *L)
{
    enum { USUAL = 4 };
    lua_createtable(L, USUAL, 0);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &ARRAY_TAG);
    lua_setmetatable(L, -2);
}

/* ---- the module ---- */

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
    lua_pushboolean(L,
                    lua_istable(L, 1) && (lua_rawlen(L, 1) > 0 || mb_json_is_marked_array(L, 1)));
    return 1;
}

static int l_raw(lua_State *L)
{
    luaL_checkstring(L, 1);
    lua_settop(L, 1);
    mb_json_make_raw(L);
    return 1;
}

int mb_open_json(lua_State *L)
{
    static const luaL_Reg functions[] = {{"encode", mb_json_encode_call},
                                         {"decode", mb_json_decode_call},
                                         {"array", l_array},
                                         {"raw", l_raw},
                                         {"is_array", l_is_array},
                                         {NULL, NULL}};
    luaL_newmetatable(L, RAW_TYPE);
    lua_pop(L, 1);
    mb_json__register_calls(L);
    lua_newtable(L);
    lua_pushliteral(L, "array");
    lua_setfield(L, -2, "__name");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &ARRAY_TAG);
    luaL_newlib(L, functions);
    mb_json_push_null(L);
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
