#pragma once
/*
 * Named counters with a window, one count for the machine: in memory that all processes of a server share
 * (bind_rate.c gives them to scripts). A counter begins with the first that it counts; when the window
 * from there is over, it is as if it had never been. It outlives reloads and workers, not the server.
 *
 * Memory is bounded. When there is no room, the lowest count of the eight that share a place gives way, so
 * a flood of new keys pushes out its own kind: a count of n goes only when the seven beside it are as high,
 * and nobody can tell which keys share a place (SipHash under a random key).
 *
 * Behind each place is a robust mutex: who is killed inside gives it back. Times are milliseconds of
 * mb_mono_ns, the same in all processes.
 */
#include <stdint.h>

#include "base/buf.h"

struct mb_rates;

struct mb_rate_limit {
    uint32_t most; /* at most MB_RATE_MOST */
    uint64_t window_ms;
};

enum { MB_RATE_MOST = 1000000 };

struct mb_rate {
    uint32_t count;
    uint64_t left_ms; /* until it begins anew; 0 when nothing is counted */
};

/* Bytes for that many counters, rounded up to a power of two. */
size_t mb_rates_size(uint32_t counters);
/* memory: of that size, zero-filled, aligned as mmap and malloc do; borrowed. Not to be moved. */
MB_MUST_CHECK enum mb_rc mb_rates_init(struct mb_rates **out, void *memory, uint32_t counters,
                                       struct mb_err *err);
/* The counter of a name and a key of any bytes. */
uint64_t mb_rates_id(const struct mb_rates *r, struct mb_str name, struct mb_str key);

/* Counts one, unless limit->most are counted: then false. *out: after that. */
MB_MUST_CHECK bool mb_rates_take(struct mb_rates *r, uint64_t id, uint64_t now_ms,
                                 const struct mb_rate_limit *limit, struct mb_rate *out);
struct mb_rate mb_rates_look(struct mb_rates *r, uint64_t id, uint64_t now_ms);
/* What was counted did not happen after all. */
void mb_rates_give(struct mb_rates *r, uint64_t id, uint64_t now_ms);
void mb_rates_clear(struct mb_rates *r, uint64_t id);
void mb_rates_clear_all(struct mb_rates *r);
