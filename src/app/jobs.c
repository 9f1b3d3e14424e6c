#include "app/jobs.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "db/fault.h"

static const char list_sql[] =
    "SELECT \"id\", \"status\", \"kind\", to_char(\"runAt\", 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
    " \"attempts\" || '/' || \"maxAttempts\", replace(left(coalesce(\"lastError\", ''), 100), "
    "E'\\n', ' ')"
    " FROM \"Job\" WHERE ($1::text IS NULL OR \"status\"::text = $1) AND ($2::text IS NULL OR "
    "\"kind\" = $2)"
    " ORDER BY \"id\" DESC LIMIT $3::integer";

static const char show_sql[] = "SELECT * FROM \"Job\" WHERE \"id\" = $1";

/* Both answer one row: the status before, or none when there is no such job. */
static const char retry_sql[] =
    "WITH old AS (SELECT \"id\", \"status\" FROM \"Job\" WHERE \"id\" = $1 FOR UPDATE), new AS ("
    "UPDATE \"Job\" j SET \"status\" = 'PENDING', \"runAt\" = mb_now(), \"attempts\" = 0, "
    "\"finishedAt\" = NULL"
    " FROM old WHERE j.\"id\" = old.\"id\" AND old.\"status\" IN ('PENDING', 'DEAD', 'CANCELLED') "
    "RETURNING 1)"
    " SELECT old.\"status\", (SELECT count(*) FROM new) FROM old";
static const char cancel_sql[] =
    "WITH old AS (SELECT \"id\", \"status\" FROM \"Job\" WHERE \"id\" = $1 FOR UPDATE), new AS ("
    "UPDATE \"Job\" j SET \"status\" = 'CANCELLED', \"finishedAt\" = mb_now()"
    " FROM old WHERE j.\"id\" = old.\"id\" AND old.\"status\" IN ('PENDING', 'DEAD') RETURNING 1)"
    " SELECT old.\"status\", (SELECT count(*) FROM new) FROM old";

static enum mb_rc run(PGconn *conn, const char *sql, int n, const char *const *values,
                      PGresult **out, struct mb_err *err)
{
    *out = PQexecParams(conn, sql, n, NULL, values, NULL, NULL, 0);
    if (PQresultStatus(*out) == PGRES_TUPLES_OK) return MB_OK;
    enum mb_rc rc = mb_fault_take(err, *out, "jobs");
    if (strcmp(err->constraint, "Job_kind_key_live_key") == 0)
        rc = mb_fail(err, MB_E_INVALID,
                     "jobs: another job with this kind and key is waiting or running already");
    return rc;
}

static enum mb_rc check_status(const char *status, struct mb_err *err)
{
    static const char *const known[] = {"PENDING", "RUNNING", "DONE", "DEAD", "CANCELLED"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (status == NULL || strcmp(status, known[i]) == 0) return MB_OK;
    return mb_fail(err, MB_E_INVALID,
                   "jobs: there is no status \"%.40s\"; there are PENDING, RUNNING, DONE, DEAD, "
                   "CANCELLED",
                   status);
}

static enum mb_rc list(PGconn *conn, const struct mb_jobs_question *q, FILE *out,
                       struct mb_err *err)
{
    char limit[16];
    PGresult *res = NULL;
    enum mb_rc rc = check_status(q->status, err);
    if (rc != MB_OK) return rc;
    (void)snprintf(limit, sizeof limit, "%d", q->limit);
    const char *const values[] = {q->status, q->kind, limit};
    rc = run(conn, list_sql, 3, values, &res, err);
    for (int i = 0; rc == MB_OK && i < PQntuples(res); i++)
        (void)fprintf(out, "%s %-9s %s at %s attempt %s%s%s\n", PQgetvalue(res, i, 0),
                      PQgetvalue(res, i, 1), PQgetvalue(res, i, 2), PQgetvalue(res, i, 3),
                      PQgetvalue(res, i, 4), PQgetlength(res, i, 5) > 0 ? ": " : "",
                      PQgetvalue(res, i, 5));
    PQclear(res);
    return rc;
}

static enum mb_rc unknown(const char *id, struct mb_err *err)
{
    return mb_fail(err, MB_E_INVALID, "jobs: there is no job %.40s; medbookd jobs list shows them",
                   id);
}

static enum mb_rc show(PGconn *conn, const char *id, FILE *out, struct mb_err *err)
{
    PGresult *res = NULL;
    enum mb_rc rc = run(conn, show_sql, 1, &id, &res, err);
    if (rc == MB_OK && PQntuples(res) == 0) rc = unknown(id, err);
    for (int i = 0; rc == MB_OK && i < PQnfields(res); i++)
        if (!PQgetisnull(res, 0, i))
            (void)fprintf(out, "%-12s %s\n", PQfname(res, i), PQgetvalue(res, 0, i));
    PQclear(res);
    return rc;
}

static enum mb_rc change(PGconn *conn, const struct mb_jobs_question *q, FILE *out,
                         struct mb_err *err)
{
    bool is_retry = strcmp(q->verb, "retry") == 0;
    PGresult *res = NULL;
    enum mb_rc rc = run(conn, is_retry ? retry_sql : cancel_sql, 1, &q->id, &res, err);
    if (rc == MB_OK && PQntuples(res) == 0) rc = unknown(q->id, err);
    if (rc == MB_OK && strcmp(PQgetvalue(res, 0, 1), "0") == 0)
        rc = mb_fail(err, MB_E_INVALID, "jobs: job %.40s is %s and cannot be %s", q->id,
                     PQgetvalue(res, 0, 0), is_retry ? "tried again" : "cancelled");
    if (rc == MB_OK)
        (void)fprintf(out, "job %s: %s, was %s\n", q->id, is_retry ? "PENDING" : "CANCELLED",
                      PQgetvalue(res, 0, 0));
    PQclear(res);
    return rc;
}

enum mb_rc mb_jobs_ask(const char *database_url, const struct mb_jobs_question *q, FILE *out,
                       struct mb_err *err)
{
    static const char *const names[] = {"dbname", "application_name", NULL};
    const char *const values[] = {database_url, "medbookd jobs command", NULL};
    PGconn *conn = PQconnectdbParams(names, values, 1);
    enum mb_rc rc = MB_OK;
    if (conn == NULL)
        rc = mb_fail(err, MB_E_NOMEM, "jobs: out of memory");
    else if (PQstatus(conn) != CONNECTION_OK)
        rc = mb_fail(err, MB_E_DB_UNAVAILABLE, "jobs: %s", PQerrorMessage(conn));
    else if (q->id == NULL)
        rc = list(conn, q, out, err);
    else if (strcmp(q->verb, "show") == 0)
        rc = show(conn, q->id, out, err);
    else
        rc = change(conn, q, out, err);
    PQfinish(conn);
    if (fflush(out) != 0 && rc == MB_OK) rc = mb_fail(err, MB_E_IO, "jobs: could not write it");
    return rc;
}
