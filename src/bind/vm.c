#include "bind/vm.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>

#include "bind/modules.h"
#include "bind/request.h"

/*
 * Building a state. Scripts see only what is put into the globals here: text-only loading, no
 * io, os, debug, package; globals are fixed once boot.lua ran. Every call from C into the state
 * is protected.
 */

struct mb_vm {
    lua_State *L;
    const struct mb_vm_plan *plan;
    struct mb_vm_plan plan_copy;
    size_t bytes;
    struct mb_routes *routes;
    struct mb_vm_route *route;
    size_t nroutes;
};

static const char LOADED; /* registry key: modules by name */
static const char SELF;   /* registry key: struct mb_vm */

lua_State *mb_vm_state(struct mb_vm *vm) { return vm->L; }
const struct mb_vm_plan *mb_vm_plan(const struct mb_vm *vm) { return &vm->plan_copy; }
const struct mb_routes *mb_vm_routes(const struct mb_vm *vm) { return vm->routes; }
const struct mb_vm_route *mb_vm_route_at(const struct mb_vm *vm, size_t i) { return &vm->route[i]; }
size_t mb_vm_route_count(const struct mb_vm *vm) { return vm->nroutes; }
size_t mb_vm_bytes(const struct mb_vm *vm) { return vm->bytes; }

struct mb_vm *mb_vm_of(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &SELF);
    struct mb_vm *vm = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return vm;
}

/* The counting allocator: a request over the ceiling fails like an exhausted machine, which Lua
 * answers with a full collection and then a "not enough memory" error of that one task. */
static void *vm_alloc(void *ud, void *ptr, size_t osize, size_t nsize)
{
    struct mb_vm *vm = ud;
    size_t old = ptr ? osize : 0;
    if (nsize == 0) {
        vm->bytes -= old;
        free(ptr);
        return NULL;
    }
    if (nsize > old && vm->bytes - old + nsize > vm->plan_copy.memory_max)
        return NULL;
    void *p = realloc(ptr, nsize);
    if (p)
        vm->bytes = vm->bytes - old + nsize;
    return p;
}

static const struct mb_script *find_script(const struct mb_vm *vm, const char *name)
{
    for (size_t i = 0; i < vm->plan_copy.nscripts; i++)
        if (strcmp(vm->plan_copy.scripts[i].name, name) == 0)
            return &vm->plan_copy.scripts[i];
    return NULL;
}

/* "queries.slots" -> "queries/slots.lua"; false when too long or not a plain dotted name. */
static bool script_name(const char *module, char *out, size_t cap)
{
    size_t n = strlen(module);
    if (n == 0 || n + 5 > cap)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = module[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        if (!word && c != '.')
            return false;
        out[i] = c == '.' ? '/' : c;
    }
    memcpy(out + n, ".lua", 5);
    return true;
}

static int vm_setting(lua_State *L)
{
    const char *key = luaL_checkstring(L, 1);
    const struct mb_vm_plan *plan = mb_vm_plan(mb_vm_of(L));
    for (size_t i = 0; i < plan->nsettings; i++)
        if (strcmp(plan->settings[i].key, key) == 0) {
            lua_pushstring(L, plan->settings[i].value);
            return 1;
        }
    return luaL_error(L, "unknown configuration key '%s'", key);
}

/* mb.config is one function: config("booking.cancel_until") -> the value as text. */
static int open_config(lua_State *L)
{
    lua_pushcfunction(L, vm_setting);
    return 1;
}

static const struct {
    const char *name;
    lua_CFunction open;
} c_modules[] = {
    {"mb.json", mb_open_json},       {"mb.db", mb_open_db},     {"mb.query", mb_open_query},
    {"mb.problem", mb_open_problem}, {"mb.log", mb_open_log},   {"mb.time", mb_open_time},
    {"mb.crypto", mb_open_crypto},   {"mb.id", mb_open_id},     {"mb.config", open_config},
};

