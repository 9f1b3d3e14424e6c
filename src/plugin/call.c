#include <lauxlib.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "bind/heap.h"
#include "bind/json.h"
#include "bind/request.h"
#include "plugin/plugin.h"

/*
 * Calls of plugins. A call waits like any other: the arguments are written as JSON, those that every request has as texts
 * before it, a task in the plugin's state reads them when the ready queue runs it, and its results come back as JSON.
 * Neither state is ever on the C stack of the other.
 *
 * A call may be a conversation. What the plugin asks the server for (ask, below) ends the wait of
 * the server's task, which does it as itself, with its own database connections and deadline, and
 * replies; one of the two always waits for the other.
 */

enum { SLICE_MS = 2, MAX_REFUSED = 6, MAX_TEXT = 400, KEPT_CALLS = 64, KEPT_BYTES = 16384 };

/* Of mb_request_facts, in the order in which they are handed over. */
static const char *const fact_names[] = {"id", "method", "path", "route"};
enum { NFACTS = sizeof fact_names / sizeof fact_names[0] };

/* Belongs to the server's task. Scripts see its address, which is looked for among the calls in work. */
struct mb_plugin_call {
    struct mb_plugin_call *prev, *next; /* of those in work; of idle ones only next */
    struct mb_wait wait;                /* of the server's task */
    struct mb_claim claim;
    struct mb_wait ask; /* of the plugin's task */
    struct mb_plugin *plugin;
    struct mb_task *task; /* of the plugin; NULL before it begins and once it is over */
    lua_Integer handler;
    struct mb_buf in,
        out; /* JSON, what the plugin is told and what it tells: arrays but for arguments */
    size_t fact[NFACTS]; /* lengths of the texts that stand before the arguments */
    bool has_request;    /* they do */
    bool has_params;
    const char *asked; /* what the plugin waits for; NULL = nothing */
    unsigned nasked;
    bool is_refused;     /* `in` is what to raise where it was asked */
    const char *code;    /* of the failure; NULL = none */
    char text[MAX_TEXT]; /* for the log and the administrator, not for clients */
};

static void fail(struct mb_plugin_call *c, const char *code, const char *text)
{
    c->code = code;
    (void)snprintf(c->text, sizeof c->text, "%s", text ? text : "an error without text");
}

/* JSON up to this is written and read in one go. */
enum { SHORT_JSON = 16384 };

/* Writes the values from first to the top as an array; MB_E_LIMIT: they are not short. */
static enum mb_rc write_values(lua_State *L, int first, struct mb_buf *out, struct mb_err *err)
{
    int top = lua_gettop(L);
    size_t most = out->max;
    if (out->max > SHORT_JSON) out->max = SHORT_JSON;
    mb_buf_clear(out);
    enum mb_rc rc = mb_buf_add(out, "[", 1);
    for (int i = first; rc == MB_OK && i <= top; i++) {
        if (i > first) rc = mb_buf_add(out, ",", 1);
        if (rc == MB_OK) rc = mb_json_encode(L, i, out, err);
    }
    if (rc == MB_OK) rc = mb_buf_add(out, "]", 1);
    out->max = most;
    return rc;
}

/* Replaces the values from first to the top by the encoder, which rests, and a list of them. */
static void prepare_encode(lua_State *L, int first)
{
    int top = lua_gettop(L);
    luaL_checkstack(L, 4, NULL);
    mb_json_push_array(L);
    for (int i = first; i <= top; i++) {
        lua_pushvalue(L, i);
        if (lua_isnil(L, -1)) {
            lua_pop(L, 1);
            lua_pushlightuserdata(L, NULL);
        }
        lua_rawseti(L, top + 1, i - first + 1);
    }
    lua_pushcfunction(L, mb_json_encode_call);
    lua_insert(L, first);
    lua_replace(L, first + 1);
    lua_settop(L, first + 1);
}

