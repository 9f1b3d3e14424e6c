#include "bind/vm.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/slab.h"
#include "bind/modules.h"
#include "bind/request.h"

/*
 * Building a state. Scripts see only what is put into the globals here: text-only loading, no
 * io, os, debug, package; globals are fixed once boot.lua ran. Every call from C into the state
 * is protected.
 */

struct mb_vm {
    lua_State *L;
    struct mb_vm_plan plan;
    bool is_built; /* boot.lua ran: from now on only requests run */
    size_t bytes;
    struct mb_slab slab; /* what is small of them */
    struct mb_routes *routes;
    struct mb_vm_route *route;
    size_t nroutes;
};

/* A collection begins when memory has grown to this many percent of what the last one left. Most
 * of it is scripts, which every collection walks in vain: waiting longer than the usual 200 costs a
 * few megabytes and saves a good part of the walks. */
enum { GC_PAUSE = 400 };

static const char LOADED; /* registry key: modules by name */

lua_State *mb_vm_state(struct mb_vm *vm) { return vm->L; }
const struct mb_vm_plan *mb_vm_plan(const struct mb_vm *vm) { return &vm->plan; }
const struct mb_routes *mb_vm_routes(const struct mb_vm *vm) { return vm->routes; }
const struct mb_vm_route *mb_vm_route_at(const struct mb_vm *vm, size_t i) { return &vm->route[i]; }
size_t mb_vm_route_count(const struct mb_vm *vm) { return vm->nroutes; }
size_t mb_vm_bytes(const struct mb_vm *vm) { return vm->bytes; }
bool mb_vm_is_built(const struct mb_vm *vm) { return vm->is_built; }

/* The state's allocator has the vm as its own. */
struct mb_vm *mb_vm_of(lua_State *L)
{
    void *vm;
    lua_getallocf(L, &vm);
    return vm;
}

/* The counting allocator: a request over the ceiling fails like an exhausted machine, which Lua
 * answers with a full collection and then a "not enough memory" error of that one task. */
static void *take(struct mb_vm *vm, size_t size)
{
    return size <= MB_SLAB_MOST ? mb_slab_take(&vm->slab, size) : malloc(size);
}

static void give(struct mb_vm *vm, void *p, size_t size)
{
    if (size <= MB_SLAB_MOST)
        mb_slab_give(&vm->slab, p, size);
    else
        free(p);
}

static void *resize(struct mb_vm *vm, void *ptr, size_t old, size_t size)
{
    if (old > MB_SLAB_MOST && size > MB_SLAB_MOST) return realloc(ptr, size);
    void *p = take(vm, size);
    if (p && old > 0) {
        memcpy(p, ptr, old < size ? old : size);
        give(vm, ptr, old);
    }
    return p;
}

static void *vm_alloc(void *ud, void *ptr, size_t osize, size_t nsize)
{
    struct mb_vm *vm = ud;
    size_t old = ptr ? osize : 0;
    if (nsize == 0) {
        vm->bytes -= old;
        if (old > 0) give(vm, ptr, old);
        return NULL;
    }
    if (nsize > old && vm->bytes - old + nsize > vm->plan.memory_max) return NULL;
    void *p = resize(vm, ptr, old, nsize);
    if (p) vm->bytes = vm->bytes - old + nsize;
    return p;
}

static const struct mb_script *find_script(const struct mb_vm *vm, const char *name)
{
    for (size_t i = 0; i < vm->plan.nscripts; i++)
        if (strcmp(vm->plan.scripts[i].name, name) == 0) return &vm->plan.scripts[i];
    return NULL;
}

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
    {"mb.json", mb_open_json},       {"mb.db", mb_open_db},   {"mb.query", mb_open_query},
    {"mb.problem", mb_open_problem}, {"mb.log", mb_open_log}, {"mb.time", mb_open_time},
    {"mb.crypto", mb_open_crypto},   {"mb.id", mb_open_id},   {"mb.config", open_config},
};

