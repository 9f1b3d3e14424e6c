/*
 * The table "_medbookd_migrations" and the runner's session. Synchronous libpq: a migration runs
 * in a process of its own.
 */
#include "db/ledger.h"

#include <inttypes.h>
#include <stdlib.h>

#include "db/dsn.h"
#include "db/fault.h"

#define LEDGER                                                                                     \
    "\"_medbookd_migrations\"" /* in the session's schema, which is set before it is named */
#define OWNER "core"           /* whose migrations these are */

static const char *const state_word[] = {NULL, "applied", "applying", "reverting"};

static enum mb_rc fail_at(const char *what, const char *sql, const PGresult *res,
                          struct mb_err *err)
{
    struct mb_err found;
    char where[160];
    const char *position = PQresultErrorField(res, PG_DIAG_STATEMENT_POSITION);
    if (position != NULL)
        snprintf(where, sizeof where, "%s:%d", what, mb_script_line(mb_str_z(sql), atoi(position)));
    else
        snprintf(where, sizeof where, "%s", what);
    enum mb_rc rc = mb_fault_take(&found, res, where);
    if (err != NULL) *err = found;
    return rc;
}

enum mb_rc mb_ledger_exec(struct mb_ledger *l, const char *what, const char *sql, PGresult **out,
                          struct mb_err *err)
{
    PGresult *res = PQexec(l->conn, sql);
    enum mb_rc rc = MB_OK;
    ExecStatusType status = PQresultStatus(res);
    if (PQstatus(l->conn) == CONNECTION_BAD)
        rc = mb_fail(err, MB_E_DB_LOST, "%s: the database connection broke", what);
    else if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY)
        rc = fail_at(what, sql, res, err);
    if (rc == MB_OK && out != NULL)
        *out = res;
    else
        PQclear(res);
    return rc;
}

/* Migrations may have changed it meanwhile. */
static enum mb_rc set_schema(struct mb_ledger *l, struct mb_err *err)
{
    char sql[160];
    (void)snprintf(sql, sizeof sql, "SET search_path = \"%.100s\"", l->schema);
    return mb_ledger_exec(l, "session settings", sql, NULL, err);
}

/* libpq itself would write them to standard error, and wait for who reads that. */
static void on_notice(void *ctx, const PGresult *res)
{
    const struct mb_migrate_plan *plan = ctx;
    const char *severity = PQresultErrorField(res, PG_DIAG_SEVERITY);
    const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    if (plan->progress != NULL && text != NULL) plan->progress("%s: %s", severity, text);
}

/* Before anything is set in a session that might be everybody's. */
static enum mb_rc check_user(struct mb_ledger *l, const char *user, struct mb_err *err)
{
    PGresult *res = NULL;
    enum mb_rc rc = mb_ledger_exec(l, "session user", "SELECT session_user", &res, err);
    if (rc == MB_OK && strcmp(PQgetvalue(res, 0, 0), user) != 0)
        rc = mb_fail(err, MB_E_DB, MB_DSN_OTHER_USER, user, PQgetvalue(res, 0, 0));
    PQclear(res);
    return rc;
}

enum mb_rc mb_ledger_open(struct mb_ledger *l, const struct mb_migrate_plan *p, struct mb_err *err)
{
    static const char settings[] =
        "SET client_min_messages = warning; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY';"
        "SET statement_timeout = 0; SET lock_timeout = 0;"
        "SET idle_in_transaction_session_timeout = 0; SET client_connection_check_interval = 1000";
    const char *names[] = {
        "dbname",          "user", "password", "application_name", "client_encoding",
        "connect_timeout", NULL};
    const char *values[] = {p->url, p->user, p->password, "medbookd migrate", "UTF8", "10", NULL};
    *l = (struct mb_ledger){.conn = PQconnectdbParams(names, values, 1),
                            .schema = p->schema != NULL ? p->schema : "public"};
    enum mb_rc rc = MB_OK;
    (void)PQsetNoticeReceiver(l->conn, on_notice, (void *)(uintptr_t)p);
    if (PQstatus(l->conn) != CONNECTION_OK) {
        const char *why = PQerrorMessage(l->conn);
        rc = mb_fail(err, MB_E_DB_UNAVAILABLE, "%.*s", (int)strcspn(why, "\n"), why);
    } else {
        const char *encoding = PQparameterStatus(l->conn, "server_encoding");
        if (encoding == NULL || strcmp(encoding, "UTF8") != 0)
            rc = mb_fail(err, MB_E_CONFIG, "the database's encoding is %s, it must be UTF8",
                         encoding != NULL ? encoding : "unknown");
        else if (p->user != NULL)
            rc = check_user(l, p->user, err);
        if (rc == MB_OK) rc = mb_ledger_exec(l, "session settings", settings, NULL, err);
        if (rc == MB_OK) rc = set_schema(l, err);
    }
    if (rc != MB_OK) mb_ledger_close(l);
    return rc;
}

void mb_ledger_close(struct mb_ledger *l)
{
    PQfinish(l->conn);
    free(l->rows);
    *l = (struct mb_ledger){0};
}

static enum mb_rc has_table(struct mb_ledger *l, bool *has, struct mb_err *err)
{
    PGresult *res = NULL;
    enum mb_rc rc = set_schema(l, err);
    if (rc != MB_OK) return rc;
    rc = mb_ledger_exec(l, "ledger", "SELECT to_regclass('" LEDGER "') IS NOT NULL", &res, err);
    *has = rc == MB_OK && PQgetvalue(res, 0, 0)[0] == 't';
    PQclear(res);
    return rc;
}

