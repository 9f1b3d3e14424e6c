#include "bind/vm.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "bind/heap.h"
#include "bind/loader.h"
#include "bind/request.h"
#include "bind/running.h"
#include "bind/sandbox.h"

/* A state's memory, its building and its routes. Every call from C into it is protected. */

struct mb_vm {
    struct mb_heap heap;
    lua_State *L;
    struct mb_vm_plan plan;
    bool is_built; /* boot.lua ran: from now on only requests run */
    uint64_t load_until_ns;
    char load_at[MB_PLACE_SIZE + 4]; /* "file:line: " where loading went over it first */
    struct mb_routes *routes;
    struct mb_vm_route *route;
    size_t nroutes;
    int request_type;
    struct mb_buf scratch;
    struct {
        uint64_t second, lines, dropped;
    } log;
};

/* A collection begins when memory has grown to this many percent of what the last one left. That
 * counts garbage whose finalizer has yet to run: with 200 or more, a state that makes little else
 * (results of queries, answers of plugins) would begin each collection later than the one before. */
enum { GC_PAUSE = 180 };

lua_State *mb_vm_state(struct mb_vm *vm) { return vm->L; }
const struct mb_vm_plan *mb_vm_plan(const struct mb_vm *vm) { return &vm->plan; }
const struct mb_routes *mb_vm_routes(const struct mb_vm *vm) { return vm->routes; }
const struct mb_vm_route *mb_vm_route_at(const struct mb_vm *vm, size_t i) { return &vm->route[i]; }
size_t mb_vm_route_count(const struct mb_vm *vm) { return vm->nroutes; }
int mb_vm_request_type(const struct mb_vm *vm) { return vm->request_type; }
size_t mb_vm_bytes(const struct mb_vm *vm) { return vm->heap.bytes; }
bool mb_vm_is_built(const struct mb_vm *vm) { return vm->is_built; }

struct mb_buf mb_vm_take_scratch(struct mb_vm *vm)
{
    struct mb_buf scratch = vm->scratch;
    mb_buf_init(&vm->scratch, scratch.max);
    mb_buf_clear(&scratch);
    return scratch;
}

void mb_vm_give_scratch(struct mb_vm *vm, struct mb_buf *scratch)
{
    enum { KEPT = 65536 };
    if (scratch->cap > KEPT) mb_buf_reset(scratch);
    mb_buf_reset(&vm->scratch);
    vm->scratch = *scratch;
}

bool mb_vm_may_log(struct mb_vm *vm, uint64_t *dropped)
{
    uint64_t second = mb_mono_ns() / 1000000000u;
    *dropped = 0;
    if (vm->plan.limits.log_lines == 0) return true;
    if (vm->log.second != second) {
        vm->log.second = second;
        vm->log.lines = 0;
    }
    if (vm->log.lines == vm->plan.limits.log_lines) {
        vm->log.dropped++;
        return false;
    }
    vm->log.lines++;
    *dropped = vm->log.dropped;
    vm->log.dropped = 0;
    return true;
}

struct mb_vm *mb_vm_of(lua_State *L) { return (struct mb_vm *)mb_heap_of(L); }

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

/* The compiled route at -1 becomes *r; a max_body of 0 stands for the configured one. */
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
    r->max_body = max_body > 0 ? (uint64_t)max_body : vm->plan.limits.max_json_body;
    luaL_checktype(L, at + 6, LUA_TFUNCTION);
    r->run_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    mb_responses_take(L, at, &r->responses);
    (void)snprintf(r->label, sizeof r->label, "%s %s", mb_method_name(r->method), r->pattern);
    if (mb_routes_add(vm->routes, r->method, mb_str_z(r->pattern), (int)(r - vm->route), &err) !=
        MB_OK)
        luaL_error(L, "%s: %s", where, err.text);
    lua_settop(L, at - 1);
}

/* boot.lua returned a list of { method, pattern, body, max_body, run, where, responses, codes } at -1. */
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

/* Between two looks at the clock while scripts load. */
enum { LOAD_STEPS = 10000 };

/* Stays armed, so that a script which catches the error meets it again, and tells where it came first. A coroutine
 * that a script made while it loaded has inherited the hook, and lets go of it at its first use later. */
static void on_load_steps(lua_State *L, lua_Debug *ar)
{
    struct mb_vm *vm = mb_vm_of(L);
    (void)ar;
    if (vm->is_built) lua_sethook(L, NULL, 0, 0);
    if (vm->is_built || mb_cpu_ns() < vm->load_until_ns) return;
    if (vm->load_at[0] == '\0') {
        luaL_where(L, 0);
        (void)snprintf(vm->load_at, sizeof vm->load_at, "%s", lua_tostring(L, -1));
    }
    lua_pushfstring(L, "%sloading takes more processor time than reload.load_timeout (%d ms)",
                    vm->load_at, (int)vm->plan.load_timeout);
    lua_error(L);
}

static void limit_load(struct mb_vm *vm)
{
    if (vm->plan.load_timeout == 0) return;
    vm->load_until_ns = mb_cpu_ns() + (uint64_t)vm->plan.load_timeout * 1000000u;
    lua_sethook(vm->L, on_load_steps, LUA_MASKCOUNT, LOAD_STEPS);
}

