#pragma once
/*
 * Tasks: one recycled coroutine per request. A task runs until it returns, fails or waits. A
 * wait is a C operation in work; its completion only marks the task ready, and the ready queue
 * is run by the loop, so nothing is ever resumed from inside the call that completed it.
 */
#include <lua.h>
#include <uv.h>

#include "base/err.h"
#include "bind/budget.h"
#include "bind/heap.h"

struct mb_task;
struct mb_tasks; /* the tasks of one state */

/* Embedded in the operation's own object, which must live until the wake or the cancel. */
struct mb_wait {
    struct mb_task *task;
    /* The owner leaves, before the wake or between it and the resume: w must not wake any more,
     * and what it was given must be given back. */
    void (*cancel)(struct mb_wait *w);
};

/* The task is over, its coroutine about to be cleared. status: LUA_OK, an error that left `entry`,
 * or LUA_YIELD after a coroutine.yield that was no wait; the budget tells when that broke. Not called for a dropped task. */
typedef void (*mb_task_done)(void *ctx, int status);

struct mb_task_plan {
    lua_CFunction entry; /* runs in the coroutine with ctx as light userdata at index 1 */
    mb_task_done done;
    void *ctx;
    uint64_t deadline_ns;    /* of everything it waits for */
    const char *label;       /* what a watcher of the process is told while it runs; borrowed */
    const char *request;     /* id of the request, for the same; borrowed */
    struct mb_budget budget; /* its limits */
};

MB_MUST_CHECK enum mb_rc mb_tasks_new(struct mb_tasks **out, lua_State *L, uv_loop_t *loop);
void mb_tasks_free(struct mb_tasks *t); /* drops every task */
size_t mb_tasks_alive(const struct mb_tasks *t);

/* Makes a task that mb_task_run or mb_task_start starts. NULL when out of memory. */
struct mb_task *mb_task_new(struct mb_tasks *t, const struct mb_task_plan *plan);
void mb_task_run(struct mb_task *task);
/* The same from the ready queue: for whoever is itself run by Lua. */
void mb_task_start(struct mb_task *task);
/* Ends a task that waits: its wait is cancelled, pending __close values run (and cannot wait). */
void mb_task_drop(struct mb_task *task);

/* The task that L runs in; NULL in the main thread and in coroutines that scripts make. */
struct mb_task *mb_task_of(lua_State *L);
const struct mb_budget *mb_task_budget(const struct mb_task *task);
uint64_t mb_task_deadline(const struct mb_task *task);
const char *mb_task_request(const struct mb_task *task); /* id of its request; NULL = none */
void *mb_task_context(const struct mb_task *task);       /* ctx of its plan */
/* A stream moved: what the task waits for next has as much time as it had at the beginning. */
void mb_task_extend(struct mb_task *task);
/* Yields until mb_task_wake; k then runs in the coroutine. Never returns to the caller:
 * `return mb_task_wait(L, &x->wait, ctx, k);` Raises when L is not a task's own coroutine. */
int mb_task_wait(lua_State *L, struct mb_wait *w, lua_KContext ctx, lua_KFunction k);
void mb_task_wake(struct mb_wait *w);
/* Raises "… cannot wait here" unless L may wait; call it before starting an operation. */
struct mb_task *mb_task_check(lua_State *L, const char *what);

/* A task that holds a database connection must not ask for a second one. */
void mb_task_pin(struct mb_task *task, bool pinned);
bool mb_task_is_pinned(const struct mb_task *task);

/* Things a task must give back however it ends (rows, transactions): a list of release hooks,
 * run newest first after the last resume. */
struct mb_claim {
    struct mb_claim *prev, *next;
    void (*release)(struct mb_claim *c);
};
void mb_task_claim(struct mb_task *task, struct mb_claim *c, void (*release)(struct mb_claim *c));
void mb_claim_drop(struct mb_claim *c); /* unlink without releasing; harmless when unlinked */
