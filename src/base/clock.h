#pragma once
/*
 * Clocks: monotonic time for durations and deadlines, wall time for stamps. Nothing else in
 * medbookd calls time functions of the C library directly.
 */
#include <stdint.h>

uint64_t mb_mono_ns(void);
uint64_t mb_cpu_ns(void); /* processor time of the calling thread */
int64_t mb_wall_ms(void); /* milliseconds since 1970-01-01T00:00:00Z */
/* For tests, before other threads read it: the wall clock stands at that time; -1 = it goes again. */
void mb_wall_stop(int64_t at_ms);
/* 2026-11-22T08:00:00.000Z; out has room for 25 bytes (24 characters and NUL). */
void mb_rfc3339_ms(int64_t ms, char out[25]);