/* The text at the top is what was encoded. */
static enum mb_rc take_encoded(lua_State *L, struct mb_buf *out)
{
    struct mb_str text;
    text.ptr = lua_tolstring(L, -1, &text.len);
    mb_buf_clear(out);
    return mb_buf_add(out, text.ptr, text.len);
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

/* The limit at which its memory was refused last. */
static void name_limit(const struct mb_plugin *p, char *out, size_t size)
{
    const struct mb_plugin_limits *limits = &p->owner->plan.limits;
    bool is_text = mb_heap_of(mb_vm_state(p->vm))->was_text;
    (void)snprintf(out, size, "%s (%zu bytes)", is_text ? "plugins.text" : "plugins.memory",
                   is_text ? limits->text : limits->memory);
}

static void tell_end(struct mb_plugin_call *c, const struct mb_budget *b)
{
    char text[MAX_TEXT], limit[128];
    if (b->verdict == MB_VERDICT_STARVED)
        name_limit(c->plugin, limit, sizeof limit);
    else
        (void)snprintf(limit, sizeof limit, "%s (%d ms of processor time)", b->key,
                       (int)(b->limit_ns / 1000000u));
    (void)snprintf(text, sizeof text, "ended at %s: more than %s", b->at, limit);
    fail(c, "plugin_limit", text);
}

static void tell_starved(struct mb_plugin_call *c)
{
    char limit[128], text[MAX_TEXT];
    name_limit(c->plugin, limit, sizeof limit);
    (void)snprintf(text, sizeof text, "not enough memory: more than %s", limit);
    fail(c, "plugin_failed", text);
}

/* Whether what ran did so to its end; tells why not. */
static bool is_fine(lua_State *L, struct mb_plugin_call *c, int status)
{
    const struct mb_budget *b = mb_task_budget(c->task);
    if (b->verdict > MB_VERDICT_LATE)
        tell_end(c, b);
    else if (status == LUA_OK || status == LUA_YIELD)
        return true;
    else if (status == LUA_ERRMEM)
        tell_starved(c);
    else
        fail(c, "plugin_failed", lua_tostring(L, -1));
    return false;
}

static int finish_results(lua_State *L, int status, lua_KContext ctx)
{
    struct mb_plugin_call *c = (struct mb_plugin_call *)ctx;
    if (is_fine(L, c, status) && take_encoded(L, &c->out) != MB_OK)
        fail(c, "plugin_failed", "its results are too large");
    return 0;
}

static int finish(lua_State *L, int status, lua_KContext ctx)
{
    struct mb_plugin_call *c = (struct mb_plugin_call *)ctx;
    struct mb_err err;
    if (!is_fine(L, c, status)) return 0;
    enum mb_rc rc = write_values(L, AT_RESULTS, &c->out, &err);
    if (rc == MB_E_LIMIT) {
        prepare_encode(L, AT_RESULTS);
        return finish_results(L, lua_pcallk(L, 1, 1, 0, ctx, finish_results), ctx);
    }
    if (rc != MB_OK)
        fail(c, "plugin_failed", rc == MB_E_JSON ? err.text : "not enough memory for its results");
    return 0;
}

/* To the table at the top. */
static void add_facts(lua_State *L, const struct mb_plugin_call *c)
{
    const char *fact = c->in.data;
    if (!c->has_request) return;
    for (int i = 0; i < NFACTS; i++) {
        lua_pushlstring(L, fact, c->fact[i]);
        lua_setfield(L, -2, fact_names[i]);
        fact += c->fact[i];
    }
    if (c->has_params) return;
    lua_newtable(L);
    lua_setfield(L, -2, "params");
}

/* The function, and the table of its arguments at the top, to which the facts of the request are added. */
static int call_handler(lua_State *L, int status, lua_KContext ctx)
{
    const struct mb_plugin_call *c = (const struct mb_plugin_call *)ctx;
    (void)status;
    if (!lua_istable(L, -1)) return luaL_error(L, "the arguments are larger than json.* allows");
    add_facts(L, c);
    return finish(L, lua_pcallk(L, 1, LUA_MULTRET, AT_TRACE, ctx, finish), ctx);
}

static int enter(lua_State *L)
{
    enum { USUAL = 8 };
    struct mb_plugin_call *c = lua_touserdata(L, AT_CALL);
    struct mb_json_fault fault;
    lua_KContext ctx = (lua_KContext)c;
    struct mb_str json = mb_buf_str(&c->in);
    for (int i = 0; i < NFACTS; i++) {
        json.ptr += c->fact[i];
        json.len -= c->fact[i];
    }
    lua_pushcfunction(L, trace);
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->plugin->handlers);
    lua_rawgeti(L, -1, c->handler);
    lua_remove(L, -2);
    if (mb_str_eq(json, MB_STR("{}"))) { /* as of most hooks on a GET */
        lua_createtable(L, 0, USUAL);
    } else if (json.len > SHORT_JSON) {
        lua_pushcfunction(L, mb_json_decode_call);
        lua_pushlstring(L, json.ptr, json.len);
        lua_callk(L, 1, 1, ctx, call_handler);
    } else if (mb_json_decode(L, json, &fault) != MB_OK) {
        lua_pushnil(L);
    }
    return call_handler(L, LUA_OK, ctx);
}

/* ---- what a plugin asks for ---- */

