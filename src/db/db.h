#pragma once
/*
 * PostgreSQL on the loop: a pool of libpq connections in pipeline mode, prepared statements
 * underneath, transactions on a pinned connection, cancellation that is awaited. It knows no
 * HTTP and no Lua. All calls on the loop thread; callbacks come from the loop, never from
 * inside the call that started the operation.
 */
#include <libpq-fe.h>
#include <uv.h>

#include "base/buf.h"

struct mb_db;   /* the pool of one worker */
struct mb_op;   /* one statement in work */
struct mb_tx;   /* one open transaction */
struct mb_stmt; /* an interned SQL text */

enum mb_db_pooler { MB_POOLER_NONE, MB_POOLER_TRANSACTION };

struct mb_db_config {            /* configuration keys: database.<name>; times in ms */
    const char *url;             /* libpq connection string or URI */
    const char *user, *password; /* in the place of what it says; NULL = as it says */
    const char *application_name;
    uint32_t pool_min, pool_max; /* connections of this worker */
    uint32_t pool_reads;         /* of those open, left to reads by writes and transactions */
    uint32_t queue_max;          /* reads that may wait for a connection, and as many others */
    uint32_t queue_timeout;
    uint32_t connect_timeout;
    uint32_t reconnect_backoff_max; /* longest pause between two attempts to connect */
    uint32_t reconnect_grace;       /* reads wait so long when the last connection went */
    uint32_t statement_timeout;     /* set on the session too */
    uint32_t cancel_timeout;        /* from a cancel to closing the socket */
    uint32_t lock_timeout;
    uint32_t idle_timeout; /* a connection over pool_min without work for this long is closed */
    uint32_t idle_in_transaction_timeout;
    uint32_t tcp_user_timeout;
    uint32_t max_lifetime;     /* a connection is renewed after this, with jitter */
    uint32_t conflict_retries; /* of a single statement, at most 255 */
    uint32_t pipeline_depth;   /* reads in flight on one connection; writes are alone */
    uint32_t statement_cache;  /* prepared statements kept per connection */
    enum mb_db_pooler pooler;  /* transaction: PgBouncer, unnamed statements only */
    bool
        is_foreign; /* statements are not the server's own: see frame.h. The following counts for them only */
    uint32_t work_mem_kb; /* of each step of a plan, before it takes to files */
    uint32_t
        result_rows; /* that one statement may answer, and their bytes as they arrive; over either the */
    size_t result_bytes; /* connection is cut, and it is MB_E_LIMIT */
    void (*on_stuck)(
        void *ctx,
        int backend); /* a statement did not obey a cancel: the process of the server that
                                                 runs it, from inside of the loop; NULL = nobody cares */
    void *stuck_ctx;
    bool is_read_only; /* every statement is in a transaction that cannot write */
    bool is_rehearsal; /* for tests: everything runs in one transaction that is never committed, on
                          one connection, pool_max = 1; what would commit releases a savepoint */
};

struct mb_db_stats {
    _Atomic uint64_t connections, idle, waiting; /* gauges */
    _Atomic uint64_t connects, connect_failures, lost;
    _Atomic uint64_t queries, errors, queue_full, queue_timeouts, cancels, prepares, rollbacks;
    _Atomic uint64_t conflict_retries;
    _Atomic uint64_t refused_writes; /* for want of disk, or by a database that is read only */
    _Atomic uint64_t wait_us_sum, query_us_sum;
};

/* Interns a statement for the life of the process. name is for logs and errors
 * ("slots.search"); the same text gives the same statement. Parameters are $1..$n, sent as text
 * with types left to the server. */
MB_MUST_CHECK enum mb_rc mb_stmt_intern(struct mb_stmt **out, struct mb_str name, struct mb_str sql,
                                        struct mb_err *err);
const char *mb_stmt_name(const struct mb_stmt *s);
const char *mb_stmt_sql(const struct mb_stmt *s);

enum mb_db_kind {
    MB_DB_READ,  /* may share a connection with other reads in flight, each under its own Sync;
                    retried once inside when the connection was found dead */
    MB_DB_WRITE, /* alone on its connection */
};

/* rc MB_OK: res holds the rows and now belongs to the callback (PQclear). Otherwise res is NULL
 * and err tells. Not called after mb_op_cancel. */
