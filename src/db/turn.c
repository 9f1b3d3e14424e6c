/* Synchronous, as the migration runner is. */
#include "db/turn.h"

#include <time.h>

#include "base/clock.h"
#include "base/id.h"
#include "db/fault.h"

static void nap(uint64_t ms)
{
    struct timespec t = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

static enum mb_rc run(struct mb_turn *t, const char *sql, struct mb_err *err)
{
    PGresult *res = PQexec(t->conn, sql);
    enum mb_rc rc = PQresultStatus(res) == PGRES_COMMAND_OK ? MB_OK
                    : PQstatus(t->conn) == CONNECTION_BAD
                        ? mb_fail(err, MB_E_DB_LOST, "lock: the database connection broke")
                        : mb_fault_take(err, res, "lock");
    PQclear(res);
    return rc;
}

static enum mb_rc connect_to(struct mb_turn *t, const char *url, struct mb_err *err)
{
    const char *names[] = {"dbname", "application_name", "connect_timeout", NULL};
    const char *values[] = {url, "medbookd migrate, whose turn", "10", NULL};
    t->conn = PQconnectdbParams(names, values, 1);
    if (PQstatus(t->conn) == CONNECTION_OK)
        return run(t,
                   "SET client_min_messages = error; SET idle_in_transaction_session_timeout = 0;"
                   "SET statement_timeout = 0",
                   err);
    const char *why = PQerrorMessage(t->conn);
    return mb_fail(err, MB_E_DB_UNAVAILABLE, "%.*s", (int)strcspn(why, "\n"), why);
}

/* MB_E_DB_CONFLICT: somebody else has it. */
static enum mb_rc try(struct mb_turn *t, struct mb_err *err)
{
    enum mb_rc rc = run(t, "BEGIN", err);
    if (rc == MB_OK)
        rc = run(t,
                 "LOCK TABLE public.\"_medbookd_migrations\" IN SHARE UPDATE EXCLUSIVE MODE NOWAIT",
                 err);
    struct mb_err unsaid;
    if (rc != MB_OK) (void)run(t, "ROLLBACK", &unsaid);
    return rc;
}

enum mb_rc mb_turn_take(struct mb_turn *t, const char *url, uint32_t wait_ms,
                        mb_migrate_progress progress, struct mb_err *err)
{
    uint64_t until = mb_mono_ns() + wait_ms * 1000000ull;
    enum mb_rc rc = connect_to(t, url, err);
    for (bool is_first = true; rc == MB_OK; is_first = false) {
        unsigned char jitter;
        rc = try(t, err);
        if (rc != MB_E_DB_CONFLICT) break;
        if (mb_mono_ns() >= until) {
            mb_fail(err, rc, "another migration is still running after %u ms", wait_ms);
            break;
        }
        rc = MB_OK;
        if (is_first && progress != NULL)
            progress("another migration is running, waiting for it");
        mb_random(&jitter, sizeof jitter);
        nap(50 + jitter);
    }
    if (rc != MB_OK) mb_turn_give(t);
    return rc;
}

void mb_turn_give(struct mb_turn *t)
{
    PQfinish(t->conn);
    t->conn = NULL;
}