/* Loads the module named at 1 and leaves its value on the stack. */
static void load_module(lua_State *L, const char *module)
{
    for (size_t i = 0; i < sizeof c_modules / sizeof *c_modules; i++)
        if (strcmp(c_modules[i].name, module) == 0) {
            lua_pushcfunction(L, c_modules[i].open);
            lua_call(L, 0, 1);
            return;
        }
    char name[256];
    const struct mb_script *s = script_name(module, name, sizeof name) ? find_script(mb_vm_of(L), name) : NULL;
    if (!s)
        luaL_error(L, "module '%s' not found: there is no lua/%s and no built-in module of that name", module,
                   name);
    lua_pushfstring(L, "@%s", s->name);
    if (luaL_loadbufferx(L, s->text.ptr, s->text.len, lua_tostring(L, -1), "t") != LUA_OK)
        lua_error(L);
    lua_remove(L, -2);
    lua_pushstring(L, module);
    lua_call(L, 1, 1);
    if (lua_isnil(L, -1))
        luaL_error(L, "%s returned nothing: a module ends with `return`", name);
}

static const char LOADING; /* value of a module that is being loaded */

static int vm_require(lua_State *L)
{
    const char *module = luaL_checkstring(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &LOADED);
    int type = lua_getfield(L, 2, module);
    if (type == LUA_TLIGHTUSERDATA && lua_touserdata(L, -1) == (const void *)&LOADING)
        return luaL_error(L, "module '%s' requires itself, directly or by way of others", module);
    if (type != LUA_TNIL)
        return 1;
    lua_pop(L, 1);
    lua_pushlightuserdata(L, (void *)&LOADING);
    lua_setfield(L, 2, module);
    load_module(L, module);
    lua_pushvalue(L, -1);
    lua_setfield(L, 2, module);
    return 1;
}

static int vm_scripts(lua_State *L)
{
    const char *prefix = luaL_checkstring(L, 1);
    const struct mb_vm_plan *plan = mb_vm_plan(mb_vm_of(L));
    lua_newtable(L);
    for (size_t i = 0, n = 0; i < plan->nscripts; i++) {
        const char *name = plan->scripts[i].name;
        size_t len = strlen(name);
        if (strncmp(name, prefix, strlen(prefix)) != 0 || len < 5 || strcmp(name + len - 4, ".lua") != 0)
            continue;
        luaL_gsub(L, name, "/", ".");
        lua_pushlstring(L, lua_tostring(L, -1), len - 4);
        lua_rawseti(L, -3, (lua_Integer)++n);
        lua_pop(L, 1);
    }
    return 1;
}

static int vm_undefined_global(lua_State *L)
{
    return luaL_error(L, "undefined global '%s'", luaL_tolstring(L, 2, NULL));
}

static int vm_assigned_global(lua_State *L)
{
    return luaL_error(L, "assignment to global '%s': use `local`", luaL_tolstring(L, 2, NULL));
}

static void open_libraries(lua_State *L)
{
    static const luaL_Reg libs[] = {{LUA_GNAME, luaopen_base},          {LUA_TABLIBNAME, luaopen_table},
                                    {LUA_STRLIBNAME, luaopen_string},   {LUA_MATHLIBNAME, luaopen_math},
                                    {LUA_UTF8LIBNAME, luaopen_utf8},    {LUA_COLIBNAME, luaopen_coroutine}};
    for (size_t i = 0; i < sizeof libs / sizeof *libs; i++) {
        luaL_requiref(L, libs[i].name, libs[i].func, 1);
        lua_pop(L, 1);
    }
    static const char *const removed[] = {"dofile", "loadfile", "load", "collectgarbage", "print", "warn"};
    for (size_t i = 0; i < sizeof removed / sizeof *removed; i++) {
        lua_pushnil(L);
        lua_setglobal(L, removed[i]);
    }
    lua_getglobal(L, LUA_STRLIBNAME);
    lua_pushnil(L);
    lua_setfield(L, -2, "dump");
    lua_pop(L, 1);
    lua_pushcfunction(L, vm_require);
    lua_setglobal(L, "require");
}

static void lock_globals(lua_State *L)
{
    lua_pushglobaltable(L);
    lua_createtable(L, 0, 3);
    lua_pushcfunction(L, vm_undefined_global);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, vm_assigned_global);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}

static int method_of(const char *name)
{
    for (int m = 0; m < MB_METHOD_COUNT; m++)
        if (strcmp(mb_method_name((enum mb_method)m), name) == 0)
            return m;
    return -1;
}

static enum mb_body_mode body_mode(lua_State *L, const char *word)
{
    if (strcmp(word, "none") == 0)
        return MB_BODY_NONE;
    if (strcmp(word, "json") == 0)
        return MB_BODY_BUFFER;
    if (strcmp(word, "stream") == 0)
        return MB_BODY_STREAM;
    luaL_error(L, "body must be 'json', 'stream' or 'none', not '%s'", word);
    return MB_BODY_NONE;
}

