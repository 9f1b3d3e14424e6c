/* Opening and closing an installation, in order. */
#include "app/site.h"

#include <stdio.h>
#include <unistd.h>

#include "app/shelf.h"

enum mb_rc mb_site_open(struct mb_site *s, const struct mb_config *config, struct mb_err *err)
{
    memset(s, 0, sizeof *s);
    s->config = config;
    s->signals.fd = -1;
    s->dir.lock_fd = -1;
    enum mb_rc rc = mb_signals_open(&s->signals, err);
    if (rc == MB_OK) rc = mb_home_find(s->home, config, err);
    if (rc == MB_OK) rc = mb_datadir_open(&s->dir, &s->user, config, err);
    if (rc == MB_OK) rc = mb_datadir_lock(&s->dir, &s->user, &s->holder, err);
    return rc;
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
    return read_leaf(s, leaf, suffix, NULL, out, err);
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

enum mb_rc mb_site_connect(struct mb_site *s, unsigned connections, struct mb_err *err)
{
    s->owner_url = s->app_url = s->config->database_url;
    if (s->config->database_url[0] != '\0') return MB_OK;
    const struct mb_postgres_plan plan = {.config = s->config,
                                          .dir = &s->dir,
                                          .user = &s->user,
                                          .signals = &s->signals,
                                          .is_throwaway = s->is_throwaway,
                                          .connections = connections};
    enum mb_rc rc = mb_postgres_new(&s->postgres, &plan, err);
    if (rc != MB_OK) return rc;
    rc =
        s->holder == 0 ? mb_postgres_start(s->postgres, err) : mb_postgres_attach(s->postgres, err);
    s->owner_url = mb_postgres_owner_url(s->postgres);
    s->app_url = mb_postgres_app_url(s->postgres);
    return rc;
}

enum mb_rc mb_site_migrate(struct mb_site *s, const struct mb_bundle *migrations,
                           enum mb_schema_step step, int to, struct mb_err *err)
{
    struct mb_schema_plan plan = {.config = s->config,
                                  .migrations = migrations,
                                  .url = s->owner_url,
                                  .is_embedded = s->postgres != NULL,
                                  .step = step,
                                  .to = to,
                                  .is_quiet = s->is_throwaway};
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
