#pragma once
/*
 * How much processor time and memory a script may take at a stretch, and its end when it takes more.
 * A timer that counts the thread's own processor time ticks while a script runs; when a tick finds a limit near it
 * has another wake it there, and only when it finds it passed does it arm a hook, so that a script within its
 * limits pays nothing. The error that ends a script is raised again by every function that could have caught it
 * (guard.h).
 */
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

/* A tick counts for at most MB_BUDGET_STEP_MS, however long ago the one before it was: a virtual machine
 * that stood still finds that time among its processor time, and nobody used it. */
enum { MB_BUDGET_TICK_MS = 2, MB_BUDGET_STEP_MS = 10, MB_PLACE_SIZE = LUA_IDSIZE + 12 };

enum mb_verdict {
    MB_VERDICT_NONE,
    MB_VERDICT_LATE,    /* its slice is over: others are to run */
    MB_VERDICT_OVER,    /* limit_ns is over: it ends */
    MB_VERDICT_STARVED, /* memory was refused more than max_refused times: it ends */
};

struct mb_budget {
    const char *key;      /* the configuration key of limit_ns; borrowed */
    uint64_t limit_ns;    /* processor time; 0 = as much as it wants */
    uint64_t slice_ns;    /* at a time, before it has to wait for its next turn; 0 = no slices */
    unsigned max_refused; /* 0 = any number */
    /* What was spent: kept by the three functions below and by the tick. */
    uint64_t taken;              /* bytes allocated by it, kept by task.c */
    uint64_t spent_ns;           /* of earlier slices */
    volatile uint64_t begun_ns;  /* monotonic time when this turn began */
    volatile uint64_t ran_ns;    /* of this turn, until it was last looked */
    volatile uint64_t looked_ns; /* processor time then; 0: not yet */
    volatile int verdict;
    unsigned refused;
    bool is_sliced;         /* it yielded because of LATE */
    char at[MB_PLACE_SIZE]; /* script:line where it was ended */
};

/* Starts the ticks of this thread; to be called once, by the thread that runs scripts. False when
 * the system has no such timer. */
bool mb_budget_start_ticks(void);

/* A turn begins, and ends. With slices the time of turns adds up, else every turn has all of it. */
void mb_budget_begin(struct mb_budget *b);
void mb_budget_end(struct mb_budget *b);
void mb_budget_refuse(struct mb_budget *b); /* memory was refused */

/* Whether what runs in L has to end. */
bool mb_budget_is_broken(lua_State *L);
/* Raises what nothing can catch when it has. Loops in C call it now and then. */
void mb_budget_check(lua_State *L);
/* Whether the slice of what runs in L is over, where L may wait; then `return mb_budget_rest(L, ctx, k)` does, and k goes
 * on in the next. */
bool mb_budget_is_late(lua_State *L);
int mb_budget_rest(lua_State *L, lua_KContext ctx, lua_KFunction k);
/* "routes/slots.lua:12" of the innermost function that has lines. Reads the chain of calls only. */
void mb_budget_find_line(lua_State *L, char *out, size_t size);
