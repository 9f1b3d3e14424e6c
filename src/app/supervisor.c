/*
 * Start: folder, key, scripts, sockets, database, schema, workers. Stop: the same backwards.
 * Whatever can be refused is refused before anything is started.
 */
#define _GNU_SOURCE
#include "app/supervisor.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "app/control.h"
#include "app/crew.h"
#include "app/listen.h"
#include "app/notify.h"
#include "app/parts.h"
#include "app/reference.h"
#include "app/say.h"
#include "app/scripts.h"
#include "app/site.h"
#include "app/watch.h"
#include "base/clock.h"
#include "base/log.h"

enum {
    TICK_MS = 100,
    CONNECT_TICKS = 50,     /* longest wait of the announcement for the workers' connections */
    SPARE_PLUGINS = 4,      /* with tables, that a reload may add */
    SPARE_CONNECTIONS = 16, /* of the embedded database: migrations, backups, a person at psql */
    STOP_MARGIN_MS = 1000,  /* past shutdown_timeout, for workers to end by themselves */
    LAST_ACCEPT_MS = 10,    /* between looks whether workers have taken in who waits */
    LAST_ACCEPTS = 20,
};

struct supervisor {
    struct mb_site site;
    struct mb_site_migrations migrations;
    struct mb_listeners listeners;
    char smtp_password[MB_PASSWORD_MAX];
    struct mb_shm *shm;
    struct mb_crew crew;
    struct mb_reload *reload;
    struct mb_control *control;
    struct mb_watch watch; /* of the scripts, in development */
    uint64_t started_ns, next_tick_ns;
    unsigned unconnected; /* ticks that workers were ready but without database */
    bool is_at_terminal, is_announced;
};

static void set_limits(const struct mb_config *config)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    /* A core holds patients' data. */
    const struct rlimit none = {0, 0};
    if (!config->dev) (void)setrlimit(RLIMIT_CORE, &none);
    (void)umask(077);
}

/* ---- start ---- */

static enum mb_rc refuse_shared(const struct supervisor *s, struct mb_err *err)
{
    return mb_fail(err, MB_E_CONFIG,
                   "data folder %.110s: medbookd with process id %ld uses it; stop "
                   "that one or set another data_dir",
                   s->site.dir.path, (long)s->site.holder);
}

static enum mb_rc settle(void *ctx, struct mb_err *err) { return mb_scripts_settle(ctx, err); }

/* In a child, as scripts are loaded. */
static enum mb_rc check_settings(struct supervisor *s, struct mb_err *err)
{
    const struct mb_child_plan child = {.user = &s->site.user, .signals = &s->site.signals};
    struct mb_config config = *s->site.config;
    return config.pending != NULL ? mb_child_call(&child, settle, &config, err) : MB_OK;
}

/* Everything that may be refused without a process of the service having been started. */
static enum mb_rc prepare(struct supervisor *s, const struct mb_config *config, struct mb_err *err)
{
    enum mb_rc rc = mb_site_open(&s->site, config, err);
    if (rc == MB_OK && s->site.holder != 0) rc = refuse_shared(s, err);
    if (rc == MB_OK) rc = check_settings(s, err);
    if (rc == MB_OK) rc = mb_site_secret(&s->site, err);
    if (rc == MB_OK) rc = mb_password_read(s->smtp_password, config->smtp_password_file, err);
    if (rc == MB_OK) rc = mb_site_migrations(&s->site, &s->migrations, err);
    if (rc == MB_OK) rc = mb_listen_open(&s->listeners, config, mb_parts_workers(config), err);
    if (rc == MB_OK) rc = mb_shm_new(&s->shm, config, mb_parts_workers(config), err);
    if (rc == MB_OK) mb_log_count(&s->shm->log_dropped);
    if (rc == MB_OK) rc = mb_reload_new(&s->reload, &s->site, s->shm, &s->crew, err);
    return rc == MB_OK ? mb_control_open(&s->control, &s->site, s->reload, err) : rc;
}

static enum mb_rc watch_scripts(struct supervisor *s, struct mb_err *err)
{
    char top[MB_PATH_MAX + 32];
    if (!s->site.config->dev) return MB_OK;
    (void)snprintf(top, sizeof top, "%s/lua", s->site.home);
    return mb_watch_open(&s->watch, top, s->site.config->plugins_folder, err);
}

