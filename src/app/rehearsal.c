/*
 * Temporary folder, cluster, schema, demo clinic, clock; then a child that runs the specs; then all of it
 * goes again. The child runs as the caller: specs are the caller's own programs.
 */
#define _GNU_SOURCE
#include "app/rehearsal.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/demo.h"
#include "app/parts.h"
#include "app/say.h"
#include "app/scripts.h"
#include "app/site.h"
#include "db/fault.h"
#include "spec/spec.h"

enum { CONNECTIONS = 64, MAX_DIAGNOSTICS = 1 << 20, MAX_SECRET = 65536, FOLDERS = 16 };

struct rehearsal {
    const struct mb_rehearsal *asked;
    struct mb_config config;
    char folder[MB_PATH_MAX], mail_folder[MB_PATH_MAX + 8];
    struct mb_site site;
    struct mb_bundle scripts, helpers, reference, clinic, sql;
    struct mb_site_migrations migrations;
    char *plugin[MB_MAX_PLUGINS]; /* that have tables */
    size_t nplugins;
    struct mb_shelf *shelf;
    struct mb_scripts parts;
};

/* ---- the database ---- */

static bool is_loaded(const struct rehearsal *r, const char *plugin)
{
    return plugin[0] != '.' && (r->asked->plugin == NULL || strcmp(r->asked->plugin, plugin) == 0);
}

static enum mb_rc run_sql(PGconn *conn, const char *sql, struct mb_err *err)
{
    PGresult *res = PQexec(conn, sql);
    enum mb_rc rc = PQresultStatus(res) == PGRES_COMMAND_OK
                        ? MB_OK
                        : mb_fault_take(err, res, "the database for tests");
    PQclear(res);
    return rc;
}

static enum mb_rc run_all(const char *url, const char *const *sql, size_t n, struct mb_err *err)
{
    PGconn *conn = PQconnectdb(url);
    enum mb_rc rc = PQstatus(conn) == CONNECTION_OK
                        ? MB_OK
                        : mb_fail(err, MB_E_DB_UNAVAILABLE, "test: %s", PQerrorMessage(conn));
    for (size_t i = 0; rc == MB_OK && i < n; i++) rc = run_sql(conn, sql[i], err);
    PQfinish(conn);
    return rc;
}

/* The template is for real servers; the specs themselves use the database that it is copied of. */
static enum mb_rc prepare_database(void *ctx, struct mb_err *err)
{
    static const char *const copy_sql[] = {
        "CREATE DATABASE medbookd_template TEMPLATE medbookd STRATEGY file_copy",
        "ALTER DATABASE medbookd SET search_path = mb_rehearsal, pg_catalog, public",
    };
    const struct rehearsal *r = ctx;
    char server_url[2 * MB_PATH_MAX + 128]; /* the last dbname counts */
    (void)snprintf(server_url, sizeof server_url, "%s dbname=postgres", r->site.owner_url);
    enum mb_rc rc = mb_demo_load(r->site.owner_url, &r->reference, &r->clinic, NULL, err);
    for (size_t i = 0; rc == MB_OK && i < r->sql.count; i++) /* texts of a bundle end with a NUL */
        rc = run_all(r->site.owner_url, &r->sql.files[i].text.ptr, 1, err);
    if (rc == MB_OK) rc = run_all(server_url, copy_sql, sizeof copy_sql / sizeof *copy_sql, err);
    return rc;
}

/* Only plugins that are loaded. */
static enum mb_rc name_plugins(struct rehearsal *r, struct mb_err *err)
{
    const struct mb_bundle *sql = &r->migrations.plugins;
    for (size_t i = 0; i < sql->count; i++) {
        const char *name = sql->files[i].name;
        size_t length = strcspn(name, "/");
        const char *last = r->nplugins > 0 ? r->plugin[r->nplugins - 1] : "";
        bool is_known = strncmp(last, name, length) == 0 && last[length] == '\0';
        if (is_known || r->nplugins == MB_MAX_PLUGINS) continue;
        if ((r->plugin[r->nplugins] = strndup(name, length)) == NULL)
            return mb_fail(err, MB_E_NOMEM, "test: out of memory");
        if (is_loaded(r, r->plugin[r->nplugins]))
            r->nplugins++;
        else
            free(r->plugin[r->nplugins]);
    }
    return MB_OK;
}

