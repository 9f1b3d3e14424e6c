#pragma once
/*
 * Tasks that no request asks for, in one state of the jobs process. Scripts see them as mb.background:
 * the function given to `on_turn` is run in turns, never two at once, and starts the work that is due.
 *
 *   background.on_turn(function(is_tick) … end)      -- while scripts load
 *   background.free()                                -- how many more works this process takes
 *   background.start(label, id, ms, run, after, arg) -- from the turn; run(arg), for ms at most, and
 *                                                    -- after(arg, error or nil, was_stopped)
 *   background.more(true)                            -- a turn when the next work ends, without a tick
 *   background.count("done"), background.waiting(n, ms)
 *
 * Each of them is a task with a processor time of its own (worker.script_cpu). However run ends, after
 * runs in another task, with a text that begins with script:line where it is known.
 */
#include "bind/task.h"
#include "bind/vm.h"

struct mb_background;

/* What all generations of a process share. */
struct mb_background_room {
    unsigned most, busy;
};

struct mb_background_stats {
    _Atomic uint64_t done, retried, dead,
        lost;                            /* runs that ended so; lost: another had its lease */
    _Atomic uint64_t waiting, oldest_ms; /* jobs that are due, and since when the first is */
};

/* Borrowed for its life. */
struct mb_background_plan {
    struct mb_vm *vm;
    struct mb_background_room *room;
    struct mb_background_stats *stats;
    void (*on_idle)(void *ctx); /* whenever nothing is in work any more */
    void *ctx;
};

MB_MUST_CHECK enum mb_rc mb_background_new(struct mb_background **out,
                                           const struct mb_background_plan *plan);
/* Drops what is in work. */
void mb_background_free(struct mb_background *b);
bool mb_background_is_idle(const struct mb_background *b);
/* Nothing new begins from now on; what is in work goes on. */
void mb_background_halt(struct mb_background *b);
/* Runs a turn, unless one runs. Not to be called from inside a task, as those below. */
void mb_background_turn(struct mb_background *b);
/* Ends works whose time is over, though they wait for something. */
void mb_background_cut_late(struct mb_background *b);
/* Ends all works; each `after` is told that it was stopped, and why. */
void mb_background_stop(struct mb_background *b, const char *why);
