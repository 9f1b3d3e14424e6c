/*
 * The state that busted runs in: Lua as it is, with all its libraries and what the system has
 * installed. Specs are the caller's own programs, not scripts of the server.
 */
#define _GNU_SOURCE
#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "bind/modules.h"
#include "spec/host.h"
#include "spec/limit.h"
#include "spec/spec.h"

enum { MAX_JSON = 64 << 20, MAX_MEMORY_GB = 4 };

struct run {
    const struct mb_spec_plan *plan;
    struct mb_host host;
    bool passed;
};

static int load_helper(lua_State *L)
{
    const struct mb_script *s = lua_touserdata(L, lua_upvalueindex(1));
    lua_pushfstring(L, "@testing/%s", s->name);
    if (luaL_loadbufferx(L, s->text.ptr, s->text.len, lua_tostring(L, -1), "t") != LUA_OK)
        return lua_error(L);
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

static void preload_helpers(lua_State *L, const struct mb_spec_plan *plan)
{
    for (size_t i = 0; i < plan->nhelpers; i++) {
        const struct mb_script *s = &plan->helpers[i];
        lua_pushliteral(L, "medbookd.");
        lua_pushlstring(L, s->name, strlen(s->name) - strlen(".lua"));
        lua_concat(L, 2);
        lua_pushlightuserdata(L, (void *)(uintptr_t)s);
        lua_pushcclosure(L, load_helper, 1);
        lua_settable(L, -3);
    }
}

static int open_host(lua_State *L)
{
    struct run *r = mb_vm_plan(mb_vm_of(L))->owner;
    mb_host_push(L, &r->host);
    return 1;
}

static void build(lua_State *L)
{
    const struct run *r = mb_vm_plan(mb_vm_of(L))->owner;
    luaL_openlibs(L);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, open_host);
    lua_setfield(L, -2, "medbookd.host");
    lua_pushcfunction(L, mb_open_json);
    lua_setfield(L, -2, "mb.json");
    lua_pushcfunction(L, mb_open_query); /* for lists as parameters */
    lua_setfield(L, -2, "mb.query");
    lua_pushcfunction(L, mb_open_time);
    lua_setfield(L, -2, "mb.time");
    preload_helpers(L, r->plan);
    lua_pop(L, 1);
}

/* -> whether all passed */
static int run_all(lua_State *L)
{
    const struct mb_spec_plan *plan = lua_touserdata(L, 1);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "medbookd.run");
    lua_call(L, 1, 1);
    lua_createtable(L, (int)plan->nwords, 0);
    for (size_t i = 0; i < plan->nwords; i++) {
        lua_pushstring(L, plan->words[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_call(L, 1, 1);
    lua_pushboolean(L, lua_toboolean(L, -1));
    return 1;
}

static int with_traceback(lua_State *L)
{
    luaL_traceback(L, L, lua_tostring(L, 1), 1);
    return 1;
}

static enum mb_rc run_specs(struct run *r, struct mb_vm *vm, struct mb_err *err)
{
    lua_State *L = mb_vm_state(vm);
    enum mb_rc rc = mb_limit_open(L, r->plan->timeout_key, r->plan->timeout_ms, err);
    if (rc != MB_OK) return rc;
    lua_pushcfunction(L, with_traceback);
    lua_pushcfunction(L, run_all);
    lua_pushlightuserdata(L, (void *)(uintptr_t)r->plan);
    int status = lua_pcall(L, 1, 1, 1);
    r->passed = status == LUA_OK && lua_toboolean(L, -1);
    rc = status == LUA_OK ? MB_OK : mb_fail(err, MB_E_SCRIPT, "test: %s", lua_tostring(L, -1));
    lua_settop(L, 0);
    mb_limit_close();
    return rc;
}

static struct mb_vm_plan state_plan(struct run *r)
{
    return (struct mb_vm_plan){
        .memory_max = (size_t)MAX_MEMORY_GB << 30,
        .limits =
            {.max_reply = MAX_JSON,
             .json = {.depth = 64, .tokens = MAX_JSON, .keys = MAX_JSON, .string_bytes = MAX_JSON}},
        .owner = r,
        .build = build,
    };
}

enum mb_rc mb_spec_run(const struct mb_spec_plan *plan, bool *passed, struct mb_buf *diagnostics,
                       struct mb_err *err)
{
    struct run r = {.plan = plan, .host.plan = plan};
    struct mb_vm *vm = NULL;
    r.host.log_fd = memfd_create("log", MFD_CLOEXEC);
    if (r.host.log_fd < 0) return mb_fail(err, MB_E_IO, "test: no file for the log");
    mb_log_init(r.host.log_fd, MB_LOG_INFO, "test");
    const struct mb_vm_plan state = state_plan(&r);
    enum mb_rc rc = mb_stage_new(&r.host.stage, &plan->stage, diagnostics, err);
    if (rc == MB_OK) rc = mb_vm_new(&vm, &state, NULL, err);
    if (rc == MB_OK) rc = run_specs(&r, vm, err);
    mb_programs_stop_all(&r.host.programs);
    if (r.host.stage != NULL) mb_stage_free(r.host.stage);
    mb_vm_free(vm);
    mb_log_init(STDERR_FILENO, MB_LOG_WARN, "test");
    (void)close(r.host.log_fd);
    *passed = rc == MB_OK && r.passed;
    return rc;
}