static enum mb_rc open_database(struct supervisor *s, struct mb_err *err)
{
    const struct mb_config *config = s->site.config;
    unsigned of_plugins = SPARE_PLUGINS + mb_site_count_plugins(&s->migrations.plugins);
    unsigned connections = s->shm->nplaces * ((unsigned)config->database_pool_max +
                                              of_plugins * (unsigned)config->plugins_connections) +
                           SPARE_CONNECTIONS;
    enum mb_rc rc = mb_site_connect(&s->site, connections, err);
    if (rc != MB_OK) return rc;
    bool is_embedded = s->site.postgres != NULL;
    rc = mb_site_migrate(&s->site, &s->migrations, is_embedded ? MB_SCHEMA_UP : MB_SCHEMA_VERIFY, -1,
                         NULL, err);
    return rc == MB_OK && is_embedded ? mb_reference_begin(&s->site, err) : rc;
}

static void hire(struct supervisor *s)
{
    s->crew.user = &s->site.user;
    s->crew.signals = &s->site.signals;
    s->crew.plan = (struct mb_worker_plan){.config = s->site.config,
                                           .shm = s->shm,
                                           .listeners = &s->listeners,
                                           .database_url = s->site.app_url,
                                           .folder = s->site.dir.path,
                                           .smtp_password = s->smtp_password,
                                           .secret = s->site.secret};
}

static bool is_connected(const struct supervisor *s)
{
    for (unsigned i = 0; i < s->shm->nworkers; i++)
        if (atomic_load(&s->shm->worker[i].db.connections) == 0) return false;
    return true;
}

/* Said once, when a request sent now would be answered: or, when the database stays away, to say
 * that this at least is up. */
static void announce(struct supervisor *s)
{
    if (s->is_announced || !mb_crew_is_ready(&s->crew)) return;
    if (!is_connected(s) && s->unconnected++ < CONNECT_TICKS) return;
    s->is_announced = true;
    double seconds = (double)(mb_mono_ns() - s->started_ns) / 1e9;
    bool has_admin = s->listeners.admin_fd >= 0;
    mb_say("ready in %.1f s: %u worker%s, %s; %s%s%s", seconds, s->shm->nworkers,
           s->shm->nworkers == 1 ? "" : "s",
           s->site.postgres != NULL ? "embedded PostgreSQL" : "database by URL",
           s->listeners.address, has_admin ? ", admin " : "",
           has_admin ? s->listeners.admin_address : "");
    mb_notify("READY=1");
}

/* ---- run ---- */

static void watch_descriptors(struct supervisor *s)
{
    struct mb_signals *signals = &s->site.signals;
    signals->nalso = 0;
    signals->also[signals->nalso++] = s->shm->bell;
    if (s->watch.fd >= 0) signals->also[signals->nalso++] = s->watch.fd;
    mb_control_watch(s->control, signals);
}

/* Waits for a signal, a word, the bell or the tick; true when the tick is due. A late one is not
 * made up for. */
static bool wait_tick(struct supervisor *s)
{
    uint64_t now = mb_mono_ns();
    watch_descriptors(s);
    if (now < s->next_tick_ns) {
        int ms = (int)((s->next_tick_ns - now) / 1000000u) + 1;
        mb_signals_wait(&s->site.signals, mb_watch_patience(&s->watch, ms));
    }
    mb_shm_hush(s->shm);
    now = mb_mono_ns();
    if (now < s->next_tick_ns) return false;
    s->next_tick_ns = now + (uint64_t)TICK_MS * 1000000u;
    return true;
}

static void note_hangup(struct supervisor *s)
{
    if (s->site.signals.hangups == 0) return;
    s->site.signals.hangups = 0;
    /* The terminal we were started from was closed: that is Ctrl-C by other means. */
    if (s->is_at_terminal && tcgetpgrp(STDERR_FILENO) < 0)
        s->site.signals.stops++;
    else
        mb_reload_ask(s->reload, MB_RELOAD_TREE, NULL, NULL);
}

/* After a wait: takes what came, and lets a reload go on. */
static void serve(struct supervisor *s)
{
    note_hangup(s);
    mb_control_step(s->control);
    if (mb_watch_step(&s->watch)) mb_reload_ask(s->reload, MB_RELOAD_TREE, NULL, NULL);
    mb_reload_step(s->reload);
}

