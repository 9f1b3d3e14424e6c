/*
 * What each command does with an installation. How the command line is written stands in
 * options.c; what `run` does, in supervisor.c.
 */
#include "app/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "app/console.h"
#include "app/control_client.h"
#include "app/demo.h"
#include "app/jobs.h"
#include "app/mail_test.h"
#include "app/options.h"
#include "app/plugin_new.h"
#include "app/reference.h"
#include "app/rehearsal.h"
#include "app/say.h"
#include "app/scripts.h"
#include "app/site.h"
#include "app/super_admin.h"
#include "app/supervisor.h"
#include "net/http.h"

enum { TOOL_CONNECTIONS = 32 };

static int fail(const struct mb_err *err)
{
    if (err->rc != MB_E_CANCELLED) mb_say_error(err);
    return EXIT_FAILURE;
}

/* ---- run ---- */

static enum mb_rc check_parser(struct mb_err *err)
{
    if (mb_http_parser_is_strict()) return MB_OK;
    return mb_fail(err, MB_E_CONFIG,
                   "HTTP parser: this build of llhttp accepts malformed requests; "
                   "build it with LLHTTP_STRICT_MODE=1");
}

static int run(const struct mb_options *o, const struct mb_config *config)
{
    (void)o;
    struct mb_err err = {0};
    return check_parser(&err) == MB_OK ? mb_supervisor_run(config) : fail(&err);
}

/* ---- check, routes, explain ---- */

enum { MAX_DIAGNOSTICS = 1 << 20, MAX_TOLD = 1 << 24 };

/* What a command wants to know of the scripts. */
struct question {
    const struct mb_options *options;
    const struct mb_config *config;
    const struct mb_site_migrations *migrations;
    size_t nscripts;
    struct mb_buf answer;
};

