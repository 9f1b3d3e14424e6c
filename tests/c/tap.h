#pragma once
/*
 * Test Anything Protocol for the C tests: one line per fact, the plan at the end.
 *   ok(x == 1, "adds one"); return done();
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 2, 3))) static inline bool ok(bool held, const char *fact, ...)
{
    va_list args;
    va_start(args, fact);
    printf("%sok %d - ", held ? "" : "not ", ++tap_count);
    vprintf(fact, args);
    putchar('\n');
    va_end(args);
    tap_failed += !held;
    return held;
}

static inline int done(void)
{
    printf("1..%d\n", tap_count);
    return tap_failed > 0;
}
