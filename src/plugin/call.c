#include <lauxlib.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "bind/json.h"
#include "bind/modules.h"
#include "plugin/plugin.h"

/*
 * mb.plugins. A call waits like any other: the arguments are written as JSON, a task in the plugin's
 * state reads them when the ready queue runs it, and its results come back the same way. Neither state
 * is ever on the C stack of the other.
 */

static const char CALL_TYPE[] = "mb.plugins.call";

enum { SLICE_MS = 2, MAX_REFUSED = 6, MAX_TEXT = 400 };

struct call {
    struct mb_wait wait; /* of the server's task */
    struct mb_plugin *plugin;
    struct mb_task *task; /* of the plugin; NULL before it begins and once it is over */
    lua_Integer handler;
    struct mb_buf in, out; /* JSON; of the results an array */
    const char *code;      /* of the failure; NULL = none */
    char text[MAX_TEXT];   /* for the log and the administrator, not for clients */
};

static int free_call(lua_State *L)
{
    struct call *c = lua_touserdata(L, 1);
    mb_buf_reset(&c->in);
    mb_buf_reset(&c->out);
    return 0;
}

static void fail(struct call *c, const char *code, const char *text)
{
    c->code = code;
    (void)snprintf(c->text, sizeof c->text, "%s", text);
}

/* ---- in the plugin's state ---- */

/* The stack of a plugin's task: the call, a handler of errors, and what the function left. */
enum { AT_CALL = 1, AT_TRACE, AT_RESULTS };

static int trace(lua_State *L)
{
    if (lua_type(L, 1) == LUA_TSTRING)
        luaL_traceback(L, L, lua_tostring(L, 1), 1);
    else
        lua_pushfstring(L, "the plugin raised a %s", luaL_typename(L, 1));
    return 1;
}

static void write_results(lua_State *L, struct call *c)
{
    struct mb_err err;
    int top = lua_gettop(L);
    enum mb_rc rc = mb_buf_add(&c->out, "[", 1);
    for (int i = AT_RESULTS; rc == MB_OK && i <= top; i++) {
        if (i > AT_RESULTS) rc = mb_buf_add(&c->out, ",", 1);
        if (rc == MB_OK) rc = mb_json_encode(L, i, &c->out, &err);
    }
    if (rc == MB_OK && (rc = mb_buf_add(&c->out, "]", 1)) == MB_OK) return;
    fail(c, "plugin_failed", rc == MB_E_JSON ? err.text : "its results are too large");
}

static void tell_end(struct call *c, const struct mb_budget *b)
{
    char text[MAX_TEXT], limit[128];
    if (b->verdict == MB_VERDICT_STARVED)
        (void)snprintf(limit, sizeof limit, "plugins.memory (%zu bytes)",
                       c->plugin->owner->plan.limits.memory);
    else
        (void)snprintf(limit, sizeof limit, "%s (%d ms of processor time)", b->key,
                       (int)(b->limit_ns / 1000000u));
    (void)snprintf(text, sizeof text, "ended at %s: more than %s", b->at, limit);
    fail(c, "plugin_limit", text);
}

static int finish(lua_State *L, int status, lua_KContext ctx)
{
    struct call *c = (struct call *)ctx;
    const struct mb_budget *b = mb_task_budget(c->task);
    if (b->verdict > MB_VERDICT_LATE)
        tell_end(c, b);
    else if (status == LUA_OK || status == LUA_YIELD)
        write_results(L, c);
    else
        fail(c, "plugin_failed",
             status == LUA_ERRMEM ? "not enough memory (plugins.memory)" : lua_tostring(L, -1));
    return 0;
}

static int enter(lua_State *L)
{
    struct call *c = lua_touserdata(L, AT_CALL);
    struct mb_json_fault fault;
    lua_pushcfunction(L, trace);
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->plugin->handlers);
    lua_rawgeti(L, -1, c->handler);
    lua_remove(L, -2);
    if (mb_json_decode(L, mb_buf_str(&c->in), &fault) != MB_OK)
        return luaL_error(L, "the arguments are larger than json.* allows");
    lua_KContext ctx = (lua_KContext)c;
    return finish(L, lua_pcallk(L, 1, LUA_MULTRET, AT_TRACE, ctx, finish), ctx);
}

/* ---- when it is over ---- */

static void strike(const struct call *c)
{
    const struct mb_plugin_limits *limits = &c->plugin->owner->plan.limits;
    struct mb_plugin_stats *s = c->plugin->stats;
    if (!mb_plugin_strike(s, mb_mono_ns(), limits->max_kills, limits->kill_window_ns)) return;
    mb_log(MB_LOG_ERROR, "a plugin is in quarantine: it broke its limits too often", "plugin",
           c->plugin->name, "limit", "plugins.max_kills within plugins.kill_window", NULL);
}

static void count(const struct call *c, const struct mb_budget *b)
{
    struct mb_plugin_stats *s = c->plugin->stats;
    unsigned place = c->plugin->owner->plan.place;
    if (s == NULL) return;
    atomic_fetch_add_explicit(&s->calls, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->cpu_ns, b->spent_ns, memory_order_relaxed);
    atomic_store_explicit(&s->bytes[place], mb_vm_bytes(c->plugin->vm), memory_order_relaxed);
    if (c->code != NULL) atomic_fetch_add_explicit(&s->errors, 1, memory_order_relaxed);
    if (b->verdict > MB_VERDICT_LATE) strike(c);
}

