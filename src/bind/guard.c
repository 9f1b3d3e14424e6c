#include "bind/guard.h"

#include <lauxlib.h>
#include <lualib.h>

#include "bind/heap.h"
#include "bind/task.h"

/* ---- pcall, xpcall ---- */

static bool is_fine(int status) { return status == LUA_OK || status == LUA_YIELD; }

/* true stands below the results, at the bottom of the stack. */
static int end_pcall(lua_State *L, int status, lua_KContext below)
{
    mb_budget_check(L);
    if (is_fine(status)) return lua_gettop(L) - (int)below;
    lua_pushboolean(L, 0);
    lua_pushvalue(L, -2);
    return 2;
}

static int l_pcall(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_pushboolean(L, 1);
    lua_insert(L, 1);
    return end_pcall(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, end_pcall), 0);
}

enum { AT_HANDLER = 1, AT_FALSE };

static int end_handler(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    (void)ctx;
    mb_budget_check(L);
    return lua_gettop(L) - AT_HANDLER;
}

static int end_xpcall(lua_State *L, int status, lua_KContext ctx)
{
    mb_budget_check(L);
    if (is_fine(status)) return end_pcall(L, status, AT_HANDLER);
    lua_pushboolean(L, 0);
    lua_replace(L, AT_FALSE);
    lua_settop(L, AT_FALSE + 1);
    lua_pushvalue(L, AT_HANDLER);
    lua_insert(L, -2);
    return end_handler(L, lua_pcallk(L, 1, 1, 0, ctx, end_handler), ctx);
}

/* Of (f, handler, …) it makes: handler, true, f, … */
static int l_xpcall(lua_State *L)
{
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_replace(L, AT_HANDLER);
    lua_pushboolean(L, 1);
    lua_replace(L, AT_FALSE);
    lua_insert(L, AT_FALSE + 1);
    int nargs = lua_gettop(L) - 3;
    return end_xpcall(L, lua_pcallk(L, nargs, LUA_MULTRET, 0, 0, end_xpcall), 0);
}

/* ---- coroutines ---- */

enum { SLICED = -1 };

static void show(struct mb_running *r, lua_State *L)
{
    if (r) atomic_store_explicit(&r->L, L, memory_order_relaxed);
}

/* Runs co until it ends, yields, or its slice is over while L may yield too. */
static int drive(lua_State *L, lua_State *co, int nargs, int *nresults)
{
    struct mb_running *r = mb_heap_of(L)->running;
    for (;; nargs = 0) {
        show(r, co);
        int rc = lua_resume(co, L, nargs, nresults);
        show(r, L);
        mb_budget_check(L);
        if (rc != LUA_YIELD || !r || !r->budget || !r->budget->is_sliced) return rc;
        if (lua_isyieldable(L)) return SLICED;
        r->budget->is_sliced = false; /* called back by a function in C: it goes on */
    }
}

static lua_State *thread_at(lua_State *L, int index)
{
    lua_State *co = lua_tothread(L, index);
    luaL_argexpected(L, co, index, "coroutine");
    if (mb_task_of(co)) luaL_error(L, "cannot resume the coroutine of a request");
    return co;
}

/* Takes what co yielded, returned or raised. */
static bool take_results(lua_State *L, lua_State *co, int rc, int nresults)
{
    if (!is_fine(rc)) {
        lua_xmove(co, L, 1);
        return false;
    }
    if (!lua_checkstack(L, nresults + 1)) {
        lua_pop(co, nresults);
        lua_pushliteral(L, "too many results to resume");
        return false;
    }
    lua_xmove(co, L, nresults);
    return true;
}

static void give_arguments(lua_State *L, lua_State *co, int nargs)
{
    if (!lua_checkstack(co, nargs)) luaL_error(L, "too many arguments to resume");
    lua_xmove(L, co, nargs);
}

static int go_on_resume(lua_State *L, int status, lua_KContext nargs)
{
    lua_State *co = lua_tothread(L, 1);
    int nresults = 0, rc = drive(L, co, (int)nargs, &nresults);
    (void)status;
    if (rc == SLICED) return lua_yieldk(L, 0, 0, go_on_resume);
    lua_settop(L, 1);
    bool ok = take_results(L, co, rc, nresults);
    lua_pushboolean(L, ok);
    lua_replace(L, 1);
    return lua_gettop(L);
}

static int l_resume(lua_State *L)
{
    lua_State *co = thread_at(L, 1);
    int nargs = lua_gettop(L) - 1;
    give_arguments(L, co, nargs);
    return go_on_resume(L, LUA_OK, nargs);
}

static int go_on_wrapped(lua_State *L, int status, lua_KContext nargs)
{
    lua_State *co = lua_tothread(L, lua_upvalueindex(1));
    int nresults = 0, rc = drive(L, co, (int)nargs, &nresults);
    (void)status;
    if (rc == SLICED) return lua_yieldk(L, 0, 0, go_on_wrapped);
    lua_settop(L, 0);
    if (!take_results(L, co, rc, nresults)) return lua_error(L);
    return lua_gettop(L);
}

static int wrapped(lua_State *L)
{
    lua_State *co = lua_tothread(L, lua_upvalueindex(1));
    int nargs = lua_gettop(L);
    give_arguments(L, co, nargs);
    return go_on_wrapped(L, LUA_OK, nargs);
}

static int l_wrap(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_State *co = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    lua_pushcclosure(L, wrapped, 1);
    return 1;
}

void mb_guard_install(lua_State *L)
{
    static const luaL_Reg base[] = {{"pcall", l_pcall}, {"xpcall", l_xpcall}, {NULL, NULL}};
    static const luaL_Reg coroutines[] = {{"resume", l_resume}, {"wrap", l_wrap}, {NULL, NULL}};
    lua_pushglobaltable(L);
    luaL_setfuncs(L, base, 0);
    lua_getfield(L, -1, LUA_COLIBNAME);
    luaL_setfuncs(L, coroutines, 0);
    lua_pushnil(L);
    lua_setfield(L, -2, "close");
    lua_pop(L, 2);
}
