#pragma once
/*
 * The one map of errors that C code can raise: constant, stable word, HTTP status.
 * The word is what clients see as `code` in a problem document and what scripts see as
 * `err.code`; it never changes once released. Texts may change.
 */
#include <stddef.h>

/*
 * What ran out of time tells which code, whoever notices it:
 *   the request's deadline         request_timeout, as src/net answers it (net/fault.h): before a
 *                                  statement is sent, while it waits for a connection, while it runs
 *   the wait for a connection      database_queue_timeout
 *   one statement at the server    database_timeout: the server has stopped it, nothing of it stays
 *   a server that does not answer  database_connection_lost when a write or COMMIT was sent to it
 *
 * X(constant, word, HTTP status, default text)
 */
#define MB_ERROR_MAP(X)                                                                        \
    X(MB_E_NOMEM, "out_of_memory", 503, "out of memory")                                       \
    X(MB_E_IO, "io_error", 500, "input/output error")                                          \
    X(MB_E_LIMIT, "limit_exceeded", 400, "a limit was exceeded")                               \
    X(MB_E_INVALID, "invalid_argument", 500, "invalid argument")                               \
    X(MB_E_CONFIG, "config_invalid", 500, "invalid configuration")                             \
    X(MB_E_BAD_REQUEST, "bad_request", 400, "the request could not be parsed")                 \
    X(MB_E_JSON, "invalid_json", 400, "the body is not valid JSON")                            \
    X(MB_E_REQUEST_TIMEOUT, "request_timeout", 504,                                            \
      "the request was not answered in time (http.request_timeout)")                           \
    X(MB_E_CANCELLED, "cancelled", 499, "the client went away")                                \
    X(MB_E_DB_UNAVAILABLE, "database_unavailable", 503, "the database cannot be reached")      \
    X(MB_E_DB_QUEUE_FULL, "database_queue_full", 503,                                          \
      "too many requests wait for the database (database.queue_max)")                          \
    X(MB_E_DB_QUEUE_TIMEOUT, "database_queue_timeout", 504,                                    \
      "no database connection became free in time (database.queue_timeout)")                   \
    X(MB_E_DB_TIMEOUT, "database_timeout", 504,                                                \
      "the database did not end the statement in time (database.statement_timeout)")           \
    X(MB_E_DB_LOST, "database_connection_lost", 503,                                           \
      "the database connection broke; the outcome is unknown")                                 \
    X(MB_E_DB_CONFLICT, "database_conflict", 503, "the transaction conflicted with another")   \
    X(MB_E_DB_CONSTRAINT, "constraint_violation", 409, "a database constraint was violated")   \
    X(MB_E_DB, "database_error", 500, "the database refused the statement")                    \
    X(MB_E_SCRIPT, "script_error", 500, "a script failed")

enum mb_rc {
    MB_OK = 0,
    MB_E__base = -1000,
#define MB_X(name, word, status, text) name,
    MB_ERROR_MAP(MB_X)
#undef MB_X
};

/* What went wrong, in one place; sqlstate and constraint are "" unless from PostgreSQL. */
struct mb_err {
    enum mb_rc rc;
    char sqlstate[6];
    char constraint[64];
    char text[256];
};

#define MB_MUST_CHECK __attribute__((warn_unused_result))

const char *mb_rc_word(enum mb_rc rc);   /* "database_error"; "ok" for MB_OK */
int mb_rc_status(enum mb_rc rc);         /* HTTP status; 200 for MB_OK */
const char *mb_rc_text(enum mb_rc rc);   /* default text */

/* Fills *err (may be NULL) and returns rc, so that `return mb_fail(err, MB_E_IO, "...")` reads. */
enum mb_rc mb_fail(struct mb_err *err, enum mb_rc rc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