static void on_done(void *ctx, int status)
{
    struct call *c = ctx;
    if (status == LUA_YIELD)
        fail(c, "plugin_failed", "coroutine.yield outside a coroutine of the plugin");
    else if (status != LUA_OK && c->code == NULL)
        fail(c, "plugin_failed", "not enough memory (plugins.memory), or arguments too large");
    if (c->code != NULL)
        mb_log(MB_LOG_ERROR, "a plugin failed", "plugin", c->plugin->name, "request",
               mb_task_request(c->task), "code", c->code, "error", c->text, NULL);
    count(c, mb_task_budget(c->task));
    c->task = NULL;
    mb_task_wake(&c->wait);
}

static void cancel(struct mb_wait *w)
{
    struct call *c = (struct call *)(void *)((char *)w - offsetof(struct call, wait));
    struct mb_task *task = c->task;
    c->task = NULL;
    if (task != NULL) mb_task_drop(task);
}

/* ---- in the server's state ---- */

static int answer(lua_State *L, int status, lua_KContext ctx)
{
    struct call *c = (struct call *)ctx;
    struct mb_json_fault fault;
    (void)status;
    if (c->code == NULL) {
        lua_pushboolean(L, 1);
        if (mb_json_decode(L, mb_buf_str(&c->out), &fault) == MB_OK) return 2;
        lua_pop(L, 1);
        fail(c, "plugin_failed", "its results are larger than json.* allows");
    }
    lua_pushboolean(L, 0);
    lua_pushstring(L, c->code);
    lua_pushstring(L, c->text);
    return 3;
}

static struct call *new_call(lua_State *L, struct mb_plugin *plugin)
{
    size_t most = mb_vm_plan(mb_vm_of(L))->limits.max_reply;
    struct call *c = lua_newuserdatauv(L, sizeof *c, 0);
    *c = (struct call){.plugin = plugin, .wait = {.cancel = cancel}};
    mb_buf_init(&c->in, most);
    mb_buf_init(&c->out, most);
    luaL_setmetatable(L, CALL_TYPE);
    return c;
}

static struct mb_plugin *plugin_at(lua_State *L, int index)
{
    struct mb_plugins *all = mb_vm_plan(mb_vm_of(L))->owner;
    struct mb_plugin *p = mb_plugin_named(all, luaL_checkstring(L, index));
    luaL_argcheck(L, p != NULL, index, "there is no such plugin");
    return p;
}

static bool begin(struct call *c, const struct mb_task *caller)
{
    const struct mb_plugin *p = c->plugin;
    const struct mb_task_plan plan = {
        .entry = enter,
        .done = on_done,
        .ctx = c,
        .deadline_ns = mb_task_deadline(caller),
        .label = p->name,
        .request = mb_task_request(caller),
        .budget = {.key = "plugins.cpu",
                   .limit_ns = (uint64_t)p->owner->plan.limits.cpu_ms * 1000000u,
                   .slice_ns = SLICE_MS * 1000000u,
                   .max_refused = MAX_REFUSED}};
    c->task = mb_task_new(p->tasks, &plan);
    if (c->task != NULL) mb_task_start(c->task);
    return c->task != NULL;
}

/* call(name, handler, arguments) */
static int l_call(lua_State *L)
{
    struct mb_err err;
    struct mb_plugin *plugin = plugin_at(L, 1);
    lua_Integer handler = luaL_checkinteger(L, 2);
    const struct mb_task *caller = mb_task_check(L, "a call of a plugin");
    struct call *c = new_call(L, plugin);
    c->handler = handler;
    if (atomic_load_explicit(&plugin->stats->is_quarantined, memory_order_relaxed))
        fail(c, "plugin_quarantined", "the plugin is in quarantine");
    else if (mb_json_encode(L, 3, &c->in, &err) != MB_OK)
        return luaL_error(L, "arguments for plugin '%s': %s", plugin->name, err.text);
    else if (!begin(c, caller))
        fail(c, "plugin_failed", "not enough memory for its task (plugins.memory)");
    if (c->code != NULL) return answer(L, LUA_OK, (lua_KContext)c);
    return mb_task_wait(L, &c->wait, (lua_KContext)c, answer);
}

static void decode(lua_State *L, const struct mb_buf *json)
{
    struct mb_json_fault fault;
    if (mb_json_decode(L, mb_buf_str(json), &fault) != MB_OK)
        luaL_error(L, "a manifest is larger than json.* allows");
}

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
    struct mb_plugin *p = plugin_at(L, 1);
    if (mb_vm_is_built(mb_vm_of(L)))
        return luaL_error(L, "a plugin is configured while scripts load only");
    struct call *c = new_call(L, p);
    if (mb_json_encode(L, 2, &c->in, &err) != MB_OK)
        return luaL_error(L, "plugin '%s': its configuration: %s", p->name, err.text);
    lua_State *own = mb_vm_state(p->vm);
    lua_pushcfunction(own, take_settings);
    lua_pushlightuserdata(own, &c->in);
    int rc = lua_pcall(own, 1, 0, 0);
    lua_settop(own, 0);
    if (rc == LUA_OK) return 0;
    return luaL_error(L, "plugin '%s': its configuration does not fit into plugins.memory",
                      p->name);
}

int mb_open_plugins(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"list", l_list}, {"configure", l_configure}, {"call", l_call}, {NULL, NULL}};
    if (luaL_newmetatable(L, CALL_TYPE)) {
        lua_pushcfunction(L, free_call);
        lua_setfield(L, -2, "__gc");
    }
    lua_pop(L, 1);
    luaL_newlib(L, functions);
    return 1;
}