static enum mb_rc make_table(struct mb_ledger *l, struct mb_err *err)
{
    return mb_ledger_exec(
        l, "ledger",
        "BEGIN;"
        "CREATE TABLE " LEDGER " ("
        " owner text NOT NULL, version integer NOT NULL, name text NOT NULL, sha256 text NOT NULL,"
        " state text NOT NULL CONSTRAINT \"_medbookd_migrations_state_check\""
        "  CHECK (state IN ('applied', 'applying', 'reverting')),"
        " applied_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),"
        " duration_ms bigint NOT NULL, lock_wait_ms bigint NOT NULL,"
        " CONSTRAINT \"_medbookd_migrations_pkey\" PRIMARY KEY (owner, name));"
        "COMMENT ON TABLE " LEDGER " IS"
        " 'what medbookd migrate has applied; version 0 = repeatable; written by nothing else';"
        "GRANT SELECT ON " LEDGER " TO PUBLIC;" /* every start looks whether its schema is there */
        "COMMIT",
        NULL, err);
}

enum mb_rc mb_ledger_make(struct mb_ledger *l, struct mb_err *err)
{
    bool has;
    struct mb_err said;
    enum mb_rc rc = has_table(l, &has, err);
    if (rc != MB_OK || has) return rc;
    enum mb_rc made = make_table(l, &said);
    if (made == MB_OK) return MB_OK;
    rc = mb_ledger_exec(l, "ledger", "ROLLBACK", NULL,
                        err); /* did another runner make it this moment? */
    if (rc == MB_OK) rc = has_table(l, &has, err);
    if (rc != MB_OK || has) return rc;
    *err = said;
    return made;
}

static enum mb_ledger_state read_state(const char *word)
{
    for (int i = MB_LEDGER_APPLIED; i <= MB_LEDGER_REVERTING; i++)
        if (strcmp(word, state_word[i]) == 0) return (enum mb_ledger_state)i;
    return MB_LEDGER_NONE;
}

static void read_row(struct mb_ledger_row *row, const PGresult *res, int i)
{
    row->version = atoi(PQgetvalue(res, i, 0));
    snprintf(row->name, sizeof row->name, "%s", PQgetvalue(res, i, 1));
    snprintf(row->sha256, sizeof row->sha256, "%s", PQgetvalue(res, i, 2));
    row->state = read_state(PQgetvalue(res, i, 3));
    snprintf(row->applied_at, sizeof row->applied_at, "%s", PQgetvalue(res, i, 4));
    row->duration_ms = strtoll(PQgetvalue(res, i, 5), NULL, 10);
    row->lock_wait_ms = strtoll(PQgetvalue(res, i, 6), NULL, 10);
}

enum mb_rc mb_ledger_read(struct mb_ledger *l, struct mb_err *err)
{
    bool has;
    PGresult *res = NULL;
    free(l->rows);
    l->rows = NULL;
    l->n = 0;
    enum mb_rc rc = has_table(l, &has, err);
    if (rc != MB_OK || !has) return rc;
    rc = mb_ledger_exec(
        l, "ledger",
        "SELECT version, name, sha256, state, to_char(applied_at, 'YYYY-MM-DD HH24:MI:SS'),"
        " duration_ms, lock_wait_ms FROM " LEDGER " WHERE owner = '" OWNER "'"
        " ORDER BY version = 0, version, name",
        &res, err);
    if (rc != MB_OK) return rc;
    size_t n = (size_t)PQntuples(res);
    l->rows = calloc(n + 1, sizeof *l->rows);
    if (l->rows == NULL) rc = mb_fail(err, MB_E_NOMEM, "could not read the ledger");
    for (; rc == MB_OK && l->n < n; l->n++) read_row(&l->rows[l->n], res, (int)l->n);
    PQclear(res);
    return rc;
}

const struct mb_ledger_row *mb_ledger_find(const struct mb_ledger *l, const struct mb_migration *m)
{
    for (size_t i = 0; i < l->n; i++)
        if (m->version > 0 ? l->rows[i].version == m->version
                           : strcmp(l->rows[i].name, m->name) == 0)
            return &l->rows[i];
    return NULL;
}

enum mb_rc mb_ledger_write(struct mb_ledger *l, const struct mb_migration *m,
                           enum mb_ledger_state state, int64_t duration_ms, int64_t lock_wait_ms,
                           struct mb_err *err)
{
    char version[16], duration[24], wait[24];
    snprintf(version, sizeof version, "%d", m->version);
    snprintf(duration, sizeof duration, "%" PRId64, duration_ms);
    snprintf(wait, sizeof wait, "%" PRId64, lock_wait_ms);
    const char *values[] = {m->name, version, m->sha256, state_word[state], duration, wait};
    bool deletes = state == MB_LEDGER_NONE;
    const char *sql =
        deletes ? "DELETE FROM " LEDGER " WHERE owner = '" OWNER "' AND name = $1"
                : "INSERT INTO " LEDGER
                  " AS old (owner, name, version, sha256, state, duration_ms, lock_wait_ms)"
                  " VALUES ('" OWNER "', $1, $2, $3, $4, $5, $6)"
                  " ON CONFLICT (owner, name) DO UPDATE SET sha256 = excluded.sha256, state = "
                  "excluded.state,"
                  " applied_at = clock_timestamp(), duration_ms = excluded.duration_ms,"
                  " lock_wait_ms = excluded.lock_wait_ms";
    enum mb_rc rc = set_schema(l, err);
    if (rc != MB_OK) return rc;
    PGresult *res = PQexecParams(l->conn, sql, deletes ? 1 : 6, NULL, values, NULL, NULL, 0);
    if (PQresultStatus(res) != PGRES_COMMAND_OK) rc = fail_at("ledger", "", res, err);
    PQclear(res);
    return rc;
}
