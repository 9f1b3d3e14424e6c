#include "bind/task.h"

#include <lauxlib.h>
#include <stdlib.h>

/* The scheduler of one Lua state. It knows nothing of what tasks wait for. */

enum task_state { TASK_FRESH, TASK_RUNNING, TASK_WAITING, TASK_READY };

struct mb_task {
    struct mb_tasks *owner;
    struct mb_task *next_ready;
    struct mb_task *prev, *next; /* all living tasks */
    lua_State *co;
    int co_ref;
    enum task_state state;
    struct mb_wait *wait;
    struct mb_claim claims; /* list head */
    uint64_t deadline_ns;
    mb_task_done done;
    void *ctx;
};

enum { IDLE_TASKS = 256 }; /* coroutines kept for the next requests */

struct mb_tasks {
    lua_State *L;
    uv_loop_t *loop;
    struct mb_task all; /* list head */
    size_t alive;
    struct mb_task *idle;
    size_t nidle;
    struct mb_task *ready_first, **ready_last;
    uv_check_t check;   /* runs the ready queue after I/O */
    uv_idle_t spin;     /* keeps the loop from sleeping while something is ready */
    bool spinning, closing;
    int handles;
};

static void run_ready(struct mb_tasks *t);

static void on_check(uv_check_t *h) { run_ready(h->data); }
static void on_idle(uv_idle_t *h) { (void)h; }

enum mb_rc mb_tasks_new(struct mb_tasks **out, struct mb_vm *vm)
{
    struct mb_tasks *t = calloc(1, sizeof *t);
    if (!t)
        return MB_E_NOMEM;
    t->L = mb_vm_state(vm);
    t->loop = mb_vm_plan(vm)->loop;
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
    if (--t->handles == 0)
        free(t);
}

void mb_tasks_free(struct mb_tasks *t)
{
    if (!t)
        return;
    t->closing = true;
    while (t->all.next != &t->all)
        mb_task_drop(t->all.next);
    while (t->idle) {
        struct mb_task *task = t->idle;
        t->idle = task->next;
        free_task(task);
    }
    uv_close((uv_handle_t *)&t->check, on_handle_closed);
    uv_close((uv_handle_t *)&t->spin, on_handle_closed);
}

size_t mb_tasks_alive(const struct mb_tasks *t) { return t->alive; }

static void set_owner(lua_State *co, struct mb_task *task)
{
    *(struct mb_task **)lua_getextraspace(co) = task;
}

struct mb_task *mb_task_of(lua_State *L)
{
    return *(struct mb_task **)lua_getextraspace(L);
}

/* Runs protected: making a coroutine and a registry reference may fail for want of memory. */
static int make_thread(lua_State *L)
{
    struct mb_task *task = lua_touserdata(L, 1);
    task->co = lua_newthread(L);
    task->co_ref = luaL_ref(L, LUA_REGISTRYINDEX);
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
    if (!task)
        return NULL;
    task->owner = t;
    lua_pushcfunction(t->L, make_thread);
    lua_pushlightuserdata(t->L, task);
    if (lua_pcall(t->L, 1, 0, 0) != LUA_OK) {
        lua_pop(t->L, 1);
        free(task);
        return NULL;
    }
    set_owner(task->co, task);
    return task;
}

struct mb_task *mb_task_new(struct mb_tasks *t, int ref, uint64_t deadline_ns, mb_task_done done, void *ctx)
{
    struct mb_task *task = take_task(t);
    if (!task)
        return NULL;
    task->state = TASK_FRESH;
    task->wait = NULL;
    task->deadline_ns = deadline_ns;
    task->done = done;
    task->ctx = ctx;
    task->claims.prev = task->claims.next = &task->claims;
    task->prev = t->all.prev;
    task->next = &t->all;
    task->prev->next = task->next->prev = task;
    t->alive++;
    lua_rawgeti(task->co, LUA_REGISTRYINDEX, ref);
    return task;
}

lua_State *mb_task_thread(struct mb_task *task) { return task->co; }
uint64_t mb_task_deadline(const struct mb_task *task) { return task->deadline_ns; }

static void release_claims(struct mb_task *task)
{
    while (task->claims.next != &task->claims) {
        struct mb_claim *c = task->claims.next;
        mb_claim_drop(c);
        c->release(c);
    }
}

/* Back to the idle list, or gone when its stack cannot be trusted. */
static void retire(struct mb_task *task, bool clean)
{
    struct mb_tasks *t = task->owner;
    release_claims(task);
    task->prev->next = task->next;
    task->next->prev = task->prev;
    t->alive--;
    if (!clean || t->nidle >= IDLE_TASKS || t->closing) {
        free_task(task);
        return;
    }
    lua_settop(task->co, 0);
    task->next = t->idle;
    t->idle = task;
    t->nidle++;
}

static void resume(struct mb_task *task, int nargs)
{
    int nresults = 0;
    task->state = TASK_RUNNING;
    int rc = lua_resume(task->co, task->owner->L, nargs, &nresults);
    if (rc == LUA_YIELD) {
        if (task->state == TASK_WAITING || task->state == TASK_READY)
            return;
        /* A bare coroutine.yield of the script: it would never be resumed. */
        lua_settop(task->co, 0);
        lua_pushliteral(task->co, "coroutine.yield outside a coroutine of the script");
        rc = LUA_ERRRUN;
    }
    bool failed = rc != LUA_OK;
    task->done(task->ctx, task->co, failed, failed ? 1 : nresults);
    if (failed)
        lua_resetthread(task->co);
    retire(task, !failed);
}

void mb_task_run(struct mb_task *task, int nargs) { resume(task, nargs); }

void mb_task_drop(struct mb_task *task)
{
    struct mb_tasks *t = task->owner;
    if (task->state == TASK_WAITING && task->wait)
        task->wait->cancel(task->wait);
    if (task->state == TASK_READY) {
        struct mb_task **p = &t->ready_first;
        while (*p && *p != task)
            p = &(*p)->next_ready;
        if (*p) {
            *p = task->next_ready;
            if (t->ready_last == &task->next_ready)
                t->ready_last = p;
        }
    }
    if (task->state != TASK_FRESH)
        lua_resetthread(task->co);
    retire(task, false);
}

struct mb_task *mb_task_check(lua_State *L, const char *what)
{
    struct mb_task *task = mb_task_of(L);
    if (!task)
        luaL_error(L, "%s cannot wait here: only the request's own coroutine can, not at load and not "
                      "inside a coroutine of the script", what);
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

void mb_task_wake(struct mb_wait *w)
{
    struct mb_task *task = w->task;
    if (!task || task->wait != w) /* the script went on without it */
        return;
    struct mb_tasks *t = task->owner;
    task->state = TASK_READY;
    task->wait = NULL;
    task->next_ready = NULL;
    *t->ready_last = task;
    t->ready_last = &task->next_ready;
    if (!t->spinning) {
        t->spinning = true;
        uv_idle_start(&t->spin, on_idle);
    }
}

/* One round: tasks that become ready meanwhile run in the next one, so I/O gets its turn. */
static void run_ready(struct mb_tasks *t)
{
    struct mb_task **end = t->ready_last;
    while (t->ready_first) {
        struct mb_task *task = t->ready_first;
        bool last = &task->next_ready == end;
        t->ready_first = task->next_ready;
        if (!t->ready_first)
            t->ready_last = &t->ready_first;
        resume(task, 0);
        if (last)
            break;
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
    if (!c->next)
        return;
    c->prev->next = c->next;
    c->next->prev = c->prev;
    c->prev = c->next = NULL;
}