static lua_CFunction find_c_module(const char *module)
{
    for (size_t i = 0; i < sizeof c_modules / sizeof *c_modules; i++)
        if (strcmp(c_modules[i].name, module) == 0) return c_modules[i].open;
    return NULL;
}

/* Pushes the function that makes the module's value. */
static void push_loader(lua_State *L, const char *module)
{
    const struct mb_vm *vm = mb_vm_of(L);
    char name[256];
    lua_CFunction open = find_c_module(module);
    if (open) {
        lua_pushcfunction(L, open);
        return;
    }
    if (!script_name(module, name, sizeof name))
        luaL_error(L,
                   "'%s' is no name of a module: words of letters, digits and _ with dots between",
                   module);
    const struct mb_script *s = find_script(vm, name);
    if (!s)
        luaL_error(L,
                   "module '%s' not found: there is no lua/%s and no built-in module of that name",
                   module, name);
    if (vm->is_built)
        luaL_error(L, "module '%s' was not loaded at the start: require it at the top of a file",
                   module);
    lua_pushfstring(L, "@%s", s->name);
    if (luaL_loadbufferx(L, s->text.ptr, s->text.len, lua_tostring(L, -1), "t") != LUA_OK)
        lua_error(L);
    lua_remove(L, -2);
}

static const char LOADING; /* value of a module that is being loaded */

static void note_module(lua_State *L, const char *module, int value)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &LOADED);
    lua_pushvalue(L, value);
    lua_setfield(L, -2, module);
    lua_pop(L, 1);
}

/* require(module) at stack index 1; LOADED is pushed above, so further arguments do not count. */
static int vm_require(lua_State *L)
{
    const char *module = luaL_checkstring(L, 1);
    lua_settop(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &LOADED);
    int type = lua_getfield(L, 2, module);
    if (type == LUA_TLIGHTUSERDATA && lua_touserdata(L, -1) == (const void *)&LOADING)
        return luaL_error(L, "module '%s' requires itself, directly or by way of others", module);
    if (type != LUA_TNIL) return 1;
    push_loader(L, module);
    lua_pushlightuserdata(L, (void *)&LOADING);
    note_module(L, module, lua_gettop(L));
    lua_pop(L, 1);
    lua_pushvalue(L, 1);
    int status = lua_pcall(L, 1, 1, 0);
    if (status != LUA_OK || lua_isnil(L, -1)) {
        lua_pushnil(L);
        note_module(L, module, lua_gettop(L));
        lua_pop(L, 1);
    }
    if (status != LUA_OK) return lua_error(L);
    if (lua_isnil(L, -1))
        return luaL_error(L, "module '%s' returned nothing: it ends with `return`", module);
    note_module(L, module, lua_gettop(L));
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
        if (strcmp(mb_method_name((enum mb_method)m), name) == 0) return m;
    return -1;
}

static enum mb_body_mode body_mode(lua_State *L, const char *word)
{
    if (strcmp(word, "none") == 0) return MB_BODY_NONE;
    if (strcmp(word, "json") == 0) return MB_BODY_BUFFER;
    if (strcmp(word, "stream") == 0) return MB_BODY_STREAM;
    luaL_error(L, "body must be 'json', 'stream' or 'none', not '%s'", word);
    return MB_BODY_NONE;
}

static void out_of_memory(lua_State *L) { luaL_error(L, "not enough memory"); }

/* The compiled route at -1 becomes *r. */
static void take_route(struct mb_vm *vm, struct mb_vm_route *r, lua_State *L)
{
    static const char *const fields[] = {"where", "method", "pattern", "body", "max_body", "run"};
    struct mb_err err;
    int at = lua_gettop(L);
    luaL_checktype(L, at, LUA_TTABLE);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) lua_getfield(L, at, fields[i]);
    const char *where = luaL_checkstring(L, at + 1);
    int method = method_of(luaL_checkstring(L, at + 2));
    if (method < 0) luaL_error(L, "%s: unknown method '%s'", where, lua_tostring(L, at + 2));
    r->method = (enum mb_method)method;
    if (!(r->pattern = strdup(luaL_checkstring(L, at + 3)))) out_of_memory(L);
    r->body = body_mode(L, luaL_checkstring(L, at + 4));
    lua_Integer max_body = luaL_checkinteger(L, at + 5);
    r->max_body = max_body > 0 ? (uint64_t)max_body : 0;
    luaL_checktype(L, at + 6, LUA_TFUNCTION);
    r->run_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    (void)snprintf(r->label, sizeof r->label, "%s %s", mb_method_name(r->method), r->pattern);
    if (mb_routes_add(vm->routes, r->method, mb_str_z(r->pattern), (int)(r - vm->route), &err) !=
        MB_OK)
        luaL_error(L, "%s: %s", where, err.text);
    lua_settop(L, at - 1);
}

