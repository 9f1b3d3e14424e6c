#include "plugin/sandbox.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "bind/loader.h"
#include "bind/modules.h"
#include "bind/sandbox.h"
#include "plugin/language.h"
#include "plugin/plugin.h"

/*
 * The environment is built of the libraries that the server's own scripts have, name by name: what
 * is not listed here is not there. tests/fixtures/plugins/allowed.txt lists what a walk may find.
 */

static const char ENVIRONMENT; /* registry key */

/* ---- frozen tables ---- */

static int refuse_change(lua_State *L)
{
    return luaL_error(L, "this belongs to the server and cannot be changed");
}

/* pairs() walks a copy. */
static int walk_frozen(lua_State *L)
{
    lua_getglobal(L, "next");
    lua_newtable(L);
    lua_pushnil(L);
    while (lua_next(L, lua_upvalueindex(1))) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -4);
    }
    return 2;
}

/* The table at the top becomes a userdata that reads it: nothing that works on tables, raw or not,
 * gets through. */
static void freeze(lua_State *L, const char *name)
{
    (void)lua_newuserdatauv(L, 0, 0);
    lua_createtable(L, 0, 5);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, refuse_change);
    lua_setfield(L, -2, "__newindex");
    lua_pushvalue(L, -3);
    lua_pushcclosure(L, walk_frozen, 1);
    lua_setfield(L, -2, "__pairs");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__name");
    lua_setmetatable(L, -2);
    lua_remove(L, -2);
}

/* Of the table at the top a new one is left with these fields only. */
static void keep(lua_State *L, const char *const *names)
{
    lua_newtable(L);
    for (; *names != NULL; names++) {
        lua_getfield(L, -2, *names);
        lua_setfield(L, -2, *names);
    }
    lua_remove(L, -2);
}

/* ---- require ---- */

/* The chunk of a file of the plugin, bound to its environment; false, and nothing, when there is none. */
static bool push_file(lua_State *L, const char *leaf)
{
    lua_pushfstring(L, "plugins/%s/%s", mb_plugin_of(L)->name, leaf);
    bool is_there = mb_loader_chunk(L, lua_tostring(L, -1));
    lua_remove(L, is_there ? -2 : -1);
    if (!is_there) return false;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &ENVIRONMENT);
    (void)lua_setupvalue(L, -2, 1);
    return true;
}

static void push_loader(lua_State *L, const char *module)
{
    if (mb_vm_is_built(mb_vm_of(L)))
        luaL_error(L, "module '%s' was not loaded at the start: require it at the top of a file",
                   module);
    luaL_gsub(L, module, ".", "/");
    lua_pushfstring(L, "%s.lua", lua_tostring(L, -1));
    const char *leaf = lua_tostring(L, -1);
    bool is_there = push_file(L, leaf);
    if (!is_there)
        luaL_error(L,
                   "module '%s' not found: the plugin has no file %s, and the server gives "
                   "it \"medbookd\" only",
                   module, leaf);
    lua_replace(L, -3);
    lua_pop(L, 1);
}

static int l_require(lua_State *L) { return mb_loader_require(L, push_loader); }

void mb_plugin_run_file(lua_State *L, const char *leaf)
{
    if (push_file(L, leaf)) lua_call(L, 0, 1);
}

/* ---- the module "medbookd" ---- */

static int l_config(lua_State *L)
{
    const struct mb_plugin *p = mb_plugin_of(L);
    if (p->settings == LUA_NOREF)
        return luaL_error(L, "config() is known when handlers run, not while the plugin loads");
    lua_rawgeti(L, LUA_REGISTRYINDEX, p->settings);
    return 1;
}

static void add_module(lua_State *L, const char *name, lua_CFunction open, const char *const *names)
{
    lua_pushcfunction(L, open);
    lua_call(L, 0, 1);
    keep(L, names);
    freeze(L, name);
    lua_setfield(L, -2, name);
}

/* What the server does for a plugin that declares it, see lua/workflows/plugin_host.lua. */
static void add_asks(lua_State *L, const char *module, const char *const (*names)[2])
{
    lua_newtable(L);
    for (; (*names)[0] != NULL; names++) {
        mb_plugin_push_ask(L, (*names)[1]);
        lua_setfield(L, -2, (*names)[0]);
    }
    freeze(L, module);
    lua_setfield(L, -2, module);
}

