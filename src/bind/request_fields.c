#include <lauxlib.h>

#include "bind/request.h"

/* What scripts ask of the header fields of a request. */

int mb_request_push_token(lua_State *L, const struct mb_http_request *http)
{
    struct mb_str h = mb_http_header(http, MB_STR("authorization"));
    if (!h.ptr || h.len < 8 || !mb_str_ieq((struct mb_str){h.ptr, 7}, MB_STR("bearer "))) {
        lua_pushnil(L);
        return 1;
    }
    h = (struct mb_str){h.ptr + 7, h.len - 7};
    while (h.len > 0 && *h.ptr == ' ') h = (struct mb_str){h.ptr + 1, h.len - 1};
    lua_pushlstring(L, h.ptr, h.len);
    return 1;
}

static int push_field(lua_State *L, const struct mb_http_request *http, struct mb_str name)
{
    luaL_Buffer b;
    size_t lines = 0;
    for (size_t i = 0; i < mb_http_header_count(http); i++) {
        struct mb_http_header h = mb_http_header_at(http, i);
        if (!mb_str_eq(h.name, name)) continue;
        if (lines++ == 0)
            luaL_buffinit(L, &b);
        else
            luaL_addlstring(&b, ", ", 2);
        luaL_addlstring(&b, h.value.ptr, h.value.len);
    }
    if (lines == 0)
        lua_pushnil(L);
    else
        luaL_pushresult(&b);
    return 1;
}

int mb_request_push_header(lua_State *L, const struct mb_http_request *http)
{
    char lower[64];
    struct mb_str name;
    name.ptr = luaL_checklstring(L, 2, &name.len);
    luaL_argcheck(L, name.len <= sizeof lower, 2, "a name of at most 64 characters");
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    return push_field(L, http, (struct mb_str){lower, name.len});
}

int mb_request_push_preferred(lua_State *L, const struct mb_http_request *http)
{
    int best = 0, weight = 0;
    for (int i = 2; i <= lua_gettop(L); i++) {
        struct mb_str type;
        type.ptr = luaL_checklstring(L, i, &type.len);
        int found = mb_http_weight_of(http, type);
        if (found <= weight) continue;
        best = i;
        weight = found;
    }
    if (best == 0)
        lua_pushnil(L);
    else
        lua_pushvalue(L, best);
    return 1;
}