static int watch(struct supervisor *s)
{
    while (s->site.signals.stops == 0 && !s->crew.is_broken) {
        bool is_tick = wait_tick(s);
        mb_crew_reap(&s->crew);
        serve(s);
        if (!is_tick || s->crew.is_broken) continue;
        announce(s);
        if (s->site.postgres != NULL && mb_postgres_tick(s->site.postgres))
            atomic_fetch_add(&s->shm->postgres_restarts, 1);
        mb_crew_tick(&s->crew);
    }
    return s->crew.is_broken ? EX_CONFIG : EXIT_SUCCESS;
}

/* ---- stop ---- */

/* Workers take in who has connected already; then, or when one hangs, nobody can connect. */
static void refuse_clients(struct supervisor *s)
{
    for (int i = 0; i < LAST_ACCEPTS && mb_crew_serves(&s->crew); i++)
        mb_signals_wait(&s->site.signals, LAST_ACCEPT_MS);
    mb_listen_refuse(&s->listeners);
}

static void stop_workers(struct supervisor *s)
{
    uint64_t patience = (uint64_t)s->site.config->shutdown_timeout + STOP_MARGIN_MS;
    uint64_t deadline = mb_mono_ns() + patience * 1000000u;
    s->site.signals.nalso = 0; /* nobody else is listened to any more */
    atomic_store(&s->shm->stopping, 1);
    mb_crew_signal(&s->crew, SIGTERM);
    refuse_clients(s);
    bool is_killed = false;
    while (!mb_crew_is_empty(&s->crew)) {
        if (!is_killed && (s->site.signals.stops > 1 || mb_mono_ns() > deadline)) {
            mb_crew_signal(&s->crew, SIGKILL);
            is_killed = true;
        }
        mb_signals_wait(&s->site.signals, TICK_MS);
        mb_crew_reap(&s->crew);
    }
}

static void close_all(struct supervisor *s)
{
    mb_control_close(s->control);
    mb_reload_free(s->reload);
    mb_watch_close(&s->watch);
    mb_listen_close(&s->listeners); /* before PostgreSQL's stop: nobody answers there any more */
    mb_site_close(&s->site, true);
    mb_site_migrations_free(&s->migrations);
    explicit_bzero(s->site.secret, sizeof s->site.secret);
    explicit_bzero(s->smtp_password, sizeof s->smtp_password);
}

static enum mb_log_level log_level(const char *word)
{
    switch (word[0]) {
    case 'd': return MB_LOG_DEBUG;
    case 'w': return MB_LOG_WARN;
    case 'e': return MB_LOG_ERROR;
    default: return MB_LOG_INFO;
    }
}

int mb_supervisor_run(const struct mb_config *config)
{
    struct supervisor s = {
        .started_ns = mb_mono_ns(), .listeners = {.admin_fd = -1}, .watch = {.fd = -1}};
    s.is_at_terminal = isatty(STDERR_FILENO) == 1;
    struct mb_err err = {0};
    mb_log_init(STDERR_FILENO, log_level(config->log_level), "supervisor");
    set_limits(config);

    enum mb_rc rc = mb_log_queue((size_t)config->log_buffer);
    if (rc == MB_OK) rc = prepare(&s, config, &err);
    if (rc == MB_OK) rc = watch_scripts(&s, &err);
    if (rc == MB_OK) rc = open_database(&s, &err);
    if (rc == MB_OK && s.migrations.plugins.count > 0) rc = mb_reload_judge_first(s.reload, &err);
    int code = EXIT_FAILURE;
    if (rc == MB_OK) {
        hire(&s);
        code = watch(&s);
        mb_notify("STOPPING=1");
        if (code == EXIT_SUCCESS)
            mb_say("stopping: finishing requests in flight");
        else
            mb_say("scripts: they cannot be loaded, as said above; medbookd check tells it again");
        stop_workers(&s);
    } else if (rc == MB_E_SCRIPT) {
        code = EX_CONFIG;
    } else if (rc != MB_E_CANCELLED) {
        mb_say_error(&err);
    } else {
        code = EXIT_SUCCESS; /* asked to stop while starting */
    }
    close_all(&s);
    if (code == EXIT_SUCCESS) mb_say("stopped");
    mb_log_flush();
    return code;
}
