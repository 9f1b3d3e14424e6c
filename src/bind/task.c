#include "bind/task.h"

#include <assert.h>
#include <lauxlib.h>
#include <stdlib.h>

#include "bind/running.h"

/* The scheduler of one Lua state. It knows nothing of what tasks wait for. */

/* Only a running task may wait: an ending one still runs the __close values of its scripts, and a
 * wait begun there would outlive it. */
enum task_state { TASK_RUNNING, TASK_WAITING, TASK_READY, TASK_ENDING };

struct mb_task {
    struct mb_tasks *owner;
    struct mb_task *next_ready;
    struct mb_task *prev, *next; /* all living tasks; next alone links the idle ones */
    lua_State *co;
    int co_ref;
    enum task_state state;
    struct mb_wait *wait;   /* while waiting or ready */
    struct mb_claim claims; /* list head */
    struct mb_task_plan plan;
    struct mb_running running;
    uint64_t budget_ns; /* how long the deadline lay ahead when it began */
    int nargs;          /* of its first turn; 0 from then on */
    unsigned rest;      /* rounds of the ready queue until it goes on */
    bool pinned;
};

enum { IDLE_TASKS = 256 }; /* coroutines kept for the next requests */
/* What was sliced sits out so many rounds: a request is answered in several, and need not wait for
 * a slice in each. Where nobody else has anything to do they take microseconds. */
enum { REST_ROUNDS = 8 };

struct mb_tasks {
    lua_State *L;
    struct mb_heap *heap;
    uv_loop_t *loop;
    struct mb_task all; /* list head */
    size_t alive;
    struct mb_task *idle;
    size_t nidle;
    struct mb_task *ready_first, **ready_last;
    uv_check_t check; /* runs the ready queue after I/O */
    uv_idle_t spin;   /* keeps the loop from sleeping while something is ready */
    bool spinning, closing;
    int handles;
};

static void run_ready(struct mb_tasks *t);

static void on_check(uv_check_t *h) { run_ready(h->data); }
static void on_idle(uv_idle_t *h) { (void)h; }

enum mb_rc mb_tasks_new(struct mb_tasks **out, lua_State *L, uv_loop_t *loop)
{
    struct mb_tasks *t = calloc(1, sizeof *t);
    if (!t) return MB_E_NOMEM;
    t->L = L;
    t->heap = mb_heap_of(L);
    t->loop = loop;
    t->all.prev = t->all.next = &t->all;
    t->ready_last = &t->ready_first;
    uv_check_init(t->loop, &t->check);
    uv_idle_init(t->loop, &t->spin);
    t->check.data = t->spin.data = t;
    uv_check_start(&t->check, on_check);
    uv_unref((uv_handle_t *)&t->check);
    t->handles = 2;
    *out = t;
    return MB_OK;
}

static void free_task(struct mb_task *task)
{
    luaL_unref(task->owner->L, LUA_REGISTRYINDEX, task->co_ref);
    free(task);
}

static void on_handle_closed(uv_handle_t *h)
{
    struct mb_tasks *t = h->data;
    if (--t->handles == 0) free(t);
}

void mb_tasks_free(struct mb_tasks *t)
{
    if (!t) return;
    t->closing = true;
    while (t->all.next != &t->all) mb_task_drop(t->all.next);
    while (t->idle) {
        struct mb_task *task = t->idle;
        t->idle = task->next;
        free_task(task);
    }
    uv_close((uv_handle_t *)&t->check, on_handle_closed);
    uv_close((uv_handle_t *)&t->spin, on_handle_closed);
}

size_t mb_tasks_alive(const struct mb_tasks *t) { return t->alive; }

struct mb_task *mb_task_of(lua_State *L) { return *(struct mb_task **)lua_getextraspace(L); }

/* Runs protected: making a coroutine and a registry reference may fail for want of memory. */
static int make_thread(lua_State *L)
{
    struct mb_task *task = lua_touserdata(L, 1);
    task->co = lua_newthread(L);
    task->co_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    *(struct mb_task **)lua_getextraspace(task->co) = task;
    return 0;
}

