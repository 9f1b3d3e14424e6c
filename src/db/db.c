/*
 * The door of src/db: makes and closes the pool, starts autocommit statements.
 */
#include "db/db.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "db/pool.h"

#define MS_NS 1000000ull

/* A foreign session has its settings in the startup packet (dsn.c) or, behind a pooler, in each transaction: by
 * statements, as functions may be taken from its role, or be others of the same name. It is asked first whose it is. */
static void write_foreign_settings(struct mb_db *db)
{
    struct mb_dsn_setting settings[MB_DSN_SETTINGS];
    (void)snprintf(db->settings_sql, sizeof db->settings_sql, "SELECT session_user");
    if (db->config.pooler != MB_POOLER_TRANSACTION) return;
    mb_dsn_settings(&db->config, settings);
    for (int i = 0; i < MB_DSN_SETTINGS; i++)
        (void)snprintf(db->foreign_sql[i], sizeof db->foreign_sql[i], "SET LOCAL %s = '%s'",
                       settings[i].name, settings[i].value);
}

/* Session settings as one statement, so that they cost one flight. Behind a transaction pooler
 * only those may be set which it carries over between its server connections; the limits then
 * go with each transaction. */
static void write_settings(struct mb_db *db)
{
    const struct mb_db_config *c = &db->config;
    char limits[512];
    bool is_local = c->pooler == MB_POOLER_TRANSACTION;
    const char *local = is_local ? "true" : "false";
    snprintf(limits, sizeof limits,
             "set_config('statement_timeout','%u',%s),set_config('lock_timeout','%u',%s),"
             "set_config('idle_in_transaction_session_timeout','%u',%s)",
             c->statement_timeout, local, c->lock_timeout, local, c->idle_in_transaction_timeout,
             local);
    snprintf(db->settings_sql, sizeof db->settings_sql,
             "SELECT set_config('TimeZone','UTC',false),set_config('DateStyle','ISO, MDY',false),"
             "set_config('standard_conforming_strings','on',false),"
             "set_config('plan_cache_mode','force_generic_plan',false)%s%s",
             is_local ? ""
                      : ",set_config('IntervalStyle','iso_8601',false),"
                        "set_config('client_connection_check_interval','1000',false),",
             is_local ? "" : limits);
    if (is_local) snprintf(db->local_sql, sizeof db->local_sql, "SELECT %s", limits);
}

static enum mb_rc make_links(struct mb_db *db, struct mb_err *err)
{
    const struct mb_db_config *c = &db->config;
    uint32_t places = c->pooler == MB_POOLER_TRANSACTION ? 0 : c->statement_cache;
    db->links = calloc(c->pool_max, sizeof *db->links);
    if (db->links == NULL) return mb_fail(err, MB_E_NOMEM, "could not make the database pool");
    for (uint32_t i = 0; i < c->pool_max; i++) {
        db->links[i].db = db;
        mb_list_init(&db->links[i].flight);
    }
    for (uint32_t i = 0; i < c->pool_max; i++)
        if (mb_cache_init(&db->links[i].cache, places) != MB_OK)
            return mb_fail(err, MB_E_NOMEM, "could not make the database pool");
    return MB_OK;
}

enum mb_rc mb_db_new(struct mb_db **out, uv_loop_t *loop, const struct mb_db_config *config,
                     struct mb_db_stats *stats, struct mb_err *err)
{
    if (config->pool_max == 0 || config->pool_min > config->pool_max)
        return mb_fail(err, MB_E_CONFIG, "database.pool_min is larger than database.pool_max");
    struct mb_db *db = calloc(1, sizeof *db);
    if (db == NULL) return mb_fail(err, MB_E_NOMEM, "could not make the database pool");
    db->loop = loop;
    db->config = *config;
    db->stats = stats;
    atomic_store(&stats->connections, 0);
    atomic_store(&stats->idle, 0);
    atomic_store(&stats->waiting, 0);
    for (int i = 0; i < MB_LINES; i++) mb_list_init(&db->line[i].ops);
    mb_list_init(&db->ready);
    mb_list_init(&db->delivering);
    mb_list_init(&db->spare);
    mb_list_init(&db->cancels);
    if (config->is_foreign)
        write_foreign_settings(db);
    else
        write_settings(db);
    enum mb_rc rc = mb_dsn_init(&db->dsn, config, err);
    if (rc != MB_OK) goto fail_dsn;
    if ((rc = make_links(db, err)) != MB_OK || (rc = mb_pool__start_timers(db, err)) != MB_OK)
        goto fail_links;
    db->config.url = db->dsn.url;
    db->config.application_name = db->dsn.application_name;
    db->config.user = db->config.password = NULL; /* dsn has them */
    mb_pool__grow(db, false);
    *out = db;
    return MB_OK;
fail_links:
    mb_db_free(db);
    return rc;
fail_dsn:
    free(db);
    return rc;
}

void mb_db_close(struct mb_db *db, uint32_t deadline_ms, void (*done)(void *ctx), void *ctx)
{
    db->closing = true;
    db->done = done;
    db->done_ctx = ctx;
    db->close_ns = mb_mono_ns() + deadline_ms * MS_NS;
    mb_pool__arm(db, db->close_ns);
    mb_pool__check_closed(db);
}

void mb_db_free(struct mb_db *db)
{
    if (db == NULL) return;
    while (!mb_list_is_empty(&db->spare)) {
        struct mb_node *op = db->spare.next;
        mb_list_remove(op);
        free(op);
    }
    for (uint32_t i = 0; db->links != NULL && i < db->config.pool_max; i++)
        mb_cache_reset(&db->links[i].cache);
    free(db->links);
    mb_dsn_reset(&db->dsn);
    free(db);
}

int mb_db_retry_after(const struct mb_db *db)
{
    uint64_t now = mb_mono_ns();
    uint64_t wait = mb_pool__wait_ns(db);
    if (db->nup == 0 && db->next_try_ns > now) wait += db->next_try_ns - now;
    uint64_t seconds = (wait + 999999999ull) / 1000000000ull;
    return seconds < 1 ? 1 : seconds > 30 ? 30 : (int)seconds;
}

struct mb_str mb_db_last_error(const struct mb_db *db) { return mb_str_z(db->last_error); }

enum mb_rc mb_db_query(struct mb_db *db, struct mb_op **out, enum mb_db_kind kind,
                       const struct mb_stmt *stmt, int nparams, const struct mb_str *values,
                       uint64_t deadline_ns, mb_op_cb cb, void *ctx, struct mb_err *err)
{
    enum mb_op_kind as = kind == MB_DB_READ ? MB_OP_READ : MB_OP_WRITE;
    enum mb_rc rc = mb_pool__admit(db, as, deadline_ns, err);
    if (rc != MB_OK) return rc;
    struct mb_op *op = mb_op__new(db, as);
    if (op == NULL)
        return mb_fail(err, MB_E_NOMEM, "%s: could not start the statement", stmt->name);
    op->stmt = stmt;
    op->deadline_ns = deadline_ns;
    op->cb = cb;
    op->ctx = ctx;
    rc = mb_op__bind(op, nparams, values, err);
    if (rc == MB_OK) rc = mb_pool__place(op, err);
    if (rc != MB_OK)
        mb_op__drop(op);
    else
        *out = op;
    return rc;
}
