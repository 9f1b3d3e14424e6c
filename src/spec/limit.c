#define _GNU_SOURCE
#include "spec/limit.h"

#include <lauxlib.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "bind/budget.h"

/*
 * A hook counts instructions and looks at the clock now and then; coroutines inherit it from who makes them. A
 * program for coverage may have taken its place: then only the timer is left, which ends the process.
 */

enum { STEPS = 10000, MAX_WHAT = 400, SIGNAL = SIGALRM };

static const char GUARD[] = "medbookd.host.limit";

/* What runs. */
struct limit {
    uint64_t until_ns; /* 0 = nothing is limited */
    char what[MAX_WHAT];
};

static struct {
    const char *key;
    uint64_t ms;
    timer_t timer;
    struct limit now;
    char last_words[2 * MAX_WHAT];
    size_t length;
} state;

static bool has_passed(void)
{
    return state.now.until_ns != 0 && mb_mono_ns() >= state.now.until_ns;
}

static void on_steps(lua_State *L, lua_Debug *unused)
{
    char at[MB_PLACE_SIZE];
    (void)unused;
    if (!has_passed()) {
        if (lua_gethookcount(L) != STEPS) lua_sethook(L, on_steps, LUA_MASKCOUNT, STEPS);
        return;
    }
    lua_sethook(L, on_steps, LUA_MASKCOUNT, 1);
    mb_budget_find_line(L, at, sizeof at);
    lua_pushfstring(L, "%s: ended: %s takes longer than %s (%d ms)", at, state.now.what, state.key,
                    (int)state.ms);
    (void)lua_error(L);
}

bool mb_limit_is_over(lua_State *L)
{
    if (!has_passed()) return false;
    lua_sethook(L, on_steps, LUA_MASKCOUNT, 1);
    return true;
}

uint64_t mb_limit_left(uint64_t most)
{
    if (state.now.until_ns == 0) return most;
    uint64_t now = mb_mono_ns();
    uint64_t left = now < state.now.until_ns ? (state.now.until_ns - now) / 1000000u + 1 : 0;
    return left < most ? left : most;
}

/* ---- the timer ---- */

static void on_timer(int signal)
{
    (void)signal;
    ssize_t n = write(STDERR_FILENO, state.last_words, state.length);
    _exit(n >= 0 ? 1 : 2);
}

static void set_timer(void)
{
    struct itimerspec at = {{0, 0}, {0, 0}};
    if (state.now.until_ns != 0) {
        uint64_t ns = state.now.until_ns + MB_LIMIT_GRACE_MS * (uint64_t)1000000;
        int n = snprintf(state.last_words, sizeof state.last_words,
                         "medbookd: test: %s takes longer than %s (%d ms), inside a function that "
                         "cannot be ended alone: all tests end here\n",
                         state.now.what, state.key, (int)state.ms);
        state.length = n < 0 ? 0 : (size_t)n;
        at.it_value = (struct timespec){.tv_sec = (time_t)(ns / 1000000000u),
                                        .tv_nsec = (long)(ns % 1000000000u)};
    }
    (void)timer_settime(state.timer, TIMER_ABSTIME, &at, NULL);
}

/* ---- within ---- */

static void use(lua_State *L, const struct limit *limit)
{
    state.now = *limit;
    set_timer();
    lua_Hook hook = lua_gethook(L);
    if (hook == NULL || hook == on_steps) lua_sethook(L, on_steps, LUA_MASKCOUNT, STEPS);
}

/* However f is left, its limit goes with it. */
static int guard_close(lua_State *L)
{
    use(L, lua_touserdata(L, 1));
    return 0;
}

int mb_limit_within(lua_State *L)
{
    enum { AT_GUARD = 1, AT_FUNCTION };
    struct limit next = {.until_ns = 0};
    (void)snprintf(next.what, sizeof next.what, "%s", luaL_checkstring(L, 1));
    luaL_checkany(L, AT_FUNCTION);
    struct limit *before = lua_newuserdatauv(L, sizeof *before, 0);
    *before = state.now;
    luaL_setmetatable(L, GUARD);
    lua_replace(L, AT_GUARD);
    lua_toclose(L, AT_GUARD);
    if (state.ms > 0) {
        next.until_ns = mb_mono_ns() + state.ms * 1000000u;
        use(L, &next);
    }
    lua_call(L, lua_gettop(L) - AT_FUNCTION, LUA_MULTRET);
    return lua_gettop(L) - AT_GUARD;
}

enum mb_rc mb_limit_open(lua_State *L, const char *key, uint64_t ms, struct mb_err *err)
{
    struct sigaction action = {.sa_handler = on_timer};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGNAL};
    sigset_t one;
    state.key = key;
    state.ms = ms;
    (void)sigfillset(&action.sa_mask);
    (void)sigemptyset(&one);
    (void)sigaddset(&one, SIGNAL);
    if (sigaction(SIGNAL, &action, NULL) != 0 || sigprocmask(SIG_UNBLOCK, &one, NULL) != 0 ||
        timer_create(CLOCK_MONOTONIC, &event, &state.timer) != 0)
        return mb_fail(err, MB_E_IO, "test: no timer for %s", key);
    luaL_newmetatable(L, GUARD);
    lua_pushcfunction(L, guard_close);
    lua_setfield(L, -2, "__close");
    lua_pop(L, 1);
    return MB_OK;
}

void mb_limit_close(void) { (void)timer_delete(state.timer); }
