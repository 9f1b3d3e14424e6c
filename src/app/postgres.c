/* The life of the embedded postmaster. */
#define _GNU_SOURCE
#include "app/postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/say.h"
#include "base/log.h"

enum {
    STEP_MS = 20,
    REPORT_MS = 5000, /* a line that it still takes time */
    BUSY_TRIES = 50,  /* sessions of a killed postmaster take a moment to leave */
    BUSY_PAUSE_MS = 200,
    TICK_MS = 100, /* of the supervisor */
};

struct mb_postgres {
    struct mb_cluster cluster;
    pid_t pid;            /* 0 = not running */
    bool is_child;        /* else adopted: cannot be waited for */
    bool was_ready;       /* accepted connections since it was started */
    unsigned failures;    /* deaths in a row before it was ready */
    unsigned pause_ticks; /* until the next start */
    off_t mark;           /* end of the log when it was started */
    char owner_url[2 * MB_PATH_MAX + 64], app_url[2 * MB_PATH_MAX + 64];
};

static enum mb_rc refuse(const struct mb_postgres *p, struct mb_err *err, const char *why)
{
    return mb_fail(err, MB_E_CONFIG, "embedded PostgreSQL: could not start: %.140s; see %.90s", why,
                   p->cluster.log);
}

enum mb_rc mb_postgres_new(struct mb_postgres **out, const struct mb_postgres_plan *plan,
                           struct mb_err *err)
{
    struct mb_postgres *p = calloc(1, sizeof *p);
    if (p == NULL) return mb_fail(err, MB_E_NOMEM, "embedded PostgreSQL: out of memory");
    p->cluster.config = plan->config;
    p->cluster.user = plan->user;
    p->cluster.signals = plan->signals;
    p->cluster.connections = plan->connections;
    p->cluster.is_throwaway = plan->is_throwaway;
    p->cluster.is_visited = plan->is_visited;
    enum mb_rc rc = mb_cluster_open(&p->cluster, plan->dir, err);
    if (rc != MB_OK) {
        free(p);
        return rc;
    }
    *out = p;
    return MB_OK;
}

void mb_postgres_free(struct mb_postgres *p) { free(p); }

const char *mb_postgres_owner_url(const struct mb_postgres *p) { return p->owner_url; }
const char *mb_postgres_app_url(const struct mb_postgres *p) { return p->app_url; }
bool mb_postgres_is_adopted(const struct mb_postgres *p) { return p->pid != 0 && !p->is_child; }

/* libpq keyword form; a folder's name may hold quotes and backslashes. */
static void write_url(char *out, size_t size, const char *socket_dir, const char *user)
{
    char quoted[2 * MB_PATH_MAX];
    size_t n = 0;
    for (const char *at = socket_dir; *at != '\0' && n < sizeof quoted - 2; at++) {
        if (*at == '\'' || *at == '\\') quoted[n++] = '\\';
        quoted[n++] = *at;
    }
    quoted[n] = '\0';
    (void)snprintf(out, size, "host='%s' port=5432 dbname=medbookd user=%s", quoted, user);
}

static void set_urls(struct mb_postgres *p, const char *socket_dir)
{
    write_url(p->owner_url, sizeof p->owner_url, socket_dir, "medbookd");
    write_url(p->app_url, sizeof p->app_url, socket_dir, "medbookd_app");
}

/* ---- start ---- */

static _Noreturn void run_postgres(const struct mb_cluster *c)
{
    char program[MB_PATH_MAX + 16], sockets[MB_PATH_MAX + 32], data[MB_PATH_MAX];
    (void)snprintf(program, sizeof program, "%s/postgres", c->bin);
    (void)snprintf(sockets, sizeof sockets, "unix_socket_directories=%s", c->socket_dir);
    (void)snprintf(data, sizeof data, "%s", c->data);
    char d[] = "-D", o[] = "-c", addresses[] = "listen_addresses=", port[] = "port=5432";
    char mode[] = "unix_socket_permissions=0700", collector[] = "logging_collector=off";
    if (!mb_child_redirect(c->log)) _exit(EXIT_FAILURE);
    mb_child_exec((char *const[]){program, d, data, o, addresses, o, port, o, sockets, o, mode, o,
                                  collector, NULL});
}

