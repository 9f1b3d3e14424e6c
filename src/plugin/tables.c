#include "plugin/tables.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "db/apart.h"

struct table {
    struct table *next;
    struct mb_tables *owner;
    char role[MB_APART_NAME + 1];
    struct mb_db *db;
    struct mb_db_stats stats;
};

struct mb_tables {
    struct mb_tables_plan plan;
    struct table *first;
    unsigned open; /* pools that are not closed */
    struct mb_op *watching;
    void (*done)(void *ctx);
    void *ctx;
};

enum mb_rc mb_tables_new(struct mb_tables **out, const struct mb_tables_plan *plan,
                         struct mb_err *err)
{
    struct mb_tables *t = calloc(1, sizeof *t);
    if (t == NULL) return mb_fail(err, MB_E_NOMEM, "no memory for the tables of plugins");
    t->plan = *plan;
    *out = t;
    return MB_OK;
}

/* ---- what does not obey ---- */

enum { END_MS = 5000 }; /* to end a session of a plugin is one quick statement: no key */

static uint64_t soon(void) { return mb_mono_ns() + END_MS * 1000000ull; }

static void count_kill(const struct mb_tables *t, const char *plugin)
{
    struct mb_plugin_stats *s =
        t->plan.board != NULL ? mb_plugin_board_find(t->plan.board, plugin) : NULL;
    if (s == NULL ||
        !mb_plugin_strike_once(s, mb_mono_ns(), t->plan.max_kills, t->plan.kill_window_ns))
        return;
    mb_log(MB_LOG_ERROR, "a plugin is in quarantine: it broke its limits too often", "plugin",
           plugin, "limit", "plugins.max_kills within plugins.kill_window", NULL);
}

static void on_ended(void *ctx, enum mb_rc rc, PGresult *res, const struct mb_err *err)
{
    (void)ctx;
    if (rc != MB_OK)
        mb_log(MB_LOG_ERROR, "a statement of a plugin could not be ended", "error", err->text,
               NULL);
    PQclear(res);
}

/* Only if it is still that plugin's. */
static void on_stuck(void *ctx, int backend)
{
    const struct table *it = ctx;
    struct mb_stmt *stmt;
    struct mb_op *op;
    struct mb_err err;
    char pid[16];
    (void)snprintf(pid, sizeof pid, "%d", backend);
    mb_log(MB_LOG_WARN, "a statement of a plugin did not obey a cancel and is ended", "plugin",
           it->role + sizeof MB_PLUGIN_ROLE - 1, "backend", pid, NULL);
    count_kill(it->owner, it->role + sizeof MB_PLUGIN_ROLE - 1);
    const struct mb_str values[] = {mb_str_z(pid), mb_str_z(it->role)};
    enum mb_rc rc =
        mb_stmt_intern(&stmt, MB_STR("plugins.end_statement"), mb_str_z(mb_apart_end_sql), &err);
    if (rc == MB_OK)
        rc = mb_db_query(it->owner->plan.server, &op, MB_DB_WRITE, stmt, 2, values, soon(),
                         on_ended, NULL, &err);
    if (rc != MB_OK) on_ended(NULL, rc, NULL, &err);
}

/* ---- connections ---- */

enum mb_rc mb_tables_config(const struct mb_tables *t, const char *plugin, char *role,
                            char *password, struct mb_db_config *out, struct mb_err *err)
{
    char owner[MB_APART_NAME + 1];
    if (snprintf(role, MB_APART_NAME + 1, MB_PLUGIN_ROLE "%s", plugin) > MB_APART_NAME ||
        mb_apart_owner(role, owner, err) != MB_OK)
        return mb_fail(err, MB_E_CONFIG, "the plugin's name is too long for tables of its own");
    mb_apart_password(t->plan.secret, role, password);
    *out = t->plan.db;
    out->user = role;
    out->password = password;
    out->is_foreign = true;
    return MB_OK;
}

static enum mb_rc open_table(struct mb_tables *t, const struct mb_db_config *config,
                             struct table **out, struct mb_err *err)
{
    struct mb_db_config own = *config;
    struct table *it = calloc(1, sizeof *it);
    if (it == NULL) return mb_fail(err, MB_E_NOMEM, "no memory for the tables of a plugin");
    it->owner = t;
    (void)snprintf(it->role, sizeof it->role, "%s", config->user);
    own.on_stuck = on_stuck;
    own.stuck_ctx = it;
    enum mb_rc rc = mb_db_new(&it->db, t->plan.loop, &own, &it->stats, err);
    if (rc != MB_OK) {
        free(it);
        return rc;
    }
    it->next = t->first;
    t->first = it;
    t->open++;
    *out = it;
    return MB_OK;
}

