#pragma once
/*
 * What the scripts of this process run at this moment, so that a worker that hangs can say it. To
 * publish it costs one store; the rest happens in the handler of a signal that is sent to nobody
 * else than to a worker that is going to be killed.
 */
#include <lua.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>

#include "bind/budget.h"

struct mb_running {
    _Atomic(lua_State *) L;   /* the innermost coroutine that runs */
    const char *label;        /* "GET /v1/slots"; borrowed */
    const char *request;      /* id; borrowed; NULL = none */
    struct mb_budget *budget; /* NULL = none */
};

extern _Atomic(struct mb_running *) mb_running__now;

/* r = what runs from now on, alive until the next call; NULL = no script. */
static inline void mb_running_show(struct mb_running *r)
{
    /* Only handlers of signals of this thread look at it: no barrier, but in this order. */
    atomic_store_explicit(&mb_running__now, r, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
}

/*
 * From now on the signal asks what runs, and ends the process: at the first one the script is
 * stopped at its next instruction and logs script:line, the request id, the limit in force and a
 * traceback. A second one, for code in C that no script gets out of, logs the line that called
 * it. To be called once, by the thread that runs the scripts.
 */
void mb_running_watch(int signal);
/* The configuration key, and its value in ms, that the process broke when the signal comes. key is
 * a literal. */
void mb_running_limit(const char *key, int64_t ms);
