#include <lauxlib.h>

#include "bind/json.h"
#include "bind/modules.h"
#include "plugin/plugin.h"

/*
 * mb.plugins: what scripts of the server see of plugins while they load, and their secrets. How one is called is
 * in call.c, its statements in statements.c.
 */

static const char TEXT_TYPE[] = "mb.plugins.text";

struct mb_plugin *mb_plugin_at(lua_State *L, int index)
{
    struct mb_plugins *all = mb_vm_plan(mb_vm_of(L))->owner;
    struct mb_plugin *p = mb_plugin_named(all, luaL_checkstring(L, index));
    luaL_argcheck(L, p != NULL, index, "plugin not found");
    return p;
}

static void decode(lua_State *L, const struct mb_buf *json)
{
    struct mb_json_fault fault;
    if (mb_json_decode(L, mb_buf_str(json), &fault) != MB_OK)
        luaL_error(L, "a manifest is larger than json.* allows");
}

/* ---- list ---- */

static int l_list(lua_State *L)
{
    const struct mb_plugins *all = mb_vm_plan(mb_vm_of(L))->owner;
    lua_newtable(L);
    for (size_t i = 0; i < all->count; i++) {
        const struct mb_plugin *p = &all->plugin[i];
        lua_createtable(L, 0, 3);
        lua_pushstring(L, p->name);
        lua_setfield(L, -2, "name");
        decode(L, &p->manifest);
        lua_setfield(L, -2, "manifest");
        if (p->config.len > 0) {
            decode(L, &p->config);
            lua_setfield(L, -2, "config");
        }
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* ---- secret ---- */

static int l_secret(lua_State *L)
{
    const struct mb_plugins_plan *plan = &mb_plugin_at(L, 1)->owner->plan;
    lua_pushfstring(L, "secrets/%s/%s", lua_tostring(L, 1), luaL_checkstring(L, 2));
    const char *name = lua_tostring(L, -1);
    for (size_t i = 0; i < plan->nsecrets; i++) {
        struct mb_str text = plan->secrets[i].text;
        if (strcmp(plan->secrets[i].name, name) != 0) continue;
        if (text.len > 0 && text.ptr[text.len - 1] == '\n') text.len--;
        lua_pushlstring(L, text.ptr, text.len);
        return 1;
    }
    return 0;
}

/* ---- names of its functions ---- */

static int l_label(lua_State *L)
{
    struct mb_plugin *p = mb_plugin_at(L, 1);
    lua_Integer n = luaL_checkinteger(L, 2);
    const char *name = luaL_checkstring(L, 3);
    if (p->stats != NULL && n > 0 && n <= MB_PLUGIN_PARTS)
        p->part[n - 1] = mb_plugin_part_take(p->stats, name);
    return 0;
}

/* ---- configure ---- */

static int take_settings(lua_State *L)
{
    struct mb_plugin *p = mb_plugin_of(L);
    decode(L, lua_touserdata(L, 1));
    p->settings = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

static int l_configure(lua_State *L)
{
    struct mb_err err;
    struct mb_plugin *p = mb_plugin_at(L, 1);
    if (mb_vm_is_built(mb_vm_of(L)))
        return luaL_error(L, "a plugin is configured while scripts load only");
    struct mb_buf *text = lua_newuserdatauv(L, sizeof *text, 0);
    mb_buf_init(text, mb_vm_plan(mb_vm_of(L))->limits.max_reply);
    luaL_setmetatable(L, TEXT_TYPE);
    if (mb_json_encode(L, 2, text, &err) != MB_OK)
        return luaL_error(L, "plugin '%s': its configuration: %s", p->name, err.text);
    lua_State *own = mb_vm_state(p->vm);
    lua_pushcfunction(own, take_settings);
    lua_pushlightuserdata(own, text);
    int rc = lua_pcall(own, 1, 0, 0);
    lua_settop(own, 0);
    if (rc == LUA_OK) return 0;
    return luaL_error(L, "plugin '%s': its configuration does not fit into plugins.memory",
                      p->name);
}

static int free_text(lua_State *L)
{
    mb_buf_reset(lua_touserdata(L, 1));
    return 0;
}

int mb_open_plugins(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"list", l_list},
        {"secret", l_secret},
        {"label", l_label},
        {"configure", l_configure},
        {NULL, NULL}};
    luaL_newmetatable(L, TEXT_TYPE);
    lua_pushcfunction(L, free_text);
    lua_setfield(L, -2, "__gc");
    luaL_newlib(L, functions);
    mb_plugin_add_calls(L);
    mb_plugin_add_tables(L);
    return 1;
}