/* boot.lua returned a list of { method, pattern, body, max_body, run, where } at -1. */
static void take_routes(struct mb_vm *vm, lua_State *L)
{
    size_t n = (size_t)lua_rawlen(L, -1);
    vm->route = calloc(n ? n : 1, sizeof *vm->route);
    if (!vm->route || mb_routes_new(&vm->routes) != MB_OK) out_of_memory(L);
    vm->nroutes = n; /* before they are filled: what a failure leaves is freed too */
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        take_route(vm, &vm->route[i], L);
    }
}

static int vm_build(lua_State *L)
{
    struct mb_vm *vm = mb_vm_of(L);
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &LOADED);
    open_libraries(L);
    mb_request_register(L);
    lock_globals(L);
    const struct mb_script *boot = find_script(vm, "boot.lua");
    if (!boot) return luaL_error(L, "boot.lua is missing in the script folder");
    if (luaL_loadbufferx(L, boot->text.ptr, boot->text.len, "@boot.lua", "t") != LUA_OK)
        return lua_error(L);
    lua_pushcfunction(L, vm_scripts);
    lua_call(L, 1, 1);
    luaL_checktype(L, -1, LUA_TTABLE);
    take_routes(vm, L);
    return 0;
}

/* Whatever was raised becomes a text, without calling anything of it. */
static int as_text(lua_State *L)
{
    if (lua_type(L, 1) != LUA_TSTRING)
        lua_pushliteral(L, "a script failed with an error that is not a text");
    return 1;
}

/* An error that no call protects from is a defect of this program: say so before Lua aborts. */
static int on_panic(lua_State *L)
{
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    mb_log(MB_LOG_ERROR, "an error left the scripts' state unprotected", "error", text, NULL);
    return 0;
}

enum mb_rc mb_vm_new(struct mb_vm **out, const struct mb_vm_plan *plan, struct mb_err *err)
{
    struct mb_vm *vm = calloc(1, sizeof *vm);
    if (!vm) return mb_fail(err, MB_E_NOMEM, "no memory for a script state");
    vm->plan = *plan;
    vm->L = lua_newstate(vm_alloc, vm);
    if (!vm->L) {
        free(vm);
        return mb_fail(err, MB_E_NOMEM, "no memory for a script state");
    }
    lua_State *L = vm->L;
    lua_atpanic(L, on_panic);
    *(void **)lua_getextraspace(L) = NULL;
    lua_pushcfunction(L, as_text);
    lua_pushcfunction(L, vm_build);
    if (lua_pcall(L, 0, 0, 1) != LUA_OK) {
        const char *text = lua_tostring(L, -1);
        mb_fail(err, MB_E_SCRIPT, "%s", text ? text : "not enough memory for the scripts");
        mb_vm_free(vm);
        return MB_E_SCRIPT;
    }
    lua_settop(L, 0);
    lua_gc(L, LUA_GCCOLLECT);
    lua_gc(L, LUA_GCINC, GC_PAUSE, 0, 0);
    vm->is_built = true;
    *out = vm;
    return MB_OK;
}

void mb_vm_free(struct mb_vm *vm)
{
    if (!vm) return;
    lua_close(vm->L);
    for (size_t i = 0; i < vm->nroutes; i++) free(vm->route[i].pattern);
    free(vm->route);
    mb_routes_free(vm->routes);
    mb_slab_reset(&vm->slab);
    free(vm);
}
