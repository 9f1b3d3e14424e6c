#include "bind/sandbox.h"

#include <lauxlib.h>
#include <lualib.h>

#include "bind/guard.h"
#include "bind/loader.h"
#include "bind/modules.h"
#include "bind/strings.h"

/*
 * What scripts can reach: text-only loading out of the bundle, no io, os, debug, package, and
 * globals that stand still.
 */

/* "queries.slots" -> "queries/slots.lua"; false when too long or not a plain dotted name. */
static bool script_name(const char *module, char *out, size_t cap)
{
    size_t n = strlen(module);
    if (n == 0 || n + 5 > cap || module[0] == '.') return false;
    for (size_t i = 0; i < n; i++) {
        char c = module[i];
        bool word =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        if (!word && c != '.') return false;
        out[i] = c == '.' ? '/' : c;
    }
    memcpy(out + n, ".lua", 5);
    return true;
}

static int l_scripts(lua_State *L);

/* mb.scripts is one function: scripts("routes/") -> the modules of that folder, in order. */
static int open_scripts(lua_State *L)
{
    lua_pushcfunction(L, l_scripts);
    return 1;
}

/* source(f) -> "routes/slots.lua:12", where the function begins. */
static int l_source(lua_State *L)
{
    lua_Debug d;
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    (void)lua_getinfo(L, ">S", &d);
    lua_pushfstring(L, "%s:%d", d.short_src, d.linedefined);
    return 1;
}

static int open_source(lua_State *L)
{
    lua_pushcfunction(L, l_source);
    return 1;
}

static const struct mb_vm_module c_modules[] = {
    {"mb.json", mb_open_json},     {"mb.db", mb_open_db},
    {"mb.query", mb_open_query},   {"mb.problem", mb_open_problem},
    {"mb.log", mb_open_log},       {"mb.time", mb_open_time},
    {"mb.crypto", mb_open_crypto}, {"mb.http", mb_open_http},
    {"mb.mail", mb_open_mail},     {"mb.text", mb_open_text},
    {"mb.id", mb_open_id},         {"mb.config", mb_open_config},
    {"mb.scripts", open_scripts},  {"mb.shape", mb_open_shape},
    {"mb.rate", mb_open_rate},     {"mb.source", open_source},
    {"mb.background", mb_open_background}, {"mb.signature", mb_open_signature},
    {"mb.money", mb_open_money},   {"mb.tier", mb_open_tier},
    {"mb.bytes", mb_open_bytes},
};

static lua_CFunction find_among(const struct mb_vm_module *list, size_t n, const char *module)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].name, module) == 0) return list[i].open;
    return NULL;
}

static lua_CFunction find_c_module(const struct mb_vm_plan *plan, const char *module)
{
    lua_CFunction ours = find_among(c_modules, sizeof c_modules / sizeof *c_modules, module);
    return ours ? ours : find_among(plan->modules, plan->nmodules, module);
}

/* Pushes the function that makes the module's value. */
static void push_loader(lua_State *L, const char *module)
{
    const struct mb_vm *vm = mb_vm_of(L);
    char name[256];
    lua_CFunction open = find_c_module(mb_vm_plan(vm), module);
    if (open) {
        lua_pushcfunction(L, open);
        return;
    }
    if (!script_name(module, name, sizeof name))
        luaL_error(L,
                   "'%s' is no name of a module: words of letters, digits and _ with dots between",
                   module);
    bool is_there = mb_loader_chunk(L, name);
    if (!is_there)
        luaL_error(L,
                   "module '%s' not found: there is no lua/%s and no built-in module of that name",
                   module, name);
    if (mb_vm_is_built(vm))
        luaL_error(L, "module '%s' was not loaded at the start: require it at the top of a file",
                   module);
}

static int l_require(lua_State *L) { return mb_loader_require(L, push_loader); }

static int l_scripts(lua_State *L)
{
    const char *prefix = luaL_checkstring(L, 1);
    const struct mb_vm_plan *plan = mb_vm_plan(mb_vm_of(L));
    lua_newtable(L);
    for (size_t i = 0, n = 0; i < plan->nscripts; i++) {
        const char *name = plan->scripts[i].name;
        size_t len = strlen(name);
        if (strncmp(name, prefix, strlen(prefix)) != 0 || len < 5 ||
            strcmp(name + len - 4, ".lua") != 0)
            continue;
        luaL_gsub(L, name, "/", ".");
        lua_pushlstring(L, lua_tostring(L, -1), len - 4);
        lua_rawseti(L, -3, (lua_Integer)++n);
        lua_pop(L, 1);
    }
    return 1;
}

static int l_undefined_global(lua_State *L)
{
    return luaL_error(L, "undefined global '%s'", luaL_tolstring(L, 2, NULL));
}

static int l_assigned_global(lua_State *L)
{
    return luaL_error(L, "assignment to global '%s': use `local`", luaL_tolstring(L, 2, NULL));
}

void mb_sandbox_libraries(lua_State *L)
{
    static const luaL_Reg libs[] = {
        {LUA_GNAME, luaopen_base},        {LUA_TABLIBNAME, luaopen_table},
        {LUA_STRLIBNAME, luaopen_string}, {LUA_MATHLIBNAME, luaopen_math},
        {LUA_UTF8LIBNAME, luaopen_utf8},  {LUA_COLIBNAME, luaopen_coroutine}};
    for (size_t i = 0; i < sizeof libs / sizeof *libs; i++) {
        luaL_requiref(L, libs[i].name, libs[i].func, 1);
        lua_pop(L, 1);
    }
    static const char *const removed[] = {"dofile",         "loadfile", "load",
                                          "collectgarbage", "print",    "warn"};
    for (size_t i = 0; i < sizeof removed / sizeof *removed; i++) {
        lua_pushnil(L);
        lua_setglobal(L, removed[i]);
    }
    lua_getglobal(L, LUA_STRLIBNAME);
    lua_pushnil(L);
    lua_setfield(L, -2, "dump");
    lua_pop(L, 1);
    mb_guard_install(L);
    mb_strings_install(L);
}

/* From now on an unknown name is an error, not nil, and a forgotten `local` is one too. */
static void lock_globals(lua_State *L)
{
    lua_pushglobaltable(L);
    lua_createtable(L, 0, 3);
    lua_pushcfunction(L, l_undefined_global);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, l_assigned_global);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}

void mb_sandbox_open(lua_State *L)
{
    const struct mb_vm_plan *plan = mb_vm_plan(mb_vm_of(L));
    mb_sandbox_libraries(L);
    lua_pushcfunction(L, l_require);
    lua_setglobal(L, "require");
    lua_pushglobaltable(L);
    mb_loader_compile(L, plan->scripts, plan->nscripts, -1);
    lua_pop(L, 1);
    lock_globals(L);
}

void mb_sandbox_boot(lua_State *L)
{
    if (!mb_loader_chunk(L, "boot.lua")) luaL_error(L, "boot.lua is missing in the script folder");
    lua_pushcfunction(L, l_scripts);
    lua_call(L, 1, 1);
}
