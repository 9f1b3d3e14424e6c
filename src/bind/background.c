#include "bind/background.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "bind/modules.h"
#include "bind/problem.h"

/* One work: run(arg), then after(arg, …), each a task; or a turn, which is a run only. */

enum { LABEL_SIZE = 96, ID_SIZE = 40, TEXT_SIZE = 2000 };
/* Of a few statements of the server's own, which have database.statement_timeout: no keys. */
enum { TURN_MS = 10000, AFTER_MS = 5000 };

enum phase { PHASE_TURN, PHASE_RUN, PHASE_AFTER };

static const char TURN;       /* registry key of the function given to on_turn */
static const char BACKGROUND; /* registry key of the struct, in the jobs process */

struct work {
    struct mb_background *owner;
    struct work *prev, *next;
    struct mb_task *task;
    enum phase phase;
    int ref;         /* { run, after, arg } in the registry; LUA_NOREF for a turn */
    uint64_t cut_at; /* loop time in ms */
    bool has_failed, is_stopped;
    char label[LABEL_SIZE], id[ID_SIZE], text[TEXT_SIZE];
};

struct mb_background {
    struct mb_background_plan plan;
    struct mb_tasks *tasks;
    struct mb_budget budget;
    struct work works; /* list head */
    bool is_turning, is_halted;
    bool is_tick; /* of the turn that comes next */
    bool wants_more, is_asked;
    bool is_failing; /* the last turn failed: the next failure is no news */
};

static uint64_t now_ms(const struct mb_background *b)
{
    return uv_now(mb_vm_plan(b->plan.vm)->loop);
}

bool mb_background_is_idle(const struct mb_background *b) { return b->works.next == &b->works; }
void mb_background_halt(struct mb_background *b) { b->is_halted = true; }

static void fail(struct work *w, const char *text)
{
    w->has_failed = true;
    (void)snprintf(w->text, sizeof w->text, "%s", text);
}

/* ---- in the task ---- */

/* The stack of a task: the work, a handler of errors, and what the function left. */
enum { AT_WORK = 1, AT_TRACE };

/* A raised value -> a text that begins with its place, and a traceback for the log. */
static int trace(lua_State *L)
{
    char at[MB_PLACE_SIZE] = "";
    if (lua_type(L, 1) != LUA_TSTRING) {
        mb_budget_find_line(L, at, sizeof at);
        bool is_problem = mb_is_problem(L, 1);
        lua_pushstring(L, at);
        if (is_problem) {
            lua_getfield(L, 1, "code");
            lua_getfield(L, 1, lua_getfield(L, 1, "cause") == LUA_TSTRING ? "cause" : "detail");
            lua_pushfstring(L, "%s: %s: %s", at, lua_tostring(L, 3), lua_tostring(L, -1));
        } else {
            lua_pushfstring(L, "%s: a script raised a %s", at, luaL_typename(L, 1));
        }
        lua_replace(L, 1);
        lua_settop(L, 1);
    }
    luaL_traceback(L, L, lua_tostring(L, 1), 1);
    return 1;
}

static void take_error(lua_State *L, struct work *w)
{
    const char *text =
        lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "an error without text";
    const char *mark = strstr(text, "\nstack traceback:\n");
    (void)snprintf(w->text, sizeof w->text, "%.*s", mark ? (int)(mark - text) : (int)strlen(text),
                   text);
    w->has_failed = true;
    if (w->phase == PHASE_TURN && w->owner->is_failing) return;
    mb_log(MB_LOG_ERROR, "script error", "runs", w->label, "job", w->id[0] ? w->id : NULL, "error",
           w->text, "trace", mark ? mark + 1 : NULL, NULL);
}

static int finish(lua_State *L, int status, lua_KContext ctx)
{
    struct work *w = (struct work *)ctx;
    const struct mb_budget *budget = mb_task_budget(w->task);
    if (budget->verdict > MB_VERDICT_LATE) {
        w->has_failed = true;
        (void)snprintf(w->text, sizeof w->text,
                       "%s: more than %d ms of processor time without a wait (%s)", budget->at,
                       (int)(budget->limit_ns / 1000000u), budget->key);
        mb_log(MB_LOG_ERROR, "script ended", "runs", w->label, "job", w->id[0] ? w->id : NULL,
               "error", w->text, NULL);
    } else if (status == LUA_ERRMEM) {
        fail(w, "not enough memory");
    } else if (status != LUA_OK && status != LUA_YIELD) {
        take_error(L, w);
    }
    return 0;
}

