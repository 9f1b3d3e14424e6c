#pragma once
/*
 * The memory that supervisor and children share: heartbeats, what runs where, counters. Made
 * once before the first fork; plain atomics, and locks only where a killed process gives them back
 * (rates.h), so it leaves nothing held.
 */
#include <stdatomic.h>
#include <stdint.h>

#include "app/config.h"
#include "app/shelf.h"
#include "bind/background.h"
#include "bind/handler.h"
#include "bind/rates.h"
#include "client/client.h"
#include "db/db.h"
#include "net/http.h"
#include "net/tally.h"
#include "plugin/stats.h"

enum { MB_MAX_WORKERS = 64, MB_MAX_PLACES = MB_MAX_WORKERS + 1 };

/* What a worker has of the generation in one slot of the shelf. */
enum mb_holds {
    MB_HOLDS_NONE,
    MB_HOLDS_BUILDING,
    MB_HOLDS_READY,
    MB_HOLDS_FAILED, /* why: fault */
    MB_HOLDS_DRAINING
};

/* Slots of the shelf, MB_SHELF_NONE where there is none. One word, so that nobody ever sees half
 * of a switch. Written by the supervisor only. */
struct mb_line_up {
    uint8_t serving;   /* takes every request that begins */
    uint8_t spare;     /* the one before, kept for a rollback */
    uint8_t candidate; /* to be built; serves when every worker is ready */
    uint8_t unused;
};

struct mb_shm_worker {
    _Atomic int32_t pid;
    _Atomic uint64_t beat;                  /* grows every 100 ms while the loop turns */
    _Atomic uint64_t beat_ns;               /* monotonic time of the last beat; 0 = not accepting */
    _Atomic uint32_t ready;                 /* accepts connections and has its scripts */
    _Atomic uint32_t starts;                /* how often this place was filled */
    _Atomic uint32_t holds[MB_SHELF_SLOTS]; /* enum mb_holds */
    _Atomic uint64_t pause_ns;              /* the longest that a step of a reload kept the loop */
    char fault[512];                        /* why the candidate could not be built */
    struct mb_http_stats http;
    struct mb_db_stats db;
    struct mb_handler_stats scripts;
    struct mb_handler_score score[MB_SHELF_SLOTS]; /* of the generation in that slot */
    struct mb_client_stats client;
    _Atomic uint64_t log_dropped; /* lines of its log that nobody read */
};

struct mb_shm {
    uint32_t nworkers;         /* places that serve HTTP: the first of worker[] */
    uint32_t nplaces;          /* and after them that of the jobs process */
    _Atomic uint32_t stopping; /* SIGTERM came: readyz turns red */
    _Atomic uint64_t log_dropped; /* of the supervisor, and of what it runs but workers and jobs */
    _Atomic uint64_t worker_restarts, worker_hangs, postgres_restarts;
    _Atomic uint64_t refused_before_trial; /* writes, before a trial last succeeded: app/writes.h */
    _Atomic uint64_t reloads, reload_failures, rollbacks, auto_rollbacks;
    _Atomic(struct mb_line_up) line_up;
    int bell; /* eventfd: a child wrote something here that the supervisor waits for */
    int64_t started_wall_ms;
    struct mb_tally *tally; /* connections by client address; NULL = they have no ceiling */
    struct mb_rates *rates;
    struct mb_tally *hashers; /* passwords that wait to be judged, by client address */
    struct mb_shelf *shelf;
    struct mb_plugin_board plugins;
    struct mb_background_stats jobs;
    struct mb_shm_worker worker[MB_MAX_PLACES];
};

/* Whether a worker is dead, hung, starting or ending: then its siblings accept from its socket. */
bool mb_shm_is_silent(const struct mb_shm *shm, uint32_t worker);
MB_MUST_CHECK enum mb_rc mb_shm_new(struct mb_shm **out, const struct mb_config *config,
                                    uint32_t nworkers, struct mb_err *err);
/* What a process is called in logs and metrics: "1" for the first worker, "jobs". The text stands in
 * out, of at least 16 bytes, or lives for ever. */
const char *mb_shm_name(const struct mb_shm *shm, uint32_t place, char *out);
/* Supervisor: slots of the shelf, or MB_SHELF_NONE. */
void mb_shm_line_up(struct mb_shm *shm, unsigned serving, unsigned spare, unsigned candidate);
/* The name of the generation that serves. */
const char *mb_shm_generation(const struct mb_shm *shm);
/* Wakes the supervisor out of its wait. */
void mb_shm_ring(const struct mb_shm *shm);
/* Supervisor: the bell was heard. */
void mb_shm_hush(const struct mb_shm *shm);
