#include "plugin/tables.h"

#include <stdio.h>
#include <stdlib.h>

#include "db/apart.h"

struct table {
    struct table *next;
    struct mb_tables *owner;
    char role[MB_APART_NAME + 1];
    struct mb_db *db;
    struct mb_db_stats stats;
};

struct mb_tables {
    uv_loop_t *loop;
    struct mb_db_config config;
    const unsigned char *secret;
    struct table *first;
    unsigned open; /* pools that are not closed */
    void (*done)(void *ctx);
    void *ctx;
};

enum mb_rc mb_tables_new(struct mb_tables **out, uv_loop_t *loop, const struct mb_db_config *db,
                         const unsigned char *secret, struct mb_err *err)
{
    struct mb_tables *t = calloc(1, sizeof *t);
    if (t == NULL) return mb_fail(err, MB_E_NOMEM, "no memory for the tables of plugins");
    *t = (struct mb_tables){.loop = loop, .config = *db, .secret = secret};
    *out = t;
    return MB_OK;
}

static enum mb_rc open_table(struct mb_tables *t, const char *role, struct table **out,
                             struct mb_err *err)
{
    char password[MB_APART_PASSWORD];
    struct mb_db_config config = t->config;
    struct table *it = calloc(1, sizeof *it);
    if (it == NULL) return mb_fail(err, MB_E_NOMEM, "no memory for the tables of a plugin");
    it->owner = t;
    (void)snprintf(it->role, sizeof it->role, "%s", role);
    mb_apart_password(t->secret, role, password);
    config.user = role;
    config.password = password;
    config.is_foreign = true;
    enum mb_rc rc = mb_db_new(&it->db, t->loop, &config, &it->stats, err);
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
    char role[MB_APART_NAME + 1];
    enum mb_rc rc = MB_OK;
    if (snprintf(role, sizeof role, MB_PLUGIN_ROLE "%s", plugin) >= (int)sizeof role)
        return mb_fail(err, MB_E_CONFIG, "the plugin's name is too long for tables of its own");
    struct table *it = t->first;
    while (it != NULL && strcmp(it->role, role) != 0) it = it->next;
    if (it == NULL) rc = open_table(t, role, &it, err);
    if (rc == MB_OK) *out = it->db;
    return rc;
}

static void on_closed(void *ctx)
{
    struct table *it = ctx;
    if (--it->owner->open == 0) it->owner->done(it->owner->ctx);
}

void mb_tables_close(struct mb_tables *t, uint32_t deadline_ms, void (*done)(void *ctx), void *ctx)
{
    t->done = done;
    t->ctx = ctx;
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