static void forget_ask(struct mb_wait *w)
{
    struct mb_plugin_call *c =
        (struct mb_plugin_call *)(void *)((char *)w - offsetof(struct mb_plugin_call, ask));
    c->asked = NULL;
}

/* The list at the top as values; a null is nil. */
static int unpack_reply(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    (void)ctx;
    if (!lua_istable(L, -1))
        return luaL_error(L, "the reply of the server is larger than json.* allows");
    int list = lua_gettop(L), n = (int)lua_rawlen(L, list);
    luaL_checkstack(L, n, NULL);
    for (int i = 1; i <= n; i++)
        if (lua_rawgeti(L, list, i) == LUA_TLIGHTUSERDATA) {
            lua_pop(L, 1);
            lua_pushnil(L);
        }
    return n;
}

static int take_reply(lua_State *L, int status, lua_KContext ctx)
{
    const struct mb_plugin_call *c = (const struct mb_plugin_call *)ctx;
    struct mb_json_fault fault;
    (void)status;
    if (c->is_refused) {
        luaL_where(L, 1);
        lua_pushlstring(L, c->in.data, c->in.len);
        lua_concat(L, 2);
        return lua_error(L);
    }
    lua_settop(L, 0);
    if (c->in.len > SHORT_JSON) {
        lua_pushcfunction(L, mb_json_decode_call);
        lua_pushlstring(L, c->in.data, c->in.len);
        lua_callk(L, 1, 1, 0, unpack_reply);
    } else if (mb_json_decode(L, mb_buf_str(&c->in), &fault) != MB_OK) {
        lua_pushnil(L);
    }
    return unpack_reply(L, LUA_OK, 0);
}

/* What it asks is in c->out. */
static int ask(lua_State *L, struct mb_plugin_call *c)
{
    c->asked = lua_touserdata(L, lua_upvalueindex(1));
    c->ask.cancel = forget_ask;
    mb_task_wake(&c->wait);
    return mb_task_wait(L, &c->ask, (lua_KContext)c, take_reply);
}

static int ask_encoded(lua_State *L, int status, lua_KContext ctx)
{
    struct mb_plugin_call *c = (struct mb_plugin_call *)ctx;
    const char *name = lua_touserdata(L, lua_upvalueindex(1));
    (void)status;
    if (take_encoded(L, &c->out) != MB_OK) return luaL_error(L, "%s: too large", name);
    return ask(L, c);
}

/* Upvalue 1: the name of what is asked for, a constant. */
static int l_ask(lua_State *L)
{
    struct mb_err err;
    const char *name = lua_touserdata(L, lua_upvalueindex(1));
    struct mb_plugin_call *c = mb_task_context(mb_task_check(L, name));
    unsigned most = c->plugin->owner->plan.limits.max_asks;
    if (c->nasked == most)
        return luaL_error(L, "%s: more than plugins.max_asks (%d) in one call", name, (int)most);
    c->nasked++;
    enum mb_rc rc = write_values(L, 1, &c->out, &err);
    if (rc == MB_E_LIMIT) {
        prepare_encode(L, 1);
        lua_callk(L, 1, 1, (lua_KContext)c, ask_encoded);
        return ask_encoded(L, LUA_OK, (lua_KContext)c);
    }
    if (rc == MB_OK) return ask(L, c);
    return luaL_error(L, "%s: %s", name, rc == MB_E_JSON ? err.text : "not enough memory");
}

void mb_plugin_push_ask(lua_State *L, const char *name)
{
    lua_pushlightuserdata(L, (void *)(uintptr_t)name);
    lua_pushcclosure(L, l_ask, 1);
}

/* ---- when it is over ---- */

static void strike(const struct mb_plugin_call *c)
{
    const struct mb_plugin_limits *limits = &c->plugin->owner->plan.limits;
    struct mb_plugin_stats *s = c->plugin->stats;
    if (!mb_plugin_strike(s, mb_mono_ns(), limits->max_kills, limits->kill_window_ns)) return;
    mb_log(MB_LOG_ERROR, "a plugin is in quarantine: it broke its limits too often", "plugin",
           c->plugin->name, "limit", "plugins.max_kills within plugins.kill_window", NULL);
}

static void count_part(const struct mb_plugin_call *c, const struct mb_budget *b)
{
    bool is_known = c->handler > 0 && c->handler <= MB_PLUGIN_PARTS;
    struct mb_plugin_part *p = is_known ? c->plugin->part[c->handler - 1] : NULL;
    if (p == NULL) return;
    atomic_fetch_add_explicit(&p->calls, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&p->cpu_ns, b->spent_ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&p->taken, b->taken, memory_order_relaxed);
    if (c->code != NULL) atomic_fetch_add_explicit(&p->errors, 1, memory_order_relaxed);
}