typedef void (*mb_op_cb)(void *ctx, enum mb_rc rc, PGresult *res, const struct mb_err *err);
typedef void (*mb_tx_cb)(void *ctx, enum mb_rc rc, struct mb_tx *tx, const struct mb_err *err);

MB_MUST_CHECK enum mb_rc mb_db_new(struct mb_db **out, uv_loop_t *loop,
                                   const struct mb_db_config *config, struct mb_db_stats *stats,
                                   struct mb_err *err);
/* Orderly end: running operations are finished up to deadline_ms, then cut; calls done. */
void mb_db_close(struct mb_db *db, uint32_t deadline_ms, void (*done)(void *ctx), void *ctx);
void mb_db_free(struct mb_db *db);

/* Somebody else reaches the database: while no connection is up, the back-off ends now. */
void mb_db_retry(struct mb_db *db);
/* Seconds a client should wait, from the reconnect back-off and the queue; at least 1. */
int mb_db_retry_after(const struct mb_db *db);
struct mb_str mb_db_last_error(const struct mb_db *db); /* why it is not up; may be empty */

/* Starts one statement in autocommit, which runs again by itself when it lost a deadlock or a
 * serialization conflict, up to conflict_retries times. values[i] NULL = SQL NULL; all are copied. deadline_ns is
 * monotonic. MB_OK: *op is set and cb will come. Otherwise cb will not come and err tells at once
 * (queue full, database down). */
MB_MUST_CHECK enum mb_rc mb_db_query(struct mb_db *db, struct mb_op **op, enum mb_db_kind kind,
                                     const struct mb_stmt *stmt, int nparams,
                                     const struct mb_str *values, uint64_t deadline_ns, mb_op_cb cb,
                                     void *ctx, struct mb_err *err);
/* As mb_db_query, for a statement that takes new pages on the disk and leaves nothing behind: tells
 * whether the database can be written to. */
MB_MUST_CHECK enum mb_rc mb_db_try_write(struct mb_db *db, struct mb_op **op, uint64_t deadline_ns,
                                         mb_op_cb cb, void *ctx, struct mb_err *err);
/* The owner lost interest: no callback will come. The query is cancelled at the server where it
 * runs alone, and its connection is used again only when the server confirmed its end. */
void mb_op_cancel(struct mb_op *op);

/* ---- rehearsals ---- */
/* Sets a mark, or takes back everything since the last mark, which is gone then. No statement may be
 * in work. As mb_db_query otherwise; the result is empty. */
MB_MUST_CHECK enum mb_rc mb_db_mark(struct mb_db *db, struct mb_op **op, uint64_t deadline_ns,
                                    mb_op_cb cb, void *ctx, struct mb_err *err);
MB_MUST_CHECK enum mb_rc mb_db_take_back(struct mb_db *db, struct mb_op **op, uint64_t deadline_ns,
                                         mb_op_cb cb, void *ctx, struct mb_err *err);

/* ---- transactions: a pinned connection ---- */
enum { MB_TX_READ_ONLY = 1, MB_TX_SERIALIZABLE = 2, MB_TX_REPEATABLE_READ = 4 };
MB_MUST_CHECK enum mb_rc mb_tx_begin(struct mb_db *db, struct mb_op **op, unsigned flags,
                                     uint64_t deadline_ns, mb_tx_cb cb, void *ctx,
                                     struct mb_err *err);
/* One statement at a time; as mb_db_query. After an error inside, only mb_tx_end is useful. */
MB_MUST_CHECK enum mb_rc mb_tx_query(struct mb_tx *tx, struct mb_op **op,
                                     const struct mb_stmt *stmt, int nparams,
                                     const struct mb_str *values, uint64_t deadline_ns, mb_op_cb cb,
                                     void *ctx, struct mb_err *err);
MB_MUST_CHECK enum mb_rc mb_tx_commit(struct mb_tx *tx, struct mb_op **op, mb_op_cb cb, void *ctx,
                                      struct mb_err *err);
/* The one way out: rolls back whatever is open, gives the connection back when the server
 * confirmed, or discards it. Always called once per mb_tx, also after commit. No callback. */
void mb_tx_end(struct mb_tx *tx);
