/* The steps of the migration runner, in a child process. */
#include "app/schema.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "app/parts.h"
#include "app/say.h"
#include "base/clock.h"
#include "base/log.h"
#include "db/apart.h"
#include "db/migrate.h"
#include "db/turn.h"
#include "plugin/tables.h"

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

enum mb_rc mb_schema_expect(const char *url, struct mb_err *err)
{
    PGconn *link = PQconnectdb(url);
    const char *why = PQerrorMessage(link);
    enum mb_rc rc = MB_OK;
    if (PQstatus(link) != CONNECTION_OK) {
        rc = mb_fail(err, MB_E_DB_UNAVAILABLE, "%.*s", (int)strcspn(why, "\n"), why);
    } else {
        PGresult *found =
            PQexec(link, "SELECT 1 WHERE to_regclass('public.\"_medbookd_migrations\"') IS NULL");
        if (PQresultStatus(found) != PGRES_TUPLES_OK || PQntuples(found) > 0)
            rc = mb_fail(err, MB_E_CONFIG, "nothing has been set up in it");
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

static struct mb_migrate_plan migrate_plan(const struct mb_schema_plan *plan,
                                           const struct mb_migration_file *files, size_t n)
{
    return (struct mb_migrate_plan){
        .url = plan->url,
        .files = files,
        .nfiles = n,
        .progress = plan->is_quiet || plan->step == MB_SCHEMA_VERIFY ? NULL : mb_say,
        .lock_timeout_ms = (uint32_t)plan->config->migrate_lock_timeout,
        .lock_wait_ms = (uint32_t)plan->config->migrate_lock_wait,
    };
}

/* ---- the server's own ---- */

static struct mb_migration_file *list_files(const struct mb_bundle *b, struct mb_err *err)
{
    struct mb_migration_file *files = calloc(b->count + 1, sizeof *files);
    if (files == NULL) mb_fail(err, MB_E_NOMEM, "migrations: out of memory");
    for (size_t i = 0; files != NULL && i < b->count; i++)
        files[i] = (struct mb_migration_file){.name = b->files[i].name, .text = b->files[i].text};
    return files;
}

static enum mb_rc migrate_server(const struct mb_schema_plan *plan, struct mb_err *err)
{
    const struct mb_bundle *b = plan->migrations;
    struct mb_migration_file *files = list_files(b, err);
    if (files == NULL) return MB_E_NOMEM;
    const struct mb_migrate_plan migrate = migrate_plan(plan, files, b->count);
    bool makes = plan->is_embedded && plan->step == MB_SCHEMA_UP;
    enum mb_rc rc = makes ? make_database(plan->url, err) : MB_OK;
    if (rc == MB_OK) rc = take_step_patiently(plan, &migrate, err);
    if (rc == MB_E_DB_UNAVAILABLE && !plan->is_embedded) {
        struct mb_err said = *err;
        rc = mb_fail(err, rc, "database: %.250s; check database.url", said.text);
    }
    if (rc == MB_OK && plan->is_embedded && plan->step == MB_SCHEMA_UP && plan->to < 0)
        rc = mb_apart_seal(plan->url, err);
    free(files);
    return rc;
}

/* ---- those of plugins ---- */

/* A plugin's files in the bundle, without what stands before their names. */
struct group {
    char role[MB_APART_NAME + 1]; /* "plugin_clinic.sms" */
    struct mb_migration_file *files;
    size_t n, next; /* next: where the following group begins */
};

static const char MIGRATIONS[] = "/migrations/";

static enum mb_rc take_group(const struct mb_bundle *b, size_t first, struct group *g,
                             struct mb_err *err)
{
    const char *name = b->files[first].name;
    size_t length = strcspn(name, "/");
    *g = (struct group){.next = first};
    int n = snprintf(g->role, sizeof g->role, MB_PLUGIN_ROLE "%.*s", (int)length, name);
    if (n >= (int)sizeof g->role)
        return mb_fail(err, MB_E_CONFIG, "plugin %.80s: its name is too long for tables of its own",
                       name);
    g->files = calloc(b->count - first, sizeof *g->files);
    if (g->files == NULL) return mb_fail(err, MB_E_NOMEM, "migrations: out of memory");
    for (; g->next < b->count; g->next++) {
        const struct mb_bundle_file *f = &b->files[g->next];
        if (strncmp(f->name, name, length) != 0 || f->name[length] != '/') break;
        const char *rest = f->name + length;
        if (strncmp(rest, MIGRATIONS, sizeof MIGRATIONS - 1) == 0)
            g->files[g->n++] =
                (struct mb_migration_file){.name = rest + sizeof MIGRATIONS - 1, .text = f->text};
    }
    return MB_OK;
}

static enum mb_rc name_plugin(const struct group *g, enum mb_rc rc, struct mb_err *err)
{
    struct mb_err said = *err;
    return rc == MB_OK ? rc
                       : mb_fail(err, rc, "plugin %s: %.300s", g->role + sizeof MB_PLUGIN_ROLE - 1,
                                 said.text);
}

static struct mb_apart apart_of(const struct mb_schema_plan *plan, const struct group *g)
{
    return mb_parts_apart(plan->config, plan->url, g->role, plan->secret);
}

struct applying {
    const struct mb_schema_plan *plan;
    const char *plugin;
};

static void tell_applied(void *ctx, const char *name)
{
    const struct applying *a = ctx;
    if (a->plan->applied != NULL) a->plan->applied(a->plan->applied_ctx, a->plugin, name);
}

/* As that role, the step of these files. */
static enum mb_rc step_as(const struct mb_schema_plan *plan, const struct group *g,
                          const char *role, bool has_turn, struct mb_err *err)
{
    char password[MB_APART_PASSWORD];
    struct mb_schema_plan own = *plan;
    struct applying applying = {plan, g->role + sizeof MB_PLUGIN_ROLE - 1};
    struct mb_migrate_plan migrate = migrate_plan(plan, g->files, g->n);
    mb_apart_password(plan->secret, role, password);
    migrate.user = role;
    migrate.schema = g->role;
    migrate.password = password;
    migrate.has_turn = has_turn;
    migrate.applied = tell_applied;
    migrate.applied_ctx = &applying;
    if (plan->plugin == NULL) own.to = -1; /* the version that was asked for is the server's */
    return take_step(&own, &migrate, err);
}

/* The plugin's migrations run as the role that owns its schema, so they reach no further than it does. That role logs in
 * for them only, and in one's turn, so that nobody else's end takes that from it. */
static enum mb_rc change_group(const struct mb_schema_plan *plan, const struct group *g,
                               struct mb_err *err)
{
    const struct mb_apart apart = apart_of(plan, g);
    struct mb_turn turn = {NULL};
    char owner[MB_APART_NAME + 1];
    enum mb_rc rc = mb_apart_owner(g->role, owner, err);
    if (rc == MB_OK)
        rc = mb_turn_take(&turn, plan->url, (uint32_t)plan->config->migrate_lock_wait,
                          plan->is_quiet ? NULL : mb_say, err);
    if (rc == MB_OK) rc = mb_apart_open(&apart, err);
    if (rc == MB_OK) {
        struct mb_err said;
        rc = step_as(plan, g, owner, true, err);
        enum mb_rc closed = mb_apart_close(&apart, &said);
        if (rc == MB_OK && closed != MB_OK) *err = said;
        if (rc == MB_OK) rc = closed;
    }
    mb_turn_give(&turn);
    return rc;
}

static enum mb_rc migrate_group(const struct mb_schema_plan *plan, const struct group *g,
                                struct mb_err *err)
{
    bool changes = plan->step == MB_SCHEMA_UP || plan->step == MB_SCHEMA_DOWN;
    if (plan->step == MB_SCHEMA_STATUS)
        (void)printf("\nplugin %s\n", g->role + sizeof MB_PLUGIN_ROLE - 1);
    return name_plugin(
        g, changes ? change_group(plan, g, err) : step_as(plan, g, g->role, false, err), err);
}

/* Told once, at a start: of a database that is not the server's own, what plugins may do in it. */
static void tell_gaps(const struct mb_schema_plan *plan, const struct group *g)
{
    enum { ROOM = 1024 };
    const struct mb_apart apart = apart_of(plan, g);
    struct mb_err err;
    struct mb_buf gaps;
    mb_buf_init(&gaps, ROOM);
    enum mb_rc rc = mb_apart_gaps(&apart, plan->url, &gaps, &err);
    if (rc == MB_OK && gaps.len > 0 && mb_buf_add(&gaps, "", 1) == MB_OK)
        mb_log(MB_LOG_WARN,
               "this database does not hold plugins to all limits; see src/app/README.md", "gaps",
               gaps.data, NULL);
    mb_buf_reset(&gaps);
}

static bool is_wanted(const struct mb_schema_plan *plan, const struct group *g)
{
    bool is_named =
        plan->plugin != NULL && strcmp(plan->plugin, g->role + sizeof MB_PLUGIN_ROLE - 1) == 0;
    bool is_for_one = plan->plugin != NULL || plan->step == MB_SCHEMA_DOWN;
    return g->n > 0 && (is_for_one ? is_named : true);
}

static enum mb_rc migrate_plugins(const struct mb_schema_plan *plan, struct mb_err *err)
{
    const struct mb_bundle *b = plan->plugins;
    enum mb_rc rc = MB_OK;
    bool is_found = false, is_told = false;
    for (size_t i = 0; b != NULL && i < b->count && rc == MB_OK;) {
        struct group g;
        rc = take_group(b, i, &g, err);
        bool is_one = rc == MB_OK && is_wanted(plan, &g);
        is_found = is_found || is_one;
        if (is_one) rc = migrate_group(plan, &g, err);
        if (is_one && rc == MB_OK && plan->is_start && !is_told) tell_gaps(plan, &g);
        is_told = is_told || is_one;
        i = g.next;
        free(g.files);
    }
    if (rc == MB_OK && plan->plugin != NULL && !is_found)
        rc = mb_fail(err, MB_E_CONFIG, "plugin %.80s: it has no folder migrations", plan->plugin);
    return rc;
}

static enum mb_rc check_files(const struct mb_migration_file *files, size_t n, struct mb_err *err)
{
    const struct mb_migrate_plan plan = {.files = files, .nfiles = n};
    return mb_migrate_check(&plan, err);
}

enum mb_rc mb_schema_check(const struct mb_bundle *server, const struct mb_bundle *plugins,
                           struct mb_err *err)
{
    struct mb_migration_file *files = list_files(server, err);
    enum mb_rc rc = files != NULL ? check_files(files, server->count, err) : MB_E_NOMEM;
    free(files);
    for (size_t i = 0; i < plugins->count && rc == MB_OK;) {
        struct group g;
        rc = take_group(plugins, i, &g, err);
        if (rc == MB_OK && g.n > 0) rc = name_plugin(&g, check_files(g.files, g.n, err), err);
        i = g.next;
        free(g.files);
    }
    return rc;
}

enum mb_rc mb_schema_work(void *ctx, struct mb_err *err)
{
    const struct mb_schema_plan *plan = ctx;
    enum mb_rc rc = MB_OK;
    if (plan->migrations != NULL && plan->plugin == NULL) rc = migrate_server(plan, err);
    return rc == MB_OK ? migrate_plugins(plan, err) : rc;
}

enum mb_rc mb_schema_run(struct mb_schema_plan *plan, const struct mb_user *user,
                         struct mb_signals *signals, struct mb_err *err)
{
    const struct mb_child_plan child = {.user = user, .signals = signals};
    return mb_child_call(&child, mb_schema_work, plan, err);
}
