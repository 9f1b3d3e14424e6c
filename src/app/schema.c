/* The steps of the migration runner, in a child process. */
#include "app/schema.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "db/migrate.h"

enum { RETRY_MS = 250 };

static enum mb_rc refuse(struct mb_err *err, PGconn *link)
{
    const char *why = PQerrorMessage(link);
    return mb_fail(err, MB_E_DB_UNAVAILABLE, "embedded PostgreSQL: %.*s", (int)strcspn(why, "\n"),
                   why);
}

/* initdb makes no database but its own; ours is made by the first that connects. */
static enum mb_rc make_database(const char *owner_url, struct mb_err *err)
{
    char url[4096];
    (void)snprintf(url, sizeof url, "%s dbname=postgres", owner_url); /* the last dbname counts */
    PGconn *link = PQconnectdb(url);
    enum mb_rc rc = PQstatus(link) == CONNECTION_OK ? MB_OK : refuse(err, link);
    if (rc == MB_OK) {
        PGresult *found = PQexec(link, "SELECT 1 FROM pg_database WHERE datname = 'medbookd'");
        bool is_missing = PQresultStatus(found) == PGRES_TUPLES_OK && PQntuples(found) == 0;
        PGresult *made = is_missing ? PQexec(link, "CREATE DATABASE medbookd") : NULL;
        if (PQresultStatus(found) != PGRES_TUPLES_OK ||
            (is_missing && PQresultStatus(made) != PGRES_COMMAND_OK))
            rc = refuse(err, link);
        PQclear(made);
        PQclear(found);
    }
    PQfinish(link);
    return rc;
}

/* The runner says what is wrong; what to do about it is ours to say. */
static enum mb_rc verify(const struct mb_migrate_plan *migrate, struct mb_err *err)
{
    struct mb_err said = {0};
    enum mb_rc rc = mb_migrate_verify(migrate, &said);
    if (rc == MB_OK) return rc;
    if (rc != MB_E_CONFIG) {
        *err = said;
        return rc;
    }
    return mb_fail(err, rc,
                   "database: %.150s; see medbookd migrate status, then run medbookd migrate up",
                   said.text);
}

static enum mb_rc take_step(const struct mb_schema_plan *plan,
                            const struct mb_migrate_plan *migrate, struct mb_err *err)
{
    size_t pending = 0;
    switch (plan->step) {
    case MB_SCHEMA_UP: return mb_migrate_up(migrate, plan->to, err);
    case MB_SCHEMA_DOWN: return mb_migrate_down(migrate, plan->to, err);
    case MB_SCHEMA_STATUS: return mb_migrate_status(migrate, stdout, &pending, err);
    case MB_SCHEMA_VERIFY: break;
    }
    return verify(migrate, err);
}

/* A database that starts together with us (one boot for both) gets the time of one connection. */
static enum mb_rc take_step_patiently(const struct mb_schema_plan *plan,
                                      const struct mb_migrate_plan *migrate, struct mb_err *err)
{
    const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000L};
    uint64_t deadline = mb_mono_ns() + (uint64_t)plan->config->database_connect_timeout * 1000000u;
    enum mb_rc rc = take_step(plan, migrate, err);
    while (rc == MB_E_DB_UNAVAILABLE && mb_mono_ns() < deadline) {
        (void)nanosleep(&pause, NULL);
        rc = take_step(plan, migrate, err);
    }
    return rc;
}

static enum mb_rc work(void *ctx, struct mb_err *err)
{
    const struct mb_schema_plan *plan = ctx;
    const struct mb_bundle *b = plan->migrations;
    struct mb_migration_file *files = calloc(b->count + 1, sizeof *files);
    if (files == NULL) return mb_fail(err, MB_E_NOMEM, "migrations: out of memory");
    for (size_t i = 0; i < b->count; i++)
        files[i] = (struct mb_migration_file){.name = b->files[i].name, .text = b->files[i].text};
    const struct mb_migrate_plan migrate = {
        .url = plan->url,
        .files = files,
        .nfiles = b->count,
        .progress = plan->is_quiet || plan->step == MB_SCHEMA_VERIFY ? NULL : stderr,
        .lock_timeout_ms = (uint32_t)plan->config->migrate_lock_timeout,
        .lock_wait_ms = (uint32_t)plan->config->migrate_lock_wait,
    };
    enum mb_rc rc = plan->is_embedded ? make_database(plan->url, err) : MB_OK;
    if (rc == MB_OK) rc = take_step_patiently(plan, &migrate, err);
    free(files);
    return rc;
}

enum mb_rc mb_schema_run(struct mb_schema_plan *plan, const struct mb_user *user,
                         struct mb_signals *signals, struct mb_err *err)
{
    const struct mb_child_plan child = {.user = user, .signals = signals};
    return mb_child_call(&child, work, plan, err);
}
