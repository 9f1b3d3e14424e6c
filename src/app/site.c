/* Opening and closing an installation, in order. */
#include "app/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/shelf.h"

extern char **environ;

static enum mb_rc begin(struct mb_site *s, const struct mb_config *config, struct mb_err *err)
{
    memset(s, 0, sizeof *s);
    s->config = config;
    s->signals.fd = -1;
    s->dir.lock_fd = -1;
    enum mb_rc rc = mb_signals_open(&s->signals, err);
    return rc == MB_OK ? mb_home_find(s->home, config, err) : rc;
}

enum mb_rc mb_site_open(struct mb_site *s, const struct mb_config *config, struct mb_err *err)
{
    enum mb_rc rc = begin(s, config, err);
    if (rc == MB_OK) rc = mb_datadir_open(&s->dir, &s->user, config, err);
    if (rc == MB_OK) rc = mb_datadir_lock(&s->dir, &s->user, &s->holder, err);
    return rc;
}

enum mb_rc mb_site_visit(struct mb_site *s, const struct mb_config *config, struct mb_err *err)
{
    bool is_used = false;
    enum mb_rc rc = begin(s, config, err);
    s->is_visited = true;
    if (rc == MB_OK) rc = mb_datadir_find(&s->dir, &s->user, config, &is_used, err);
    if (rc == MB_OK && is_used) return mb_datadir_lock(&s->dir, &s->user, &s->holder, err);
    if (rc != MB_OK || config->database_url[0] != '\0') return rc;
    return mb_fail(err, MB_E_CONFIG,
                   "data folder %.110s: no medbookd has used it; set data_dir to that of the "
                   "installation, or make one with medbookd run",
                   s->dir.path);
}

static enum mb_rc read_leaf(const struct mb_site *s, const char *leaf, const char *suffix,
                            const char *except, struct mb_bundle *out, struct mb_err *err)
{
    char dir[MB_PATH_MAX + 32];
    (void)snprintf(dir, sizeof dir, "%s/%s", s->home, leaf);
    return mb_bundle_read(out, dir, suffix, except, MB_SITE_MAX_FILE, err);
}

enum mb_rc mb_site_server_scripts(const struct mb_site *s, struct mb_bundle *out,
                                  struct mb_err *err)
{
    return read_leaf(s, "lua", ".lua", MB_SITE_HELPERS, out, err);
}

enum mb_rc mb_site_read(const struct mb_site *s, const char *leaf, const char *suffix,
                        struct mb_bundle *out, struct mb_err *err)
{
    return read_leaf(s, leaf, suffix, MB_SITE_REFERENCE, out, err);
}

/* Adds the files of a folder that need not exist. */
static enum mb_rc join(struct mb_bundle *out, const char *folder, const char *suffix,
                       const char *except, const char *prefix, struct mb_err *err)
{
    struct mb_bundle more;
    if (access(folder, F_OK) != 0) return MB_OK;
    enum mb_rc rc = mb_bundle_read(&more, folder, suffix, except, MB_SITE_MAX_FILE, err);
    return rc == MB_OK ? mb_bundle_join(out, &more, prefix, err) : rc;
}

enum mb_rc mb_site_scripts(const struct mb_site *s, struct mb_bundle *out, struct mb_err *err)
{
    enum mb_rc rc = mb_site_server_scripts(s, out, err);
    if (rc != MB_OK) return rc;
    rc = join(out, s->config->plugins_folder, ".lua", MB_PLUGIN_SPECS, MB_SHELF_PLUGINS, err);
    if (rc == MB_OK) rc = join(out, s->config->plugins_secrets, NULL, NULL, MB_SHELF_SECRETS, err);
    if (rc != MB_OK) mb_bundle_free(out);
    return rc;
}

/* It would be stronger than what we do not say, and is meant for other databases. All variables that
 * libpq reads begin with PG. */
static void forget_libpq_environment(void)
{
    char name[64];
    for (char **entry = environ; entry != NULL && *entry != NULL;) {
        size_t length = strcspn(*entry, "=");
        bool is_libpq = strncmp(*entry, "PG", 2) == 0 && length < sizeof name;
        if (is_libpq) {
            (void)snprintf(name, sizeof name, "%.*s", (int)length, *entry);
            is_libpq = unsetenv(name) == 0; /* those after it move up */
        }
        entry += !is_libpq;
    }
}

