#pragma once
/*
 * Tasks: one recycled coroutine per request. A task runs until it returns, fails or waits. A
 * wait is a C operation in work; its completion only marks the task ready, and the ready queue
 * is run by the loop, so nothing is ever resumed from inside the call that completed it.
 */
#include <lua.h>

#include "bind/vm.h"

struct mb_task;
struct mb_tasks; /* the tasks of one state */

/* Embedded in the operation's own object, which must stay anchored on the coroutine's stack. */
struct mb_wait {
    struct mb_task *task;
    void (*cancel)(struct mb_wait *w); /* owner leaves: w must not wake any more */
};

/* How a task ended; L is the coroutine with nresults values on top (or the error object when
 * failed; the stack is still there for a traceback). The callee pops nothing. */
typedef void (*mb_task_done)(void *ctx, lua_State *L, bool failed, int nresults);

MB_MUST_CHECK enum mb_rc mb_tasks_new(struct mb_tasks **out, struct mb_vm *vm);
void mb_tasks_free(struct mb_tasks *t); /* drops every task */
size_t mb_tasks_alive(const struct mb_tasks *t);

/* Takes a coroutine and puts the function of registry reference ref on it; the caller pushes
 * nargs arguments to mb_task_thread and calls mb_task_run. NULL when out of memory. */
struct mb_task *mb_task_new(struct mb_tasks *t, int ref, uint64_t deadline_ns, mb_task_done done, void *ctx);
lua_State *mb_task_thread(struct mb_task *task);
void mb_task_run(struct mb_task *task, int nargs);
/* Ends a waiting task: its wait is cancelled, pending __close values run, done is not called. */
void mb_task_drop(struct mb_task *task);

/* The task that L runs in; NULL in the main thread and in coroutines that scripts make. */
struct mb_task *mb_task_of(lua_State *L);
uint64_t mb_task_deadline(const struct mb_task *task);
/* Yields until mb_task_wake; k then runs in the coroutine. Never returns to the caller:
 * `return mb_task_wait(L, &x->wait, ctx, k);` Raises when L is not a task's own coroutine. */
int mb_task_wait(lua_State *L, struct mb_wait *w, lua_KContext ctx, lua_KFunction k);
void mb_task_wake(struct mb_wait *w);
/* Raises "… cannot wait here" unless L may wait; call it before starting an operation. */
struct mb_task *mb_task_check(lua_State *L, const char *what);

/* Things a task must give back however it ends (rows, transactions): a list of release hooks,
 * run newest first after the last resume. */
struct mb_claim {
    struct mb_claim *prev, *next;
    void (*release)(struct mb_claim *c);
};
void mb_task_claim(struct mb_task *task, struct mb_claim *c, void (*release)(struct mb_claim *c));
void mb_claim_drop(struct mb_claim *c); /* unlink without releasing; harmless when unlinked */
