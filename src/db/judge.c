#include "db/judge.h"

#include <stdio.h>
#include <stdlib.h>

#include "db/dsn.h"
#include "db/fault.h"

struct mb_judge {
    struct mb_dsn dsn;
    PGconn *conn;
};

#define PREPARE "PREPARE mb_judged AS\n"

enum mb_rc mb_judge_new(struct mb_judge **out, const struct mb_db_config *config,
                        struct mb_err *err)
{
    struct mb_dsn_params p;
    struct mb_judge *j = calloc(1, sizeof *j);
    if (j == NULL) return mb_fail(err, MB_E_NOMEM, "could not judge statements");
    enum mb_rc rc = mb_dsn_init(&j->dsn, config, err);
    if (rc == MB_OK) {
        mb_dsn_fill(&j->dsn, &p, NULL, NULL, NULL);
        p.names[p.n] = "connect_timeout";
        p.values[p.n] = "2";
        p.names[p.n + 1] = p.values[p.n + 1] = NULL;
        j->conn = PQconnectdbParams(p.names, p.values, 0);
        if (PQstatus(j->conn) != CONNECTION_OK)
            rc = mb_fail(err, MB_E_DB_UNAVAILABLE, "%s", PQerrorMessage(j->conn));
    }
    if (rc != MB_OK) mb_judge_free(j);
    *out = rc == MB_OK ? j : NULL;
    return rc;
}

void mb_judge_free(struct mb_judge *j)
{
    if (j == NULL) return;
    PQfinish(j->conn);
    mb_dsn_reset(&j->dsn);
    free(j);
}

enum mb_rc mb_judge_statement(struct mb_judge *j, const char *sql, struct mb_err *err)
{
    size_t size = sizeof PREPARE + strlen(sql);
    char *text = malloc(size);
    if (text == NULL) return mb_fail(err, MB_E_NOMEM, "could not judge a statement");
    (void)snprintf(text, size, PREPARE "%s", sql);
    /* In one transaction, so that a pooler keeps to one session. Not PQexec, which would run what follows a semicolon. */
    PQclear(PQexec(j->conn, "BEGIN"));
    PGresult *res = PQexecParams(j->conn, text, 0, NULL, NULL, NULL, NULL, 0);
    enum mb_rc rc = MB_OK;
    if (PQresultStatus(res) != PGRES_COMMAND_OK) {
        const char *why = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
        rc = mb_fault_take(err, res, "judge");
        if (rc == MB_E_DB) mb_fail(err, rc, "%s", why);
    }
    PQclear(res);
    PQclear(PQexec(j->conn, "DEALLOCATE ALL")); /* which no end of a transaction does */
    PQclear(PQexec(j->conn, "ROLLBACK"));
    free(text);
    return rc;
}