static enum mb_rc open_database(struct rehearsal *r, struct mb_err *err)
{
    enum mb_rc rc = mb_site_connect(&r->site, CONNECTIONS, err);
    if (rc == MB_OK) rc = mb_site_secret(&r->site, err);
    if (rc == MB_OK) rc = mb_site_migrations(&r->site, &r->migrations, err);
    if (rc == MB_OK) rc = name_plugins(r, err);
    if (rc == MB_OK) rc = mb_site_migrate(&r->site, &r->migrations, MB_SCHEMA_UP, -1, NULL, err);
    if (rc == MB_OK)
        rc = mb_site_read(&r->site, "migrations/" MB_SITE_REFERENCE, ".sql", &r->reference, err);
    if (rc == MB_OK) rc = mb_site_read(&r->site, "examples/demo-clinic", ".sql", &r->clinic, err);
    if (rc == MB_OK) rc = mb_site_read(&r->site, "lua/" MB_SITE_HELPERS, ".sql", &r->sql, err);
    const struct mb_child_plan child = {.user = &r->site.user, .signals = &r->site.signals};
    return rc == MB_OK ? mb_child_call(&child, prepare_database, r, err) : rc;
}

/* ---- scripts ---- */

/* Into the folder where real servers look for them. */
static enum mb_rc write_secrets(const struct rehearsal *r, const char *plugin,
                                const struct mb_bundle *secrets, struct mb_err *err)
{
    char path[2 * MB_PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/secrets/%s", r->folder, plugin);
    bool ok = mkdir(path, 0700) == 0;
    for (size_t i = 0; ok && i < secrets->count; i++) {
        const struct mb_bundle_file *s = &secrets->files[i];
        (void)snprintf(path, sizeof path, "%s/secrets/%s/%s", r->folder, plugin, s->name);
        FILE *f = fopen(path, "wxe");
        ok = f != NULL && fwrite(s->text.ptr, 1, s->text.len, f) == s->text.len;
        if (f != NULL && fclose(f) != 0) ok = false;
    }
    return ok ? MB_OK : mb_fail(err, MB_E_IO, "%.200s: could not write it", path);
}

/* Secrets for tests are those that the plugin itself brings: <plugin>/spec/secrets. */
static enum mb_rc add_secrets(struct rehearsal *r, struct mb_bundle *secrets, const char *plugin,
                              struct mb_err *err)
{
    char folder[2 * MB_PATH_MAX], prefix[MB_PATH_MAX];
    struct mb_bundle more;
    (void)snprintf(folder, sizeof folder, "%s/%s/spec/secrets", r->config.plugins_folder, plugin);
    (void)snprintf(prefix, sizeof prefix, "%s/", plugin);
    if (access(folder, F_OK) != 0) return MB_OK;
    enum mb_rc rc = mb_bundle_read(&more, folder, NULL, NULL, MAX_SECRET, err);
    if (rc == MB_OK) rc = write_secrets(r, plugin, &more, err);
    return rc == MB_OK ? mb_bundle_join(secrets, &more, prefix, err) : rc;
}

static enum mb_rc add_plugin(struct rehearsal *r, const char *plugin, struct mb_err *err)
{
    char folder[2 * MB_PATH_MAX], prefix[MB_PATH_MAX];
    struct mb_bundle files;
    (void)snprintf(folder, sizeof folder, "%s/%s", r->config.plugins_folder, plugin);
    (void)snprintf(prefix, sizeof prefix, MB_SHELF_PLUGINS "%s/", plugin);
    enum mb_rc rc = mb_bundle_read(&files, folder, ".lua", MB_PLUGIN_SPECS, MB_SITE_MAX_FILE, err);
    return rc == MB_OK ? mb_bundle_join(&r->scripts, &files, prefix, err) : rc;
}

static enum mb_rc add_plugins(struct rehearsal *r, struct mb_err *err)
{
    struct mb_bundle secrets = {0};
    DIR *d = opendir(r->config.plugins_folder);
    enum mb_rc rc = MB_OK;
    for (struct dirent *e; d != NULL && rc == MB_OK && (e = readdir(d)) != NULL;) {
        struct stat st;
        if (!is_loaded(r, e->d_name) || fstatat(dirfd(d), e->d_name, &st, 0) != 0 ||
            !S_ISDIR(st.st_mode))
            continue;
        rc = add_plugin(r, e->d_name, err);
        if (rc == MB_OK) rc = add_secrets(r, &secrets, e->d_name, err);
    }
    if (d != NULL) (void)closedir(d);
    if (rc == MB_OK && secrets.count > 0)
        rc = mb_bundle_join(&r->scripts, &secrets, MB_SHELF_SECRETS, err);
    mb_bundle_free(&secrets);
    return rc;
}

static enum mb_rc open_scripts(struct rehearsal *r, struct mb_err *err)
{
    enum mb_rc rc = mb_site_server_scripts(&r->site, &r->scripts, err);
    if (rc == MB_OK) rc = mb_site_read(&r->site, "lua/" MB_SITE_HELPERS, ".lua", &r->helpers, err);
    if (rc == MB_OK) rc = add_plugins(r, err);
    if (rc == MB_OK) rc = mb_shelf_new(&r->shelf, (size_t)r->config.reload_max_bytes, err);
    if (rc == MB_OK) rc = mb_shelf_put(r->shelf, 0, &r->scripts, err);
    return rc == MB_OK ? mb_scripts_open(&r->parts, &r->config, err) : rc;
}

static enum mb_rc build(void *ctx, const struct mb_stage_place *at, struct mb_plugins **plugins,
                        struct mb_vm **vm, struct mb_buf *diagnostics, struct mb_err *err)
{
    const struct rehearsal *r = ctx;
    const struct mb_scripts_place place = {.loop = at->loop,
                                           .db = at->db,
                                           .client = at->client,
                                           .tables = at->tables,
                                           .rates = at->rates,
                                           .mail_folder = r->mail_folder,
                                           .secret = r->site.secret,
                                           .board = at->board,
                                           .asks_database = true};
    struct mb_states states;
    enum mb_rc rc =
        mb_scripts_build(&r->parts, &r->shelf->slot[0], &place, &states, diagnostics, err);
    *plugins = states.plugins;
    *vm = states.vm;
    return rc;
}

/* ---- the specs ---- */

/* The command line again, for a server as the caller would start it. */
static size_t server_words(const struct rehearsal *r, const char *secrets, const char **words)
{
    const struct mb_options *o = r->asked->options;
    size_t n = 0;
    if (o->file != NULL) {
        words[n++] = "--config";
        words[n++] = o->file;
    }
    for (size_t i = 0; i < o->nsets; i++) {
        words[n++] = "--set";
        words[n++] = o->sets[i];
    }
    words[n++] = "--set";
    words[n++] = secrets;
    words[n++] = "--set";
    words[n++] = "smtp.host="; /* mails of tests reach nobody */
    return n;
}

static enum mb_rc run_specs(void *ctx, struct mb_err *err)
{
    struct rehearsal *r = ctx;
    struct mb_buf diagnostics;
    bool passed = false;
    const char *words[2 * MB_MAX_SETS + 6];
    char secrets[MB_PATH_MAX + 32];
    (void)snprintf(secrets, sizeof secrets, "plugins.secrets=%s/secrets", r->folder);
    size_t nwords = server_words(r, secrets, words);
    struct mb_script *helpers = calloc(r->helpers.count + 1, sizeof *helpers);
    const struct mb_spec_plan plan = {
        .stage = {.db = mb_parts_db(&r->config, r->site.app_url),
                  .tables = mb_parts_tables(&r->config, r->site.app_url),
                  .secret = r->site.secret,
                  .plugins = (const char *const *)r->plugin,
                  .nplugins = r->nplugins,
                  .http = mb_parts_http(&r->config),
                  .client = mb_parts_client(&r->config),
                  .jobs = (unsigned)r->config.jobs_concurrency,
                  .build = build,
                  .ctx = r},
        .helpers = helpers,
        .nhelpers = r->helpers.count,
        .words = r->asked->words,
        .nwords = r->asked->nwords,
        .timeout_key = "test.timeout",
        .timeout_ms = (uint64_t)r->config.test_timeout,
        .folder = r->folder,
        .owner_url = r->site.owner_url,
        .server_words = words,
        .nserver_words = nwords,
    };
    for (size_t i = 0; helpers != NULL && i < r->helpers.count; i++)
        helpers[i] = (struct mb_script){r->helpers.files[i].name, r->helpers.files[i].text};
    mb_buf_init(&diagnostics, MAX_DIAGNOSTICS);
    enum mb_rc rc = helpers == NULL ? mb_fail(err, MB_E_NOMEM, "test: out of memory")
                                    : mb_spec_run(&plan, &passed, &diagnostics, err);
    if (rc == MB_E_SCRIPT && diagnostics.len > 0) {
        mb_say_lines(mb_buf_str(&diagnostics));
        rc = MB_E_CANCELLED; /* all is said */
    }
    mb_buf_reset(&diagnostics);
    free(helpers);
    return rc == MB_OK && !passed ? MB_E_CANCELLED : rc;
}

/* ---- the folder ---- */

static enum mb_rc make_folder(struct rehearsal *r, struct mb_err *err)
{
    const char *parent = getenv("TMPDIR");
    int n = snprintf(r->folder, sizeof r->folder, "%s/medbookd-test-XXXXXX",
                     parent != NULL && parent[0] == '/' ? parent : "/tmp");
    if (n >= (int)sizeof r->folder) return mb_fail(err, MB_E_CONFIG, "TMPDIR: it is too long");
    /* PostgreSQL's user must get through it; the data folder in it is that user's alone. */
    char secrets[MB_PATH_MAX + 16];
    bool is_made = mkdtemp(r->folder) != NULL && chmod(r->folder, 0711) == 0;
    (void)snprintf(secrets, sizeof secrets, "%s/secrets", r->folder);
    if (is_made && mkdir(secrets, 0700) == 0) return MB_OK;
    return mb_fail(err, MB_E_IO, "test: no temporary folder in %.150s: %s; set TMPDIR", parent,
                   strerror(errno));
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static void remove_folder(const char *folder)
{
    if (folder[0] == '/') (void)nftw(folder, remove_one, FOLDERS, FTW_DEPTH | FTW_PHYS);
}

int mb_rehearse(const struct mb_config *config, const struct mb_rehearsal *rehearsal)
{
    struct rehearsal r = {.asked = rehearsal, .config = *config};
    struct mb_err err = {0};
    enum mb_rc rc = make_folder(&r, &err);
    char data_dir[MB_PATH_MAX + 8];
    (void)snprintf(data_dir, sizeof data_dir, "%s/var", r.folder);
    (void)snprintf(r.mail_folder, sizeof r.mail_folder, "%s/mail", r.folder);
    r.config.data_dir = data_dir;
    r.config.database_url = "";
    r.config.smtp_host = r.config.smtp_password_file = "";
    if (r.config.jobs_concurrency == 0) r.config.jobs_concurrency = 1;
    if (rc == MB_OK) rc = mb_site_open(&r.site, &r.config, &err);
    r.site.is_throwaway = true;
    if (rc == MB_OK) rc = open_scripts(&r, &err);
    if (rc == MB_OK) rc = open_database(&r, &err);
    const struct mb_user caller = {.uid = getuid(), .gid = getgid()};
    const struct mb_child_plan child = {
        .user = &caller, .signals = &r.site.signals, .is_debuggable = true};
    if (rc == MB_OK) rc = mb_child_call(&child, run_specs, &r, &err);
    if (rc != MB_OK && err.rc != MB_E_CANCELLED) mb_say_error(&err);
    mb_site_close(&r.site, true);
    remove_folder(r.site.dir.path); /* it may have had to lie elsewhere */
    remove_folder(r.folder);
    mb_scripts_close(&r.parts);
    mb_bundle_free(&r.scripts);
    mb_bundle_free(&r.helpers);
    mb_site_migrations_free(&r.migrations);
    for (size_t i = 0; i < r.nplugins; i++) free(r.plugin[i]);
    mb_bundle_free(&r.reference);
    mb_bundle_free(&r.clinic);
    mb_bundle_free(&r.sql);
    return rc == MB_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
