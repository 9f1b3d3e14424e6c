/*
 * The last words of a process that hangs. What runs in the handler is safe in any state of the
 * interrupted code: it reads, sets a hook (lua_sethook is made to be called from handlers), and
 * writes without locks or memory.
 */
#include "bind/running.h"

#include <lauxlib.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

_Atomic(struct mb_running *) mb_running__now;

static struct {
    pthread_t thread; /* the one that runs the scripts */
    volatile sig_atomic_t is_asked, is_answering;
    char limit[96];
} state;

static const char MSG[] = "this worker hangs; ending it";

static int l_traceback(lua_State *L)
{
    luaL_traceback(L, L, NULL, 1);
    return 1;
}

/* No handler any more, but the interpreter between two instructions: everything is allowed. */
static void on_hook(lua_State *L, lua_Debug *unused)
{
    (void)unused;
    state.is_answering = 1;
    const struct mb_running *r = atomic_load_explicit(&mb_running__now, memory_order_relaxed);
    char at[MB_PLACE_SIZE];
    mb_budget_find_line(L, at, sizeof at);
    lua_pushcfunction(L, l_traceback);
    const char *trace = lua_pcall(L, 0, 1, 0) == LUA_OK ? lua_tostring(L, -1) : NULL;
    mb_log(MB_LOG_ERROR, MSG, "at", at, "request", r != NULL ? r->request : NULL, "runs",
           r != NULL ? r->label : NULL, "limit", state.limit, "trace", trace, NULL);
    mb_log_flush();
    abort();
}

static void on_signal(int signal)
{
    if (pthread_equal(pthread_self(), state.thread) == 0) {
        (void)pthread_kill(state.thread, signal);
        return;
    }
    if (state.is_answering) return;
    const struct mb_running *r = atomic_load_explicit(&mb_running__now, memory_order_relaxed);
    if (r != NULL && !state.is_asked) {
        state.is_asked = 1;
        lua_sethook(atomic_load(&r->L), on_hook, LUA_MASKCOUNT, 1);
        return;
    }
    /* The interpreter is inside C code, so its chain of calls stands still. */
    char at[MB_PLACE_SIZE] = "";
    if (r != NULL) mb_budget_find_line(atomic_load(&r->L), at, sizeof at);
    mb_log_dying(MSG, "at", at[0] != '\0' ? at : NULL, "request", r != NULL ? r->request : NULL,
                 "runs", r != NULL ? r->label : "no script", "limit", state.limit, NULL);
    abort();
}

void mb_running_limit(const char *key, int64_t ms)
{
    (void)snprintf(state.limit, sizeof state.limit, "%s = %lldms", key, (long long)ms);
}

void mb_running_watch(int signal)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigset_t one;
    state.thread = pthread_self();
    (void)sigfillset(&action.sa_mask);
    (void)sigaction(signal, &action, NULL);
    (void)sigemptyset(&one);
    (void)sigaddset(&one, signal);
    (void)pthread_sigmask(SIG_UNBLOCK, &one, NULL);
}
