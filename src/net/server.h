#pragma once
/* The server: its sockets, its connections, and the memory that connections share. */
#include <stdatomic.h>

#include "net/conn.h"

struct mb_gzip;
struct mb_cors;
struct mb_listener;

enum {
    MB_READ_BYTES = 64 * 1024,
    MB_SWEEP_MS = 100,
    MB_FREE_REQUESTS = 256, /* request blocks kept for reuse */
};

struct mb_http_server {
    uv_loop_t *loop;
    struct mb_http_config config;
    struct mb_http_handler handler;
    struct mb_http_stats *stats;
    struct mb_networks *trusted;
    struct mb_cors *cors;
    struct mb_gzip *gzip;

    struct mb_listener *listeners;
    int reserve_fd;            /* given up to accept and refuse when descriptors run out */
    uint64_t accept_again;     /* loop time; accepting pauses until then, 0 = not paused */

    uv_prepare_t turn;         /* serves what callbacks scheduled, before the loop waits */
    uv_timer_t sweep;
    struct mb_node phases[MB_PHASE_COUNT];
    struct mb_node connections, turns;
    uint32_t open;             /* connections, without the refused ones */
    uint32_t refused;          /* lingering refused ones */

    char *read_buf;            /* MB_READ_BYTES; one read at a time, so one for all */
    struct mb_buf gather;      /* answers of the connection in work, sent with one call */
    struct mb_conn *gather_owner;
    struct mb_buf scratch;     /* problem documents, log lines */
    struct mb_http_request *free_requests;
    uint32_t nfree_requests;

    char date[30];             /* "Mon, 23 Nov 2026 20:19:09 GMT" */
    uint64_t date_until;       /* loop time until which it holds */

    bool draining, ending, drained;
    uint64_t drain_deadline;
    void (*drain_done)(void *ctx, bool clean);
    void *drain_ctx;
    unsigned closing_handles;  /* uv handles of connections not yet closed */
    unsigned outlasting;       /* those of them that do not hold the drain up */
};

/* Counters have one writer, this server, so a plain add will do; readers want a whole figure. */
static inline void mb_count(_Atomic uint64_t *counter, uint64_t n)
{
    uint64_t v = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, v + n, memory_order_relaxed);
}
static inline void mb_uncount(_Atomic uint64_t *counter)
{
    mb_count(counter, UINT64_MAX);
}

struct mb_str mb_server__date(struct mb_http_server *s);
/* Starts the sweep timer; it stops by itself when there is nothing to watch. */
void mb_server__wake(struct mb_http_server *s);
/* The last handle of a connection is closed: a drain may be complete. */
void mb_server__forget(struct mb_http_server *s);