/* Pushes the function of the phase and its arguments; returns how many. */
static int push_call(lua_State *L, const struct work *w)
{
    if (w->phase == PHASE_TURN) {
        lua_rawgetp(L, LUA_REGISTRYINDEX, &TURN);
        lua_pushboolean(L, w->owner->is_tick);
        return 1;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, w->ref);
    int at = lua_gettop(L);
    lua_rawgeti(L, at, w->phase == PHASE_RUN ? 1 : 2);
    lua_rawgeti(L, at, 3);
    lua_remove(L, at);
    if (w->phase == PHASE_RUN) return 1;
    if (w->has_failed)
        lua_pushstring(L, w->text);
    else
        lua_pushnil(L);
    lua_pushboolean(L, w->is_stopped);
    return 3;
}

static int enter(lua_State *L)
{
    struct work *w = lua_touserdata(L, AT_WORK);
    lua_pushcfunction(L, trace);
    int nargs = push_call(L, w);
    w->has_failed = false;
    lua_KContext ctx = (lua_KContext)w;
    return finish(L, lua_pcallk(L, nargs, 0, AT_TRACE, ctx, finish), ctx);
}

/* ---- around it ---- */

static void begin_turn(struct mb_background *b, bool is_tick);

static void end_work(struct work *w)
{
    struct mb_background *b = w->owner;
    bool is_turn = w->phase == PHASE_TURN;
    w->prev->next = w->next;
    w->next->prev = w->prev;
    luaL_unref(mb_vm_state(b->plan.vm), LUA_REGISTRYINDEX, w->ref);
    free(w);
    if (is_turn)
        b->is_turning = false;
    else
        b->plan.room->busy--;
    b->is_asked = b->is_asked || !is_turn;
    if (b->wants_more && b->is_asked) begin_turn(b, false);
    if (mb_background_is_idle(b)) b->plan.on_idle(b->plan.ctx);
}

static void on_done(void *ctx, int status);

static bool begin(struct work *w, enum phase phase, uint64_t ms)
{
    struct mb_background *b = w->owner;
    w->phase = phase;
    w->cut_at = now_ms(b) + ms + ms / 6; /* what waits till then was told before */
    const struct mb_task_plan plan = {.entry = enter,
                                      .done = on_done,
                                      .ctx = w,
                                      .deadline_ns = (now_ms(b) + ms) * 1000000u,
                                      .label = w->label,
                                      .request = w->id,
                                      .budget = b->budget};
    w->task = mb_task_new(b->tasks, &plan);
    if (w->task) mb_task_start(w->task);
    return w->task != NULL;
}

/* Without memory for it the lease ends by itself. */
static void begin_after(struct work *w)
{
    if (begin(w, PHASE_AFTER, AFTER_MS)) return;
    mb_log(MB_LOG_ERROR, "no memory to end a job: its lease will", "job", w->id, NULL);
    end_work(w);
}

static void on_done(void *ctx, int status)
{
    struct work *w = ctx;
    w->task = NULL;
    if (status == LUA_YIELD)
        fail(w, "coroutine.yield outside a coroutine of the script");
    else if (status != LUA_OK && !w->has_failed)
        fail(w, "not enough memory");
    if (w->phase == PHASE_TURN) w->owner->is_failing = w->has_failed;
    if (w->phase == PHASE_RUN)
        begin_after(w);
    else
        end_work(w);
}

static struct work *new_work(struct mb_background *b, const char *label, const char *id, int ref)
{
    struct work *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->owner = b;
    w->ref = ref;
    (void)snprintf(w->label, sizeof w->label, "%s", label);
    (void)snprintf(w->id, sizeof w->id, "%s", id);
    w->prev = b->works.prev;
    w->next = &b->works;
    w->prev->next = w->next->prev = w;
    return w;
}

static void begin_turn(struct mb_background *b, bool is_tick)
{
    if (b->is_turning || b->is_halted) return;
    struct work *w = new_work(b, "a turn of the jobs", "", LUA_NOREF);
    if (!w) return; /* the next tick tries again */
    b->is_turning = true;
    b->is_tick = is_tick;
    b->wants_more = b->is_asked = false;
    if (!begin(w, PHASE_TURN, TURN_MS)) end_work(w);
}

void mb_background_turn(struct mb_background *b) { begin_turn(b, true); }

static void cut(struct work *w, const char *why)
{
    struct mb_task *task = w->task;
    w->task = NULL;
    mb_task_drop(task);
    fail(w, why);
    if (w->phase == PHASE_RUN)
        begin_after(w);
    else
        end_work(w);
}

void mb_background_cut_late(struct mb_background *b)
{
    for (struct work *w = b->works.next, *next; w != &b->works; w = next) {
        next = w->next;
        if (now_ms(b) < w->cut_at) continue;
        mb_log(MB_LOG_ERROR, "script ended: its time is over", "runs", w->label, "job", w->id,
               NULL);
        cut(w, "its time was over (three quarters of the lease)");
    }
}

