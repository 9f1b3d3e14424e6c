#define _GNU_SOURCE
#include "bind/budget.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "bind/heap.h"

/*
 * The handler of the tick runs in the middle of anything: it reads the clock, writes the verdict and
 * sets a hook on the state that was published (lua_sethook is made to be called from handlers). What
 * follows is done by the hook, between two instructions of the script.
 */

static const char BROKEN; /* its address is the error that ends a script */

/* Of the thread that runs scripts. The kernel looks at timers of processor time at its own ticks, which may be 4 ms
 * apart; what is due before the next of them is awaited by the other timer. */
static struct {
    timer_t exact;
    bool has_exact;
    volatile uint64_t ticked_ns; /* processor time at the last tick */
} timers;

static void on_hook(lua_State *L, lua_Debug *unused);

static bool ends(int verdict) { return verdict > MB_VERDICT_LATE; }

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* Counts what was run since it was last looked; the first time what may have been since the turn began. */
static void look(struct mb_budget *b, uint64_t now)
{
    uint64_t step = b->looked_ns != 0 ? now - b->looked_ns
                                      : least(mb_mono_ns() - b->begun_ns, now - timers.ticked_ns);
    b->looked_ns = now;
    b->ran_ns += least(step, MB_BUDGET_STEP_MS * (uint64_t)1000000);
}

/* How much of a limit is left. */
static uint64_t left_of(uint64_t limit, uint64_t taken)
{
    return limit > taken ? limit - taken : 0;
}

/* A tick is asked for when that much has passed, if it is so little that the next would be late. */
static void await(uint64_t ns)
{
    const struct itimerspec once = {.it_value = {.tv_nsec = (long)ns}};
    if (timers.has_exact && ns > 0 && ns < MB_BUDGET_STEP_MS * (uint64_t)1000000)
        (void)timer_settime(timers.exact, 0, &once, NULL);
}

static void tick(struct mb_running *r, struct mb_budget *b, uint64_t now)
{
    look(b, now);
    if (ends(b->verdict)) return;
    uint64_t most = b->limit_ns - b->limit_ns / 50; /* the rest is for the end itself */
    uint64_t limit = left_of(most, b->spent_ns + b->ran_ns);
    uint64_t slice = b->slice_ns > 0 ? left_of(b->slice_ns, b->ran_ns) : limit;
    if (limit > 0 && slice > 0) {
        await(least(limit, slice));
        return;
    }
    b->verdict = limit == 0 ? MB_VERDICT_OVER : MB_VERDICT_LATE;
    lua_sethook(atomic_load_explicit(&r->L, memory_order_relaxed), on_hook, LUA_MASKCOUNT, 1);
}

static void on_tick(int signal)
{
    (void)signal;
    struct mb_running *r = atomic_load_explicit(&mb_running__now, memory_order_relaxed);
    struct mb_budget *b = r ? r->budget : NULL;
    uint64_t now = mb_cpu_ns();
    if (b != NULL && b->limit_ns > 0) tick(r, b, now);
    timers.ticked_ns = now;
}

bool mb_budget_start_ticks(void)
{
    struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGVTALRM};
    const struct timespec tick_time = {0, MB_BUDGET_TICK_MS * 1000000};
    const struct itimerspec every = {tick_time, tick_time};
    timer_t timer;
    sigset_t one;
    (void)sigfillset(&action.sa_mask);
    (void)sigemptyset(&one);
    (void)sigaddset(&one, SIGVTALRM);
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    timers.has_exact = timer_create(CLOCK_MONOTONIC, &event, &timers.exact) == 0;
    return sigaction(SIGVTALRM, &action, NULL) == 0 && sigprocmask(SIG_UNBLOCK, &one, NULL) == 0 &&
           timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer) == 0 &&
           timer_settime(timer, 0, &every, NULL) == 0;
}

/* Who was sliced before will be again, and is not to wait for a tick that may come late. */
void mb_budget_begin(struct mb_budget *b)
{
    if (b->is_sliced) await(b->slice_ns);
    b->begun_ns = mb_mono_ns();
    b->ran_ns = 0;
    b->looked_ns = 0;
    b->is_sliced = false;
    if (!ends(b->verdict)) b->verdict = MB_VERDICT_NONE;
}

/* Nearly every turn is so short that the time that passed tells, which costs no call of the system. */
void mb_budget_end(struct mb_budget *b)
{
    enum { SHORT_NS = 500000 };
    if (b->slice_ns == 0) return;
    uint64_t passed = mb_mono_ns() - b->begun_ns;
    if (b->looked_ns == 0 && passed < SHORT_NS)
        b->ran_ns = passed;
    else
        look(b, mb_cpu_ns());
    b->spent_ns += b->ran_ns;
}

void mb_budget_refuse(struct mb_budget *b)
{
    if (b->max_refused > 0 && ++b->refused > b->max_refused) b->verdict = MB_VERDICT_STARVED;
}

static struct mb_budget *budget_of(lua_State *L)
{
    struct mb_running *r = mb_heap_of(L)->running;
    return r ? r->budget : NULL;
}

bool mb_budget_is_broken(lua_State *L)
{
    const struct mb_budget *b = budget_of(L);
    return b && ends(b->verdict);
}

void mb_budget_check(lua_State *L)
{
    struct mb_budget *b = budget_of(L);
    if (!b || !ends(b->verdict)) return;
    if (b->at[0] == '\0') mb_budget_find_line(L, b->at, sizeof b->at);
    lua_settop(L, 0); /* so that there is room, whoever calls */
    lua_pushlightuserdata(L, (void *)&BROKEN);
    (void)lua_error(L);
}

bool mb_budget_is_late(lua_State *L)
{
    const struct mb_budget *b = budget_of(L);
    return b && b->verdict == MB_VERDICT_LATE && lua_isyieldable(L);
}

int mb_budget_rest(lua_State *L, lua_KContext ctx, lua_KFunction k)
{
    budget_of(L)->is_sliced = true;
    return lua_yieldk(L, 0, ctx, k);
}

/* Stays armed on who has to end: it is ended again at its next instruction, whatever it caught. */
static void on_hook(lua_State *L, lua_Debug *unused)
{
    (void)unused;
    struct mb_budget *b = budget_of(L);
    if (b && ends(b->verdict)) {
        if (b->at[0] == '\0') mb_budget_find_line(L, b->at, sizeof b->at);
        lua_pushlightuserdata(L, (void *)&BROKEN);
        (void)lua_error(L);
    }
    lua_sethook(L, NULL, 0, 0);
    if (!b || b->verdict != MB_VERDICT_LATE || !lua_isyieldable(L)) return;
    b->is_sliced = true;
    (void)lua_yield(L, 0);
}

void mb_budget_find_line(lua_State *L, char *out, size_t size)
{
    lua_Debug at;
    out[0] = '\0';
    for (int level = 0; lua_getstack(L, level, &at) != 0; level++) {
        if (lua_getinfo(L, "Sl", &at) == 0 || at.currentline <= 0) continue;
        char digits[12];
        size_t n = sizeof digits, len = strlen(at.short_src);
        digits[--n] = '\0';
        for (int line = at.currentline; line > 0; line /= 10) digits[--n] = (char)('0' + line % 10);
        digits[--n] = ':';
        if (len + sizeof digits - n > size) return;
        memcpy(out, at.short_src, len);
        memcpy(out + len, digits + n, sizeof digits - n);
        return;
    }
}