static void push_facade(lua_State *L)
{
    static const char *const jobs[][2] = {{"enqueue", "jobs.enqueue"}, {NULL, NULL}};
    static const char *const state[][2] = {
        {"get", "state.get"}, {"set", "state.set"}, {"delete", "state.delete"}, {NULL, NULL}};
    static const char *const tables[][2] = {{"query", "tables.query"}, {NULL, NULL}};
    static const char *const crypto[] = {"sign", NULL};
    static const char *const http[][2] = {{"request", "http.request"}, {NULL, NULL}};
    static const char *const json[] = {"array", "decode", "encode", "null", NULL};
    static const char *const log[] = {"debug", "error", "info", "warn", NULL};
    static const char *const time[] = {"format", "now", "parse", NULL};
    lua_newtable(L);
    lua_pushinteger(L, 1);
    lua_setfield(L, -2, "api");
    lua_pushstring(L, mb_plugin_of(L)->name);
    lua_setfield(L, -2, "name");
    lua_pushcfunction(L, l_config);
    lua_setfield(L, -2, "config");
    add_module(L, "crypto", mb_open_crypto, crypto);
    add_module(L, "json", mb_open_json, json);
    add_module(L, "log", mb_open_log, log);
    add_module(L, "time", mb_open_time, time);
    add_asks(L, "http", http);
    add_asks(L, "jobs", jobs);
    add_asks(L, "state", state);
    add_asks(L, "tables", tables);
    mb_plugin_push_ask(L, "secrets.secret");
    lua_setfield(L, -2, "secret");
    freeze(L, "medbookd");
}

/* ---- the environment ---- */

static const char *const base_names[] = {"assert", "error",    "ipairs", "next",   "pairs",
                                         "pcall",  "rawequal", "rawget", "rawlen", "rawset",
                                         "select", "tonumber", "type",   "xpcall", NULL};

static const struct {
    const char *name;
    const char *const *names;
} libraries[] = {
    {LUA_COLIBNAME, (const char *const[]){"create", "isyieldable", "resume", "running", "status",
                                          "wrap", "yield", NULL}},
    {LUA_MATHLIBNAME,
     (const char *const[]){
         "abs",  "acos",   "asin", "atan", "ceil",       "cos",       "deg",        "exp",  "floor",
         "fmod", "huge",   "log",  "max",  "maxinteger", "min",       "mininteger", "modf", "pi",
         "rad",  "random", "sin",  "sqrt", "tan",        "tointeger", "type",       "ult",  NULL}},
    {LUA_STRLIBNAME,
     (const char *const[]){"byte", "char", "find", "format", "gmatch", "gsub", "len", "lower",
                           "match", "rep", "reverse", "sub", "upper", NULL}},
    {LUA_TABLIBNAME,
     (const char *const[]){"concat", "insert", "move", "pack", "remove", "sort", "unpack", NULL}},
    {LUA_UTF8LIBNAME,
     (const char *const[]){"char", "charpattern", "codepoint", "codes", "len", "offset", NULL}},
};

/* Methods of texts come from the library as scripts see it. */
static void use_for_texts(lua_State *L)
{
    lua_pushliteral(L, "");
    (void)lua_getmetatable(L, -1);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 2);
}

/* The new environment is at the top. */
static void add_libraries(lua_State *L)
{
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        lua_getglobal(L, libraries[i].name);
        keep(L, libraries[i].names);
        if (strcmp(libraries[i].name, LUA_STRLIBNAME) == 0) use_for_texts(L);
        freeze(L, libraries[i].name);
        lua_setfield(L, -2, libraries[i].name);
    }
}

static int undefined_global(lua_State *L)
{
    if (lua_type(L, 2) != LUA_TSTRING) return luaL_error(L, "undefined global");
    return luaL_error(L, "undefined global '%s'", lua_tostring(L, 2));
}

static void make_strict(lua_State *L)
{
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, undefined_global);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
}

void mb_plugin_sandbox(lua_State *L)
{
    mb_sandbox_libraries(L);
    mb_language_install(L);
    lua_pushglobaltable(L);
    keep(L, base_names);
    mb_language_share(L);
    lua_pushcfunction(L, l_require);
    lua_setfield(L, -2, "require");
    add_libraries(L);
    make_strict(L);
    size_t nfiles;
    const struct mb_script *files = mb_plugin_files(mb_plugin_of(L), &nfiles);
    mb_loader_compile(L, files, nfiles, -1);
    push_facade(L);
    mb_loader_set(L, "medbookd");
    freeze(L, "globals");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &ENVIRONMENT);
}