void mb_background_stop(struct mb_background *b, const char *why)
{
    for (struct work *w = b->works.next, *next; w != &b->works; w = next) {
        next = w->next;
        if (w->phase != PHASE_RUN) continue;
        w->is_stopped = true;
        cut(w, why);
    }
}

/* ---- mb.background ---- */

static struct mb_background *background(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &BACKGROUND);
    struct mb_background *b = lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (!b) luaL_error(L, "mb.background works in the jobs process only");
    return b;
}

static int l_on_turn(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &TURN);
    return 0;
}

static int l_free(lua_State *L)
{
    const struct mb_background *b = background(L);
    const struct mb_background_room *room = b->plan.room;
    bool is_full = b->is_halted || room->busy >= room->most;
    lua_pushinteger(L, is_full ? 0 : (lua_Integer)(room->most - room->busy));
    return 1;
}

/* start(label, id, ms, run, after, arg) */
static int l_start(lua_State *L)
{
    struct mb_background *b = background(L);
    const char *label = luaL_checkstring(L, 1), *id = luaL_checkstring(L, 2);
    lua_Integer ms = luaL_checkinteger(L, 3);
    luaL_checktype(L, 4, LUA_TFUNCTION);
    luaL_checktype(L, 5, LUA_TFUNCTION);
    lua_settop(L, 6);
    lua_createtable(L, 3, 0);
    for (int i = 1; i <= 3; i++) {
        lua_pushvalue(L, 3 + i);
        lua_rawseti(L, 7, i);
    }
    int ref = luaL_ref(L, LUA_REGISTRYINDEX);
    struct work *w = new_work(b, label, id, ref);
    if (!w) {
        luaL_unref(L, LUA_REGISTRYINDEX, ref);
        return luaL_error(L, "not enough memory");
    }
    b->plan.room->busy++;
    if (begin(w, PHASE_RUN, (uint64_t)ms)) return 0;
    end_work(w);
    return luaL_error(L, "not enough memory");
}

static int l_more(lua_State *L)
{
    background(L)->wants_more = lua_toboolean(L, 1);
    return 0;
}

static int l_count(lua_State *L)
{
    static const char *const words[] = {"done", "retried", "dead", "lost", NULL};
    struct mb_background_stats *s = background(L)->plan.stats;
    _Atomic uint64_t *const counters[] = {&s->done, &s->retried, &s->dead, &s->lost};
    atomic_fetch_add_explicit(counters[luaL_checkoption(L, 1, NULL, words)], 1,
                              memory_order_relaxed);
    return 0;
}

static int l_waiting(lua_State *L)
{
    struct mb_background_stats *s = background(L)->plan.stats;
    atomic_store_explicit(&s->waiting, (uint64_t)luaL_checkinteger(L, 1), memory_order_relaxed);
    atomic_store_explicit(&s->oldest_ms, (uint64_t)luaL_checkinteger(L, 2), memory_order_relaxed);
    return 0;
}

int mb_open_background(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"on_turn", l_on_turn}, {"free", l_free},       {"start", l_start}, {"more", l_more},
        {"count", l_count},     {"waiting", l_waiting}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}

/* ---- life ---- */

/* Whether scripts gave a function to on_turn: without one there is nothing to run. */
static int attach(lua_State *L)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &TURN) != LUA_TFUNCTION)
        ((struct mb_background *)lua_touserdata(L, 1))->is_halted = true;
    lua_pushvalue(L, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &BACKGROUND);
    return 0;
}

enum mb_rc mb_background_new(struct mb_background **out, const struct mb_background_plan *plan)
{
    struct mb_background *b = calloc(1, sizeof *b);
    if (!b) return MB_E_NOMEM;
    const struct mb_vm_plan *vm = mb_vm_plan(plan->vm);
    lua_State *L = mb_vm_state(plan->vm);
    b->plan = *plan;
    b->works.prev = b->works.next = &b->works;
    b->budget = (struct mb_budget){.key = "worker.script_cpu",
                                   .limit_ns = (uint64_t)vm->limits.cpu_ms * 1000000u};
    lua_pushcfunction(L, attach);
    lua_pushlightuserdata(L, b);
    bool is_attached = lua_pcall(L, 1, 0, 0) == LUA_OK;
    if (!is_attached || mb_tasks_new(&b->tasks, L, vm->loop) != MB_OK) {
        lua_settop(L, 0);
        free(b);
        return MB_E_NOMEM;
    }
    *out = b;
    return MB_OK;
}

void mb_background_free(struct mb_background *b)
{
    if (!b) return;
    mb_tasks_free(b->tasks);
    for (struct work *w = b->works.next, *next; w != &b->works; w = next) {
        next = w->next;
        if (w->phase != PHASE_TURN) b->plan.room->busy--;
        free(w);
    }
    free(b);
}