static int vm_build(lua_State *L)
{
    struct mb_vm *vm = mb_vm_of(L);
    if (vm->plan.build) {
        vm->plan.build(L);
    } else {
        mb_sandbox_open(L);
        vm->request_type = mb_request_register(L);
        mb_sandbox_boot(L);
        luaL_checktype(L, -1, LUA_TTABLE);
        take_routes(vm, L);
    }
    mb_loader_close(L);
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

const char *mb_vm_memory_key(const struct mb_vm *vm)
{
    if (vm->plan.plugin == NULL) return "worker.script_memory";
    return vm->heap.was_text ? "plugins.text" : "plugins.memory";
}

/* Of a load that found no memory where no file can be named. */
static void tell_starved(const struct mb_vm *vm, struct mb_buf *diagnostics, struct mb_err *err)
{
    const char *plugin = vm->plan.plugin;
    char text[256];
    (void)snprintf(text, sizeof text, "%s%s: not enough memory to load (%s)",
                   plugin ? "plugins/" : "scripts", plugin ? plugin : "", mb_vm_memory_key(vm));
    mb_fail(err, MB_E_SCRIPT, "%s", text);
    if (diagnostics && mb_buf_addz(diagnostics, text) != MB_OK) mb_buf_clear(diagnostics);
}

/* The error text, a line for each fault, of which *err takes the first. */
static void tell(const char *text, struct mb_buf *diagnostics, struct mb_err *err)
{
    const char *end = strchr(text, '\n');
    mb_fail(err, MB_E_SCRIPT, "%.*s", end ? (int)(end - text) : (int)strlen(text), text);
    if (diagnostics && mb_buf_addz(diagnostics, text) != MB_OK) mb_buf_clear(diagnostics);
}

enum mb_rc mb_vm_new(struct mb_vm **out, const struct mb_vm_plan *plan, struct mb_buf *diagnostics,
                     struct mb_err *err)
{
    struct mb_vm *vm = calloc(1, sizeof *vm);
    if (!vm) return mb_fail(err, MB_E_NOMEM, "no memory for a script state");
    vm->plan = *plan;
    vm->heap.max = plan->memory_max;
    vm->heap.text_max = plan->text_max;
    vm->L = lua_newstate(mb_heap_alloc, vm);
    if (!vm->L) {
        free(vm);
        return mb_fail(err, MB_E_NOMEM, "no memory for a script state");
    }
    mb_buf_init(&vm->scratch, SIZE_MAX / 2); /* what is written into it has limits of its own */
    lua_State *L = vm->L;
    lua_atpanic(L, on_panic);
    *(void **)lua_getextraspace(L) = NULL;
    lua_pushcfunction(L, as_text);
    lua_pushcfunction(L, vm_build);
    struct mb_running running = {.L = L, .label = "the load of the scripts"};
    limit_load(vm);
    if (plan->is_shown) mb_running_show(&running);
    int rc = lua_pcall(L, 0, 0, 1);
    if (plan->is_shown) mb_running_show(NULL);
    lua_sethook(L, NULL, 0, 0);
    if (rc != LUA_OK) {
        const char *text = rc == LUA_ERRMEM ? NULL : lua_tostring(L, -1);
        if (text == NULL)
            tell_starved(vm, diagnostics, err);
        else
            tell(text, diagnostics, err);
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

/* module, function, argument or nil -> text */
static int call_module(lua_State *L)
{
    lua_getglobal(L, "require");
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    lua_pushvalue(L, 2);
    lua_gettable(L, -2);
    lua_pushvalue(L, 3);
    lua_call(L, 1, 1);
    luaL_checktype(L, -1, LUA_TSTRING);
    return 1;
}

enum mb_rc mb_vm_tell(struct mb_vm *vm, const char *module, const char *function,
                      const char *argument, struct mb_buf *out, struct mb_err *err)
{
    lua_State *L = vm->L;
    struct mb_str text;
    lua_settop(L, 0);
    lua_pushcfunction(L, call_module);
    lua_pushstring(L, module);
    lua_pushstring(L, function);
    lua_pushstring(L, argument);
    int status = lua_pcall(L, 3, 1, 0);
    text.ptr = lua_tolstring(L, -1, &text.len);
    enum mb_rc rc = status != LUA_OK
                        ? mb_fail(err, MB_E_SCRIPT, "%s", text.ptr ? text.ptr : "no text")
                        : mb_buf_add(out, text.ptr, text.len);
    lua_settop(L, 0);
    return rc;
}

void mb_vm_free(struct mb_vm *vm)
{
    if (!vm) return;
    lua_close(vm->L);
    for (size_t i = 0; i < vm->nroutes; i++) {
        free(vm->route[i].pattern);
        mb_responses_free(&vm->route[i].responses);
    }
    free(vm->route);
    mb_routes_free(vm->routes);
    mb_slab_reset(&vm->heap.slab);
    mb_buf_reset(&vm->scratch);
    free(vm);
}
