/*
 * Running one file. In a transaction, a lock that does not come within lock_timeout rolls the
 * whole file back and it is tried again after a pause, until lock_wait is over, so that those who
 * queue behind the waiting statement get their turn. Without a transaction it is an index: one that an earlier
 * attempt left invalid is dropped and built anew.
 */
#include "db/step.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/id.h"

enum { PAUSE_MS = 100, PAUSE_MAX_MS = 2000 };

static int64_t since_ms(uint64_t from_ns) { return (int64_t)((mb_mono_ns() - from_ns) / 1000000); }

static void pause_before(int try)
{
    uint16_t r;
    uint64_t ms = (uint64_t)PAUSE_MS << (try < 5 ? try : 5);
    if (ms > PAUSE_MAX_MS) ms = PAUSE_MAX_MS;
    mb_random(&r, sizeof r);
    ms = ms / 2 + r % (ms / 2);
    struct timespec t = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

static enum mb_rc run_file(struct mb_ledger *l, const struct mb_migration *m, bool is_down,
                           struct mb_err *err)
{
    struct mb_str text = is_down ? m->down : m->up;
    char file[96], *sql = malloc(text.len + 1);
    if (sql == NULL) return mb_fail(err, MB_E_NOMEM, "could not read %s", m->name);
    memcpy(sql, text.ptr, text.len);
    sql[text.len] = '\0';
    snprintf(file, sizeof file, "%s%s.sql", m->name,
             m->version == 0 ? ""
             : is_down       ? ".down"
                             : ".up");
    enum mb_rc rc = mb_ledger_exec(l, file, sql, NULL, err);
    free(sql);
    return rc;
}

static enum mb_rc set_lock_timeout(struct mb_ledger *l, uint32_t ms, bool is_local,
                                   struct mb_err *err)
{
    char sql[64];
    snprintf(sql, sizeof sql, "SET %s lock_timeout = %u", is_local ? "LOCAL" : "SESSION", ms);
    return mb_ledger_exec(l, "lock_timeout", sql, NULL, err);
}

static enum mb_rc try_in_transaction(struct mb_ledger *l, const struct mb_migration *m,
                                     bool is_down, uint32_t lock_timeout_ms,
                                     struct mb_step_cost *cost, struct mb_err *err)
{
    uint64_t from = mb_mono_ns();
    enum mb_rc rc = mb_ledger_exec(l, "begin", "BEGIN", NULL, err);
    if (rc == MB_OK) rc = set_lock_timeout(l, lock_timeout_ms, true, err);
    if (rc == MB_OK) rc = run_file(l, m, is_down, err);
    if (rc == MB_OK) /* the file may have taken another role; the ledger is the runner's */
        rc = mb_ledger_exec(l, "role", "RESET ROLE", NULL, err);
    cost->duration_ms = since_ms(from);
    if (rc == MB_OK)
        rc = mb_ledger_write(l, m, is_down ? MB_LEDGER_NONE : MB_LEDGER_APPLIED, cost->duration_ms,
                             cost->lock_wait_ms, err);
    if (rc == MB_OK) rc = mb_ledger_exec(l, m->name, "COMMIT", NULL, err);
    if (rc != MB_OK && PQtransactionStatus(l->conn) != PQTRANS_IDLE)
        PQclear(PQexec(l->conn, "ROLLBACK"));
    return rc;
}

static enum mb_rc run_in_transaction(struct mb_ledger *l, const struct mb_migration *m,
                                     bool is_down, const struct mb_step_limits *limits,
                                     struct mb_step_cost *cost, struct mb_err *err)
{
    *cost = (struct mb_step_cost){0};
    uint64_t begun = mb_mono_ns();
    for (int try = 0;; try++) {
        uint64_t from = mb_mono_ns();
        enum mb_rc rc = try_in_transaction(l, m, is_down, limits->lock_timeout_ms, cost, err);
        if (rc != MB_E_DB_CONFLICT || since_ms(begun) >= limits->lock_wait_ms)
            return rc;
        pause_before(try);
        cost->lock_wait_ms += since_ms(from);
    }
}

/* The index of a bare file as the server has it: "" when it has none. */
static enum mb_rc look_at_index(struct mb_ledger *l, const struct mb_script_index *x,
                                char full[280], bool *is_valid, struct mb_err *err)
{
    const char *values[] = {x->name, x->table};
    const char *sql =
        x->drops ? "SELECT i.indexrelid::regclass::text, i.indisvalid FROM pg_index i"
                   " WHERE i.indexrelid = to_regclass($1)"
                 : "SELECT i.indexrelid::regclass::text, i.indisvalid FROM pg_index i"
                   " JOIN pg_class c ON c.oid = i.indexrelid"
                   " WHERE i.indrelid = to_regclass($2) AND c.relname = (parse_ident($1))[1]";
    PGresult *res = PQexecParams(l->conn, sql, x->drops ? 1 : 2, NULL, values, NULL, NULL, 0);
    enum mb_rc rc = MB_OK;
    full[0] = '\0';
    *is_valid = false;
    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        rc = mb_fail(err, MB_E_DB, "could not look at index %s", x->name);
    } else if (PQntuples(res) > 0) {
        snprintf(full, 280, "%s", PQgetvalue(res, 0, 0));
        *is_valid = PQgetvalue(res, 0, 1)[0] == 't';
    }
    PQclear(res);
    return rc;
}