/* The number in the lock files of a killed postmaster may belong to any process by now, or to a
 * zombie; PostgreSQL would take that for a server at work and refuse to start. Sessions that are
 * left of the old one it still finds, by their shared memory. */
static void forget_stale_locks(const struct mb_cluster *c)
{
    char path[MB_PATH_MAX + 32];
    struct mb_postmaster seen;
    bool has_file = mb_cluster_postmaster(c, &seen);
    if (has_file && mb_cluster_is_postmaster(c, seen.pid)) return;
    (void)snprintf(path, sizeof path, "%s/postmaster.pid", c->data);
    if (has_file && kill(seen.pid, 0) == 0) (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/.s.PGSQL.5432.lock", c->socket_dir);
    (void)unlink(path);
}

static enum mb_rc launch(struct mb_postgres *p, struct mb_err *err)
{
    forget_stale_locks(&p->cluster);
    const struct mb_child_plan plan = {
        .user = p->cluster.user, .signals = p->cluster.signals, .is_survivor = true};
    p->mark = mb_cluster_log_end(&p->cluster);
    pid_t pid = 0;
    enum mb_rc rc = mb_child_fork(&pid, &plan, err);
    if (rc != MB_OK) return rc;
    if (pid == 0) run_postgres(&p->cluster);
    p->pid = pid;
    p->is_child = true;
    p->was_ready = false;
    return MB_OK;
}

static bool has_ended(struct mb_postgres *p, int *status)
{
    *status = 0;
    if (p->is_child) return mb_child_has_ended(p->pid, status);
    /* Not kill(pid, 0): that finds a zombie too, which nobody may ever reap in a container. */
    return !mb_cluster_is_postmaster(&p->cluster, p->pid);
}

static bool is_ready(const struct mb_postgres *p)
{
    struct mb_postmaster seen;
    return mb_cluster_postmaster(&p->cluster, &seen) && seen.pid == p->pid && seen.is_ready;
}

/* Until it accepts connections, however long the recovery from a crash takes. */
static enum mb_rc await_ready(struct mb_postgres *p, bool *has_died, struct mb_err *err)
{
    struct mb_signals *signals = p->cluster.signals;
    int status = 0;
    *has_died = false;
    for (int waited = 0;; waited += STEP_MS) {
        if (is_ready(p)) {
            p->was_ready = true;
            return MB_OK;
        }
        if (has_ended(p, &status)) {
            p->pid = 0;
            *has_died = true;
            return MB_OK;
        }
        if (signals->stops > 0) {
            mb_postgres_stop(p);
            return mb_fail(err, MB_E_CANCELLED, "stopped before the database was ready");
        }
        if (waited > 0 && waited % REPORT_MS == 0)
            mb_say("PostgreSQL is still starting; after a crash it recovers first");
        mb_signals_wait(signals, STEP_MS);
    }
}

/* A postmaster of this folder that outlived its supervisor. One that is just stopping is waited
 * for; then nothing is adopted and p->pid stays 0. */
static enum mb_rc adopt(struct mb_postgres *p, struct mb_err *err)
{
    struct mb_postmaster seen;
    if (!mb_cluster_postmaster(&p->cluster, &seen) ||
        !mb_cluster_is_postmaster(&p->cluster, seen.pid))
        return MB_OK;
    p->pid = seen.pid;
    p->is_child = false;
    p->mark = mb_cluster_log_end(&p->cluster);
    bool has_died = false;
    enum mb_rc rc = await_ready(p, &has_died, err);
    if (rc != MB_OK || has_died) return rc;
    if (mb_cluster_postmaster(&p->cluster, &seen)) set_urls(p, seen.socket_dir);
    mb_say("adopted the running PostgreSQL (process id %ld)", (long)p->pid);
    return MB_OK;
}

/* Sessions of a postmaster that was killed still hold its shared memory. */
static bool is_still_in_use(const char *reason) { return strstr(reason, "still in use") != NULL; }

static enum mb_rc launch_and_wait(struct mb_postgres *p, struct mb_err *err)
{
    char reason[160] = "";
    for (int tries = 0; tries < BUSY_TRIES; tries++) {
        bool has_died = false;
        enum mb_rc rc = launch(p, err);
        if (rc == MB_OK) rc = await_ready(p, &has_died, err);
        if (rc != MB_OK || !has_died) return rc;
        mb_cluster_reason(&p->cluster, p->mark, reason, sizeof reason);
        if (!is_still_in_use(reason)) break;
        mb_signals_wait(p->cluster.signals, BUSY_PAUSE_MS);
    }
    return refuse(p, err, reason);
}

enum mb_rc mb_postgres_start(struct mb_postgres *p, struct mb_err *err)
{
    enum mb_rc rc = mb_cluster_prepare(&p->cluster, err);
    if (rc != MB_OK) return rc;
    set_urls(p, p->cluster.socket_dir);
    rc = adopt(p, err);
    return rc == MB_OK && p->pid == 0 ? launch_and_wait(p, err) : rc;
}

enum mb_rc mb_postgres_attach(struct mb_postgres *p, struct mb_err *err)
{
    struct mb_signals *signals = p->cluster.signals;
    struct mb_postmaster seen;
    const int64_t most = p->cluster.config->database_attach_timeout;
    char why[128];
    for (int64_t waited = 0; waited < most && signals->stops == 0; waited += STEP_MS) {
        if (mb_cluster_postmaster(&p->cluster, &seen) && seen.is_ready &&
            mb_cluster_is_postmaster(&p->cluster, seen.pid)) {
            set_urls(p, seen.socket_dir);
            return MB_OK;
        }
        mb_signals_wait(signals, STEP_MS);
    }
    (void)snprintf(why, sizeof why,
                   "the medbookd that uses the data folder has not started it in %lld ms "
                   "(database.attach_timeout)",
                   (long long)most);
    return refuse(p, err, why);
}

/* ---- watch ---- */

static void note_ready(struct mb_postgres *p)
{
    if (p->was_ready || !is_ready(p)) return;
    p->was_ready = true;
    mb_log(MB_LOG_INFO, "postgres is ready", NULL);
}

static unsigned longest_pause(const struct mb_postgres *p)
{
    return (unsigned)(p->cluster.config->worker_restart_pause_max / TICK_MS);
}

static void note_death(struct mb_postgres *p, int status)
{
    char how[64], pause[16], reason[160];
    mb_child_describe(status, how, sizeof how);
    mb_cluster_reason(&p->cluster, p->mark, reason, sizeof reason);
    if (p->was_ready) p->failures = 0;
    p->pause_ticks = mb_child_pause(p->failures, longest_pause(p));
    p->failures++;
    p->pid = 0;
    (void)snprintf(pause, sizeof pause, "%u", p->pause_ticks * TICK_MS);
    mb_log(MB_LOG_ERROR, "postgres ended; starting it again", "how", p->is_child ? how : "unknown",
           "reason", reason, "pause_ms", pause, NULL);
}

bool mb_postgres_tick(struct mb_postgres *p)
{
    int status = 0;
    if (mb_cluster_trim_log(&p->cluster)) p->mark = 0;
    if (p->pid != 0) {
        if (!has_ended(p, &status))
            note_ready(p);
        else
            note_death(p, status);
        return false;
    }
    if (p->pause_ticks > 0) {
        p->pause_ticks--;
        return false;
    }
    struct mb_err err = {0};
    if (launch(p, &err) == MB_OK) return true;
    mb_log(MB_LOG_ERROR, "postgres could not be started", "reason", err.text, NULL);
    p->pause_ticks = longest_pause(p);
    return false;
}

/* ---- stop ---- */

void mb_postgres_stop(struct mb_postgres *p)
{
    if (p->pid == 0) return;
    struct mb_signals *signals = p->cluster.signals;
    const int64_t most = p->cluster.config->database_stop_timeout;
    unsigned stops = signals->stops;
    bool is_immediate = false;
    int status = 0;
    (void)kill(p->pid, SIGINT);
    for (int64_t waited = 0; !has_ended(p, &status); waited += STEP_MS) {
        if (!is_immediate && (signals->stops != stops || waited >= most)) {
            mb_say("PostgreSQL: shutting down at once%s; it will recover at the next start",
                   waited >= most ? " (database.stop_timeout)" : "");
            (void)kill(p->pid, SIGQUIT);
            is_immediate = true;
        } else if (waited > 0 && waited % REPORT_MS == 0) {
            mb_say("waiting for PostgreSQL to write its data");
        }
        mb_signals_wait(signals, STEP_MS);
    }
    p->pid = 0;
}