static struct mb_task *take_task(struct mb_tasks *t)
{
    struct mb_task *task = t->idle;
    if (task) {
        t->idle = task->next;
        t->nidle--;
        return task;
    }
    task = calloc(1, sizeof *task);
    if (!task) return NULL;
    task->owner = t;
    lua_pushcfunction(t->L, make_thread);
    lua_pushlightuserdata(t->L, task);
    if (lua_pcall(t->L, 1, 0, 0) != LUA_OK) {
        lua_pop(t->L, 1);
        free(task);
        return NULL;
    }
    return task;
}

/* The loop's time is the monotonic clock in milliseconds. */
static uint64_t now_ns(const struct mb_tasks *t) { return uv_now(t->loop) * 1000000u; }

struct mb_task *mb_task_new(struct mb_tasks *t, const struct mb_task_plan *plan)
{
    struct mb_task *task = take_task(t);
    if (!task) return NULL;
    uint64_t now = now_ns(t);
    task->plan = *plan;
    task->budget_ns = plan->deadline_ns > now ? plan->deadline_ns - now : 0;
    task->running.label = plan->label;
    task->running.request = plan->request;
    task->running.budget = &task->plan.budget;
    task->wait = NULL;
    task->rest = 0;
    task->pinned = false;
    task->claims.prev = task->claims.next = &task->claims;
    task->prev = t->all.prev;
    task->next = &t->all;
    task->prev->next = task->next->prev = task;
    t->alive++;
    return task;
}

const struct mb_budget *mb_task_budget(const struct mb_task *task) { return &task->plan.budget; }
uint64_t mb_task_deadline(const struct mb_task *task) { return task->plan.deadline_ns; }
const char *mb_task_request(const struct mb_task *task) { return task->plan.request; }
void *mb_task_context(const struct mb_task *task) { return task->plan.ctx; }

void mb_task_extend(struct mb_task *task)
{
    task->plan.deadline_ns = now_ns(task->owner) + task->budget_ns;
}

void mb_task_pin(struct mb_task *task, bool pinned) { task->pinned = pinned; }
bool mb_task_is_pinned(const struct mb_task *task) { return task->pinned; }

static void release_claims(struct mb_task *task)
{
    while (task->claims.next != &task->claims) {
        struct mb_claim *c = task->claims.next;
        mb_claim_drop(c);
        c->release(c);
    }
}

static void begin_turn(struct mb_task *task)
{
    atomic_store_explicit(&task->running.L, task->co, memory_order_relaxed);
    mb_budget_begin(&task->plan.budget);
    task->plan.budget.taken -= task->owner->heap->taken; /* end_turn adds what it is then */
    task->owner->heap->running = &task->running;
    mb_running_show(&task->running);
}

static void end_turn(struct mb_task *task)
{
    mb_running_show(NULL);
    task->owner->heap->running = NULL;
    task->plan.budget.taken += task->owner->heap->taken;
    mb_budget_end(&task->plan.budget);
}

/* Back to the idle list. unwind: its stack is left as an error or a wait left it. */
static void retire(struct mb_task *task, bool unwind)
{
    struct mb_tasks *t = task->owner;
    task->state = TASK_ENDING;
    if (unwind) {
        begin_turn(task);
        (void)lua_resetthread(task->co); /* what __close raises is nobody's to hear */
        end_turn(task);
    }
    release_claims(task);
    task->prev->next = task->next;
    task->next->prev = task->prev;
    t->alive--;
    /* An error raised by a hook may leave the coroutine with hooks off for good. */
    bool is_spoilt = task->plan.budget.verdict > MB_VERDICT_LATE;
    if (is_spoilt || t->nidle >= IDLE_TASKS || t->closing) {
        free_task(task);
        return;
    }
    lua_settop(task->co, 0);
    task->next = t->idle;
    t->idle = task;
    t->nidle++;
}

static void enqueue(struct mb_task *task)
{
    struct mb_tasks *t = task->owner;
    task->state = TASK_READY;
    task->next_ready = NULL;
    *t->ready_last = task;
    t->ready_last = &task->next_ready;
    if (!t->spinning) {
        t->spinning = true;
        uv_idle_start(&t->spin, on_idle);
    }
}