/* Builds the scripts of the home, asks, and prints the answer or what is wrong. */
static int ask_scripts(const struct mb_config *config, const struct mb_bundle *tree,
                       mb_scripts_look look, struct question *q)
{
    struct mb_shelf *shelf;
    struct mb_buf diagnostics;
    struct mb_err err = {0};
    mb_buf_init(&q->answer, MAX_TOLD);
    mb_buf_init(&diagnostics, MAX_DIAGNOSTICS);
    enum mb_rc rc = mb_shelf_new(&shelf, (size_t)config->reload_max_bytes, &err);
    if (rc == MB_OK) rc = mb_shelf_put(shelf, 0, tree, &err);
    if (rc == MB_OK) {
        q->nscripts = shelf->slot[0].nscripts + shelf->slot[0].nplugins;
        rc = mb_scripts_check(config, NULL, &shelf->slot[0], look, q, &diagnostics, &err);
    }
    if (rc == MB_OK)
        (void)fwrite(q->answer.data, 1, q->answer.len, stdout);
    else if (diagnostics.len == 0)
        mb_say_error(&err);
    else
        mb_say_lines(mb_buf_str(&diagnostics));
    mb_buf_reset(&diagnostics);
    mb_buf_reset(&q->answer);
    return rc == MB_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

static enum mb_rc look_whole(const struct mb_states *states, void *ctx, struct mb_err *err)
{
    struct question *q = ctx;
    enum mb_rc rc = mb_schema_check(&q->migrations->server, &q->migrations->plugins, err);
    if (rc != MB_OK) return rc;
    return mb_buf_addf(&q->answer, "%zu scripts, %zu routes: no error\n", q->nscripts,
                       mb_vm_route_count(states->vm));
}

static enum mb_rc look_routes(const struct mb_states *states, void *ctx, struct mb_err *err)
{
    struct question *q = ctx;
    return mb_vm_tell(states->vm, "mb.explain", "routes", NULL, &q->answer, err);
}

static enum mb_rc look_openapi(const struct mb_states *states, void *ctx, struct mb_err *err)
{
    struct question *q = ctx;
    enum mb_rc rc = mb_vm_tell(states->vm, "mb.openapi", "get", NULL, &q->answer, err);
    return rc == MB_OK ? mb_buf_add(&q->answer, "\n", 1) : rc;
}

/* The route is found as a request finds it. */
static enum mb_rc look_explain(const struct mb_states *states, void *ctx, struct mb_err *err)
{
    struct question *q = ctx;
    const char *word = q->options->words[0], *path = q->options->words[1];
    char scratch[4096], index[16];
    struct mb_route_match match;
    int method = 0;
    while (method < MB_METHOD_COUNT && strcmp(mb_method_name((enum mb_method)method), word) != 0)
        method++;
    if (method == MB_METHOD_COUNT)
        return mb_fail(err, MB_E_CONFIG,
                       "%.40s is no method; there are GET, POST, PUT, PATCH, DELETE", word);
    if (strlen(path) > sizeof scratch)
        return mb_fail(err, MB_E_CONFIG, "the path is longer than %zu bytes", sizeof scratch);
    mb_routes_match(mb_vm_routes(states->vm), (enum mb_method)method, mb_str_z(path), scratch,
                    &match);
    if (match.route < 0)
        return mb_fail(err, MB_E_CONFIG, "%s %.200s: %s; medbookd routes lists them", word, path,
                       match.route == -2 ? "this path does not answer to that method"
                                         : "path not found");
    (void)snprintf(index, sizeof index, "%d", match.route);
    return mb_vm_tell(states->vm, "mb.explain", "explain", index, &q->answer, err);
}

static int ask(const struct mb_options *o, const struct mb_config *config, mb_scripts_look look)
{
    struct mb_site_migrations migrations = {0};
    struct question question = {.options = o, .config = config, .migrations = &migrations};
    struct mb_site site = {.config = config};
    struct mb_bundle scripts = {0};
    struct mb_err err = {0};
    enum mb_rc rc = check_parser(&err);
    if (rc == MB_OK) rc = mb_home_find(site.home, config, &err);
    if (rc == MB_OK) rc = mb_site_scripts(&site, &scripts, &err);
    if (rc == MB_OK) rc = mb_site_migrations(&site, &migrations, &err);
    int code = rc == MB_OK ? ask_scripts(config, &scripts, look, &question) : fail(&err);
    mb_bundle_free(&scripts);
    mb_site_migrations_free(&migrations);
    return code;
}

static int check(const struct mb_options *o, const struct mb_config *config)
{
    return ask(o, config, look_whole);
}

static int routes(const struct mb_options *o, const struct mb_config *config)
{
    return ask(o, config, look_routes);
}

static int openapi(const struct mb_options *o, const struct mb_config *config)
{
    return ask(o, config, look_openapi);
}

static int explain(const struct mb_options *o, const struct mb_config *config)
{
    return ask(o, config, look_explain);
}

/* ---- reload, rollback ---- */

static int tell_server(const char *word, const struct mb_config *config)
{
    struct mb_site site;
    struct mb_err err = {0};
    enum mb_rc rc = mb_site_visit(&site, config, &err);
    if (rc == MB_OK && site.holder == 0)
        rc = mb_fail(&err, MB_E_CONFIG, "data folder %.150s: no medbookd uses it; start one "
                     "with medbookd run, or set data_dir to that of one that runs",
                     site.dir.path);
    int code = rc == MB_OK ? mb_control_call(&site, word) : fail(&err);
    mb_site_close(&site, false);
    return code;
}

static int reload(const struct mb_options *o, const struct mb_config *config)
{
    (void)o;
    return tell_server("reload", config);
}

static int rollback(const struct mb_options *o, const struct mb_config *config)
{
    (void)o;
    return tell_server("rollback", config);
}

/* ---- config ---- */

/* Hides what stands between "//user:" and "@", and after "password=". */
static void hide_password(char *url)
{
    char *scheme = strstr(url, "://"), *at = scheme == NULL ? NULL : strrchr(scheme, '@');
    char *colon = at == NULL ? NULL : strchr(scheme + 3, ':');
    if (colon != NULL && colon < at)
        for (char *c = colon + 1; c < at; c++) *c = '*';
    char *word = strstr(url, "password=");
    if (word == NULL) return;
    for (char *c = word + sizeof "password=" - 1; *c != '\0' && *c != ' ' && *c != '&'; c++)
        *c = '*';
}

static enum mb_rc print_effective(const struct mb_config *config, struct mb_buf *out)
{
    for (size_t i = 0; i < mb_config_count(); i++) {
        size_t start = out->len;
        enum mb_rc rc = mb_buf_addf(out, "%s = ", mb_config_key(i));
        if (rc == MB_OK) rc = mb_config_text(config, i, out);
        if (rc == MB_OK) rc = mb_buf_add(out, "\n", 2); /* with its NUL, for the search below */
        if (rc != MB_OK) return rc;
        out->len--;
        if (strcmp(mb_config_key(i), "database.url") == 0) hide_password(out->data + start);
    }
    return MB_OK;
}

/* The program's own keys, then those of the scripts. */
static enum mb_rc look_config(const struct mb_states *states, void *ctx, struct mb_err *err)
{
    struct question *q = ctx;
    bool is_effective = q->options->is_effective;
    enum mb_rc rc =
        is_effective ? print_effective(q->config, &q->answer) : mb_config_sample(&q->answer);
    if (rc == MB_OK)
        rc = is_effective ? mb_config_declared_print(states->declared, &q->answer)
                          : mb_config_declared_sample(states->declared, &q->answer);
    return rc == MB_OK ? rc : mb_fail(err, rc, "config: out of memory");
}

static int print_config(const struct mb_options *o, const struct mb_config *config)
{
    int code = ask(o, config, look_config);
    if (fflush(stdout) == 0 && ferror(stdout) == 0) return code;
    mb_say("config: could not write it to standard output");
    return EXIT_FAILURE;
}

/* ---- commands on the database ---- */

/* With the embedded database: starts it unless another medbookd runs it already. */
static enum mb_rc open_site(struct mb_site *site, const struct mb_config *config,
                            struct mb_err *err)
{
    enum mb_rc rc = mb_site_visit(site, config, err);
    return rc == MB_OK ? mb_site_connect(site, TOOL_CONNECTIONS, err) : rc;
}

static int migrate(const struct mb_options *o, const struct mb_config *config)
{
    struct mb_site site;
    struct mb_site_migrations migrations = {0};
    struct mb_err err = {0};
    /* On a database of its own it is the first thing that is done. */
    bool sets_up = o->step == MB_SCHEMA_UP && config->database_url[0] != '\0';
    enum mb_rc rc =
        sets_up ? mb_site_open(&site, config, &err) : mb_site_visit(&site, config, &err);
    if (rc == MB_OK) rc = mb_site_connect(&site, TOOL_CONNECTIONS, &err);
    if (rc == MB_OK) rc = mb_site_migrations(&site, &migrations, &err);
    if (rc == MB_OK && (sets_up || migrations.plugins.count > 0)) rc = mb_site_secret(&site, &err);
    if (rc == MB_OK) rc = mb_site_migrate(&site, &migrations, o->step, o->to, o->plugin, &err);
    int code = rc == MB_OK ? EXIT_SUCCESS : fail(&err);
    mb_site_close(&site, false);
    mb_site_migrations_free(&migrations);
    return code;
}

struct demo {
    const char *url;
    struct mb_bundle reference, files;
};

static enum mb_rc load_demo_files(void *ctx, struct mb_err *err)
{
    const struct demo *demo = ctx;
    return mb_demo_load(demo->url, &demo->reference, &demo->files, stdout, err);
}

static int load_demo(const struct mb_options *o, const struct mb_config *config)
{
    (void)o;
    struct mb_site site;
    struct mb_site_migrations migrations = {0};
    struct demo demo = {0};
    struct mb_err err = {0};
    enum mb_rc rc = open_site(&site, config, &err);
    if (rc == MB_OK) rc = mb_site_read(&site, "migrations", ".sql", &migrations.server, &err);
    if (rc == MB_OK)
        rc = mb_site_migrate(&site, &migrations,
                             site.postgres != NULL ? MB_SCHEMA_UP : MB_SCHEMA_VERIFY, -1, NULL,
                             &err);
    if (rc == MB_OK)
        rc = mb_site_read(&site, "migrations/" MB_SITE_REFERENCE, ".sql", &demo.reference, &err);
    if (rc == MB_OK) rc = mb_site_read(&site, "examples/demo-clinic", ".sql", &demo.files, &err);
    demo.url = site.owner_url;
    const struct mb_child_plan child = {.user = &site.user, .signals = &site.signals};
    if (rc == MB_OK) rc = mb_child_call(&child, load_demo_files, &demo, &err);
    int code = rc == MB_OK ? EXIT_SUCCESS : fail(&err);
    mb_site_close(&site, false);
    mb_bundle_free(&demo.reference);
    mb_bundle_free(&demo.files);
    mb_site_migrations_free(&migrations);
    return code;
}

struct jobs {
    const char *url;
    const struct mb_options *options;
};

static enum mb_rc ask_jobs(void *ctx, struct mb_err *err)
{
    const struct jobs *jobs = ctx;
    const struct mb_options *o = jobs->options;
    const struct mb_jobs_question question = {o->words[0], o->words[1], o->status, o->kind,
                                              o->limit};
    return mb_jobs_ask(jobs->url, &question, stdout, err);
}

static int look_after_jobs(const struct mb_options *o, const struct mb_config *config)
{
    struct mb_site site;
    struct mb_err err = {0};
    struct jobs jobs = {.options = o};
    enum mb_rc rc = open_site(&site, config, &err);
    if (rc == MB_OK) rc = mb_site_expect_schema(&site, &err);
    jobs.url = site.app_url;
    const struct mb_child_plan child = {.user = &site.user, .signals = &site.signals};
    if (rc == MB_OK) rc = mb_child_call(&child, ask_jobs, &jobs, &err);
    int code = rc == MB_OK ? EXIT_SUCCESS : fail(&err);
    mb_site_close(&site, false);
    return code;
}

/* ---- test, plugin ---- */

/* Files and folders, then options of busted. */
static int rehearse(const struct mb_options *o, const struct mb_config *config,
                    const char *const *paths, size_t npaths, const char *plugin)
{
    const char **words = calloc(npaths + o->nrest + 1, sizeof *words);
    if (words == NULL) return EXIT_FAILURE;
    for (size_t i = 0; i < o->nrest; i++) words[i] = o->rest[i];
    for (size_t i = 0; i < npaths; i++) words[o->nrest + i] = paths[i];
    const struct mb_rehearsal rehearsal = {o, words, npaths + o->nrest, plugin};
    int code = mb_rehearse(config, &rehearsal);
    free(words);
    return code;
}

static int test(const struct mb_options *o, const struct mb_config *config)
{
    static const char *const usual = MB_PLUGIN_SPECS;
    return o->nwords > 0 ? rehearse(o, config, o->words, o->nwords, NULL)
                         : rehearse(o, config, &usual, 1, NULL);
}

static int plugin(const struct mb_options *o, const struct mb_config *config)
{
    struct mb_err err = {0};
    char folder[2 * MB_PATH_MAX];
    const char *name = o->words[1], *const paths[] = {folder};
    if (strcmp(o->words[0], "new") == 0)
        return mb_plugin_new(config, name, &err) == MB_OK ? EXIT_SUCCESS : fail(&err);
    (void)snprintf(folder, sizeof folder, "%s/%s/" MB_PLUGIN_SPECS, config->plugins_folder, name);
    if (access(folder, F_OK) == 0) return rehearse(o, config, paths, 1, name);
    (void)mb_fail(&err, MB_E_CONFIG, "%.200s: folder not found, or without *_spec.lua in it",
                  folder);
    return fail(&err);
}

/* ---- dispatch ---- */

/* Commands that load the scripts, which tells them of settings that fit no key. */
static bool loads_scripts(enum mb_command c)
{
    return c == MB_COMMAND_CHECK || c == MB_COMMAND_ROUTES || c == MB_COMMAND_OPENAPI ||
           c == MB_COMMAND_EXPLAIN || c == MB_COMMAND_CONFIG || c == MB_COMMAND_MAIL || c == MB_COMMAND_ADMIN;
}

int mb_commands_run(int argc, char **argv)
{
    static int (*const commands[])(const struct mb_options *, const struct mb_config *) = {
        [MB_COMMAND_RUN] = run,
        [MB_COMMAND_CHECK] = check,
        [MB_COMMAND_ROUTES] = routes,
        [MB_COMMAND_OPENAPI] = openapi,
        [MB_COMMAND_EXPLAIN] = explain,
        [MB_COMMAND_RELOAD] = reload,
        [MB_COMMAND_ROLLBACK] = rollback,
        [MB_COMMAND_CONFIG] = print_config,
        [MB_COMMAND_MIGRATE] = migrate,
        [MB_COMMAND_JOBS] = look_after_jobs,
        [MB_COMMAND_MAIL] = mb_mail_test,
        [MB_COMMAND_CONSOLE] = mb_console_command,
        [MB_COMMAND_TEST] = test,
        [MB_COMMAND_PLUGIN] = plugin,
        [MB_COMMAND_DEMO] = load_demo,
        [MB_COMMAND_REFERENCE] = mb_reference_command,
        [MB_COMMAND_ADMIN] = mb_super_admin_command};
    struct mb_options options;
    struct mb_config config;
    struct mb_err err = {0};
    if (mb_options_read(&options, argc, argv, &err) != MB_OK) {
        mb_say_error(&err);
        return EX_USAGE;
    }
    if (options.is_answered) return EXIT_SUCCESS;
    if (mb_config_load(&config, options.file, options.sets, options.nsets, &err) != MB_OK)
        return fail(&err);
    if (!loads_scripts(options.command) && options.command != MB_COMMAND_RUN &&
        mb_scripts_settle(&config, &err) != MB_OK)
        return fail(&err);
    return commands[options.command](&options, &config);
}