enum mb_rc mb_site_connect(struct mb_site *s, unsigned connections, struct mb_err *err)
{
    s->owner_url = s->app_url = s->config->database_url;
    if (s->config->database_url[0] != '\0') return MB_OK;
    forget_libpq_environment();
    const struct mb_postgres_plan plan = {.config = s->config,
                                          .dir = &s->dir,
                                          .user = &s->user,
                                          .signals = &s->signals,
                                          .is_throwaway = s->is_throwaway,
                                          .is_visited = s->is_visited,
                                          .connections = connections};
    enum mb_rc rc = mb_postgres_new(&s->postgres, &plan, err);
    if (rc != MB_OK) return rc;
    rc =
        s->holder == 0 ? mb_postgres_start(s->postgres, err) : mb_postgres_attach(s->postgres, err);
    s->owner_url = mb_postgres_owner_url(s->postgres);
    s->app_url = mb_postgres_app_url(s->postgres);
    return rc;
}

static enum mb_rc look_for_schema(void *ctx, struct mb_err *err)
{
    return mb_schema_expect(((const struct mb_site *)ctx)->app_url, err);
}

enum mb_rc mb_site_expect_schema(struct mb_site *s, struct mb_err *err)
{
    const struct mb_child_plan child = {.user = &s->user, .signals = &s->signals};
    struct mb_err said = {0};
    enum mb_rc rc = mb_child_call(&child, look_for_schema, s, &said);
    if (rc == MB_OK || rc == MB_E_CANCELLED) return rc;
    const char *what_to_do = s->postgres != NULL ? "medbookd run sets it up"
                             : rc == MB_E_DB_UNAVAILABLE
                                 ? "check database.url"
                                 : "check database.url; medbookd migrate up sets it up";
    return mb_fail(err, MB_E_CONFIG, "database: %.200s; %s", said.text, what_to_do);
}

enum mb_rc mb_site_secret(struct mb_site *s, struct mb_err *err)
{
    char file[MB_PATH_MAX];
    enum mb_rc rc = mb_datadir_file(&s->dir, "secret.key", file, err);
    if (rc == MB_OK) rc = mb_user_borrow(&s->user, err);
    if (rc != MB_OK) return rc;
    rc = mb_secret_load(s->secret, file, !s->is_visited, err);
    mb_user_return(&s->user);
    return rc;
}

enum mb_rc mb_site_plugin_sql(const struct mb_site *s, struct mb_bundle *out, struct mb_err *err)
{
    memset(out, 0, sizeof *out);
    const char *folder = s->config->plugins_folder;
    if (access(folder, F_OK) != 0) return MB_OK;
    return mb_bundle_read(out, folder, ".sql", MB_PLUGIN_SPECS, MB_SITE_MAX_FILE, err);
}

unsigned mb_site_count_plugins(const struct mb_bundle *sql)
{
    unsigned n = 0;
    const char *last = "";
    for (size_t i = 0; i < sql->count; i++) {
        const char *name = sql->files[i].name;
        size_t length = strcspn(name, "/");
        n += strncmp(last, name, length + 1) != 0;
        last = name;
    }
    return n;
}

enum mb_rc mb_site_migrations(const struct mb_site *s, struct mb_site_migrations *out,
                              struct mb_err *err)
{
    memset(out, 0, sizeof *out);
    enum mb_rc rc = mb_site_read(s, "migrations", ".sql", &out->server, err);
    return rc == MB_OK ? mb_site_plugin_sql(s, &out->plugins, err) : rc;
}

void mb_site_migrations_free(struct mb_site_migrations *m)
{
    mb_bundle_free(&m->server);
    mb_bundle_free(&m->plugins);
}

struct mb_schema_plan mb_site_schema(const struct mb_site *s, const struct mb_bundle *server,
                                     const struct mb_bundle *plugins, enum mb_schema_step step)
{
    return (struct mb_schema_plan){.config = s->config,
                                   .migrations = server,
                                   .plugins = plugins,
                                   .secret = s->secret,
                                   .url = s->owner_url,
                                   .is_embedded = s->postgres != NULL,
                                   .step = step,
                                   .to = -1,
                                   .is_quiet = s->is_throwaway};
}

enum mb_rc mb_site_migrate(struct mb_site *s, const struct mb_site_migrations *m,
                           enum mb_schema_step step, int to, const char *plugin, struct mb_err *err)
{
    struct mb_schema_plan plan = mb_site_schema(s, &m->server, &m->plugins, step);
    plan.to = to;
    plan.plugin = plugin;
    plan.is_start = step == MB_SCHEMA_VERIFY;
    return mb_schema_run(&plan, &s->user, &s->signals, err);
}

void mb_site_close(struct mb_site *s, bool is_owner)
{
    if (s->postgres != NULL) {
        if (is_owner || !mb_postgres_is_adopted(s->postgres)) mb_postgres_stop(s->postgres);
        mb_postgres_free(s->postgres);
        s->postgres = NULL;
    }
    mb_datadir_close(&s->dir);
    if (s->signals.fd >= 0) (void)close(s->signals.fd);
    s->signals.fd = -1;
}
