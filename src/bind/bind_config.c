#include <lauxlib.h>
#include <stdio.h>

#include "bind/modules.h"

/*
 * mb.config: the configuration as texts, and keys of the scripts' own.
 *
 *   config "http.max_body" -> "1MB"             an unknown key raises
 *   config.declare("booking.expire_after", { type = "duration", default = "24h", least = "1s", most = "365d",
 *                                            help = "…" }) -> "24h", or what the operator has set
 *
 * A key is declared once, while scripts load, in the file that uses it; then it is one like all others, in
 * medbookd.conf, in the environment and in `medbookd config`. type: integer, duration, size (these have `least`
 * and `most`), boolean, word (with words = { "a", "b" }), countries ("27, 264", of telephone numbers, or ""), text
 * (of one line), origins ("https://clinic.example, https://app.example"), secret: the key names a file, and the
 * script gets its first line.
 */

static const char DECLARED; /* registry key: a table, key -> value */

static int push_declared(lua_State *L)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &DECLARED) == LUA_TTABLE) return 1;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &DECLARED);
    return 1;
}

/* Called as a function: 1 is the module. */
static int l_setting(lua_State *L)
{
    const char *key = luaL_checkstring(L, 2);
    const struct mb_vm_plan *plan = mb_vm_plan(mb_vm_of(L));
    push_declared(L);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, -2) == LUA_TSTRING) return 1;
    for (size_t i = 0; i < plan->nsettings; i++)
        if (strcmp(plan->settings[i].key, key) == 0) {
            lua_pushstring(L, plan->settings[i].value);
            return 1;
        }
    return luaL_error(L, "unknown configuration key '%s'", key);
}

/* A field of the table at 2 as text, which stays on the stack; NULL when there is none. */
static const char *text_of(lua_State *L, const char *name, bool is_required)
{
    int type = lua_getfield(L, 2, name);
    if (type == LUA_TNIL && !is_required) return NULL;
    if (type == LUA_TBOOLEAN) {
        lua_pushstring(L, lua_toboolean(L, -1) ? "true" : "false");
    } else if (type != LUA_TSTRING && !lua_isinteger(L, -1)) {
        luaL_error(L, "a configuration key is declared with '%s', a text or a whole number", name);
    }
    return lua_tostring(L, -1);
}

/* { "a", "b" } -> "a|b" */
static const char *words_of(lua_State *L)
{
    luaL_Buffer b;
    if (lua_getfield(L, 2, "words") == LUA_TNIL) return NULL;
    luaL_checktype(L, -1, LUA_TTABLE);
    int list = lua_gettop(L);
    luaL_buffinit(L, &b);
    for (lua_Integer i = 1; lua_rawgeti(L, list, i) == LUA_TSTRING; i++) {
        size_t n;
        const char *word = lua_tolstring(L, -1, &n);
        if (n == 0 || strchr(word, '|') != NULL) luaL_error(L, "'words' are texts without '|'");
        if (i > 1) luaL_addchar(&b, '|');
        luaL_addlstring(&b, word, n);
        lua_remove(L, -2);
    }
    lua_pop(L, 1);
    luaL_pushresult(&b);
    return lua_tostring(L, -1);
}

static void check_fields(lua_State *L)
{
    static const char *const known[] = {"type", "default", "least", "most", "words", "help", NULL};
    for (lua_pushnil(L); lua_next(L, 2) != 0; lua_pop(L, 1)) {
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
        int i = 0;
        while (known[i] != NULL && strcmp(known[i], name) != 0) i++;
        if (known[i] == NULL)
            luaL_error(L,
                       "a configuration key is declared with type, default, least, most, words and "
                       "help, not with '%s'",
                       name);
    }
}

static int l_declare(lua_State *L)
{
    struct mb_vm *vm = mb_vm_of(L);
    const struct mb_vm_plan *plan = mb_vm_plan(vm);
    struct mb_err err = {.rc = MB_OK};
    const char *key = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    luaL_where(L, 1);
    if (plan->declare == NULL || mb_vm_is_built(vm))
        return luaL_error(L, "configuration keys are declared while the server's scripts load");
    check_fields(L);
    const struct mb_vm_declaration it = {.key = key,
                                         .type = text_of(L, "type", true),
                                         .dflt = text_of(L, "default", true),
                                         .least = text_of(L, "least", false),
                                         .most = text_of(L, "most", false),
                                         .help = text_of(L, "help", true),
                                         .words = words_of(L),
                                         .at = lua_tostring(L, 3)};
    struct mb_buf value = mb_vm_take_scratch(vm);
    enum mb_rc rc = plan->declare(plan->declare_ctx, &it, &value, &err);
    push_declared(L);
    lua_pushstring(L, key);
    lua_pushlstring(L, value.len > 0 ? value.data : "", value.len);
    mb_vm_give_scratch(vm, &value);
    if (rc != MB_OK) return luaL_error(L, "%s", err.text);
    lua_pushvalue(L, -1);
    lua_insert(L, 3);
    lua_rawset(L, -3);
    lua_settop(L, 3);
    return 1;
}

int mb_open_config(lua_State *L)
{
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, l_declare);
    lua_setfield(L, -2, "declare");
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, l_setting);
    lua_setfield(L, -2, "__call");
    lua_setmetatable(L, -2);
    return 1;
}