static void count(const struct mb_plugin_call *c, const struct mb_budget *b)
{
    struct mb_plugin_stats *s = c->plugin->stats;
    unsigned place = c->plugin->owner->plan.place;
    if (s == NULL) return;
    atomic_fetch_add_explicit(&s->calls, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->cpu_ns, b->spent_ns, memory_order_relaxed);
    atomic_store_explicit(&s->bytes[place], mb_vm_bytes(c->plugin->vm), memory_order_relaxed);
    if (c->code != NULL) atomic_fetch_add_explicit(&s->errors, 1, memory_order_relaxed);
    count_part(c, b);
    if (b->verdict > MB_VERDICT_LATE) strike(c);
}

static void on_done(void *ctx, int status)
{
    struct mb_plugin_call *c = ctx;
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
    struct mb_plugin_call *c =
        (struct mb_plugin_call *)(void *)((char *)w - offsetof(struct mb_plugin_call, wait));
    struct mb_task *task = c->task;
    c->task = NULL;
    if (task != NULL) mb_task_drop(task);
}

static void free_call(struct mb_plugin_call *c)
{
    mb_buf_reset(&c->in);
    mb_buf_reset(&c->out);
    free(c);
}

static void release(struct mb_claim *claim)
{
    struct mb_plugin_call *c =
        (struct mb_plugin_call *)(void *)((char *)claim - offsetof(struct mb_plugin_call, claim));
    struct mb_plugins *all = c->plugin->owner;
    cancel(&c->wait);
    *(c->prev != NULL ? &c->prev->next : &all->calls) = c->next;
    if (c->next != NULL) c->next->prev = c->prev;
    if (all->nidle == KEPT_CALLS || c->in.cap > KEPT_BYTES || c->out.cap > KEPT_BYTES) {
        free_call(c);
        return;
    }
    c->next = all->idle;
    all->idle = c;
    all->nidle++;
}

void mb_plugin_free_calls(struct mb_plugins *p)
{
    while (p->idle != NULL) {
        struct mb_plugin_call *c = p->idle;
        p->idle = c->next;
        free_call(c);
    }
    p->nidle = 0;
}

static void end(struct mb_plugin_call *c)
{
    mb_claim_drop(&c->claim);
    release(&c->claim);
}

/* ---- in the server's state ---- */

static struct mb_plugin_call *take_idle(struct mb_plugins *all)
{
    struct mb_plugin_call *c = all->idle;
    if (c == NULL) return calloc(1, sizeof *c);
    all->idle = c->next;
    all->nidle--;
    return c;
}

static struct mb_plugin_call *new_call(lua_State *L, struct mb_task *caller,
                                       struct mb_plugin *plugin)
{
    struct mb_plugins *all = plugin->owner;
    struct mb_plugin_call *c = take_idle(all);
    if (c == NULL) luaL_error(L, "not enough memory");
    struct mb_buf in = c->in, out = c->out;
    in.max = out.max = mb_vm_plan(mb_vm_of(L))->limits.max_reply;
    mb_buf_clear(&in);
    mb_buf_clear(&out);
    *c = (struct mb_plugin_call){
        .next = all->calls, .plugin = plugin, .in = in, .out = out, .wait = {.cancel = cancel}};
    if (c->next != NULL) c->next->prev = c;
    all->calls = c;
    mb_task_claim(caller, &c->claim, release);
    return c;
}

/* The call at 1 that waits for a reply of this task; NULL when there is none. */
static struct mb_plugin_call *asking_call(lua_State *L, const struct mb_task *caller)
{
    const struct mb_plugins *all = mb_vm_plan(mb_vm_of(L))->owner;
    struct mb_plugin_call *c = all->calls;
    while (c != NULL && c != lua_touserdata(L, 1)) c = c->next;
    return c != NULL && c->wait.task == caller && c->asked != NULL ? c : NULL;
}

static int push_failure(lua_State *L, struct mb_plugin_call *c)
{
    lua_pushliteral(L, "failed");
    lua_pushstring(L, c->code);
    lua_pushstring(L, c->text);
    end(c);
    return 3;
}

