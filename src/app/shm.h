#pragma once
/*
 * The memory that supervisor and children share: heartbeats, what runs where, counters. Made
 * once before the first fork; plain atomics, no locks, so a killed process leaves nothing held.
 */
#include <stdatomic.h>
#include <stdint.h>

#include "app/config.h"
#include "bind/handler.h"
#include "db/db.h"
#include "net/http.h"
#include "net/tally.h"

enum { MB_MAX_WORKERS = 64 };

struct mb_shm_worker {
    _Atomic int32_t pid;
    _Atomic uint64_t beat;    /* grows every 100 ms while the loop turns */
    _Atomic uint64_t beat_ns; /* monotonic time of the last beat; 0 = not accepting */
    _Atomic uint32_t ready;   /* accepts connections and has its scripts */
    _Atomic uint32_t starts;  /* how often this place was filled */
    struct mb_http_stats http;
    struct mb_db_stats db;
    struct mb_handler_stats scripts;
};

struct mb_shm {
    uint32_t nworkers;
    _Atomic uint32_t stopping; /* SIGTERM came: readyz turns red */
    _Atomic uint64_t worker_restarts, worker_hangs, postgres_restarts;
    int64_t started_wall_ms;
    struct mb_tally *tally; /* connections by client address; NULL = they have no ceiling */
    struct mb_shm_worker worker[MB_MAX_WORKERS];
};

/* Whether a worker is dead, hung, starting or ending: then its siblings accept from its socket. */
bool mb_shm_is_silent(const struct mb_shm *shm, uint32_t worker);
MB_MUST_CHECK enum mb_rc mb_shm_new(struct mb_shm **out, const struct mb_config *config,
                                    uint32_t nworkers, struct mb_err *err);