/* boot.lua returned a list of { method, pattern, body, max_body, run, where } at -1. */
static void take_routes(struct mb_vm *vm, lua_State *L)
{
    size_t n = (size_t)lua_rawlen(L, -1);
    vm->route = calloc(n ? n : 1, sizeof *vm->route);
    if (!vm->route || mb_routes_new(&vm->routes) != MB_OK)
        luaL_error(L, "out of memory");
    for (size_t i = 0; i < n; i++) {
        struct mb_vm_route *r = &vm->route[i];
        struct mb_err err;
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        lua_getfield(L, -1, "where");
        lua_getfield(L, -2, "method");
        lua_getfield(L, -3, "pattern");
        lua_getfield(L, -4, "body");
        lua_getfield(L, -5, "max_body");
        lua_getfield(L, -6, "run");
        const char *where = luaL_checkstring(L, -6);
        int method = method_of(luaL_checkstring(L, -5));
        if (method < 0)
            luaL_error(L, "%s: unknown method '%s'", where, lua_tostring(L, -5));
        r->method = (enum mb_method)method;
        r->pattern = strdup(luaL_checkstring(L, -4));
        if (!r->pattern)
            luaL_error(L, "out of memory");
        r->body = body_mode(L, luaL_checkstring(L, -3));
        r->max_body = (uint64_t)luaL_checkinteger(L, -2);
        luaL_checktype(L, -1, LUA_TFUNCTION);
        r->run_ref = luaL_ref(L, LUA_REGISTRYINDEX);
        vm->nroutes = i + 1;
        if (mb_routes_add(vm->routes, r->method, mb_str_z(r->pattern), (int)i, &err) != MB_OK)
            luaL_error(L, "%s: %s", where, err.text);
        lua_pop(L, 6);
    }
}

static int vm_build(lua_State *L)
{
    struct mb_vm *vm = lua_touserdata(L, 1);
    lua_pushlightuserdata(L, vm);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &SELF);
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &LOADED);
    open_libraries(L);
    mb_request_register(L);
    lock_globals(L);
    const struct mb_script *boot = find_script(vm, "boot.lua");
    if (!boot)
        return luaL_error(L, "boot.lua is missing in the script folder");
    if (luaL_loadbufferx(L, boot->text.ptr, boot->text.len, "@boot.lua", "t") != LUA_OK)
        return lua_error(L);
    lua_pushcfunction(L, vm_scripts);
    lua_call(L, 1, 1);
    luaL_checktype(L, -1, LUA_TTABLE);
    take_routes(vm, L);
    return 0;
}

static int with_traceback(lua_State *L)
{
    const char *text = lua_tostring(L, 1);
    lua_pushstring(L, text ? text : "a script failed with an error that is not a text");
    return 1;
}

enum mb_rc mb_vm_new(struct mb_vm **out, const struct mb_vm_plan *plan, struct mb_err *err)
{
    struct mb_vm *vm = calloc(1, sizeof *vm);
    if (!vm)
        return mb_fail(err, MB_E_NOMEM, "no memory for a script state");
    vm->plan_copy = *plan;
    vm->L = lua_newstate(vm_alloc, vm);
    if (!vm->L) {
        free(vm);
        return mb_fail(err, MB_E_NOMEM, "no memory for a script state");
    }
    lua_State *L = vm->L;
    *(void **)lua_getextraspace(L) = NULL;
    lua_pushcfunction(L, with_traceback);
    lua_pushcfunction(L, vm_build);
    lua_pushlightuserdata(L, vm);
    if (lua_pcall(L, 1, 0, 1) != LUA_OK) {
        const char *text = lua_tostring(L, -1);
        mb_fail(err, MB_E_SCRIPT, "%s", text ? text : "not enough memory for the scripts");
        mb_vm_free(vm);
        return MB_E_SCRIPT;
    }
    lua_settop(L, 0);
    lua_gc(L, LUA_GCCOLLECT);
    *out = vm;
    return MB_OK;
}

void mb_vm_free(struct mb_vm *vm)
{
    if (!vm)
        return;
    lua_close(vm->L);
    for (size_t i = 0; i < vm->nroutes; i++)
        free(vm->route[i].pattern);
    free(vm->route);
    mb_routes_free(vm->routes);
    free(vm);
}
