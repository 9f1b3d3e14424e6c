#pragma once
/*
 * The signals of the supervisor as things to read: blocked and taken from a descriptor, so no
 * handler ever runs and every wait of the supervisor notices them.
 */
#include <signal.h>
#include <stdbool.h>

#include "base/err.h"

enum { MB_SIGNALS_ALSO = 16 };

struct mb_signals {
    int fd;
    int also[MB_SIGNALS_ALSO]; /* descriptors that end a wait when they can be read */
    unsigned nalso;
    unsigned stops;   /* SIGTERM and SIGINT so far; a second one means at once */
    unsigned hangups; /* SIGHUP not yet looked at by the supervisor */
    sigset_t before;  /* the mask that children get back */
};

MB_MUST_CHECK enum mb_rc mb_signals_open(struct mb_signals *s, struct mb_err *err);
/* In a child: original mask, default actions. */
void mb_signals_leave(struct mb_signals *s);
/* Sleeps until a signal (a child's end too) or timeout_ms; counts what came. */
void mb_signals_wait(struct mb_signals *s, int timeout_ms);