static enum mb_rc drop_index(struct mb_ledger *l, const char *full, struct mb_err *err)
{
    char sql[320];
    snprintf(sql, sizeof sql, "DROP INDEX CONCURRENTLY %s", full);
    return mb_ledger_exec(l, "dropping an invalid index", sql, NULL, err);
}

static enum mb_rc build_index(struct mb_ledger *l, const struct mb_migration *m, bool is_down,
                              struct mb_err *err)
{
    char full[280];
    bool is_valid;
    const struct mb_script_index *x = is_down ? &m->down_index : &m->up_index;
    enum mb_rc rc = run_file(l, m, is_down, err);
    if (rc == MB_OK || PQstatus(l->conn) != CONNECTION_OK) return rc;
    /* An invalid index costs every write and helps no read: do not leave it. */
    if (look_at_index(l, x, full, &is_valid, NULL) == MB_OK && full[0] != '\0' && !is_valid &&
        drop_index(l, full, NULL) != MB_OK)
        mb_fail(err, rc, "%.150s; its invalid index %.60s is still there", m->name, full);
    return rc;
}

/* Whether the file's work still has to be done. was: what the ledger says of an earlier run. */
static enum mb_rc prepare_index(struct mb_ledger *l, const struct mb_script_index *x,
                                bool was_begun, bool *is_due, struct mb_err *err)
{
    char full[280];
    bool is_valid;
    enum mb_rc rc = look_at_index(l, x, full, &is_valid, err);
    *is_due = true;
    if (rc != MB_OK) return rc;
    if (x->drops) {
        *is_due = full[0] != '\0' || !was_begun;
    } else if (full[0] != '\0' && !is_valid) {
        rc = drop_index(l, full, err);
    } else if (full[0] != '\0' && was_begun) {
        *is_due = false; /* built, but its runner was killed before it could say so */
    }
    return rc;
}

static enum mb_rc run_bare(struct mb_ledger *l, const struct mb_migration *m, bool is_down,
                           const struct mb_step_limits *limits, struct mb_step_cost *cost,
                           struct mb_err *err)
{
    uint64_t from = mb_mono_ns();
    enum mb_ledger_state running = is_down ? MB_LEDGER_REVERTING : MB_LEDGER_APPLYING;
    const struct mb_ledger_row *row = mb_ledger_find(l, m);
    bool was_begun = row != NULL && row->state == running, is_due = true;
    *cost = (struct mb_step_cost){0};
    enum mb_rc rc = mb_ledger_write(l, m, running, 0, 0, err);
    if (rc == MB_OK) rc = set_lock_timeout(l, limits->lock_wait_ms, false, err);
    if (rc == MB_OK)
        rc = prepare_index(l, is_down ? &m->down_index : &m->up_index, was_begun, &is_due, err);
    if (rc == MB_OK && is_due) rc = build_index(l, m, is_down, err);
    cost->duration_ms = since_ms(from);
    if (PQstatus(l->conn) != CONNECTION_OK) return rc;
    /* Failed means undone: the ledger goes back to what it said before. */
    bool is_applied = (rc == MB_OK) != is_down;
    enum mb_rc recorded = mb_ledger_write(l, m, is_applied ? MB_LEDGER_APPLIED : MB_LEDGER_NONE,
                                          cost->duration_ms, 0, rc == MB_OK ? err : NULL);
    return rc != MB_OK ? rc : recorded;
}

enum mb_rc mb_step_up(struct mb_ledger *l, const struct mb_migration *m,
                      const struct mb_step_limits *limits, struct mb_step_cost *cost,
                      struct mb_err *err)
{
    return mb_script_is_bare(m->up) ? run_bare(l, m, false, limits, cost, err)
                                    : run_in_transaction(l, m, false, limits, cost, err);
}

enum mb_rc mb_step_down(struct mb_ledger *l, const struct mb_migration *m,
                        const struct mb_step_limits *limits, struct mb_step_cost *cost,
                        struct mb_err *err)
{
    struct mb_str why = mb_script_irreversible(m->down);
    if (why.len > 0)
        return mb_fail(err, MB_E_INVALID, "%s cannot be undone: %.*s", m->name, (int)why.len,
                       why.ptr);
    return mb_script_is_bare(m->down) ? run_bare(l, m, true, limits, cost, err)
                                      : run_in_transaction(l, m, true, limits, cost, err);
}