enum mb_rc mb_tables_of(struct mb_tables *t, const char *plugin, struct mb_db **out,
                        struct mb_err *err)
{
    char role[MB_APART_NAME + 1], password[MB_APART_PASSWORD];
    struct mb_db_config config;
    enum mb_rc rc = MB_OK;
    struct table *it = t->first;
    while (it != NULL && strcmp(it->role + sizeof MB_PLUGIN_ROLE - 1, plugin) != 0) it = it->next;
    if (it == NULL) rc = mb_tables_config(t, plugin, role, password, &config, err);
    if (it == NULL && rc == MB_OK) rc = open_table(t, &config, &it, err);
    if (rc == MB_OK) *out = it->db;
    return rc;
}

/* ---- schemas ---- */

enum { PLUGIN, BYTES, IS_FULL, ENDED };

static void note_schema(const struct mb_tables *t, const PGresult *res, int row)
{
    const char *plugin = PQgetvalue(res, row, PLUGIN), *ended = PQgetvalue(res, row, ENDED);
    struct mb_plugin_stats *s = mb_plugin_board_find(t->plan.board, plugin);
    bool is_full = PQgetvalue(res, row, IS_FULL)[0] == 't';
    if (strcmp(ended, "0") != 0) {
        mb_log(MB_LOG_WARN, "statements of a plugin that nobody waited for were ended", "plugin",
               plugin, "count", ended, NULL);
        count_kill(t, plugin);
    }
    if (s == NULL) return;
    atomic_store(&s->schema_bytes, strtoull(PQgetvalue(res, row, BYTES), NULL, 10));
    if (atomic_exchange(&s->is_full, is_full) != is_full)
        mb_log(MB_LOG_WARN,
               is_full ? "a plugin's schema is over plugins.schema_size: it may delete only"
                       : "a plugin's schema is below plugins.schema_size again",
               "plugin", plugin, "bytes", PQgetvalue(res, row, BYTES), NULL);
}

static void on_watched(void *ctx, enum mb_rc rc, PGresult *res, const struct mb_err *err)
{
    struct mb_tables *t = ctx;
    t->watching = NULL;
    if (rc != MB_OK)
        mb_log(MB_LOG_WARN, "the schemas of plugins could not be measured", "error", err->text,
               NULL);
    for (int i = 0; rc == MB_OK && i < PQntuples(res); i++) note_schema(t, res, i);
    PQclear(res);
}

void mb_tables_watch(struct mb_tables *t, uint64_t most_bytes, uint32_t patience_ms)
{
    struct mb_stmt *stmt;
    struct mb_err err;
    char most[24], patience[16];
    if (t->watching != NULL || t->plan.board == NULL) return;
    (void)snprintf(most, sizeof most, "%llu", (unsigned long long)most_bytes);
    (void)snprintf(patience, sizeof patience, "%u", patience_ms);
    const struct mb_str values[] = {mb_str_z(most), mb_str_z(patience)};
    enum mb_rc rc =
        mb_stmt_intern(&stmt, MB_STR("plugins.watch"), mb_str_z(mb_apart_watch_sql), &err);
    if (rc == MB_OK)
        rc = mb_db_query(t->plan.server, &t->watching, MB_DB_WRITE, stmt, 2, values, soon(),
                         on_watched, t, &err);
    if (rc != MB_OK) t->watching = NULL; /* the database is away; the next time tells */
}

/* ---- the end ---- */

static void on_closed(void *ctx)
{
    struct table *it = ctx;
    if (--it->owner->open == 0) it->owner->done(it->owner->ctx);
}

void mb_tables_close(struct mb_tables *t, uint32_t deadline_ms, void (*done)(void *ctx), void *ctx)
{
    t->done = done;
    t->ctx = ctx;
    if (t->watching != NULL) mb_op_cancel(t->watching);
    t->watching = NULL;
    if (t->open == 0) {
        done(ctx);
        return;
    }
    for (struct table *it = t->first; it != NULL; it = it->next)
        mb_db_close(it->db, deadline_ms, on_closed, it);
}

void mb_tables_free(struct mb_tables *t)
{
    if (t == NULL) return;
    for (struct table *it = t->first, *next; it != NULL; it = next) {
        next = it->next;
        mb_db_free(it->db);
        free(it);
    }
    free(t);
}
