#pragma once
/*
 * A pool on a loop for one test: starts statements, turns the loop until they end. A turn that
 * takes longer than any healthy machine needs ends the test.
 */
#include "base/clock.h"
#include "base/log.h"
#include "db/db.h"
#include "pg_fixture.h"
#include "tap.h"

enum { PATIENCE_S = 30 };

/* A label longer than 63 bytes: the resolver refuses it by itself. For any other name it would ask a
 * name server, and where that does not answer a look-up outlasts every connect_timeout. */
#define NO_SUCH_HOST "no-such-host-0123456789-0123456789-0123456789-0123456789-0123456789"

struct reply {
    int done;    /* callbacks seen */
    bool inside; /* called back from inside the call that started it */
    enum mb_rc rc;
    PGresult *res;
    struct mb_tx *tx;
    struct mb_err err;
    struct mb_op *op;
};

static uv_loop_t loop;
static struct mb_db *db;
static struct mb_db_stats stats;
static bool is_calling;

static inline struct mb_db_config make_config(void)
{
    return (struct mb_db_config){.url = pg.url,
                                 .application_name = "test",
                                 .pool_min = 1,
                                 .pool_max = 1,
                                 .pool_reads = 1,
                                 .queue_max = 100,
                                 .queue_timeout = 5000,
                                 .connect_timeout = 5000,
                                 .reconnect_backoff_max = 1000,
                                 .reconnect_grace = 500,
                                 .statement_timeout = 10000,
                                 .cancel_timeout = 1000,
                                 .lock_timeout = 5000,
                                 .idle_timeout = 60000,
                                 .idle_in_transaction_timeout = 10000,
                                 .tcp_user_timeout = 3000,
                                 .max_lifetime = 1800000,
                                 .pipeline_depth = 8,
                                 .statement_cache = 16};
}

static inline uint64_t in_ms(uint64_t ms) { return mb_mono_ns() + ms * 1000000ull; }

static inline void open_db(const struct mb_db_config *c)
{
    struct mb_err err;
    memset(&stats, 0, sizeof stats);
    mb_log_init(2, MB_LOG_ERROR, "test");
    if (uv_loop_init(&loop) != 0 || mb_db_new(&db, &loop, c, &stats, &err) != MB_OK)
        pg_die(err.text);
}

static void on_patience(uv_timer_t *timer)
{
    (void)timer;
    pg_die("something never happened");
}

/* Turns the loop until *flag is at least n. */
static inline void await_n(const int *flag, int n)
{
    uv_timer_t patience;
    uv_timer_init(&loop, &patience);
    uv_timer_start(&patience, on_patience, PATIENCE_S * 1000, 0);
    while (*flag < n) uv_run(&loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&patience, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
}

static inline void await(const struct reply *r) { await_n(&r->done, 1); }

static void on_turn_end(uv_timer_t *timer) { *(int *)timer->data = 1; }

/* Lets the loop turn for a while: to see that something does not happen. */
static inline void turn(uint64_t ms)
{
    int over = 0;
    uv_timer_t timer;
    uv_timer_init(&loop, &timer);
    timer.data = &over;
    uv_timer_start(&timer, on_turn_end, ms, 0);
    await_n(&over, 1);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
}

static void on_closed(void *ctx) { *(int *)ctx = 1; }

static inline void close_db(void)
{
    int closed = 0;
    mb_db_close(db, 2000, on_closed, &closed);
    await_n(&closed, 1);
    mb_db_free(db);
    ok(uv_loop_close(&loop) == 0, "the closed pool leaves no handle behind");
}

static inline struct mb_stmt *stmt(const char *sql)
{
    struct mb_stmt *s;
    struct mb_err err;
    if (mb_stmt_intern(&s, MB_STR("test"), mb_str_z(sql), &err) != MB_OK) pg_die(err.text);
    return s;
}

static void on_reply(void *ctx, enum mb_rc rc, PGresult *res, const struct mb_err *err)
{
    struct reply *r = ctx;
    r->done++;
    r->inside |= is_calling;
    r->rc = rc;
    PQclear(r->res);
    r->res = res;
    r->err = *err;
}

static void on_tx(void *ctx, enum mb_rc rc, struct mb_tx *tx, const struct mb_err *err)
{
    struct reply *r = ctx;
    r->done++;
    r->inside |= is_calling;
    r->rc = rc;
    r->tx = tx;
    r->err = *err;
}

/* A refusal at once counts as done. */
static inline void note_start(struct reply *r, enum mb_rc rc)
{
    is_calling = false;
    if (rc != MB_OK) {
        r->done++;
        r->rc = rc;
    }
}

static inline void start_by(struct reply *r, enum mb_db_kind kind, const char *sql,
                            const char *value, uint64_t deadline_ns)
{
    struct mb_str v = value != NULL ? mb_str_z(value) : (struct mb_str){0};
    *r = (struct reply){0};
    is_calling = true;
    note_start(r, mb_db_query(db, &r->op, kind, stmt(sql), value != NULL ? 1 : 0, &v, deadline_ns,
                              on_reply, r, &r->err));
}

static inline void start(struct reply *r, enum mb_db_kind kind, const char *sql, const char *value)
{
    start_by(r, kind, sql, value, in_ms(20000));
}

/* Of a statement that has ended: its first value, or the SQLSTATE or word of its failure. */
static inline const char *text_of(const struct reply *r)
{
    if (r->rc != MB_OK) return r->err.sqlstate[0] ? r->err.sqlstate : mb_rc_word(r->rc);
    return PQntuples(r->res) > 0 ? PQgetvalue(r->res, 0, 0) : "";
}

/* Runs one statement to its end: text_of it. */
static inline const char *run(enum mb_db_kind kind, const char *sql, const char *value)
{
    static char text[256];
    struct reply r;
    start(&r, kind, sql, value);
    await(&r);
    snprintf(text, sizeof text, "%s", text_of(&r));
    PQclear(r.res);
    return text;
}

static inline bool is(const char *a, const char *b)
{
    if (strcmp(a, b) == 0) return true;
    printf("# got %s, expected %s\n", a, b);
    return false;
}

static inline struct mb_tx *begin(unsigned flags)
{
    struct reply r = {0};
    note_start(&r, mb_tx_begin(db, &r.op, flags, in_ms(20000), on_tx, &r, &r.err));
    await(&r);
    return r.tx;
}

static inline void start_in(struct reply *r, struct mb_tx *tx, const char *sql,
                            uint64_t deadline_ns)
{
    *r = (struct reply){0};
    is_calling = true;
    note_start(r, mb_tx_query(tx, &r->op, stmt(sql), 0, NULL, deadline_ns, on_reply, r, &r->err));
}

static inline enum mb_rc run_in(struct mb_tx *tx, const char *sql)
{
    struct reply r;
    start_in(&r, tx, sql, in_ms(20000));
    await(&r);
    PQclear(r.res);
    return r.rc;
}

static inline enum mb_rc commit(struct mb_tx *tx)
{
    struct reply r = {0};
    is_calling = true;
    note_start(&r, mb_tx_commit(tx, &r.op, on_reply, &r, &r.err));
    await(&r);
    PQclear(r.res);
    return r.rc;
}

/* Whether the server runs a statement that begins so. */
static inline bool is_running(const char *what)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%s%%'",
             what);
    return strcmp(pg_sql(sql), "0") != 0;
}

static inline void await_running(const char *what)
{
    while (!is_running(what)) turn(10);
}