static void resume(struct mb_task *task)
{
    struct mb_tasks *t = task->owner;
    int nresults = 0, nargs = task->nargs;
    task->nargs = 0;
    task->state = TASK_RUNNING;
    task->wait = NULL;
    begin_turn(task);
    int rc = lua_resume(task->co, t->L, nargs, &nresults);
    end_turn(task);
    if (rc == LUA_YIELD && task->state != TASK_RUNNING) return;
    if (rc == LUA_YIELD && task->plan.budget.is_sliced) {
        task->rest = REST_ROUNDS;
        enqueue(task);
        return;
    }
    /* A yield without a wait is a bare coroutine.yield of a script: nobody would resume it. */
    task->state = TASK_ENDING;
    task->plan.done(task->plan.ctx, rc);
    retire(task, rc != LUA_OK);
}

static void push_entry(struct mb_task *task)
{
    lua_pushcfunction(task->co, task->plan.entry);
    lua_pushlightuserdata(task->co, task->plan.ctx);
    task->nargs = 1;
}

void mb_task_run(struct mb_task *task)
{
    push_entry(task);
    resume(task);
}

void mb_task_start(struct mb_task *task)
{
    push_entry(task);
    enqueue(task);
}

static void leave_ready(struct mb_task *task)
{
    struct mb_tasks *t = task->owner;
    struct mb_task **p = &t->ready_first;
    while (*p != task) p = &(*p)->next_ready;
    *p = task->next_ready;
    if (t->ready_last == &task->next_ready) t->ready_last = p;
}

void mb_task_drop(struct mb_task *task)
{
    assert(task->state == TASK_WAITING || task->state == TASK_READY);
    if (task->state == TASK_READY) leave_ready(task);
    if (task->wait) task->wait->cancel(task->wait);
    retire(task, true);
}

struct mb_task *mb_task_check(lua_State *L, const char *what)
{
    struct mb_task *task = mb_task_of(L);
    if (!task)
        luaL_error(L,
                   "%s cannot wait here: only the request's own coroutine can, not at load and not "
                   "inside a coroutine of the script",
                   what);
    if (task->state != TASK_RUNNING) luaL_error(L, "%s cannot wait: this request is over", what);
    if (!lua_isyieldable(L))
        luaL_error(L, "%s cannot wait inside a callback of a C function", what);
    return task;
}

int mb_task_wait(lua_State *L, struct mb_wait *w, lua_KContext ctx, lua_KFunction k)
{
    struct mb_task *task = mb_task_check(L, "this call");
    w->task = task;
    task->wait = w;
    task->state = TASK_WAITING;
    return lua_yieldk(L, 0, ctx, k);
}

/* An operation whose wait was never entered, because the script failed before, has no task. */
void mb_task_wake(struct mb_wait *w)
{
    struct mb_task *task = w->task;
    if (!task || task->wait != w || task->state != TASK_WAITING) return;
    enqueue(task);
}

/* One round: tasks that become ready meanwhile run in the next one, so I/O gets its turn. */
static void run_ready(struct mb_tasks *t)
{
    struct mb_task **end = t->ready_last;
    while (t->ready_first) {
        struct mb_task *task = t->ready_first;
        bool last = &task->next_ready == end;
        t->ready_first = task->next_ready;
        if (!t->ready_first) t->ready_last = &t->ready_first;
        if (task->rest > 0) {
            task->rest--;
            enqueue(task);
        } else {
            resume(task);
        }
        if (last) break;
    }
    if (!t->ready_first && t->spinning) {
        t->spinning = false;
        uv_idle_stop(&t->spin);
    }
}

void mb_task_claim(struct mb_task *task, struct mb_claim *c, void (*release)(struct mb_claim *c))
{
    c->release = release;
    c->prev = &task->claims;
    c->next = task->claims.next;
    c->prev->next = c->next->prev = c;
}

void mb_claim_drop(struct mb_claim *c)
{
    if (!c->next) return;
    c->prev->next = c->next;
    c->next->prev = c->prev;
    c->prev = c->next = NULL;
}