static int answer(lua_State *L, int status, lua_KContext ctx)
{
    struct mb_plugin_call *c = (struct mb_plugin_call *)ctx;
    struct mb_json_fault fault;
    (void)status;
    if (c->code != NULL) return push_failure(L, c);
    bool is_empty = mb_str_eq(mb_buf_str(&c->out), MB_STR("[]"));
    if (c->asked == NULL && is_empty) { /* what most hooks say */
        lua_pushliteral(L, "done");
        end(c);
        return 1;
    }
    lua_pushstring(L, c->asked != NULL ? "ask" : "done");
    if (c->asked != NULL) lua_pushstring(L, c->asked);
    if (mb_json_decode(L, mb_buf_str(&c->out), &fault) != MB_OK) {
        fail(c, "plugin_failed", "what it tells is larger than json.* allows");
        return push_failure(L, c);
    }
    if (c->asked != NULL) {
        lua_pushlightuserdata(L, c);
        return 4;
    }
    end(c);
    return 2;
}

/* Lua collects when twice what was kept is taken, which may be more than plugins.memory, or when an object is refused.
 * A text that grows asks for its buffer without collecting: without room for it, it would fail in every later call. */
static void make_room(struct mb_plugin *p)
{
    const size_t max = p->owner->plan.limits.memory;
    if (mb_vm_bytes(p->vm) < max - max / 4 || mb_vm_bytes(p->vm) < p->kept + max / 8) return;
    lua_gc(mb_vm_state(p->vm), LUA_GCCOLLECT);
    p->kept = mb_vm_bytes(p->vm);
}

static bool begin(struct mb_plugin_call *c, const struct mb_task *caller)
{
    struct mb_plugin *p = c->plugin;
    make_room(p);
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

/* The table at index 3, behind the facts of the request at 4 when there is one. */
static enum mb_rc write_arguments(lua_State *L, struct mb_plugin_call *c, struct mb_err *err)
{
    struct mb_request_facts facts;
    c->has_request = !lua_isnoneornil(L, 4);
    if (c->has_request && !mb_request_facts(L, 4, &facts))
        return mb_fail(err, MB_E_INVALID, "the request is over");
    if (c->has_request) {
        const struct mb_str texts[NFACTS] = {facts.id, facts.method, facts.path, facts.route};
        enum mb_rc rc = MB_OK;
        c->has_params = facts.has_params;
        for (int i = 0; rc == MB_OK && i < NFACTS; i++) {
            c->fact[i] = texts[i].len;
            rc = mb_buf_add(&c->in, texts[i].ptr, texts[i].len);
        }
        if (rc != MB_OK) return mb_fail(err, rc, "the facts of the request find no room");
    }
    return mb_json_encode(L, 3, &c->in, err);
}

/* call(name, handler, arguments, request) */
static int l_call(lua_State *L)
{
    struct mb_err err;
    struct mb_plugin *plugin = mb_plugin_at(L, 1);
    lua_Integer handler = luaL_checkinteger(L, 2);
    struct mb_task *caller = mb_task_check(L, "a call of a plugin");
    struct mb_plugin_call *c = new_call(L, caller, plugin);
    c->handler = handler;
    if (atomic_load_explicit(&plugin->stats->is_quarantined, memory_order_relaxed))
        fail(c, "plugin_quarantined", "the plugin is in quarantine");
    else if (write_arguments(L, c, &err) != MB_OK)
        return luaL_error(L, "arguments for plugin '%s': %s", plugin->name, err.text);
    else if (!begin(c, caller))
        fail(c, "plugin_failed", "not enough memory for its task (plugins.memory)");
    if (c->code != NULL) return push_failure(L, c);
    return mb_task_wait(L, &c->wait, (lua_KContext)c, answer);
}

/* reply(call, true, list of values) or reply(call, false, text) */
static int l_reply(lua_State *L)
{
    struct mb_err err;
    const struct mb_task *caller = mb_task_check(L, "a reply to a plugin");
    struct mb_plugin_call *c = asking_call(L, caller);
    luaL_argcheck(L, c != NULL, 1, "no call waits for a reply of this task here");
    c->is_refused = !lua_toboolean(L, 2);
    mb_buf_clear(&c->in);
    struct mb_str text;
    if (c->is_refused) {
        text.ptr = luaL_checklstring(L, 3, &text.len);
        if (mb_buf_add(&c->in, text.ptr, text.len) != MB_OK) return luaL_error(L, "out of memory");
    } else if (mb_json_encode(L, 3, &c->in, &err) != MB_OK) {
        return luaL_error(L, "the reply to plugin '%s': %s", c->plugin->name, err.text);
    }
    c->asked = NULL;
    mb_task_wake(&c->ask);
    return mb_task_wait(L, &c->wait, (lua_KContext)c, answer);
}

void mb_plugin_add_calls(lua_State *L)
{
    lua_pushcfunction(L, l_call);
    lua_setfield(L, -2, "call");
    lua_pushcfunction(L, l_reply);
    lua_setfield(L, -2, "reply");
}
