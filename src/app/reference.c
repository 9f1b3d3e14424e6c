#include "app/reference.h"

#include <stdlib.h>

#include "app/child.h"
#include "app/say.h"
#include "app/sql_files.h"

enum { CONNECTIONS = 32 };

struct reference {
    const char *url;
    struct mb_bundle files;
    bool is_first; /* only while nobody uses the database */
    FILE *progress;
};

static enum mb_rc is_used(struct mb_sql_files *f, bool *used, struct mb_err *err)
{
    int rows = 0;
    enum mb_rc rc = mb_sql_files_run(f, "SELECT FROM \"User\" LIMIT 1", "users", &rows, err);
    *used = rows > 0;
    return rc;
}

static enum mb_rc load_files(struct mb_sql_files *f, const struct mb_bundle *files, struct mb_err *err)
{
    enum mb_rc rc = mb_sql_files_run(f, "BEGIN", "begin", NULL, err);
    for (size_t i = 0; i < files->count && rc == MB_OK; i++) {
        int rows = 0;
        rc = mb_sql_files_run_file(f, &files->files[i], &rows, err);
        if (rc == MB_OK) mb_sql_files_say(f, "%s: %d new", files->files[i].name, rows);
    }
    return rc == MB_OK ? mb_sql_files_run(f, "COMMIT", "commit", NULL, err) : rc;
}

static enum mb_rc load(void *ctx, struct mb_err *err)
{
    const struct reference *r = ctx;
    struct mb_sql_files f;
    bool used = false;
    enum mb_rc rc = mb_sql_files_open(&f, "reference", r->url, r->progress, err);
    if (rc == MB_OK && r->is_first) rc = is_used(&f, &used, err);
    if (rc == MB_OK && !used) rc = load_files(&f, &r->files, err);
    mb_sql_files_close(&f);
    return rc;
}

static enum mb_rc load_into(struct mb_site *site, struct reference *r, struct mb_err *err)
{
    const struct mb_child_plan child = {.user = &site->user, .signals = &site->signals};
    enum mb_rc rc = mb_site_read(site, "migrations/" MB_SITE_REFERENCE, ".sql", &r->files, err);
    r->url = site->owner_url;
    if (rc == MB_OK) rc = mb_child_call(&child, load, r, err);
    mb_bundle_free(&r->files);
    return rc;
}

enum mb_rc mb_reference_begin(struct mb_site *site, struct mb_err *err)
{
    struct reference r = {.is_first = true};
    return load_into(site, &r, err);
}

int mb_reference_command(const struct mb_options *o, const struct mb_config *config)
{
    struct mb_site site;
    struct mb_err err = {0};
    struct reference r = {.progress = stdout};
    (void)o;
    enum mb_rc rc = mb_site_visit(&site, config, &err);
    if (rc == MB_OK) rc = mb_site_connect(&site, CONNECTIONS, &err);
    if (rc == MB_OK) rc = mb_site_expect_schema(&site, &err);
    if (rc == MB_OK) rc = load_into(&site, &r, &err);
    mb_site_close(&site, false);
    if (rc != MB_OK && rc != MB_E_CANCELLED) mb_say_error(&err);
    return rc == MB_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
