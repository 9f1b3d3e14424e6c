#pragma once
/*
 * Child processes of the supervisor: each leads a session of its own (Ctrl-C reaches only the
 * supervisor), runs as the unprivileged user and, unless told otherwise, dies with its parent.
 */
#include <sys/types.h>

#include "app/signals.h"
#include "app/user.h"

struct mb_child_plan {
    const struct mb_user *user;
    struct mb_signals *signals;
    bool is_survivor;   /* PostgreSQL: goes on when the supervisor dies */
    bool is_debuggable; /* may be traced and may dump core */
};

/* *pid is 0 in the child, which must end by exit or exec. */
MB_MUST_CHECK enum mb_rc mb_child_fork(pid_t *pid, const struct mb_child_plan *plan,
                                       struct mb_err *err);
/* Standard output and error of a child go to the end of that file; false with errno set. */
bool mb_child_redirect(const char *file);
/* Runs a program (argv[0] = its path) in a bare environment; never returns. */
_Noreturn void mb_child_exec(char *const *argv);
/* Whether the child has ended; then it is reaped and *status says how. */
bool mb_child_has_ended(pid_t pid, int *status);
/* Waits for the end. A stop signal ends the child and is MB_E_CANCELLED. */
MB_MUST_CHECK enum mb_rc mb_child_wait(pid_t pid, struct mb_signals *signals, int *status,
                                       struct mb_err *err);
/* Runs work(ctx, err) in a child and waits; its result and error text come back whole. */
MB_MUST_CHECK enum mb_rc mb_child_call(const struct mb_child_plan *plan,
                                       enum mb_rc (*work)(void *ctx, struct mb_err *err), void *ctx,
                                       struct mb_err *err);
/* How long to wait before the next start of one that ended so often in a row: nothing, then 1, 3, 7 …
 * ticks, at most `most`. */
unsigned mb_child_pause(unsigned failures, unsigned most);
/* "exit code 1", "signal 9 (Killed)" */
void mb_child_describe(int status, char *out, size_t size);
