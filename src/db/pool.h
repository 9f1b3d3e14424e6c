#pragma once
/*
 * The inside of the pool: which link takes which op, the bounded lines, growth, back-off, the
 * one deadline timer. Contract for users: db/db.h.
 */
#include <stdatomic.h>

#include "db/dsn.h"
#include "db/link.h"

enum {
    /*
     * Mechanics, no limits: none of them refuses, ends or delays anything beyond itself, so they
     * are no keys. A quick read takes about a millisecond; upkeep serves keys whose least value
     * is a second; half of libuv's four threads stay free for name look-ups and passwords.
     */
    MB_DB_BACKOFF_STEPS = 4, /* failures until the pause reaches database.reconnect_backoff_max */
    MB_DB_STALL_MS = 10,     /* no read joins a link whose oldest op is older */
    MB_DB_UPKEEP_MS = 1000,
    MB_DB_CANCELS = 2, /* threads that may sit in PQcancel */
};

/* Those who wait for a connection, oldest first. */
struct mb_line {
    struct mb_node ops;
    uint32_t n;
    uint64_t taken_ns; /* when the last one left */
    uint64_t pace_ns;  /* mean time between two leaving */
};

/* Reads stand apart from what holds a connection alone: neither wears out the other's places. */
enum { MB_LINE_SHARED, MB_LINE_ALONE, MB_LINES };

struct mb_db {
    uv_loop_t *loop;
    struct mb_db_config config; /* its texts are in dsn */
    struct mb_db_stats *stats;
    struct mb_dsn dsn;
    char settings_sql[1024]; /* first statement of a session */
    char local_sql[640];     /* the same limits for one transaction behind a pooler; may be "" */
    char foreign_sql[MB_DSN_SETTINGS][80]; /* is_foreign: as local_sql, one setting each */

    struct mb_link *links; /* pool_max places */
    uint32_t nup, nopening, nidle;
    uint32_t nheld; /* up and in the hands of one write or transaction */

    struct mb_line line[MB_LINES];
    uint32_t nqueued; /* in all lines */
    uint64_t tickets; /* drawn by those who join a line: who came first */

    struct mb_node ready; /* ended, callback to come */
    struct mb_node delivering;
    struct mb_node spare;     /* recycled ops */
    uint32_t nspare, npinned; /* npinned: transactions alive */
    bool in_loop;             /* inside a callback of the loop, which delivers at its end */

    uv_timer_t deadline, retry, upkeep;
    uv_idle_t kick; /* delivers what became ready outside a loop callback */
    uint64_t armed_ns;
    uint32_t nhandles; /* handles and requests of the loop still open */

    uint32_t failures; /* connection attempts failed in a row */
    uint64_t next_try_ns;
    uint64_t grace_ns; /* end of the grace; 0 = none runs */
    char last_error[256];

    struct mb_node cancels; /* cancel requests waiting for a thread */
    uint32_t ncancels;      /* in threads */

    bool closing; /* nothing new is accepted */
    bool cut;     /* what still runs is given up */
    bool closed;  /* the handles are going */
    uint64_t close_ns;
    void (*done)(void *ctx);
    void *done_ctx;
};

static inline void mb_db__count(_Atomic uint64_t *counter, uint64_t n)
{
    /* One writer (this worker): a plain load and store, no locked instruction. */
    uint64_t old = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, old + n, memory_order_relaxed);
}

/* ---- pool.c ---- */
/* A link for this op now, or NULL. */
struct mb_link *mb_pool__pick(struct mb_db *db, enum mb_op_kind kind);
void mb_pool__pump(struct mb_db *db);  /* lines -> links */
void mb_pool__mark(struct mb_link *l); /* recount whether it is idle, or held */
MB_MUST_CHECK enum mb_rc mb_pool__admit(struct mb_db *db, enum mb_op_kind kind,
                                        uint64_t deadline_ns, struct mb_err *err);
/* Sends it or queues it; after mb_pool__admit said yes. */
MB_MUST_CHECK enum mb_rc mb_pool__place(struct mb_op *op, struct mb_err *err);
void mb_pool__leave_queue(struct mb_op *op);
void mb_pool__requeue(struct mb_op *op);           /* at the head: it has waited before */
void mb_pool__forget_wait(struct mb_db *db);       /* so far: it was for a connection, and tells no pace */
uint64_t mb_pool__wait_ns(const struct mb_db *db); /* that the longest line stands for */
bool mb_pool__is_down(const struct mb_db *db, enum mb_op_kind kind);

/* ---- grow.c ---- */
/* Opens a link if there is room and either one is wanted or fewer than pool_min are up. */
void mb_pool__grow(struct mb_db *db, bool is_wanted);
void mb_pool__link_up(struct mb_link *l);
/* Called when the link has become empty. was: its state before. */
void mb_pool__link_gone(struct mb_db *db, enum mb_link_state was, const char *why);
void mb_pool__shed(struct mb_db *db); /* fails the queued ops that have no chance */
void mb_pool__trim(struct mb_db *db); /* closes idle links that are old or too many */

/* ---- timers.c ---- */
MB_MUST_CHECK enum mb_rc mb_pool__start_timers(struct mb_db *db, struct mb_err *err);
void mb_pool__arm(struct mb_db *db, uint64_t at_ns);
/* Around the body of every callback of the loop in src/db. leave calls back what is ready. */
void mb_pool__enter(struct mb_db *db);
void mb_pool__leave(struct mb_db *db);
void mb_pool__kick(struct mb_db *db); /* something is ready and no callback of the loop runs */
void mb_pool__handle_gone(struct mb_db *db); /* one of nhandles was closed */
void mb_pool__check_closed(struct mb_db *db);
